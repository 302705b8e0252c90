"""Cabinet files as servicing needs them: names and contents of those that are not compressed."""

from __future__ import annotations

import struct

from .world import Unknown


def read(data: bytes, name: str) -> dict[str, bytes]:
    """Every file of a cabinet by its name. ValueError for none; Unknown for a compressed one."""
    if data[:4] != b"MSCF" or len(data) < 36:
        raise ValueError(f"{name} is no cabinet")
    files_at, folders, files, flags = struct.unpack_from("<I", data, 16)[0], *struct.unpack_from("<HHH", data, 26)
    at, reserve = 36, (0, 0)
    if flags & 4:
        header, folder, block = struct.unpack_from("<HBB", data, 36)
        at, reserve = 40 + header, (folder, block)
    contents = []
    for _ in range(folders):
        start, blocks, compression = struct.unpack_from("<IHH", data, at)
        at += 8 + reserve[0]
        if compression & 0xF:
            raise Unknown(f"compressed cabinets ({name})")
        contents.append(_joined(data, start, blocks, reserve[1]))
    found = {}
    for _ in range(files):
        size, offset, folder = struct.unpack_from("<IIH", data, files_at)
        end = data.index(b"\0", files_at + 16)
        found[data[files_at + 16 : end].decode("utf-8", "replace")] = contents[folder][offset : offset + size]
        files_at = end + 1
    return found


def _joined(data: bytes, at: int, blocks: int, reserve: int) -> bytes:
    pieces = []
    for _ in range(blocks):
        size = struct.unpack_from("<H", data, at + 4)[0]
        at += 8 + reserve
        pieces.append(data[at : at + size])
        at += size
    return b"".join(pieces)
