"""
Peak memory of an update that pushes a large file.

The guest agent takes 64 KiB a command, and its JSON reader runs under software emulation here: 2 GiB would take
most of an hour. So the command is stopped (as Ctrl-C stops it) after ``PUSHING`` seconds of pushing, when the file was
hashed, stored and partly sent; memory that grew with the file would show. What comes after the pushing, the proof from
the disk, is in a smaller update that runs to its end. ``GOLDEN_BENCH_WHOLE=1`` lets the large one end too.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from benchmarks import place
from benchmarks.row import Row
from golden.demo.standin.disk import DiskOrder
from golden.waiting import Deadline, Waiting

LIMIT = 150.0
"""MB."""
SIZE = 2 << 30
SMALL = 40 << 20
"""More than the proof's cache of the disk holds (32 MiB)."""
PUSHING = 60.0
STARTING = 240.0
MB = 1_000_000


def measure(work: Path) -> Row:
    """Largest resident set of golden and of what it waited for."""
    order = DiskOrder(disk_size=6 << 30, volume_size=5 << 30)
    place.project(work / "golden", place.stand_in(order))
    folder = work / "golden"
    for name, size in (("small.bin", SMALL), ("big.bin", SIZE)):
        with (folder / name).open("wb") as file:
            file.truncate(size)
    ended = place.golden(folder, "update", "win", "--copy", "small.bin:C:\\small.bin", "-q")
    typed = ("update", "win", "--copy", "big.bin:C:\\big.bin", "--timeout", "7200")
    whole = bool(os.environ.get("GOLDEN_BENCH_WHOLE"))
    with (folder / "words").open("wb") as words:
        begun = time.monotonic()
        child = subprocess.Popen([place.GOLDEN, *typed], cwd=folder, stdout=words, stderr=words)
        note = "" if whole else _stop(child, folder)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if whole:
        note = f"2 GiB in all of {time.monotonic() - begun:.0f} s"
    else:
        place.golden(folder, "cancel", "--all", "-y")
    if (child.returncode == 0) is not whole:
        raise RuntimeError((folder / "words").read_text("utf-8", "replace"))
    peak = max(used.ru_maxrss * 1024, ended.most_memory) / MB
    return Row("memory", "resident set of an update that pushes a 2 GiB file", "MB", peak, None, peak, LIMIT, note=note)


def _stop(child: subprocess.Popen[bytes], folder: Path) -> str:
    """Stop it in order after a while of pushing; how far it was by then, told by the overlay's growth."""
    disks = folder / ".golden/libvirt/store"

    def size() -> int:
        return sum(path.stat().st_blocks * 512 for path in disks.glob("*clone*/disk0.qcow2"))

    def pushing() -> bool:
        if child.poll() is not None:
            raise RuntimeError((folder / "words").read_text("utf-8", "replace"))
        return bool(re.search(r"file big\.bin", (folder / "words").read_text("utf-8", "replace")))

    Waiting(Deadline(STARTING), tick=0.5).until("golden to begin pushing", pushing)
    before, begun = size(), time.monotonic()
    rest = Deadline(PUSHING)
    Waiting(Deadline(PUSHING + 5), tick=0.5).until("a while of pushing", lambda: rest.left <= 0)
    rate = (size() - before) / (time.monotonic() - begun)
    child.send_signal(signal.SIGINT)
    return f"stopped after {PUSHING:.0f} s of pushing at about {rate / MB:.2g} MB/s"
