"""What golden writes down about each machine in its store: one small JSON file, replaced as a whole."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from golden.errors import StateUnusable
from golden.model import Mark, Role
from golden_libvirt.faults import translated


@dataclass(frozen=True, slots=True)
class Maker:
    """The process that is making a thing; its start time tells it from a later one with the same number."""

    pid: int
    started: str

    @classmethod
    def this(cls) -> Self:
        """The running process."""
        return cls(os.getpid(), started(os.getpid()) or "")

    def is_another(self) -> bool:
        """Whether it is a process that still lives and is not this one."""
        return self.pid != os.getpid() and bool(self.started) and started(self.pid) == self.started


def started(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot, from /proc/PID/stat (proc(5)); None when dead or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk of a machine in the store."""

    file: str
    """Name in the machine's folder; of an adopted disk in place, a symbolic link to the user's file."""
    format: str
    in_place: bool = False
    mode: int = 0
    """Of a disk in place: its permissions before golden froze it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One machine of the store."""

    name: str
    mark: Mark
    uuid: str
    settled: bool = False
    disks: tuple[Disk, ...] = ()
    snapshots: tuple[str, ...] = ()
    parent: str = ""
    """Name of the machine whose frozen disks this one's lie on; empty for a standalone one."""
    root: str = ""
    """Root of the embedded driver that last started it."""
    networks: tuple[str, ...] = ()
    """What it is connected to."""
    pool: str = ""
    """A daemon's storage pool that its disks are in; empty for files, and where an earlier golden wrote it."""
    maker: Maker = field(default_factory=Maker.this)

    def but(self, **changes: Any) -> Record:
        """The same with some fields changed."""
        return replace(self, **changes)


def write_json(path: Path, value: Any) -> None:
    """Replace a small file as a whole: a reader finds the old or the new one, also after a power cut."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save(folder: Path, record: Record) -> None:
    """Write the record into the machine's folder."""
    with translated(f"writing down the machine {record.name}"):
        write_json(folder / "machine.json", asdict(record))


def load(folder: Path) -> Record | None:
    """The record of a machine's folder; None where there is none. StateUnusable where it cannot be read."""
    path = folder / "machine.json"
    try:
        data = json.loads(path.read_text("utf-8"))
        return from_json(data)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateUnusable(f"the record of a machine cannot be read: {path}", details=repr(error)) from error


def mark_of(data: dict[str, Any]) -> Mark:
    """A mark out of JSON."""
    return Mark(Role(data["role"]), data["job"], data["reference"], data["installation"])


def from_json(data: dict[str, Any]) -> Record:
    """A record out of JSON; KeyError, TypeError or ValueError where it is none."""
    return Record(
        name=data["name"],
        mark=mark_of(data["mark"]),
        uuid=data["uuid"],
        settled=data["settled"],
        disks=tuple(Disk(**disk) for disk in data["disks"]),
        snapshots=tuple(data["snapshots"]),
        parent=data["parent"],
        root=data["root"],
        networks=tuple(data.get("networks", ())),
        pool=data.get("pool", ""),
        maker=Maker(**data["maker"]),
    )
