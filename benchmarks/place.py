"""A folder to measure in: a project whose reference is the stand-in guest, and golden's command run in it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from golden.demo.standin.build import StandIn, build
from golden.demo.standin.disk import DiskOrder
from golden.model import Origin

SETTINGS = '[endpoints.local]\nurl = "qemu:///embed"\n'
GOLDEN = str(Path(sys.executable).with_name("golden"))
"""The installed command beside the Python that runs this."""


def stand_in(order: DiskOrder | None = None) -> StandIn:
    """The stand-in guest, from the cache that the demo uses."""
    return build(user_cache_path("golden") / "stand-in", order=order)


def origin(guest: StandIn) -> Origin:
    """The stand-in as something to adopt."""
    boot = {"kernel": str(guest.kernel), "initrd": str(guest.initrd), "cmdline": guest.cmdline}
    return Origin("disk", str(guest.disk), os="windows", memory_mib=guest.memory_mib, cpus=1, **boot)


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended well."""

    seconds: float
    most_memory: int
    """Bytes of the largest resident set of the command or of a program it waited for (wait4(2))."""
    errors: str


def golden(folder: Path, *arguments: str) -> Ended:
    """Run golden's command in a folder; its output is thrown away. RuntimeError with its words where it fails."""
    begun = time.perf_counter()
    with (folder / "stderr").open("wb") as words:
        child = subprocess.Popen([GOLDEN, *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=words)
        _, status, used = os.wait4(child.pid, 0)
    took = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    errors = (folder / "stderr").read_text("utf-8", "replace")
    if child.returncode:
        raise RuntimeError(f"golden {' '.join(arguments)} ended with {child.returncode}\n{errors}")
    return Ended(took, used.ru_maxrss * 1024, errors)


def project(folder: Path, guest: StandIn) -> None:
    """A project with the stand-in adopted as ``win``."""
    folder.mkdir()
    (folder / "golden.toml").write_text(SETTINGS, "utf-8")
    boot = ("--kernel", str(guest.kernel), "--initrd", str(guest.initrd), "--cmdline", guest.cmdline)
    size = ("--memory", str(guest.memory_mib), "--cpus", "1")
    golden(folder, "adopt", "win", "--from", str(guest.disk), "--os", "windows", *boot, *size)
