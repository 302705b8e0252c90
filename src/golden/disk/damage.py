"""What is said when a disk cannot be understood: always a golden error, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from golden.errors import GoldenError, ProofFailed


class Damaged(ProofFailed):
    """What was read is not a partition table, file system or hive that can be understood (exit 7)."""

    id = "disk-damaged"


class Failing(Protocol):
    """Something that remembers the error its source raised while a library was reading from it."""

    failure: GoldenError | None


@contextmanager
def reading(what: str, source: Failing) -> Iterator[None]:
    """Turn a reader library's error into Damaged, or into the source's own error where that was the cause."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, MemoryError, OverflowError) as error:
        if source.failure is not None:
            raise source.failure from error
        raise Damaged(f"{what} cannot be read; it is damaged or of an unknown kind", details=str(error)) from error
