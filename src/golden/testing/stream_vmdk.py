"""
A writer of stream-optimized VMDKs as vSphere's export sends them: tables and a footer at the end.

For endpoints of tests; by VMware's "Virtual Disk Format 5.0". That it is understood by others is tested with QEMU.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SECTOR = 512
GRAIN = 128
"""Sectors."""
ENTRIES = 512
OVERHEAD = 128
"""Sectors before the first grain: the header and the descriptor."""
_AT_END = (1 << 64) - 1
_TABLE, _DIRECTORY, _FOOTER, _END_OF_STREAM = 1, 2, 3, 0
_TEXT = """\
# Disk DescriptorFile
version=1
CID=7e5762c5
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RW {capacity} SPARSE "exported.vmdk"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.virtualHWVersion = "21"
"""


def write(raw: Path, target: Path, capacity: int) -> None:
    """The disk whose beginning is in ``raw`` and that has ``capacity`` bytes (whole sectors); the rest is zeros."""
    with raw.open("rb") as source, target.open("wb") as stream:
        _Writer(stream, capacity // SECTOR).all(source)


class _Writer:
    def __init__(self, stream: BinaryIO, capacity: int) -> None:
        self._stream = stream
        self._capacity = capacity
        self._directory = [0] * -(-capacity // (GRAIN * ENTRIES))
        self._table = [0] * ENTRIES
        self._number = 0

    def all(self, source: BinaryIO) -> None:
        self._stream.write(self._header(_AT_END))
        self._stream.write(_TEXT.format(capacity=self._capacity).encode().ljust((OVERHEAD - 1) * SECTOR, b"\0"))
        for number in _with_data(source, self._capacity):
            source.seek(number * GRAIN * SECTOR)
            data = source.read(GRAIN * SECTOR).ljust(GRAIN * SECTOR, b"\0")
            if data.strip(b"\0"):
                self._grain(number, data)
        self._end_table()
        directory = self._marked(_DIRECTORY, struct.pack(f"<{len(self._directory)}I", *self._directory))
        self._marked(_FOOTER, self._header(directory))
        self._stream.write(_marker(0, _END_OF_STREAM))

    def _grain(self, number: int, data: bytes) -> None:
        table, entry = divmod(number, ENTRIES)
        if table != self._number:
            self._end_table()
            self._number = table
        self._table[entry] = self._stream.tell() // SECTOR
        packed = zlib.compress(data, 1)
        self._stream.write(_padded(struct.pack("<QI", number * GRAIN, len(packed)) + packed))

    def _end_table(self) -> None:
        if any(self._table):
            self._directory[self._number] = self._marked(_TABLE, struct.pack(f"<{ENTRIES}I", *self._table))
            self._table = [0] * ENTRIES

    def _marked(self, kind: int, data: bytes) -> int:
        """Write metadata behind its marker; the sector it lies at."""
        whole = _padded(data)
        self._stream.write(_marker(len(whole) // SECTOR, kind))
        at = self._stream.tell() // SECTOR
        self._stream.write(whole)
        return at

    def _header(self, directory: int) -> bytes:
        return struct.pack(
            "<4sIIQQQQIQQQB4sH",
            b"KDMV",
            3,
            0x30001,
            self._capacity,
            GRAIN,
            1,
            20,
            ENTRIES,
            0,
            directory,
            OVERHEAD,
            0,
            b"\n \r\n",
            1,
        ).ljust(SECTOR, b"\0")


def _marker(sectors: int, kind: int) -> bytes:
    return struct.pack("<QII", sectors, 0, kind).ljust(SECTOR, b"\0")


def _padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\0")


def _with_data(source: BinaryIO, capacity: int) -> Iterator[int]:
    """Numbers of grains that may hold something; holes are passed over where the system tells of them."""
    size, length, at, last = min(source.seek(0, 2), capacity * SECTOR), GRAIN * SECTOR, 0, -1
    while at < size:
        end = size
        if hasattr(os, "SEEK_DATA"):
            try:
                at = os.lseek(source.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            end = min(size, os.lseek(source.fileno(), at, os.SEEK_HOLE))
        for number in range(max(last + 1, at // length), -(-end // length)):
            yield number
            last = number
        at = end
