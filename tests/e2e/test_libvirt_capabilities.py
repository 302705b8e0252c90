"""What libvirt learns of QEMU is learned once, whichever processor golden runs on, and anew when it is old."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

OPENS = """
import os, sys
from pathlib import Path
from golden.waiting import Silent
from golden_libvirt import embedded
state, path = (Path(word) for word in sys.argv[1:])
usual = os.sched_getaffinity(0)
root = embedded.Root(path, Silent())
root.line(state).native.getDomainCapabilities(None, "x86_64", "q35", "qemu")
root.keep_cache(state)
for thread in os.listdir("/proc/self/task"):
    assert os.sched_getaffinity(int(thread)) == usual
print(*(file.stat().st_mtime_ns for file in path.glob("cache/qemu/capabilities/*.xml")))
root.leave()
"""


@contextmanager
def busy(processor: int) -> Iterator[None]:
    """Somebody else keeps this processor to himself, so that others are run on another one."""
    argv = [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{processor}}})\nwhile True: pass"]
    with subprocess.Popen(argv) as hog:
        try:
            yield
        finally:
            hog.kill()


def learned(state: Path) -> tuple[Path, int]:
    """After one more process of golden's: the file that is kept, and when libvirt wrote the one that it used."""
    with tempfile.TemporaryDirectory(prefix="golden-test-", dir="/tmp") as short:
        argv = [sys.executable, "-c", OPENS, state, Path(short) / "r"]
        used = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    (file,) = (state / "cache/qemu/capabilities").iterdir()
    assert file.stat().st_mtime_ns == int(used)
    return file, int(used)


@pytest.mark.slow
def test_libvirt_learns_qemu_once(tmp_path: Path) -> None:
    """libvirt 9.0 compares a number that each processor has of its own; 4 s at each job where it is another's."""
    first, *_, last = sorted(os.sched_getaffinity(0))
    with busy(first):
        found = learned(tmp_path)
    for processor in (last, first):
        with busy(processor):
            assert learned(tmp_path) == found


@pytest.mark.slow
def test_what_is_outdated_is_learned_anew_once(tmp_path: Path) -> None:
    """After an update of libvirt's the next job pays, not every job from then on."""
    file, _ = learned(tmp_path)
    told = file.read_text("utf-8")
    start, end = told.index("<selfctime>") + len("<selfctime>"), told.index("</selfctime>")
    file.write_text(f"{told[:start]}1{told[end:]}", "utf-8")
    outdated = file.stat().st_mtime_ns
    _, anew = found = learned(tmp_path)
    assert anew != outdated
    assert file.read_text("utf-8") == told
    assert learned(tmp_path) == found
