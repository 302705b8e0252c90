"""
A stream-optimized VMDK, the form in which vSphere exports a disk, as a BlockSource.

By VMware's "Virtual Disk Format 5.0": a header, compressed grains in their order, each behind a marker with its sector,
and tables that say where the grains are. A stream whose length was not known when it began has its tables at the end,
and a footer that takes the header's place; QEMU writes them to the front.
"""

from __future__ import annotations

import struct
import zlib
from collections import OrderedDict
from dataclasses import dataclass

from golden.disk.damage import Damaged
from golden.disk.source import BlockSource

SECTOR = 512
ENTRIES = 512
"""Of a grain table; the format knows no other number."""
MOST_GRAIN = 2048
"""Sectors of the largest grain that is read; VMware writes 128."""
HELD = 64
"""Grains that are kept inflated."""
HELD_TABLES = 256

_HEADER = struct.Struct("<4sIIQQQQIQQQB4sH")
_MARKER = struct.Struct("<QII")
_GRAIN = struct.Struct("<QI")
_TABLE = struct.Struct(f"<{ENTRIES}I")
_AT_END = (1 << 64) - 1
_ZEROED, _COMPRESSED, _MARKERS = 1 << 2, 1 << 16, 1 << 17
_END_OF_STREAM, _FOOTER = 0, 3
_DEFLATE = 1


@dataclass(frozen=True, slots=True)
class _Header:
    """What is needed of a sparse extent's header; sectors."""

    flags: int
    capacity: int
    grain: int
    directory: int

    @classmethod
    def read(cls, data: bytes) -> _Header:
        """Damaged for anything but a header of this form."""
        if len(data) < _HEADER.size or data[:4] != b"KDMV":
            raise Damaged("this is no VMDK stream, or it is cut off")
        _, version, flags, capacity, grain, _, _, entries, _, directory, _, _, newline, packing = _HEADER.unpack_from(
            data
        )
        if newline != b"\n \r\n":
            raise Damaged("the VMDK stream was changed on its way, as text is")
        if version not in (1, 2, 3) or not flags & _COMPRESSED or not flags & _MARKERS or packing != _DEFLATE:
            told = f"version {version}, flags {flags:#x}, compression {packing}"
            raise Damaged("the VMDK is not stream-optimized as golden knows it", details=told)
        if entries != ENTRIES or not 8 <= grain <= MOST_GRAIN or grain & (grain - 1):
            raise Damaged("the VMDK stream has tables or grains of no known size", details=f"{entries}, {grain}")
        return cls(flags, capacity, grain, directory)


class StreamVmdk:
    """
    The disk in a stream. Whatever is wrong with it is Damaged: where its tables are not whole or point beyond its end
    (it was cut off) when it is opened, where a grain does not inflate to what belongs there when that is read.
    """

    def __init__(self, source: BlockSource) -> None:
        """``source`` is the stream, whole. Reads its tables once."""
        self._source = source
        self._header = self._located()
        self._directory = self._read_directory()
        self._tables: OrderedDict[int, tuple[int, ...]] = OrderedDict()
        self._grains: OrderedDict[int, bytes] = OrderedDict()
        self._check_whole()

    @property
    def size(self) -> int:
        """Bytes of the disk."""
        return self._header.capacity * SECTOR

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the disk."""
        end, length = min(self.size, offset + size), self._header.grain * SECTOR
        pieces = []
        while 0 <= offset < end:
            number, start = divmod(offset, length)
            wanted = min(length - start, end - offset)
            grain = self._grain(number)
            pieces.append(bytes(wanted) if grain is None else grain[start : start + wanted])
            offset += wanted
        return b"".join(pieces)

    def _located(self) -> _Header:
        header = _Header.read(self._source.read_at(0, SECTOR))
        if header.directory != _AT_END:
            return header
        tail = self._source.read_at(max(0, self._source.size - 3 * SECTOR), 3 * SECTOR)
        if len(tail) < 3 * SECTOR:
            raise Damaged("the VMDK stream is cut off: it has no footer")
        _, size, kind = _MARKER.unpack_from(tail)
        last = _MARKER.unpack_from(tail, 2 * SECTOR)
        if (size, kind) != (0, _FOOTER) or last != (0, 0, _END_OF_STREAM):
            raise Damaged("the VMDK stream is cut off: it has no footer")
        return _Header.read(tail[SECTOR : 2 * SECTOR])

    def _read_directory(self) -> tuple[int, ...]:
        header = self._header
        tables = -(-header.capacity // (header.grain * ENTRIES))
        found = struct.unpack(f"<{tables}I", self._exactly(header.directory * SECTOR, 4 * tables, "directory"))
        if sum(at > 0 for at in found) * _TABLE.size > self._source.size:
            raise Damaged("the VMDK stream is smaller than its own tables")
        return found

    def _exactly(self, offset: int, size: int, what: str) -> bytes:
        data = self._source.read_at(offset, size) if offset + size <= self._source.size else b""
        if len(data) < size:
            raise Damaged(f"the VMDK stream is cut off: a {what} of its grains is not whole")
        return data

    def _check_whole(self) -> None:
        """Every table is there, and so is the grain that lies last."""
        last = max((max(self._read_table(at)) for at in self._directory if at), default=0)
        if last > 1:
            self._packed(last)

    def _read_table(self, at: int) -> tuple[int, ...]:
        return _TABLE.unpack(self._exactly(at * SECTOR, _TABLE.size, "table"))

    def _table(self, number: int) -> tuple[int, ...]:
        if number not in self._tables:
            self._tables[number] = self._read_table(self._directory[number])
            if len(self._tables) > HELD_TABLES:
                self._tables.popitem(last=False)
        return self._tables[number]

    def _grain(self, number: int) -> bytes | None:
        """A grain's bytes, None where all of them are zero."""
        table, entry = divmod(number, ENTRIES)
        at = self._table(table)[entry] if self._directory[table] else 0
        if at == 0 or (at == 1 and self._header.flags & _ZEROED):
            return None
        if number not in self._grains:
            self._grains[number] = self._inflated(number, at)
            if len(self._grains) > HELD:
                self._grains.popitem(last=False)
        self._grains.move_to_end(number)
        return self._grains[number]

    def _packed(self, at: int) -> tuple[int, bytes]:
        """The sector of the disk that a grain at a sector of the stream says it begins at, and its compressed bytes."""
        sector, size = _GRAIN.unpack(self._exactly(at * SECTOR, _GRAIN.size, "marker"))
        if size > 2 * self._header.grain * SECTOR:
            raise Damaged(f"the VMDK stream holds something else than a grain at its sector {at}")
        return sector, self._exactly(at * SECTOR + _GRAIN.size, size, "part")

    def _inflated(self, number: int, at: int) -> bytes:
        header = self._header
        sector, packed = self._packed(at)
        length, whole = header.grain * SECTOR, zlib.decompressobj()
        needed = min(length, self.size - number * length)
        try:
            data = whole.decompress(packed, length + 1)
        except zlib.error as error:
            raise Damaged(
                f"a grain of the VMDK stream cannot be inflated, at sector {at}", details=str(error)
            ) from error
        if sector != number * header.grain or not whole.eof or not needed <= len(data) <= length:
            raise Damaged(f"the VMDK stream holds another grain than its tables say, at sector {at}")
        return data
