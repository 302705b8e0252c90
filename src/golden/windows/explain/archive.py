"""Logs in a zip archive, read as a stream: no file is written, and no archive is believed about its size."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from golden.errors import UsageError
from golden.windows.explain.kinds import by_name, may_be
from golden.windows.log_text import PIECE

if TYPE_CHECKING:
    from golden.windows.explain.sources import Source

MOST_BYTES = 1 << 30
"""Of all members together, unpacked."""
_MOST_MEMBERS = 100_000
_MOST_LOGS = 2000
_BOMB, _BOMB_FROM = 500, 64 << 20
"""Text packs to a hundredth at best; what is five hundred times its packed size, and large, is no log."""
_FAULTS = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError, RuntimeError)


@dataclass(slots=True)
class Allowance:
    """How much may still be unpacked of an archive."""

    left: int = MOST_BYTES


@dataclass(slots=True)
class MemberSource:
    """One file in an archive."""

    archive: Path
    member: zipfile.ZipInfo
    name: str
    allowance: Allowance
    size: int = 0

    def pieces(self) -> Iterator[bytes]:
        """Its content. UsageError where it is damaged, or where it goes on for longer than any archive may."""
        try:
            with zipfile.ZipFile(self.archive) as whole, whole.open(self.member) as file:
                while piece := file.read(PIECE):
                    self.size += len(piece)
                    self.allowance.left -= len(piece)
                    if self.allowance.left < 0:
                        raise _bomb(self.archive)
                    yield piece
        except _FAULTS as error:
            raise UsageError(f"{self.name} cannot be unpacked: the archive is damaged", details=str(error)) from error


def members(path: Path) -> tuple[list[Source], list[str]]:
    """The logs of an archive and what was passed over. UsageError: no archive, encrypted, a bomb, nothing in it."""
    from golden.windows.explain.sources import nothing_in

    try:
        with zipfile.ZipFile(path) as whole:
            listed = [one for one in whole.infolist() if not one.is_dir() and may_be(one.filename)]
            count = len(whole.infolist())
    except _FAULTS as error:
        raise UsageError(f"{path} is no zip archive that can be read", details=str(error)) from error
    if count > _MOST_MEMBERS:
        raise UsageError(f"{path} holds {count} files, too many to be logs", hint="unpack it and name the folder")
    if not listed:
        raise nothing_in(str(path), [])
    if any(one.flag_bits & 1 for one in listed):
        raise UsageError(f"{path} is encrypted", hint="unpack it with its password and name the folder")
    if (
        any(_is_bomb(one) for one in listed)
        or sum(one.file_size for one in listed if by_name(one.filename)) > MOST_BYTES
    ):
        raise _bomb(path)
    listed.sort(key=lambda one: (not by_name(one.filename), one.filename))
    allowance = Allowance()
    sources: list[Source] = [
        MemberSource(path, one, f"{path.name}/{one.filename}", allowance) for one in listed[:_MOST_LOGS]
    ]
    return sources, [f"{len(listed) - _MOST_LOGS} more files of {path.name}"] if len(listed) > _MOST_LOGS else []


def _is_bomb(one: zipfile.ZipInfo) -> bool:
    return one.file_size > MOST_BYTES or (
        one.file_size > _BOMB_FROM and one.file_size > _BOMB * max(one.compress_size, 1)
    )


def _bomb(path: Path) -> UsageError:
    return UsageError(
        f"{path} unpacks to more than logs ever are; it is not read",
        details=f"the limit is {MOST_BYTES >> 20} MiB, and {_BOMB} times its packed size for a large file",
        hint="name the log itself",
    )
