"""The files of a Linux that is on, read through its session: for endpoints whose disks cannot be opened."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from golden.errors import GuestError
from golden.guest.dialect import Script
from golden.guest.running import Running
from golden.linux.dialect import SCRIPTS

LOOK = Script(SCRIPTS / "look.sh")


class File(Protocol):
    """A file or folder of a Linux."""

    @property
    def is_folder(self) -> bool:
        """Whether it has names rather than content."""

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file."""

    @property
    def size(self) -> int:
        """Bytes of its content."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the file."""

    def text(self, limit: int = ...) -> str:
        """The start of a text file."""

    def sha256(self) -> str:
        """The content's SHA-256 in hex."""

    def names(self) -> Iterator[str]:
        """Names in a folder."""


class Files(Protocol):
    """A Linux' files by their paths from its root, links followed: of its powered-off disk, or of itself."""

    @property
    def is_journal_open(self) -> bool:
        """Whether the journal still holds what the files do not."""

    def find(self, path: str) -> File | None:
        """What is at ``path``; None where it leads nowhere."""

    def text(self, path: str) -> str | None:
        """The start of a text file; None where there is no such file."""

    def names(self, path: str) -> tuple[str, ...]:
        """Names in a folder; none where there is no such folder."""


@dataclass(frozen=True, slots=True)
class RunningFile:
    """One file or folder of a running Linux."""

    guest: Running
    path: str
    kind: str
    """file | folder | other"""
    size: int
    inside: tuple[str, ...]

    @property
    def is_folder(self) -> bool:
        """Whether it has names rather than content."""
        return self.kind == "folder"

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file."""
        return self.kind == "file"

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the file."""
        end = min(offset + size, self.size)
        session, deadline = self.guest.session, self.guest.deadline
        data = b"".join(session.pieces(self.path, deadline, end, start=offset)) if offset < end else b""
        if len(data) != max(0, end - offset):
            raise GuestError(f"{self.path} changed in the guest while it was being read")
        return data

    def text(self, limit: int = 64 * 1024) -> str:
        """The start of a text file."""
        return self.read_at(0, limit).decode("utf-8", "replace")

    def sha256(self) -> str:
        """The content's SHA-256 in hex; the guest does the reading."""
        session, what = self.guest.session, f"measuring {self.path}"
        return str(session.script(session.dialect.hasher, what, self.guest.deadline, path=self.path)["sha256"])

    def names(self) -> Iterator[str]:
        """Names in a folder."""
        yield from self.inside


@dataclass(frozen=True, slots=True)
class RunningFiles:
    """The file system of a running Linux, as ``golden.linux.ext.Ext`` shows a powered-off one."""

    guest: Running
    is_journal_open: bool = False
    """It is in use; whether it was closed in order shows when the guest is off."""

    def find(self, path: str) -> RunningFile | None:
        """What is at ``path`` after following every link; None where it leads nowhere."""
        told = self.guest.session.script(LOOK, f"looking at {path}", self.guest.deadline, path=path)
        if not told["kind"]:
            return None
        names = tuple(base64.b64decode(name).decode("utf-8", "surrogateescape") for name in told["names"])
        return RunningFile(self.guest, path, told["kind"], int(told["size"]), names)

    def text(self, path: str) -> str | None:
        """The start of a text file; None where there is no such file."""
        file = self.find(path)
        return file.text() if file is not None and file.is_file else None

    def names(self, path: str) -> tuple[str, ...]:
        """Names in a folder; none where there is no such folder."""
        folder = self.find(path)
        return tuple(folder.names()) if folder is not None and folder.is_folder else ()
