"""A read-only client of the network block device protocol: a disk that a server holds, as one row of bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from golden.errors import EndpointError, Unreachable

# Numbers from the protocol's own document (NetworkBlockDevice/nbd, doc/proto.md): fixed newstyle, NBD_OPT_GO.
_HELLO, _OPTION, _REPLY = 0x4E42444D41474943, 0x49484156454F5054, 0x3E889045565A9
_GO, _INFO, _ACK, _EXPORT = 7, 3, 1, 0
_REQUEST, _ANSWER, _READ, _DISCONNECT = 0x25609513, 0x67446698, 0, 2
_FIXED, _NO_ZEROES = 1, 2
MOST = 16 << 20
"""Most bytes of one request; every server takes 32 MiB."""
_SMALL_ANSWER = 1 << 20


class NbdDisk:
    """One export of one server; fulfils BlockSource. Reads of several threads take turns."""

    def __init__(self, line: socket.socket, export: str = "") -> None:
        """Shakes hands on a connected socket. EndpointError where the server has no such export."""
        self._line = line
        self._cookie = 0
        self._lock = threading.Lock()
        with _translated("opening the disk"):
            self._size = self._shake_hands(export.encode())

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the disk."""
        left = max(0, min(size, self._size - offset))
        pieces = []
        with self._lock, _translated(f"reading the disk at byte {offset}"):
            while left:
                piece = self._request(offset, min(left, MOST))
                pieces.append(piece)
                offset, left = offset + len(piece), left - len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Say good-bye, as far as the server still listens."""
        with contextlib.suppress(OSError):
            self._line.sendall(struct.pack(">IHHQQI", _REQUEST, 0, _DISCONNECT, 0, 0, 0))
        self._line.close()

    def _request(self, offset: int, size: int) -> bytes:
        self._cookie += 1
        self._line.sendall(struct.pack(">IHHQQI", _REQUEST, 0, _READ, self._cookie, offset, size))
        magic, error, cookie = struct.unpack(">IIQ", self._exactly(16))
        if magic != _ANSWER or cookie != self._cookie:
            raise EndpointError("the disk server answered something else than it was asked")
        if error:
            raise EndpointError(f"the disk cannot be read at byte {offset}", details=f"NBD error {error}")
        return self._exactly(size)

    def _shake_hands(self, export: bytes) -> int:
        first, second, flags = struct.unpack(">QQH", self._exactly(18))
        if first != _HELLO or second != _OPTION or not flags & _FIXED:
            raise EndpointError("what answers there is no disk server of today's protocol")
        self._line.sendall(struct.pack(">I", _FIXED | (flags & _NO_ZEROES)))
        data = struct.pack(">I", len(export)) + export + struct.pack(">H", 0)
        self._line.sendall(struct.pack(">QII", _OPTION, _GO, len(data)) + data)
        size = None
        while True:
            magic, option, kind, length = struct.unpack(">QIII", self._exactly(20))
            if magic != _REPLY or option != _GO or length > _SMALL_ANSWER:
                raise EndpointError("the disk server answered something else than it was asked")
            answer = self._exactly(length)
            if kind & 0x80000000:
                raise EndpointError("the disk server refuses the disk", details=answer.decode(errors="replace"))
            if kind == _INFO and length >= 12 and struct.unpack(">H", answer[:2])[0] == _EXPORT:
                size = struct.unpack(">Q", answer[2:10])[0]
            if kind == _ACK:
                break
        if size is None:
            raise EndpointError("the disk server did not tell the disk's size")
        return int(size)

    def _exactly(self, size: int) -> bytes:
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size:
            got = self._line.recv_into(view[done:])
            if not got:
                raise EndpointError("the disk server hung up")
            done += got
        return bytes(data)


@contextlib.contextmanager
def connected(where: Path | tuple[str, int], export: str = "", *, timeout: float = 60) -> Iterator[NbdDisk]:
    """A disk behind a unix socket (a path) or a TCP port (host, port); ``timeout`` in seconds for each answer."""
    with _translated(f"reaching the disk server at {where}"):
        if isinstance(where, Path):
            line = socket.socket(socket.AF_UNIX)
            line.settimeout(timeout)
            try:
                line.connect(str(where))
            except OSError:
                line.close()
                raise
        else:
            line = socket.create_connection(where, timeout)
            line.settimeout(timeout)
    try:
        disk = NbdDisk(line, export)
    except BaseException:
        line.close()
        raise
    try:
        yield disk
    finally:
        disk.close()


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = Unreachable if isinstance(error, (TimeoutError, ConnectionError, FileNotFoundError)) else EndpointError
        raise kind(f"{what} did not work", details=str(error)) from error
