"""
Write one registry hive from a JSON tree on standard input; run by the Python that has Debian's hivex binding.

Usage: build_hive.py TARGET < tree.json, tree = {"keys": {NAME: tree}, "values": {NAME: [TYPE, VALUE]}}
with TYPE one of sz, dword, binary (hex), multi_sz (list), or a number of one's own (hex).
"""

import json
import struct
import sys
from pathlib import Path

import hivex  # type: ignore[import-not-found,unused-ignore]

NIL = 0xFFFFFFFF
TIME = 0x01D5_0000_0000_0000


def cell(body: bytes) -> bytes:
    size = (4 + len(body) + 7) & ~7
    return struct.pack("<i", -size) + body.ljust(size - 4, b"\0")


def blank() -> bytes:
    """An empty hive (regf 1.5): a root key and its security cell."""
    sid = bytes([1, 2, 0, 0, 0, 0, 0, 5]) + struct.pack("<II", 32, 544)
    security = struct.pack("<BBHIIII", 1, 0, 0x8000, 20, 20 + len(sid), 0, 0) + sid + sid
    at = 0x20 + ((4 + 76 + 4 + 7) & ~7)
    key = struct.pack(
        "<2sHQIIIIIIIIIIIIIIIHH",
        b"nk", 0x2C, TIME, 0, NIL, 0, 0, NIL, NIL, 0, NIL, at, NIL, 0, 0, 0, 0, 0, 4, 0,
    )  # fmt: skip
    owner = struct.pack("<2sHIIII", b"sk", 0, at, at, 1, len(security)) + security
    cells = cell(key + b"ROOT") + cell(owner)
    free = 0x1000 - 0x20 - len(cells)
    block = struct.pack("<4sIIQQI", b"hbin", 0, 0x1000, 0, TIME, 0) + cells
    block += struct.pack("<i", free) + b"\0" * (free - 4)
    base = struct.pack("<4sIIQIIIIIII", b"regf", 1, 1, TIME, 1, 5, 0, 1, 0x20, 0x1000, 1).ljust(508, b"\0")
    check = 0
    for (word,) in struct.iter_unpack("<I", base):
        check ^= word
    return (base + struct.pack("<I", check)).ljust(0x1000, b"\0") + block


def data(kind, value):
    if isinstance(kind, int):
        return kind, bytes.fromhex(value)
    if kind == "sz":
        return 1, (value + "\0").encode("utf-16-le")
    if kind == "dword":
        return 4, struct.pack("<I", value)
    if kind == "multi_sz":
        return 7, ("\0".join(value) + "\0\0").encode("utf-16-le")
    return 3, bytes.fromhex(value)


def fill(hive, node, tree) -> None:
    values = []
    for name, (kind, value) in tree.get("values", {}).items():
        number, content = data(kind, value)
        values.append({"key": name, "t": number, "value": content})
    if values:
        hive.node_set_values(node, values)
    for name, below in tree.get("keys", {}).items():
        fill(hive, hive.node_add_child(node, name), below)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(blank())
    made = hivex.Hivex(sys.argv[1], write=True)
    fill(made, made.root(), json.load(sys.stdin))
    made.commit(None)
