"""The files of changes, kept by content, so that any change of a lineage can be applied again."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from golden.errors import Refused, Tampered
from golden.model import PayloadFile

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Freed:
    """What was taken away."""

    count: int
    size: int
    """Bytes."""


class Payloads:
    """A folder of files named by their SHA-256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path:
        """Where the content lies."""
        return self._folder / sha256[:2] / sha256

    def keep(self, file: PayloadFile, source: Path) -> Path:
        """
        Have a copy of the file; already there is success. Refused when the disk is full, Tampered when the source
        changed after it was looked at.
        """
        target = self.path(file.sha256)
        # It is as good as new from here on, so that nobody frees it before the job that wants it is written down.
        with contextlib.suppress(OSError):
            os.utime(target)
        if self._is_whole(target, file.sha256):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f"{target.name}.{secrets.token_hex(4)}.new")
        try:
            self._copy(source, new, file)
            new.replace(target)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            free = shutil.disk_usage(target.parent).free
            brief = f"no room to keep {source.name}: it has {file.size} bytes and {free} are free"
            raise Refused(brief, hint="golden prune, or free some room, and try again") from error
        finally:
            new.unlink(missing_ok=True)
        return target

    def check(self, file: PayloadFile) -> Path:
        """The kept copy, every byte of it as it was. Tampered otherwise."""
        return self.checked(file.sha256, file.name)

    def checked(self, sha256: str, name: str) -> Path:
        """The same where only the content's hash is known; ``name`` is for the message."""
        path = self.path(sha256)
        if not self._is_whole(path, sha256):
            raise Tampered(
                f"the kept copy of {name} is gone or has other bytes: {path}",
                hint="give golden the file again: the same command keeps a new copy",
            )
        return path

    def unneeded(self, needed: Set[str], age: float = 3600) -> list[Path]:
        """
        The copies that none of ``needed`` (SHA-256) names and nobody has asked for of late (``age`` in seconds): a
        file is kept before the job that wants it is written down.
        """
        kept = [path for path in self._folder.glob("*/*") if _SHA256.fullmatch(path.name) and path.name not in needed]
        return sorted(path for path in kept if _idle(path) >= age)

    def free(self, needed: Set[str], age: float = 3600) -> Freed:
        """Take those away. Cut off half-way it has taken fewer, and the next time the rest goes."""
        count = size = 0
        for path in self.unneeded(needed, age):
            try:
                bytes_of_it = path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                continue  # somebody else was faster
            count, size = count + 1, size + bytes_of_it
        return Freed(count, size)

    def sweep_unfinished(self, age: float = 3600) -> int:
        """Take away copies that were cut off; how many. Younger ones (seconds) may be another process's, at work."""
        left = [path for path in self._folder.glob("*/*.new") if _idle(path) >= age]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    @staticmethod
    def _is_whole(path: Path, sha256: str) -> bool:
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            return False

    @staticmethod
    def _copy(source: Path, target: Path, file: PayloadFile) -> None:
        digest = hashlib.sha256()
        # Nobody may read the copy who may not read the file: answer files hold passwords.
        mode = (stat.S_IMODE(source.stat().st_mode) & 0o666) | 0o600
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(descriptor, "wb") as write, source.open("rb") as read:
            while piece := read.read(1 << 20):
                digest.update(piece)
                write.write(piece)
            write.flush()
            os.fsync(write.fileno())
        if digest.hexdigest() != file.sha256:
            raise Tampered(f"{source} changed while golden was reading it", hint="try again when nobody writes it")


def _idle(path: Path) -> float:
    """Seconds since a file was last written; 0 where it is gone meanwhile."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0
