"""What every way of reading a powered-off disk gives: a size and bytes at an offset."""

from __future__ import annotations

from typing import Protocol


class BlockSource(Protocol):
    """A disk as one row of bytes, read-only. Implementations raise EndpointError when the reading breaks."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the disk."""
