"""
What a package of the Windows Installer says of itself: its Property table and its platform.

An .msi is an OLE compound file; its tables are streams whose names pack two characters into one, and a table of texts
holds numbers of a pool of strings, column by column, as msitools and Wine read it. Tried on what msibuild makes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import olefile

from golden.errors import UsageError

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PACKED = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
_TABLE = "\u4840"
_LONG_NUMBERS = 0x8000_0000
_PLATFORMS = {"": "x86", "intel": "x86", "x64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "intel64": "ia64"}
_MOST = 64 << 20


@dataclass(frozen=True, slots=True)
class Package:
    """An .msi by its own words."""

    properties: dict[str, str]
    architecture: str
    """As golden names it; empty where the package names one that golden does not know."""


def read(path: Path) -> Package:
    """The package at ``path``. UsageError where it is none or is damaged."""
    try:
        with olefile.OleFileIO(str(path)) as ole:
            streams = {_unpacked(parts[-1]): parts for parts in ole.listdir()}
            tables = {}
            for name in ("_StringPool", "_StringData", "Property"):
                key = f"!{name}"
                if key not in streams or ole.get_size(streams[key]) > _MOST:
                    raise UsageError(f"{path.name} is no package of the Windows Installer: it has no table {name}")
                tables[name] = ole.openstream(streams[key]).read()
            template = ole.get_metadata().template
    except (OSError, struct.error, IndexError, ValueError, OverflowError, MemoryError) as error:
        raise UsageError(f"{path.name} is a damaged package: {error}", hint="download it again") from error
    try:
        properties = dict(_pairs(tables["Property"], *_strings(tables["_StringPool"], tables["_StringData"])))
    except (struct.error, IndexError, ValueError) as error:
        raise UsageError(f"{path.name} is a damaged package: its tables cannot be read", details=str(error)) from error
    return Package(properties, _architecture(template))


def _unpacked(name: str) -> str:
    """A stream's name as people write it; tables get a ``!`` in front."""
    found = []
    for char in name:
        number = ord(char)
        if char == _TABLE:
            found.append("!")
        elif 0x3800 <= number < 0x4800:
            found += [_PACKED[(number - 0x3800) & 0x3F], _PACKED[((number - 0x3800) >> 6) & 0x3F]]
        elif 0x4800 <= number < 0x4840:
            found.append(_PACKED[number - 0x4800])
        else:
            found.append(char)
    return "".join(found)


def _strings(pool: bytes, data: bytes) -> tuple[list[str], int]:
    """The texts by their number (0 is none), and the bytes that a number takes in a table."""
    (head,) = struct.unpack_from("<I", pool, 0)
    codec = {0: "cp1252", 65001: "utf-8"}.get(head & 0xFFFF, f"cp{head & 0xFFFF}")
    try:
        b"".decode(codec)
    except LookupError:
        codec = "cp1252"
    found, at, entry = [""], 0, 4
    while entry + 4 <= len(pool):
        size, uses = struct.unpack_from("<HH", pool, entry)
        entry += 4
        if size == 0 and uses:  # longer than 64 KiB: the length is in the next entry
            size, entry = struct.unpack_from("<I", pool, entry)[0], entry + 4
        found.append(data[at : at + size].decode(codec, "replace"))
        at += size
    return found, 3 if head & _LONG_NUMBERS else 2


def _pairs(table: bytes, strings: list[str], width: int) -> Iterator[tuple[str, str]]:
    """Rows of a table of two texts, which is kept column by column."""
    rows = len(table) // (2 * width)
    numbers = [int.from_bytes(table[at : at + width], "little") for at in range(0, rows * 2 * width, width)]
    for row in range(rows):
        yield strings[numbers[row]], strings[numbers[rows + row]]


def _architecture(template: object) -> str:
    text = template.decode("latin-1") if isinstance(template, bytes) else str(template or "")
    return _PLATFORMS.get(text.partition(";")[0].partition(",")[0].strip().lower(), "")
