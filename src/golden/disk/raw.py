"""Disks that are at hand: a plain file, or bytes in memory."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from golden.errors import EndpointError, NotFound


class RawFile:
    """A raw disk image file as a BlockSource; a context manager."""

    def __init__(self, path: Path) -> None:
        """NotFound where there is no such file, EndpointError where it cannot be opened."""
        try:
            self._file = path.open("rb", buffering=0)
            self._size = self._file.seek(0, 2)
        except FileNotFoundError as error:
            raise NotFound(f"there is no disk image {path}") from error
        except OSError as error:
            raise EndpointError(f"the disk image {path} cannot be opened", details=str(error)) from error
        self._path = path

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the file."""
        pieces, left = [], min(size, max(0, self._size - offset))
        try:
            self._file.seek(offset)
            while left > 0 and (piece := self._file.read(left)):
                pieces.append(piece)
                left -= len(piece)
        except (OSError, ValueError) as error:
            raise EndpointError(f"reading the disk image {self._path} failed", details=str(error)) from error
        return b"".join(pieces)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


class Memory:
    """Bytes as a BlockSource."""

    def __init__(self, data: bytes) -> None:
        """The whole content."""
        self._data = data

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self._data)

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end."""
        return self._data[offset : offset + size]
