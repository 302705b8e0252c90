"""
Where logs are: files, folders (a Panther folder, a whole Windows, a support bundle), zip archives, standard input.

Nothing is unpacked to a disk. Archives are read as a stream up to a limit, whatever they claim to hold.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from golden.errors import NotFound, UsageError
from golden.windows.explain.kinds import LOOKED_FOR, by_name, may_be
from golden.windows.log_text import PIECE

KNOWN = (
    "System32/Sysprep/Panther/setupact.log",
    "System32/Sysprep/Panther/setuperr.log",
    "Panther/setupact.log",
    "Panther/setuperr.log",
    "Panther/UnattendGC/setupact.log",
    "Panther/UnattendGC/setuperr.log",
    "INF/setupapi.dev.log",
    "Logs/CBS/CBS.log",
    "Logs/DISM/dism.log",
)
"""Where Windows keeps them, below its own folder (docs/facts: windows 1.2)."""
_NEVER = {"winsxs", "assembly", "servicing", "driverstore", "node_modules", ".git", "proc", "sys", "dev"}
"""Folders with a hundred thousand files and no logs."""
_MOST_ENTRIES = 200_000
_MOST_OTHERS = 2000
"""Files called .log of no known name that are opened to see what they are."""
_STANDARD_INPUT = "-"
Skipped = list[str]


class Source(Protocol):
    """One file that may be a log."""

    name: str
    """As it is told in evidence."""
    size: int
    """In bytes; 0 where it is not known beforehand."""

    def pieces(self) -> Iterator[bytes]:
        """Its content."""


@dataclass(eq=False)
class FileSource:
    """A file on a disk."""

    path: Path
    name: str
    size: int = 0

    def pieces(self) -> Iterator[bytes]:
        """Its content. UsageError where it cannot be read."""
        try:
            with self.path.open("rb") as file:
                self.size = os.fstat(file.fileno()).st_size
                while piece := file.read(PIECE):
                    yield piece
        except OSError as error:
            raise UsageError(f"the log {self.path} cannot be read: {error.strerror}") from error


@dataclass(eq=False)
class InputSource:
    """Standard input."""

    name: str = "standard input"
    size: int = 0

    def pieces(self) -> Iterator[bytes]:
        """What comes, to its end."""
        while piece := sys.stdin.buffer.read(PIECE):
            self.size += len(piece)
            yield piece


@dataclass(eq=False)
class Found:
    """What the paths that were named hold."""

    sources: list[Source] = field(default_factory=list)
    skipped: Skipped = field(default_factory=list)
    named: bool = False
    """One of them is a file that somebody named, not one that was found."""


def found(path: str) -> Found:
    """
    Everything that may be a log at a path. NotFound where there is nothing, UsageError where it cannot be looked at
    or holds nothing by the name of a log.
    """
    if path == _STANDARD_INPUT:
        return Found([InputSource()], named=True)
    place = Path(path)
    try:
        exists, is_folder, is_file = place.exists(), place.is_dir(), place.is_file()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path!r} cannot be looked at", details=str(error)) from error
    if not exists:
        raise NotFound(f"there is no file or folder {path}")
    if is_folder:
        return _folder(place)
    if not is_file:
        raise UsageError(f"{path} is neither a file nor a folder")
    if _is_archive(place):
        from golden.windows.explain.archive import members  # Loading it takes longer than reading a log.

        return Found(*members(place), named=False)
    return Found([FileSource(place, str(path))], named=True)


def _is_archive(place: Path) -> bool:
    try:
        with place.open("rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06") or place.suffix.lower() == ".zip"
    except OSError as error:
        raise UsageError(f"{place} cannot be read: {error.strerror}") from error


def _folder(place: Path) -> Found:
    result = Found()
    for root in (place, _child(place, "Windows")):
        if root is not None and (files := [path for known in KNOWN if (path := _below(root, known))]):
            result.sources += [FileSource(path, path.relative_to(place).as_posix()) for path in files]
            return result
    others = 0
    for path in _walk(place, result.skipped):
        if not by_name(path.name):
            others += 1
        if others <= _MOST_OTHERS or by_name(path.name):
            result.sources.append(FileSource(path, path.relative_to(place).as_posix()))
    if not result.sources:
        raise nothing_in(str(place), result.skipped)
    return result


def nothing_in(place: str, skipped: Skipped) -> UsageError:
    """Whatever it holds, it is no log."""
    details = "\n".join([f"looked for: {LOOKED_FOR}", *skipped[:10]])
    return UsageError(f"{place} holds no log that golden knows", details=details, hint="golden explain --help")


def _walk(place: Path, skipped: Skipped) -> Iterator[Path]:
    entries = 0

    def failed(error: OSError) -> None:
        skipped.append(f"{error.filename} cannot be looked into: {error.strerror}")

    for folder, names, files in os.walk(place, onerror=failed):
        names[:] = sorted(name for name in names if name.lower() not in _NEVER)
        entries += len(names) + len(files)
        if entries > _MOST_ENTRIES:
            skipped.append(f"{place} holds too many files; looked at the first {_MOST_ENTRIES}")
            return
        for name in sorted(files):
            path = Path(folder, name)
            if may_be(name) and path.is_file() and not path.is_symlink():
                yield path


def _below(root: Path, known: str) -> Path | None:
    here: Path | None = root
    for part in known.split("/"):
        here = _child(here, part) if here is not None else None
    return here if here is not None and here.is_file() else None


def _child(folder: Path, name: str) -> Path | None:
    """What is called so in a folder, in any case, as Windows looks at names."""
    exact = folder / name
    try:
        if exact.exists():
            return exact
        return next((each for each in folder.iterdir() if each.name.lower() == name.lower()), None)
    except OSError:
        return None
