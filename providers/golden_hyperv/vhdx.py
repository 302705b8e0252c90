"""
The identity of a VHDX file, from the two headers it has (MS-VHDX 2.2.2.1).

A header is valid when its signature is ``head`` and its CRC-32C is right; of two valid ones the one with the larger
sequence number counts. Its DataWriteGuid changes with the first write after the file was opened for writing.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass

SIZE = 4096
_FIELDS = struct.Struct("<4sIQ16s16s16s")


@dataclass(frozen=True, slots=True)
class Header:
    """What golden needs of a header."""

    sequence: int
    data_write: uuid.UUID
    log: uuid.UUID
    """Not zero while there is a log to be replayed: the file was not closed in order."""


def current(headers: bytes) -> Header | None:
    """Of both headers, one after the other, the one that counts; None where neither is valid: it is no VHDX."""
    found = [header for at in (0, SIZE) if (header := _parsed(headers[at : at + SIZE])) is not None]
    return max(found, key=lambda header: header.sequence, default=None)


def _parsed(block: bytes) -> Header | None:
    if len(block) != SIZE:
        return None
    signature, checksum, sequence, _, data_write, log = _FIELDS.unpack_from(block)
    if signature != b"head" or crc32c(block[:4] + bytes(4) + block[8:]) != checksum:
        return None
    return Header(sequence, uuid.UUID(bytes_le=data_write), uuid.UUID(bytes_le=log))


def _table() -> tuple[int, ...]:
    entries = []
    for number in range(256):
        for _ in range(8):
            number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)
        entries.append(number)
    return tuple(entries)


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli), which zlib's is not."""
    value = 0xFFFFFFFF
    for byte in data:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF
