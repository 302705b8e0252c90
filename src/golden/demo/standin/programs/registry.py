"""Registry hives read and written with hivex, by the paths that Windows uses."""

from __future__ import annotations

import fcntl
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hivex

NONE, SZ, EXPAND_SZ, BINARY, DWORD, MULTI_SZ, QWORD = 0, 1, 2, 3, 4, 7, 11
Value = str | int | bytes | list[str]

HIVES = ("SOFTWARE", "SYSTEM", "SAM", "SECURITY", "DRIVERS")
_FILETIME = 0x01D5_0000_0000_0000


def blank_hive(root: bytes = b"ROOT") -> bytes:
    """An empty hive, regf 1.5 (docs/facts: windows, appendix A): one key, one security descriptor, free space."""
    sid = bytes([1, 2, 0, 0, 0, 0, 0, 5]) + struct.pack("<II", 32, 544)
    security = struct.pack("<BBHIIII", 1, 0, 0x8000, 20, 20 + len(sid), 0, 0) + sid + sid
    nil, key_at = 0xFFFFFFFF, 0x20
    security_at = key_at + ((4 + 76 + len(root) + 7) & ~7)
    key = struct.pack(
        "<2sHQIIIIIIIIIIIIIIIHH", b"nk", 0x2C, _FILETIME, 0, nil, 0, 0, nil, nil, 0, nil,
        security_at, nil, 0, 0, 0, 0, 0, len(root), 0,
    ) + root  # fmt: skip
    cells = _cell(key) + _cell(struct.pack("<2sHIIII", b"sk", 0, security_at, security_at, 1, len(security)) + security)
    free = 0x1000 - 0x20 - len(cells)
    block = struct.pack("<4sIIQQI", b"hbin", 0, 0x1000, 0, _FILETIME, 0) + cells
    block += struct.pack("<i", free) + b"\0" * (free - 4)
    base = struct.pack("<4sIIQIIIIIII", b"regf", 1, 1, _FILETIME, 1, 5, 0, 1, key_at, 0x1000, 1).ljust(508, b"\0")
    checksum = 0
    for (word,) in struct.iter_unpack("<I", base):
        checksum ^= word
    checksum = {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(checksum, checksum)
    return (base + struct.pack("<I", checksum)).ljust(0x1000, b"\0") + block


def _cell(body: bytes) -> bytes:
    size = (4 + len(body) + 7) & ~7
    return struct.pack("<i", -size) + body.ljust(size - 4, b"\0")


def decode(kind: int, data: bytes) -> Value:
    """A stored value as text, number, list of texts or bytes, by its type."""
    if kind in (SZ, EXPAND_SZ):
        return data.decode("utf-16-le", "replace").split("\0")[0]
    if kind == MULTI_SZ:
        return [part for part in data.decode("utf-16-le", "replace").split("\0") if part]
    if kind in (DWORD, QWORD):
        return int.from_bytes(data, "little")
    return data


def encode(value: Value, kind: int | None = None) -> tuple[int, bytes]:
    """Type and bytes of a value; text is REG_SZ, a number REG_DWORD, a list REG_MULTI_SZ unless told."""
    if isinstance(value, bytes):
        return (BINARY if kind is None else kind), value
    if isinstance(value, int):
        kind = DWORD if kind is None else kind
        return kind, value.to_bytes(8 if kind == QWORD else 4, "little")
    if isinstance(value, list):
        return MULTI_SZ, ("".join(part + "\0" for part in value) + "\0").encode("utf-16-le")
    return (SZ if kind is None else kind), (value + "\0").encode("utf-16-le")


class Hive:
    """One open hive; keys are paths below its root, as Windows writes them."""

    def __init__(self, path: Path, *, write: bool) -> None:
        self._hive = hivex.Hivex(str(path), write=write)
        self._write = write

    def _resolved(self, key: str) -> list[str]:
        parts = [part for part in key.split("\\") if part]
        if parts and parts[0].lower() == "currentcontrolset":
            current = self._value("Select", "Current")
            parts[0] = f"ControlSet{int.from_bytes(current[1], 'little') if current else 1:03d}"
        return parts

    def _node(self, key: str, *, make: bool = False) -> int | None:
        node: int = self._hive.root()
        for part in self._resolved(key):
            child = self._hive.node_get_child(node, part)
            if not child:
                if not make:
                    return None
                child = self._hive.node_add_child(node, part)
            node = child
        return node

    def _value(self, key: str, name: str) -> tuple[int, bytes] | None:
        return next((v for n, v in self._values(key) if n.lower() == name.lower()), None)

    def _values(self, key: str) -> list[tuple[str, tuple[int, bytes]]]:
        node = self._node(key)
        if node is None:
            return []
        return [(self._hive.value_key(v), self._hive.value_value(v)) for v in self._hive.node_values(node)]

    def has(self, key: str) -> bool:
        """Whether there is such a key."""
        return self._node(key) is not None

    def get(self, key: str, name: str) -> Value | None:
        """The value ``name`` of ``key`` ("" is the default value); None where there is none."""
        found = self._value(key, name)
        return None if found is None else decode(*found)

    def typed(self, key: str) -> list[tuple[str, int, Value]]:
        """Name, type and value of everything in ``key``."""
        return [(name, value[0], decode(*value)) for name, value in self._values(key)]

    def children(self, key: str) -> list[str]:
        """Names of the keys below ``key``."""
        node = self._node(key)
        return [] if node is None else [self._hive.node_name(n) for n in self._hive.node_children(node)]

    def set(self, key: str, name: str, value: Value, kind: int | None = None) -> None:
        """Write a value; its key and the keys above are made."""
        number, data = encode(value, kind)
        self._hive.node_set_value(self._node(key, make=True), {"key": name, "t": number, "value": data})

    def add(self, key: str) -> None:
        """Make a key."""
        self._node(key, make=True)

    def delete_value(self, key: str, name: str) -> bool:
        """Take a value away; False where there was none."""
        node, kept = self._node(key), []
        values = self._values(key)
        for other, (kind, data) in values:
            if other.lower() != name.lower():
                kept.append({"key": other, "t": kind, "value": data})
        if node is None or len(kept) == len(values):
            return False
        self._hive.node_set_values(node, kept)
        return True

    def delete_key(self, key: str) -> bool:
        """Take a key away with all below it; False where there was none."""
        node = self._node(key)
        if node is None:
            return False
        self._hive.node_delete_child(node)
        return True

    def commit(self) -> None:
        """Write it to the file."""
        self._hive.commit(None)


class Registry:
    """The hives of one Windows tree."""

    def __init__(self, config: Path, locks: Path) -> None:
        """``config`` is Windows\\System32\\config; ``locks`` a folder for lock files."""
        self._config = config
        self._locks = locks

    @contextmanager
    def open(self, hive: str, *, write: bool = False) -> Iterator[Hive]:
        """One hive; written back at the block's end if nothing was raised. Others wait meanwhile."""
        with (self._locks / f"{hive}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            opened = Hive(self._config / hive, write=write)
            yield opened
            if write:
                opened.commit()

    def get(self, key: str, name: str) -> Value | None:
        """A value by its whole path, e.g. ``HKLM\\SYSTEM\\Setup`` and ``SetupType``."""
        hive, below = split(key)
        with self.open(hive) as opened:
            return opened.get(below, name)


def split(key: str) -> tuple[str, str]:
    """``HKLM\\SOFTWARE\\x`` (also ``HKLM:\\…``, ``HKEY_LOCAL_MACHINE\\…``) as hive and key. ValueError for others."""
    match = re.fullmatch(r"(?:HKLM:?|HKEY_LOCAL_MACHINE)\\([^\\]+)\\?(.*)", key.strip().strip('"'), re.IGNORECASE)
    if not match or match[1].upper() not in HIVES:
        raise ValueError(f"the registry path {key}")
    return match[1].upper(), match[2].rstrip("\\")


def registry_of(root: Path, machine: Path) -> Registry:
    """The registry of the Windows whose C: is ``root``."""
    return Registry(root / "Windows/System32/config", machine)
