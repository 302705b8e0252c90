"""Between the reader libraries, which ask for a few bytes very often, and a source that may be far away."""

from __future__ import annotations

import os
from collections import OrderedDict

from golden.disk.source import BlockSource
from golden.errors import GoldenError


class Cached:
    """A BlockSource that keeps the blocks used last: at most ``blocks`` of ``block`` bytes (32 MiB by default)."""

    def __init__(self, source: BlockSource, block: int = 64 * 1024, blocks: int = 512) -> None:
        """``block`` bytes are asked for at a time, neighbors that are missing together in one go."""
        self._source = source
        self._block = block
        self._blocks = blocks
        self._held: OrderedDict[int, bytes] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes."""
        return self._source.size

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the source."""
        size = max(0, min(size, self.size - offset))
        if size == 0 or offset < 0:
            return b""
        first, last = offset // self._block, (offset + size - 1) // self._block
        if last - first >= self._blocks // 2:  # a read this large would only push everything else out
            return self._source.read_at(offset, size)
        if first == last:
            start = offset - first * self._block
            return self._one(first)[start : start + size]
        self._fetch(first, last)
        whole = b"".join(self._one(number) for number in range(first, last + 1))
        start = offset - first * self._block
        return whole[start : start + size]

    def _one(self, number: int) -> bytes:
        if number not in self._held:
            self._keep(number, self._source.read_at(number * self._block, self._block))
        self._held.move_to_end(number)
        return self._held[number]

    def _fetch(self, first: int, last: int) -> None:
        missing = [number for number in range(first, last + 1) if number not in self._held]
        if len(missing) < 2 or missing[-1] - missing[0] != len(missing) - 1:
            return
        data = self._source.read_at(missing[0] * self._block, len(missing) * self._block)
        for at, number in enumerate(missing):
            self._keep(number, data[at * self._block : (at + 1) * self._block])

    def _keep(self, number: int, data: bytes) -> None:
        self._held[number] = data
        while len(self._held) > self._blocks:
            self._held.popitem(last=False)


class Stream:
    """A part of a source as the file object that the libyal readers take."""

    def __init__(self, source: BlockSource, offset: int = 0, size: int | None = None) -> None:
        """``size`` bytes from ``offset``; all the rest where it is None."""
        self._source = source
        self._offset = offset
        room = max(0, source.size - offset)
        self._size = room if size is None else min(size, room)
        self._at = 0
        self.failure: GoldenError | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end."""
        size = max(0, min(size, self._size - offset))
        return self._source.read_at(self._offset + offset, size)

    def read(self, size: int = -1) -> bytes:
        """The next ``size`` bytes; the source's error is remembered, since the libraries keep only its text."""
        wanted = self._size - self._at if size < 0 else size
        try:
            data = self.read_at(self._at, wanted)
        except GoldenError as error:
            self.failure = error
            raise OSError(error.brief) from error
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to ``offset``."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Where the next read starts."""
        return self._at

    def get_size(self) -> int:
        """Bytes; the name the libyal readers ask by."""
        return self._size
