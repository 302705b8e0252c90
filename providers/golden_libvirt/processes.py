"""The QEMU processes of the embedded driver's roots: read from /proc and ended by signals. Opens no libvirt."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from golden.errors import TimedOut
from golden.waiting import Deadline, Waiting


def running(root: str | Path, name: str) -> int | None:
    """Number of the QEMU process that runs a machine below a root; None when it is off."""
    if not str(root):
        return None
    try:
        pid = int((Path(root) / "run/qemu" / f"{name}.pid").read_text("utf-8"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        state = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0]
    except (OSError, ValueError, IndexError):
        return None
    is_it = f"guest={name}".encode() in command.replace(b",", b"\0").split(b"\0") and os.fsencode(root) in command
    return pid if is_it and state not in (b"Z", b"X") else None


def end(root: str | Path, name: str) -> None:
    """Power off: QEMU is asked to end (it closes its disks in order), and killed when it does not within seconds."""
    try:
        _signal(root, name, signal.SIGTERM, 10)
    except TimedOut:
        cut_power(root, name)


def cut_power(root: str | Path, name: str) -> None:
    """Kill the QEMU process of a machine whose disks are not wanted any more, and see it end."""
    _signal(root, name, signal.SIGKILL, 20)


def _signal(root: str | Path, name: str, number: int, patience: float) -> None:
    """libvirt, in whichever process has the root, takes QEMU's end for the machine's."""
    pid = running(root, name)
    if pid is None:
        return
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if running(root, name) == pid:
            signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)
    waiting = Waiting(Deadline(patience), tick=0.02)
    waiting.until(f"the machine {name} to lose its power", lambda: running(root, name) is None)


def in_use(root: Path) -> bool:
    """
    Whether a process (this one included) has the root open: libvirt holds a lock on driver.pid.

    Read from /proc/locks (proc(5)): opening and closing the file here would drop this process's own lock.
    """
    try:
        inode = str((root / "run/qemu/driver.pid").stat().st_ino)
        locks = Path("/proc/locks").read_text("ascii")
    except OSError:
        return False
    return any(line.split()[5].split(":")[-1] == inode for line in locks.splitlines() if "->" not in line)


def machines_in(root: Path) -> tuple[str, ...]:
    """Names of the machines that run below a root."""
    names = [path.stem for path in (root / "run/qemu").glob("*.pid") if path.name != "driver.pid"]
    return tuple(name for name in names if running(root, name))
