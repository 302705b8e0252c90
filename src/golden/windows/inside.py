"""
The files and hives of a Windows that is on, read through its session: for endpoints whose disks cannot be opened.

It looks like the volume of a powered-off disk, so that the same code judges both. Hives that Windows holds open are
saved by ``reg save`` into the run folder first, which writes a clean copy; of a large one only the blocks on the way
to a value travel. What a running guest cannot tell, such as whether its volume is clean, is asked of nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from golden.disk.cache import Cached
from golden.disk.source import BlockSource
from golden.errors import GuestError, NotAble, NotFound
from golden.guest.dialect import Script
from golden.guest.running import Running
from golden.windows.dialect import SCRIPTS, SYSTEM32

LIST = Script(SCRIPTS / "list.ps1")
_CONFIG = "windows\\system32\\config\\"
_HELD_OPEN = ("SOFTWARE", "SYSTEM", "SAM", "SECURITY")
_PIECE = 1 << 20
_READ_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class RunningFile:
    """One file or folder of a running Windows; a BlockSource of its content."""

    volume: RunningVolume
    path: str
    """Below C:, with back slashes."""
    name: str
    is_folder: bool
    size: int
    attributes: int
    """FILE_ATTRIBUTE_* flags."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the file."""
        return self.volume.bytes_of(self).read_at(offset, size)

    def pieces(self, size: int = _PIECE) -> Iterator[bytes]:
        """The whole content in pieces of at most ``size`` bytes."""
        done = 0
        while done < self.size and (piece := self.read_at(done, min(size, self.size - done))):
            yield piece
            done += len(piece)

    def sha256(self) -> str:
        """The content's SHA-256 in hex; the guest does the reading."""
        return self.volume.sha256(self)

    def entries(self) -> Iterator[RunningFile]:
        """What a folder holds."""
        yield from self.volume.below(self.path)


@dataclass(slots=True)
class RunningVolume:
    """Drive C: of a running Windows; paths as of ``golden.disk.ntfs.Ntfs``."""

    guest: Running
    _folders: dict[str, tuple[RunningFile, ...] | None] = field(default_factory=dict)
    _open: dict[str, BlockSource] = field(default_factory=dict)

    def find(self, path: str) -> RunningFile | None:
        """The file or folder at ``path``, None where there is none."""
        plain = _plain(path)
        if not plain:
            return RunningFile(self, "", "", is_folder=True, size=0, attributes=0)
        if hive := _hive(plain):
            return self._saved(plain, hive)
        above, _, name = plain.rpartition("\\")
        return next((one for one in self.below(above) if one.name.lower() == name.lower()), None)

    def open(self, path: str) -> RunningFile:
        """The file or folder at ``path``; NotFound where there is none."""
        found = self.find(path)
        if found is None:
            raise NotFound(f"there is no C:\\{_plain(path)} in the guest")
        return found

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at ``path``."""
        return self.find(path) is not None

    def list(self, path: str) -> tuple[str, ...]:
        """Names in the folder ``path``; NotFound where there is none."""
        return tuple(entry.name for entry in self.open(path).entries())

    def records(self) -> Iterator[bytes]:
        """NotAble: the master file table is not a file that a running Windows gives."""
        raise NotAble("a running guest does not show its master file table")

    def is_dirty(self) -> bool:
        """A running guest's volume is in use; whether it is closed in order shows when the guest is off."""
        return False

    def is_journal_open(self) -> bool:
        """As ``is_dirty``."""
        return False

    def is_hibernated(self) -> bool:
        """It is on."""
        return False

    def below(self, path: str) -> tuple[RunningFile, ...]:
        """What the folder ``path`` holds; nothing where it is none. One question to the guest, remembered."""
        key = _plain(path).lower()
        if key not in self._folders:
            self._folders[key] = self._listed(_plain(path))
        return self._folders[key] or ()

    def bytes_of(self, file: RunningFile) -> BlockSource:
        """The content of a file, blocks of it remembered."""
        key = file.path.lower()
        if key not in self._open:
            where = self._copy(hive) if (hive := _hive(file.path)) else f"C:\\{file.path}"
            self._open[key] = Cached(_Content(self.guest, where, file.size), _READ_PIECE)
        return self._open[key]

    def sha256(self, file: RunningFile) -> str:
        """Hashed in the guest."""
        if _hive(file.path):
            digest = hashlib.sha256()
            for piece in file.pieces():
                digest.update(piece)
            return digest.hexdigest()
        return str(self._measured(f"C:\\{file.path}", size_only=False)["sha256"])

    def _listed(self, path: str) -> tuple[RunningFile, ...] | None:
        session, deadline = self.guest.session, self.guest.deadline
        what = f"looking into C:\\{path}"
        (found,) = session.script(LIST, what, deadline, paths=[f"C:\\{path}"])["found"]
        if found is None or not found["folder"]:
            return None
        if found["denied"]:
            raise GuestError(f"the guest may not look into C:\\{path}", hint="name an administrator in golden.toml")
        return tuple(self._shown(path, one) for one in found["entries"])

    def _shown(self, above: str, told: Mapping[str, Any]) -> RunningFile:
        name = str(told["name"])
        path = f"{above}\\{name}".lstrip("\\")
        return RunningFile(self, path, name, bool(told["folder"]), int(told["size"]), int(told["attributes"]))

    def _saved(self, path: str, hive: str) -> RunningFile | None:
        where = self._copy(hive)
        size = int(self._measured(where, size_only=True)["size"])
        return None if size < 0 else RunningFile(self, path, hive, is_folder=False, size=size, attributes=0)

    def _measured(self, path: str, *, size_only: bool) -> Any:
        session = self.guest.session
        return session.script(
            session.dialect.hasher, f"measuring {path}", self.guest.deadline, path=path, size_only=size_only
        )

    def _copy(self, hive: str) -> str:
        """Where the copy of a hive lies that was made when it was first asked for."""
        session = self.guest.session
        where = session.dialect.join(session.folder, f"{hive}.hiv")
        if where not in self._open:
            self._open[where] = _Content(self.guest, where, 0)  # Noted before, since making it is asked for once only.
            argv = (f"{SYSTEM32}\\reg.exe", "save", f"HKLM\\{hive}", where, "/y")
            ran = session.run(argv, f"saving a copy of the registry hive {hive}", self.guest.deadline)
            if ran.code:
                said = ran.err.strip() or ran.out.strip() or f"exit code {ran.code}"
                raise GuestError(
                    f"the guest does not give a copy of its registry hive {hive}",
                    details=said,
                    hint="the account that golden logs on with must be an administrator",
                )
        return where


@dataclass(frozen=True, slots=True)
class _Content:
    guest: Running
    path: str
    size: int

    def read_at(self, offset: int, size: int) -> bytes:
        end = min(offset + size, self.size)
        if offset >= end:
            return b""
        data = b"".join(self.guest.session.pieces(self.path, self.guest.deadline, end, start=offset))
        if len(data) != end - offset:
            raise GuestError(f"{self.path} changed in the guest while it was being read")
        return data


def _plain(path: str) -> str:
    return path.replace("/", "\\").strip("\\")


def _hive(path: str) -> str:
    """The name of the hive at ``path`` that Windows holds open; empty for other files."""
    if not path.lower().startswith(_CONFIG):
        return ""
    name = path[len(_CONFIG) :].upper()
    return name if name in _HELD_OPEN else ""
