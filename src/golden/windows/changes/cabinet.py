"""The names of what a cabinet holds; they stand in it uncompressed, whatever the files are. Microsoft's [MS-CAB]."""

from __future__ import annotations

import struct

from golden.errors import UsageError

_HEADER = 36
_MOST_FILES = 65535


def names(data: bytes, name: str) -> tuple[str, ...]:
    """Names of the files in a cabinet, from its beginning. UsageError where it is none or is cut short."""
    if data[:4] != b"MSCF":
        raise UsageError(f"{name} is no cabinet")
    try:
        at = struct.unpack_from("<I", data, 16)[0]
        count = struct.unpack_from("<H", data, 28)[0]
        found = []
        for _ in range(min(count, _MOST_FILES)):
            end = data.index(b"\0", at + 16)
            found.append(data[at + 16 : end].decode("utf-8", "replace"))
            at = end + 1
    except (struct.error, ValueError):
        raise UsageError(f"{name} is a cabinet that is cut short", hint="download it again") from None
    return tuple(found)
