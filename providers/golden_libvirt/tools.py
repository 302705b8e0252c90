"""Programs of the hypervisor's that golden runs; they end when golden ends, however it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden.errors import EndpointError
from golden_libvirt.faults import of_system, of_tool

_ENGLISH = {"LC_ALL": "C"}


MOST_DESCRIPTOR = 1 << 20
"""Bytes; a descriptor has some lines of text."""


def bound(argv: tuple[str, ...]) -> list[str]:
    """The same program, killed by the kernel when the thread that starts it dies (kill -9 included)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *argv] if setpriv else list(argv)


def run(wanted: str, *argv: str) -> str:
    """Run a tool to its end; its output. Its failure becomes a golden error that says ``wanted``."""
    try:
        ended = subprocess.run(
            bound(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, **_ENGLISH},
            check=False,
        )
    except FileNotFoundError as error:
        raise EndpointError(
            f"{wanted}: the program {argv[0]} is not installed",
            details=str(error),
            hint="on Debian: apt install qemu-system-x86 qemu-utils",
        ) from error
    except OSError as error:
        raise of_system(wanted, error) from error
    if ended.returncode:
        raise of_tool(wanted, argv[0], ended.stderr.decode(errors="replace").strip()[-2000:])
    return ended.stdout.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class DiskInfo:
    """What qemu-img tells of one disk file."""

    format: str
    virtual_size: int
    """Bytes the guest sees."""
    allocated: int
    """Bytes it takes on this computer's disk."""
    backing: str | None
    encrypted: bool
    elsewhere: str | None
    """A file that this one has no business to take its content from: a qcow2 data file, an extent of a vmdk."""
    corrupt: bool


def is_readable(path: Path) -> bool:
    """Whether a file is there that this user may read: what lies in a folder that he may not enter is not there."""
    return os.access(path, os.R_OK) and path.is_file()


def disk_info(path: Path, disk_format: str | None = None) -> DiskInfo:
    """
    Look at a disk file; takes QEMU's lock for the moment, so a disk in use is a Conflict.

    Without a format QEMU guesses it by the first bytes, and those of a raw disk are its guest's to write.
    """
    known = ("-f", disk_format) if disk_format else ()
    argv = ("qemu-img", "info", "--output=json", *known, str(path))
    data: dict[str, Any] = json.loads(run(f"looking at {path}", *argv))
    special = data.get("format-specific", {}).get("data", {})
    return DiskInfo(
        format=data["format"],
        virtual_size=int(data["virtual-size"]),
        allocated=int(data.get("actual-size", 0)),
        backing=data.get("backing-filename"),
        encrypted=bool(data.get("encrypted")) or data["format"] == "luks",
        elsewhere=special.get("data-file") or _strange_extent(path, special.get("extents", ())),
        corrupt=bool(special.get("corrupt")),
    )


def _strange_extent(path: Path, extents: Iterable[dict[str, Any]]) -> str | None:
    """
    An extent of a vmdk that no program put there: in another folder, or of a "descriptor" as long as a disk. A guest
    that writes a descriptor onto its raw disk would be given any file that golden can read.
    """
    others = [name for extent in extents if (name := str(extent["filename"])) != str(path)]
    if others and path.stat().st_size > MOST_DESCRIPTOR:
        return others[0]
    return next((name for name in others if Path(name).resolve().parent != path.parent.resolve()), None)


def make_overlay(path: Path, backing: str, backing_format: str) -> None:
    """A qcow2 that holds only differences; ``backing`` is relative to its folder and its format is written down."""
    run(
        f"making {path.name}", "qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", backing_format, str(path)
    )


def convert(source: Path, source_format: str, target: Path, kind: str = "qcow2") -> None:
    """A standalone file with the content of ``source`` and its whole chain."""
    argv = ("qemu-img", "convert", "-q", "-f", source_format, "-O", kind, "-W", "-m", "8", str(source), str(target))
    run(f"copying {source.name}", *argv)


def copy(source: Path, target: Path) -> None:
    """The same bytes in another file, shared with the first where the file system can, sparse otherwise."""
    argv = ("cp", "--reflink=auto", "--sparse=always", "--no-preserve=mode,ownership", "--", str(source), str(target))
    run(f"copying {source.name}", *argv)


def can_share(source: Path, target: Path) -> bool:
    """Copy by reflink alone; False where the file system cannot, with nothing left behind."""
    ended = subprocess.run(
        ["cp", "--reflink=always", "--no-preserve=mode,ownership", "--", str(source), str(target)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if ended.returncode:
        target.unlink(missing_ok=True)
    return ended.returncode == 0
