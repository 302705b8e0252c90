"""golden's own store for the embedded driver: a folder a machine, disks lying on each other by relative paths."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from golden.errors import Conflict, NotFound, Refused
from golden.model import DiskFile, FileStamp, Snapshot
from golden_libvirt import definition, record
from golden_libvirt.faults import translated
from golden_libvirt.record import Record

HEADER = 64 * 1024
"""Bytes of a frozen file's start that its stamp covers: qcow2's header and extensions lie there."""


@dataclass(frozen=True, slots=True)
class Store:
    """The machines of one state folder."""

    path: Path

    def folder(self, name: str) -> Path:
        """Where a machine lies."""
        return self.path / name

    def names(self) -> tuple[str, ...]:
        """Every machine there is, half-made ones included."""
        if not self.path.is_dir():
            return ()
        return tuple(sorted(path.name for path in self.path.iterdir() if not path.name.startswith(".")))

    def load(self, name: str) -> Record | None:
        """A machine's record; None where there is none."""
        return record.load(self.folder(name))

    def get(self, name: str) -> Record:
        """A machine's record; NotFound where there is none."""
        found = self.load(name)
        if found is None:
            raise NotFound(f"there is no machine {name} in golden's store", details=str(self.path))
        return found

    def save(self, entry: Record) -> Record:
        """Write the record down."""
        record.save(self.folder(entry.name), entry)
        return entry

    def claim(self, entry: Record) -> Path:
        """Make the machine's folder with its record in it, all at once; Conflict where the name is taken."""
        with translated(f"making the machine {entry.name}"):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self.path / f".{entry.name}.{os.getpid()}"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            record.save(fresh, entry)
            try:
                fresh.rename(self.folder(entry.name))
            except OSError as error:
                shutil.rmtree(fresh, ignore_errors=True)
                if self.folder(entry.name).exists():
                    raise Conflict(f"a machine named {entry.name} is there already") from error
                raise
            record.sync_folder(self.path)
        return self.folder(entry.name)

    def finish(self, entry: Record) -> Record:
        """Everything of the machine's is there: bring it to the disk, then say so."""
        with translated(f"finishing the machine {entry.name}"):
            for path, _ in self.files(entry):
                _sync(path)
            record.sync_folder(self.folder(entry.name))
        return self.save(entry.but(settled=True))

    def files(self, entry: Record) -> Iterator[tuple[Path, str]]:
        """Every file that belongs to the machine's state, with its kind, system disk first."""
        folder = self.folder(entry.name)
        for disk in entry.disks:
            yield folder / disk.file, "disk"
        for name, kind in (
            (definition.NVRAM, "nvram"),
            (definition.KERNEL, "definition"),
            (definition.INITRD, "definition"),
        ):
            if (folder / name).exists():
                yield folder / name, kind
        for path in sorted((folder / "tpm").rglob("*")):
            if path.is_file() and not path.name.endswith(".lock") and path.name != ".lock":
                yield path, "tpm"
        yield folder / "domain.xml", "definition"

    def write_definition(self, name: str, text: bytes) -> None:
        """Put the machine's definition into its folder."""
        with translated(f"writing the definition of {name}"):
            (self.folder(name) / "domain.xml").write_bytes(text)

    def read_definition(self, name: str) -> bytes:
        """The machine's definition."""
        with translated(f"reading the definition of {name}"):
            return (self.folder(name) / "domain.xml").read_bytes()

    def freeze(self, entry: Record, snapshot: str) -> Record:
        """Take everybody's right to write away and note the snapshot."""
        if snapshot in entry.snapshots:
            return entry
        with translated(f"freezing {entry.name}"):
            disks = tuple(self._remember_mode(entry, disk) for disk in entry.disks)
            if disks != entry.disks:
                entry = self.save(entry.but(disks=disks))
            for path, _ in self.files(entry):
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
                _sync(path)
            record.sync_folder(self.folder(entry.name))
        return self.save(entry.but(snapshots=(*entry.snapshots, snapshot)))

    def _remember_mode(self, entry: Record, disk: record.Disk) -> record.Disk:
        if not disk.in_place or disk.mode:
            return disk
        mode = stat.S_IMODE((self.folder(entry.name) / disk.file).stat().st_mode)
        return record.Disk(disk.file, disk.format, in_place=True, mode=mode)

    def thaw(self, entry: Record, snapshot: str) -> Record:
        """Let go of a frozen point; with the last one the files may be written again."""
        left = tuple(name for name in entry.snapshots if name != snapshot)
        if not left:
            children = self.children(entry.name)
            if children:
                raise Conflict(f"{entry.name} cannot be let go: {', '.join(children)} lies on its disks")
            with translated(f"letting go of {entry.name}"):
                self._make_writable(entry)
        return self.save(entry.but(snapshots=left))

    def _make_writable(self, entry: Record) -> None:
        """What is not there any more, or never came to be, needs no right: letting go must not fail for it."""
        modes = {self.folder(entry.name) / disk.file: disk.mode for disk in entry.disks if disk.in_place}
        for path, _ in self.files(entry):
            mode = modes.get(path, 0o600)
            if mode and path.exists():
                path.chmod(mode)

    def children(self, name: str) -> tuple[str, ...]:
        """Machines whose disks lie on this one's, half-made ones included."""
        found = [self.load(other) for other in self.names() if other != name]
        return tuple(entry.name for entry in found if entry is not None and entry.parent == name)

    def remove(self, name: str) -> None:
        """Take the machine's folder away; what was cut off here is not settled and can be removed again."""
        folder = self.folder(name)
        entry = self.load(name)
        with translated(f"taking {name} away"):
            if entry is not None:
                entry = self.save(entry.but(settled=False, snapshots=(), maker=record.Maker.this()))
                self._make_writable(entry) if any(disk.in_place for disk in entry.disks) else None
            for path in sorted(folder.glob("*"), key=lambda path: path.name == "machine.json"):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            if self.path.is_dir():
                record.sync_folder(self.path)

    def frozen(self, snapshot: Snapshot) -> Record:
        """The machine that holds a snapshot. NotFound where either is gone."""
        entry = self.load(snapshot.machine)
        if entry is None or snapshot.name not in entry.snapshots:
            raise NotFound(
                f"the frozen point {snapshot.name} of {snapshot.machine} is not there",
                details=str(self.folder(snapshot.machine)),
                hint="golden doctor",
            )
        return entry

    def stamps(self, snapshot: Snapshot) -> tuple[FileStamp, ...]:
        """Inode, size, time of the last writing and the hash of its start, for each frozen file."""
        entry = self.frozen(snapshot)
        with translated(f"looking at the files of {snapshot.machine}"):
            return tuple(FileStamp(str(path), stamp(path)) for path, _ in self.files(entry))

    def hashes(self, snapshot: Snapshot) -> tuple[DiskFile, ...]:
        """Every frozen file with the hash of its bytes."""
        entry = self.frozen(snapshot)
        formats = {disk.file: disk.format for disk in entry.disks}
        with translated(f"reading the files of {snapshot.machine}"):
            return tuple(
                DiskFile(str(path), kind, formats.get(path.name, _format(path)), path.stat().st_size, sha256(path))
                for path, kind in self.files(entry)
            )


