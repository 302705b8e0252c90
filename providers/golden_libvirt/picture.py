"""A picture of a machine's screen."""

from __future__ import annotations

import re
import struct
import zlib

from golden.errors import NotAble
from golden_libvirt.connection import Line
from golden_libvirt.faults import NO_SUPPORT, OPERATION_INVALID, code_of

_PIECE = 256 * 1024


def taken(line: Line, name: str) -> bytes:
    """PNG bytes of the first screen. NotAble where the machine has none."""
    domain = line.domain(name)
    stream = line.native.newStream(0)
    try:
        domain.screenshot(stream, 0, 0)
    except line.libvirt.libvirtError as error:
        if code_of(error) in (NO_SUPPORT, OPERATION_INVALID, 67) or "video" in str(error):
            raise NotAble(f"{name} has no screen to take a picture of", details=str(error)) from error
        raise
    data = b"".join(iter(lambda: stream.recv(_PIECE), b""))
    stream.finish()
    return png(data) if data.startswith(b"P6") else data


def png(ppm: bytes) -> bytes:
    """A binary PPM (P6, 8 bits) as PNG."""
    header = re.match(rb"P6\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)\s+255\s", ppm)
    if header is None:
        return ppm
    width, height = int(header[1]), int(header[2])
    pixels, row = ppm[header.end() :], width * 3
    rows = b"".join(b"\0" + pixels[at * row : (at + 1) * row] for at in range(height))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 1)),
        (b"IEND", b""),
    )
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
