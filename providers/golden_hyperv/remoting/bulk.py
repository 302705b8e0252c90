"""
Bytes of files to a host and back: by SFTP where it has OpenSSH, else by two constant scripts in pieces.

Either way a file is written beside its place, compared by its SHA-256 on the host, and then renamed over it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Protocol

import paramiko

from golden.errors import TimedOut
from golden.waiting import Deadline
from golden_hyperv.remoting.losses import Failure, LinkLost, RemoteError
from golden_hyperv.remoting.transport import ANSWER

Told = Callable[[int, int], None]
WINDOW = 8 << 20
"""Bytes of a file that are asked for, or written, at once by SFTP."""
REQUEST = 32768
"""Bytes of one SFTP request that every server takes (paramiko's own limit)."""
PIECE = 1 << 19
"""Bytes in one script's answer or parameter; a shell has little memory, and the host keeps a few copies of each."""
FINISHING = 600.0
"""Seconds a host has at least to read what was written once more and give it its name."""
DISK_FULL = -2147024784
"""HRESULT of ERROR_DISK_FULL (0x80070070), which is why a host takes the first bytes of a file and not the others."""
_DRIVE = re.compile(r"[A-Za-z]:[\\/].+", re.DOTALL)

Run = Callable[..., list[Any]]


class Way(Protocol):
    """How bytes travel."""

    def write(self, stream: BinaryIO, part: str, told: Told | None, deadline: Deadline | None) -> str:
        """Everything of the stream into a new file; its SHA-256."""

    def read(self, path: str, offset: int, size: int | None) -> Iterator[bytes]:
        """Pieces of a file."""


def put(run: Run, way: Way, stream: BinaryIO, path: str, told: Told | None, deadline: Deadline | None) -> str:
    """Write a file whole. What an earlier attempt left beside it has a name of its own and is not touched."""
    part = f"{path}.{secrets.token_hex(4)}.part"
    try:
        digest = way.write(stream, part, told, deadline)
        _in_time(part, deadline)
        # Cut off in the middle nobody would know which file is there: once begun it has time to read the file again.
        finishing = None if deadline is None else Deadline(max(deadline.left, FINISHING))
        run("file_finish", deadline=finishing, Part=part, Path=path, Sha256=digest)
    except (RemoteError, TimedOut):
        with suppress(RemoteError, LinkLost, TimedOut):
            run("clear_away", deadline=Deadline(30), Path=[part])
        raise
    return digest


class Pieces:
    """By the scripts ``file_write`` and ``file_read``, through the session itself."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def write(self, stream: BinaryIO, part: str, told: Told | None, deadline: Deadline | None) -> str:
        """A piece a call; an empty file takes one too."""
        digest, done, total = hashlib.sha256(), 0, _size(stream)
        data = stream.read(PIECE)
        while True:
            text = base64.b64encode(data).decode("ascii")
            self._run("file_write", deadline=deadline, Path=part, Offset=done, Data=text)
            digest.update(data)
            done += len(data)
            if told is not None:
                told(done, max(total, done))
            data = stream.read(PIECE)
            if not data:
                return digest.hexdigest()

    def read(self, path: str, offset: int, size: int | None) -> Iterator[bytes]:
        """Until the size or the end of the file."""
        left = size
        while left is None or left > 0:
            want = PIECE if left is None else min(PIECE, left)
            (answer,) = self._run("file_read", deadline=None, Path=path, Offset=offset, Size=want)
            data = base64.b64decode(answer)
            if not data:
                return
            yield data
            offset += len(data)
            left = None if left is None else left - len(data)
            if len(data) < want:
                return


class Sftp:
    """By SFTP, over a line of its own or the session's."""

    def __init__(self, client: paramiko.SSHClient) -> None:
        """LinkLost where the server has no SFTP."""
        self._client = client
        with _lines("SFTP"):
            self._sftp = client.open_sftp()
        channel = self._sftp.get_channel()
        if channel is not None:
            channel.settimeout(2 * ANSWER)  # A disk may take its time; a host that hangs is lost all the same.

    def close(self) -> None:
        """Close SFTP; the line under it belongs to whoever opened it. Does not raise."""
        with suppress(paramiko.SSHException, EOFError, OSError):
            self._sftp.close()

    def write(self, stream: BinaryIO, part: str, told: Told | None, deadline: Deadline | None) -> str:
        """Without waiting for each request's answer; the last one's is waited for."""
        digest, done, total = hashlib.sha256(), 0, _size(stream)
        with _lines(part), self._sftp.open(far(part), "wbx") as file:
            file.set_pipelined(True)
            while data := stream.read(WINDOW):
                _in_time(part, deadline)
                file.write(data)
                digest.update(data)
                done += len(data)
                if told is not None:
                    told(done, max(total, done))
        self._check(part, done)
        return digest.hexdigest()

    def _check(self, part: str, size: int) -> None:
        """Answers to writes that nobody waited for are lost, a full disk's among them (paramiko); the size tells."""
        with _lines(part):
            met = int(self._sftp.stat(far(part)).st_size or 0)
        if met != size:
            words = f"{part}: the host took {met} of {size} bytes"
            raise RemoteError(
                Failure(words, "IOException", "WriteError", part, "System.IO.IOException", hresult=DISK_FULL)
            )

    def read(self, path: str, offset: int, size: int | None) -> Iterator[bytes]:
        """Windows of many requests at once."""
        with _lines(path), self._sftp.open(far(path), "rb") as file:
            end = int(file.stat().st_size or 0)
            end = end if size is None else min(end, offset + size)
            while offset < end:
                window = min(WINDOW, end - offset)
                parts = [(offset + at, min(REQUEST, window - at)) for at in range(0, window, REQUEST)]
                data = b"".join(file.readv(parts))
                if not data:
                    return
                yield data
                offset += len(data)


def far(path: str) -> str:
    """``C:\\x\\y`` as SFTP names it: ``/C:/x/y``."""
    return "/" + path.replace("\\", "/")


def is_far(path: str) -> bool:
    """Whether SFTP can name it: shares (``\\\\server\\share``) it cannot."""
    return bool(_DRIVE.fullmatch(path))


def _in_time(part: str, deadline: Deadline | None) -> None:
    if deadline is not None and deadline.left <= 0:
        raise TimedOut(f"{part} was not written within {deadline.limit:.0f} s", hint="a larger --timeout")


def _size(stream: BinaryIO) -> int:
    """Bytes left in a stream; 0 where it does not know."""
    try:
        here = stream.tell()
        end = stream.seek(0, 2)
        stream.seek(here)
    except (OSError, ValueError):
        return 0
    return end - here


@contextmanager
def _lines(what: str) -> Iterator[None]:
    """The server's word as RemoteError, the line's end as LinkLost."""
    try:
        yield
    except (RemoteError, LinkLost, TimedOut):
        raise
    except FileNotFoundError as error:
        raise RemoteError(_file(what, "FileNotFoundException", "ObjectNotFound", str(error))) from error
    except PermissionError as error:
        raise RemoteError(_file(what, "UnauthorizedAccessException", "PermissionDenied", str(error))) from error
    except (paramiko.SSHException, EOFError, ConnectionError, TimeoutError) as error:
        raise LinkLost(f"{what}: {error or type(error).__name__}") from error
    except OSError as error:
        if str(error) == "Socket is closed":
            raise LinkLost(f"{what}: the line is closed") from error
        raise RemoteError(_file(what, "IOException", "WriteError", str(error))) from error


def _file(what: str, fqid: str, category: str, words: str) -> Failure:
    return Failure(f"{what}: {words}", fqid, category, what, f"System.IO.{fqid}")