def clear_unclaimed(path: Path, name: str) -> None:
    """
    Take away what processes that were killed in the middle of claiming a name, or of giving it up, left; live ones are
    let be.
    """
    with contextlib.suppress(OSError):  # not there, or not empty
        (path / name).rmdir()
    for left in path.glob(f".{name}.*"):
        pid = left.name.rpartition(".")[2]
        if pid.isdigit() and record.started(int(pid)) is None:
            shutil.rmtree(left, ignore_errors=True)


def stamp(path: Path) -> str:
    """The cheap identity of one file. The device number is left out: it may change with every boot."""
    about = path.stat()
    with path.open("rb") as file:
        start = hashlib.sha256(file.read(HEADER)).hexdigest()
    return f"{about.st_ino}:{about.st_size}:{about.st_mtime_ns}:{start}"


def sha256(path: Path) -> str:
    """The hash of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def free_space(path: Path) -> int | None:
    """Bytes free where a path lies or will lie."""
    for folder in (path, *path.parents):
        if folder.is_dir():
            return shutil.disk_usage(folder).free
    return None


def need_room(path: Path, needed: int, what: str) -> None:
    """Refused before a long copy rather than at its end."""
    free = free_space(path)
    if free is not None and free < needed:
        raise Refused(
            f"{what}: the disk is full",
            details=f"{needed} bytes are needed and {free} are free at {path}",
            hint="golden prune; golden gc",
        )


def _format(path: Path) -> str:
    return "xml" if path.suffix == ".xml" else "raw"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
