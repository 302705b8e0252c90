"""
What projects that are not there any more left in the system's folder for short-lived things.

Roots lie there because QEMU's sockets need short paths, so removing a project's folder does not remove them. Only
things of this user, this boot or an earlier one, and this process namespace are looked at: others' cannot be judged.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from golden.errors import TimedOut
from golden_libvirt import processes

NBD_AGE = 600.0
"""Seconds after which the folder of a disk server's socket is nobody's: it goes as soon as the line stands."""
BASE_AGE = 60.0
"""Seconds that an empty folder of roots may just have been made for the first of them."""
_HERE = "here"
"""A link in each root whose target is no file but tells where it was made."""


def note(root: Path) -> None:
    """Write into a root which boot and process namespace it belongs to."""
    link = root / _HERE
    if not link.is_symlink() or str(link.readlink()) != _place():
        link.unlink(missing_ok=True)
        link.symlink_to(_place())


def _place() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{boot}:{Path('/proc/self/ns/pid').readlink()}"


def sweep(parent: Path) -> None:
    """Take away what is surely an orphan; whatever is in doubt, or will not go, stays."""
    with contextlib.suppress(OSError):
        for path in _ours(parent, rf"golden-{os.getuid()}-[0-9a-f]{{6}}"):
            is_old = time.time() - path.stat().st_mtime > BASE_AGE
            for root in sorted(path.iterdir()):
                with contextlib.suppress(OSError, TimedOut):
                    _sweep_root(root)
            with contextlib.suppress(OSError):
                if is_old:
                    path.rmdir()
        for path in _ours(Path(tempfile.gettempdir()), r"golden-nbd-\w{8}"):
            if time.time() - path.stat().st_mtime > NBD_AGE:
                shutil.rmtree(path, ignore_errors=True)


def _ours(parent: Path, pattern: str) -> Iterator[Path]:
    for path in sorted(parent.iterdir()):
        if re.fullmatch(pattern, path.name):
            about = path.lstat()
            if stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o022:
                yield path


def _sweep_root(root: Path) -> None:
    """
    A hollow root, or one whose store is gone. Machines go only where the files of their disks were removed too.

    Hollow ones come from libvirt, which may make its folders anew while the process that took the root away ends.
    """
    if time.time() - root.stat().st_mtime > BASE_AGE and all(path.is_dir() for path in root.rglob("*")):
        for folder in sorted(root.rglob("*"), reverse=True):
            folder.rmdir()
        root.rmdir()
        return
    stores = [link for link in root.glob("s*") if link.is_symlink()]
    if not stores or not _is_judged(root) or processes.in_use(root):
        return
    machines = processes.machines_in(root)
    there = [store for store in stores if store.exists()]
    if there and (not machines or any((store / name).exists() for store in there for name in machines)):
        return  # Another project may lie where that of the machines was removed.
    for name in machines:
        pid = processes.running(root, name)
        if pid is None or not _has_lost_its_disk(pid):
            return  # The project was moved, or cannot be seen just now.
        processes.cut_power(root, name)
    shutil.rmtree(root, ignore_errors=True)


def _is_judged(root: Path) -> bool:
    """Whether this process can tell what runs in it: it was made in this namespace, or before the last boot."""
    made, here = str((root / _HERE).readlink()), _place()
    return made == here or made.partition(":")[0] != here.partition(":")[0]


def _has_lost_its_disk(pid: int) -> bool:
    files = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            files.append(str(link.readlink()))
    return any(re.search(r"/disk\d+\.\w+ \(deleted\)$", file) for file in files)
