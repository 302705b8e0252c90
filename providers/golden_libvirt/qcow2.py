"""
A qcow2 file read where QEMU cannot be asked to: its bytes come from far away, a few at a time.

libqcow was tried and left: it takes clusters that read as zeros for unallocated ones, and gives the backing file's
bytes in their place. The format: docs/interop/qcow2 of QEMU; every reading is compared with qemu-img in the tests.
"""

from __future__ import annotations

import struct
import zlib
from collections import OrderedDict
from typing import Protocol

from golden.errors import EndpointError, NotAble

_HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
_MAGIC = b"QFI\xfb"
_OFFSET = 0x00FF_FFFF_FFFF_FE00
_COMPRESSED = 1 << 62
_READS_AS_ZEROS = 1
_CORRUPT, _OTHER_COMPRESSION = 1 << 1, 1 << 3
_BEARABLE = 1 | _OTHER_COMPRESSION
"""Incompatible features: dirty refcounts do not matter to a reader; another compression does where it is met."""
_FORMAT = 0xE2792ACA
_TABLES = 64


class Source(Protocol):
    """Bytes at an offset."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end."""


class Qcow2:
    """The disk that a qcow2 file and what lies below it hold, read-only."""

    def __init__(self, file: Source, name: str) -> None:
        """``file``: the bytes of the qcow2 file itself. EndpointError for what is none, NotAble for its rarer kinds."""
        self._file = file
        self._name = name
        self._below: Source | None = None
        self._tables: OrderedDict[int, tuple[int, ...]] = OrderedDict()
        head = file.read_at(0, 4096)
        if len(head) < _HEADER.size or head[:4] != _MAGIC:
            raise EndpointError(f"{name} is no qcow2 file")
        _, version, backing_at, backing_length, bits, size, encryption, l1_size, l1_at, *_ = _HEADER.unpack_from(head)
        if version not in (2, 3) or not 9 <= bits <= 21 or len(head) < 104:
            raise EndpointError(f"the header of {name} cannot be right: version {version}, clusters of 2^{bits} bytes")
        features = int(struct.unpack_from(">Q", head, 72)[0]) if version == 3 else 0
        if encryption or features & ~_BEARABLE:
            raise NotAble(
                f"{name} is a qcow2 of a kind that cannot be read from afar",
                details=f"encryption {encryption}, incompatible features {features:#x}",
                hint="run golden on the host of the hypervisor",
            )
        self.size: int = size
        self.cluster: int = 1 << bits
        self._bits = bits
        self._deflate = not (features & _OTHER_COMPRESSION and head[104])
        self._l1 = self._numbers(l1_at, l1_size)
        self.backing = file.read_at(backing_at, backing_length).decode("utf-8", "replace") if backing_at else ""
        """As it is written down; empty where nothing lies below."""
        self.backing_format = _extension(head, 72 if version == 2 else struct.unpack_from(">I", head, 100)[0], _FORMAT)

    def put_on(self, below: Source) -> None:
        """What clusters that are not there are read from; zeros otherwise."""
        self._below = below

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the disk. EndpointError where the file is torn."""
        pieces = []
        end = min(offset + size, self.size)
        while offset < end:
            entry, length = self._entry(offset), self._to_end_of_cluster(offset, end)
            host = entry & _OFFSET
            if entry & _COMPRESSED:
                inside = offset % self.cluster
                pieces.append(self._unpacked(entry)[inside : inside + length])
            elif entry & _READS_AS_ZEROS:
                pieces.append(bytes(length))
            elif host:
                length = self._run(offset, host, length, end)
                pieces.append(self._whole(host + offset % self.cluster, length))
            else:
                pieces.append(self._from_below(offset, length))
            offset += length
        return b"".join(pieces)

    def _to_end_of_cluster(self, offset: int, end: int) -> int:
        return min(end - offset, self.cluster - offset % self.cluster)

    def _run(self, offset: int, host: int, length: int, end: int) -> int:
        """How far clusters that follow each other in the disk follow each other in the file as well."""
        start = offset - offset % self.cluster
        while offset + length < end:
            entry = self._entry(offset + length)
            follows = host + (offset + length - start)
            if entry & (_COMPRESSED | _READS_AS_ZEROS) or entry & _OFFSET != follows:
                break
            length += self._to_end_of_cluster(offset + length, end)
        return length

    def _entry(self, offset: int) -> int:
        each = self.cluster // 8
        number, at = divmod(offset >> self._bits, each)
        table = self._l1[number] & _OFFSET if number < len(self._l1) else 0
        return self._table(table)[at] if table else 0

    def _table(self, at: int) -> tuple[int, ...]:
        if at not in self._tables:
            self._tables[at] = self._numbers(at, self.cluster // 8)
            if len(self._tables) > _TABLES:
                self._tables.popitem(last=False)
        self._tables.move_to_end(at)
        return self._tables[at]

    def _numbers(self, at: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f">{count}Q", self._whole(at, count * 8))

    def _unpacked(self, entry: int) -> bytes:
        if not self._deflate:
            raise NotAble(f"{self._name} is compressed by zstd", hint="run golden on the host of the hypervisor")
        shift = 62 - (self._bits - 8)
        at = entry & ((1 << shift) - 1)
        sectors = (entry & (_COMPRESSED - 1)) >> shift
        packed = self._file.read_at(at, (sectors + 1) * 512 - at % 512)
        try:
            data = zlib.decompressobj(-12).decompress(packed, self.cluster)
        except zlib.error as error:
            raise EndpointError(
                f"{self._name} is damaged: a compressed part cannot be read", details=str(error)
            ) from error
        if len(data) != self.cluster:
            raise EndpointError(f"{self._name} is damaged: a compressed part is too short")
        return data

    def _from_below(self, offset: int, length: int) -> bytes:
        found = self._below.read_at(offset, length) if self._below is not None else b""
        return found + bytes(length - len(found))

    def _whole(self, at: int, length: int) -> bytes:
        data = self._file.read_at(at, length)
        if len(data) != length:
            raise EndpointError(f"{self._name} is cut off: {length} bytes at {at} are not there")
        return data


def _extension(head: bytes, at: int, wanted: int) -> str:
    """The text of a header extension; empty where it is not there."""
    while at + 8 <= len(head):
        kind, length = struct.unpack_from(">II", head, at)
        if kind == 0:
            break
        if kind == wanted:
            return head[at + 8 : at + 8 + length].decode("ascii", "replace")
        at += 8 + (length + 7) // 8 * 8
    return ""
