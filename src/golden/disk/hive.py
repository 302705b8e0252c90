"""
Registry hives, read in place.

Only the cells on the way to a value are read, so a hive of 100 MiB costs a few blocks; libregf's Python binding
walks every block of a hive on opening, which for such a hive means reading all of it from the disk. The format is
described in github.com/libyal/libregf and github.com/msuhanov/regf; tests hold this reader against libregf.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from golden.disk.cache import Cached
from golden.disk.damage import Damaged
from golden.disk.raw import Memory
from golden.disk.source import BlockSource

Data = str | int | bytes | tuple[str, ...]

_NONE = 0xFFFFFFFF
_BASE = 4096
_MOST_NAMES = 100_000
_MOST_DATA = 16 << 20
_MOST_DATA_OF_A_KEY = 64 << 20
_MOST_LISTS = 10_000
_MOST_DEPTH = 4
"""Nested lists of subkeys; Windows uses two levels."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a key."""

    name: str
    """Empty for the key's default value."""
    type: int
    """1 and 2 text, 3 binary, 4 dword, 7 list of texts, 11 qword; others are given as bytes."""
    data: bytes

    def plain(self) -> Data:
        """The value as text, number, tuple of texts, or bytes."""
        if self.type in (1, 2, 6):
            return _text(self.data)
        if self.type == 7:
            whole = self.data.decode("utf-16-le", "replace")
            return tuple(part for part in whole.split("\0") if part)
        if self.type in (4, 11) and len(self.data) in (4, 8):
            return int.from_bytes(self.data, "little")
        if self.type == 5 and len(self.data) == 4:
            return int.from_bytes(self.data, "big")
        return self.data


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    count: int
    subkeys: int
    value_count: int
    values: int


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a hive; what is below it is read when it is asked for."""

    hive: Hive
    node: _Node

    @property
    def name(self) -> str:
        """Its own name, without the path."""
        return self.node.name

    def value(self, name: str) -> Data | None:
        """One value, None where it is missing. The default value's name is empty."""
        for value in self.hive.values_of(self.node, only=name.lower()):
            return value.plain()
        return None

    def values(self) -> dict[str, Data]:
        """All values by name."""
        return {value.name: value.plain() for value in self.hive.values_of(self.node)}

    def below(self) -> Iterator[Key]:
        """The keys below."""
        return (Key(self.hive, node) for node in self.hive.nodes_below(self.node))


