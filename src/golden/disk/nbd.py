"""
A read-only client of the NBD protocol (fixed newstyle, NBD_OPT_GO, simple replies) as a BlockSource.

The protocol is github.com/NetworkBlockDevice/nbd doc/proto.md. No TLS: meant for a unix socket or a local port that
``qemu-nbd`` or the hypervisor's own export listens on.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from golden.errors import EndpointError, Unreachable

_MAGIC = b"NBDMAGICIHAVEOPT"
_REPLY = 0x3E889045565A9
_GO = 7
_ACK, _INFO = 1, 3
_ERRORS = {
    (1 << 31) + 1: "the server is too old: it does not know NBD_OPT_GO",
    (1 << 31) + 2: "the server's policy forbids it",
    (1 << 31) + 5: "the server wants TLS",
    (1 << 31) + 6: "there is no such export",
    (1 << 31) + 7: "the server is shutting down",
}
_MOST = 8 << 20
"""Bytes asked for in one request; servers must take at least 32 MiB."""


class NbdSource:
    """One export of an NBD server; a context manager."""

    def __init__(self, address: Path | tuple[str, int], export: str = "", limit: float = 30.0) -> None:
        """
        Connect and agree on ``export``; ``limit`` is in seconds for each answer.

        ``address`` is the path of a unix socket or (host, port). Unreachable where nobody answers, EndpointError
        where the server says no or speaks something else.
        """
        self._where = str(address) if isinstance(address, Path) else f"{address[0]}:{address[1]}"
        self._cookie = 0
        self._line = _connected(address, self._where, limit)
        try:
            self._size = self._agree(export)
        except BaseException:
            self._line.close()
            raise

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the export."""
        size = max(0, min(size, self._size - offset))
        pieces = []
        while size > 0:
            piece = self._read(offset, min(size, _MOST))
            pieces.append(piece)
            offset, size = offset + len(piece), size - len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Say goodbye and let go of the line."""
        try:
            self._line.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 2, 0, 0, 0))
        except OSError:
            pass  # a line that is broken already needs no goodbye
        finally:
            self._line.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _agree(self, export: str) -> int:
        if self._take(16) != _MAGIC:
            raise EndpointError(f"{self._where} does not speak the newstyle NBD protocol")
        flags = struct.unpack(">H", self._take(2))[0]
        if not flags & 1:
            raise EndpointError(f"the NBD server at {self._where} does not speak fixed newstyle")
        self._send(struct.pack(">I", flags & 3))
        name = export.encode()
        self._send(b"IHAVEOPT" + struct.pack(">III", _GO, len(name) + 6, len(name)) + name + struct.pack(">H", 0))
        size = -1
        while True:
            magic, _option, kind, length = struct.unpack(">QIII", self._take(20))
            if magic != _REPLY or length > 1 << 20:
                raise EndpointError(f"the NBD server at {self._where} answered something that is not NBD")
            data = self._take(length)
            if kind == _INFO and len(data) >= 12 and data[:2] == b"\0\0":
                size = struct.unpack(">Q", data[2:10])[0]
            elif kind == _ACK and size >= 0:
                return size
            elif kind != _INFO:
                why = _ERRORS.get(kind, f"reply {kind:#x}")
                words = data.decode("utf-8", "replace")
                raise EndpointError(f"NBD export {export!r} at {self._where}: {why}", details=words or None)

    def _read(self, offset: int, size: int) -> bytes:
        self._cookie += 1
        self._send(struct.pack(">IHHQQI", 0x25609513, 0, 0, self._cookie, offset, size))
        magic, error, cookie = struct.unpack(">IIQ", self._take(16))
        if magic != 0x67446698 or cookie != self._cookie:
            raise EndpointError(f"the NBD server at {self._where} answered something that was not asked for")
        if error:
            raise EndpointError(f"the NBD server at {self._where} cannot read at {offset}: error {error}")
        return self._take(size)

    def _send(self, data: bytes) -> None:
        try:
            self._line.sendall(data)
        except OSError as error:
            raise Unreachable(f"the line to the NBD server at {self._where} broke", details=str(error)) from error

    def _take(self, size: int) -> bytes:
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size:
            try:
                got = self._line.recv_into(view[done:])
            except OSError as error:
                raise Unreachable(f"the NBD server at {self._where} does not answer", details=str(error)) from error
            if got == 0:
                raise Unreachable(f"the NBD server at {self._where} closed the line")
            done += got
        return bytes(data)


def _connected(address: Path | tuple[str, int], where: str, limit: float) -> socket.socket:
    try:
        if not isinstance(address, Path):
            return socket.create_connection(address, timeout=limit)
        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            raise EndpointError(f"this system has no unix sockets, so {where} cannot be opened")
        line = socket.socket(family, socket.SOCK_STREAM)
        line.settimeout(limit)
        try:
            line.connect(str(address))
        except OSError:
            line.close()
            raise
    except OSError as error:
        raise Unreachable(f"no NBD server answers at {where}", details=str(error)) from error
    return line
