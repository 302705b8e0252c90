"""Writing files so that they are whole or not there, and the file system's errors as sentences of ours."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from golden.errors import Refused, Unreachable

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) if hasattr(errno, "EDQUOT") else (errno.ENOSPC, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Refused where room or rights are missing, Unreachable for every other error of the file system."""
    try:
        yield
    except OSError as error:
        words = error.strerror or str(error)
        if error.errno in NO_ROOM:
            raise Refused(f"no room for {path}", details=words, hint="make room there and try again") from error
        if error.errno in FORBIDDEN:
            raise Refused(f"no right to use {path}", details=words) from error
        raise Unreachable(f"{path} cannot be used: {words}", details=str(error)) from error


def written(path: Path, content: bytes) -> None:
    """Write a small file in one go: under a hidden name, flushed, renamed, with the folder flushed after it."""
    part = path.with_name(f".{path.name}.part")
    with translated(path):
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Have the folder's names on the disk, where the system can be asked for that (not on Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