class Hive:
    """One hive, read-only; keys are named by path from its root with backslashes, in any case."""

    def __init__(self, source: BlockSource, name: str) -> None:
        """``name`` is for messages. Damaged where it is no hive."""
        self._source = Cached(source, block=16 * 1024, blocks=256)
        self._name = name
        base = self._source.read_at(0, _BASE)
        if len(base) < _BASE or base[:4] != b"regf":
            raise Damaged(f"{name} is no registry hive", details=f"it begins with {base[:4].hex() or 'nothing'}")
        first, second, _time, major, minor = struct.unpack_from("<IIQII", base, 4)
        if major != 1 or minor > 6:
            raise Damaged(f"{name} is a registry hive of an unknown version {major}.{minor}")
        self._root = struct.unpack_from("<I", base, 36)[0]
        if _checksum(base) != struct.unpack_from("<I", base, 508)[0]:
            raise Damaged(f"{name} is damaged: the checksum of its first block is wrong")
        self.dirty: bool = first != second
        """Writing it was not finished: the last changes are in its log files, which are not read here."""

    @classmethod
    def open(cls, content: bytes | BlockSource, name: str = "the hive") -> Hive:
        """A hive from its bytes or from anything that gives bytes at an offset, such as a file on a volume."""
        return cls(Memory(content) if isinstance(content, bytes) else content, name)

    def key(self, path: str) -> Key | None:
        """The key at ``path``, None where there is none."""
        node: _Node | None = self._node(self._root)
        for part in filter(None, path.split("\\")):
            wanted = part.lower()
            below = self.nodes_below(node) if node else iter(())
            node = next((each for each in below if each.name.lower() == wanted), None)
        return Key(self, node) if node else None

    def value(self, key: str, name: str) -> Data | None:
        """One value; None where key or value is missing. The default value's name is empty."""
        found = self.key(key)
        return found.value(name) if found else None

    def values(self, key: str) -> dict[str, Data]:
        """All values of a key by name; none where there is no such key."""
        found = self.key(key)
        return found.values() if found else {}

    def subkeys(self, key: str) -> tuple[str, ...]:
        """Names of the keys below; none where there is no such key."""
        found = self.key(key)
        return tuple(below.name for below in found.below()) if found else ()

    def has(self, key: str) -> bool:
        """Whether there is such a key."""
        return self.key(key) is not None

    def _cell(self, offset: int) -> bytes:
        at = _BASE + offset
        head = self._source.read_at(at, 4)
        size = -struct.unpack("<i", head)[0] if len(head) == 4 else 0
        if offset == _NONE or size < 8 or at + size > self._source.size or size > _MOST_DATA:
            raise Damaged(f"{self._name} is damaged: there is no cell at {offset:#x}")
        return self._source.read_at(at + 4, size - 4)

    def _node(self, offset: int) -> _Node:
        cell = self._cell(offset)
        if cell[:2] != b"nk" or len(cell) < 76:
            raise Damaged(f"{self._name} is damaged: there is no key at {offset:#x}")
        flags = struct.unpack_from("<H", cell, 2)[0]
        count, _volatile, subkeys = struct.unpack_from("<III", cell, 20)
        value_count, values = struct.unpack_from("<II", cell, 36)
        size = struct.unpack_from("<H", cell, 72)[0]
        return _Node(_name(cell[76 : 76 + size], narrow=bool(flags & 0x20)), count, subkeys, value_count, values)

    def nodes_below(self, key: _Node) -> Iterator[_Node]:
        """The nodes of the keys below; for Key."""
        if key.count == 0 or key.subkeys == _NONE:
            return
        for number, offset in enumerate(self._offsets(key.subkeys, 0, [_MOST_LISTS])):
            if number > _MOST_NAMES:
                raise Damaged(f"{self._name} is damaged: the key {key.name!r} has no end of subkeys")
            yield self._node(offset)

    def _offsets(self, offset: int, depth: int, left: list[int]) -> Iterator[int]:
        """``left`` holds how many lists may still be opened, since lists of empty lists need have no end."""
        cell = self._cell(offset)
        left[0] -= 1
        kind, count = cell[:2], struct.unpack_from("<H", cell, 2)[0]
        width = {b"lf": 8, b"lh": 8, b"li": 4, b"ri": 4}.get(kind)
        if width is None or 4 + count * width > len(cell) or depth > _MOST_DEPTH or left[0] < 0:
            raise Damaged(f"{self._name} is damaged: there is no list of subkeys at {offset:#x}")
        for index in range(count):
            item = struct.unpack_from("<I", cell, 4 + index * width)[0]
            if kind == b"ri":
                yield from self._offsets(item, depth + 1, left)
            else:
                yield item

    def values_of(self, key: _Node, only: str | None = None) -> Iterator[Value]:
        """The values of a node, or the one called ``only`` in lower case; for Key."""
        if key.value_count == 0 or key.values == _NONE:
            return
        table = self._cell(key.values)
        if key.value_count * 4 > len(table) or key.value_count > _MOST_NAMES:
            raise Damaged(f"{self._name} is damaged: the values of {key.name!r} are cut off")
        left = _MOST_DATA_OF_A_KEY
        for (offset,) in struct.iter_unpack("<I", table[: key.value_count * 4]):
            cell = self._cell(offset)
            if cell[:2] != b"vk" or len(cell) < 20:
                raise Damaged(f"{self._name} is damaged: there is no value at {offset:#x}")
            size, length, data, kind, flags = struct.unpack_from("<HIIIH", cell, 2)
            name = _name(cell[20 : 20 + size], narrow=bool(flags & 1))
            if only is None or name.lower() == only:
                value = Value(name, kind, self._data(length, data))
                left -= len(value.data)
                if left < 0:
                    raise Damaged(f"{self._name} is damaged: the values of {key.name!r} have no end")
                yield value

    def _data(self, length: int, offset: int) -> bytes:
        if length & 0x80000000:  # up to four bytes live in the offset itself
            return struct.pack("<I", offset)[: length & 0x7F]
        if length == 0:
            return b""
        if length > _MOST_DATA:
            raise Damaged(f"{self._name} is damaged: a value of {length} bytes")
        cell = self._cell(offset)
        if cell[:2] == b"db" and length > 16344:
            return self._pieces(cell, length)
        if length > len(cell):
            raise Damaged(f"{self._name} is damaged: a value is cut off at {offset:#x}")
        return cell[:length]

    def _pieces(self, cell: bytes, length: int) -> bytes:
        if len(cell) < 8:
            raise Damaged(f"{self._name} is damaged: a large value is cut off")
        count, table = struct.unpack_from("<HI", cell, 2)
        offsets = self._cell(table)
        count = min(count, -(-length // 16344))
        if count * 4 > len(offsets):
            raise Damaged(f"{self._name} is damaged: a large value is cut off")
        parts = [self._cell(offset)[:16344] for (offset,) in struct.iter_unpack("<I", offsets[: count * 4])]
        return b"".join(parts)[:length]


def _checksum(base: bytes) -> int:
    total = 0
    for (word,) in struct.iter_unpack("<I", base[:508]):
        total ^= word
    return {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(total, total)


def _name(raw: bytes, *, narrow: bool) -> str:
    return raw.decode("latin-1") if narrow else raw.decode("utf-16-le", "replace")


def _text(data: bytes) -> str:
    return data.decode("utf-16-le", "replace").split("\0", 1)[0]
