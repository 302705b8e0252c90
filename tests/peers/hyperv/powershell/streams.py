"""[System.IO.FileStream], [SHA256] and what reads and writes bytes: objects that a script holds."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.powershell.syntax import Refused
from tests.peers.hyperv.powershell.values import number_of, sized, text_of

_ERRORS = {
    errno.ENOENT: ("System.IO.FileNotFoundException", "Could not find file '{}'.", -2147024894),
    errno.EEXIST: ("System.IO.IOException", "The file '{}' already exists.", -2147024816),
    errno.EACCES: ("System.UnauthorizedAccessException", "Access to the path '{}' is denied.", -2147024891),
    errno.EPERM: ("System.UnauthorizedAccessException", "Access to the path '{}' is denied.", -2147024891),
    errno.EISDIR: ("System.UnauthorizedAccessException", "Access to the path '{}' is denied.", -2147024891),
    errno.ENOTDIR: ("System.IO.DirectoryNotFoundException", "Could not find a part of the path '{}'.", -2147024893),
    errno.ENOTEMPTY: ("System.IO.IOException", "The directory is not empty.", -2147024751),
    errno.EAGAIN: (
        "System.IO.IOException",
        "The process cannot access the file '{}' because it is being used by another process.",
        -2147024864,
    ),
    errno.ENOSPC: ("System.IO.IOException", "There is not enough space on the disk.", -2147024784),
}


@contextmanager
def called(method: str, count: int, path: str = "") -> Iterator[None]:
    """Errors of files as .NET throws them, in the wrapping that PowerShell gives to what a method throws."""
    try:
        yield
    except OSError as wrong:
        other = ("System.IO.IOException", f"{wrong.strerror}", -2146232800)
        kind, words, hresult = _ERRORS.get(wrong.errno or 0, other)
        raise thrown(method, count, kind, words.format(path), hresult) from None


def thrown(method: str, count: int, kind: str, message: str, hresult: int = -2146233088) -> Failure:
    """A MethodInvocationException round what a method of .NET threw."""
    failure = Failure(f'Exception calling "{method}" with "{count}" argument(s): "{message}"', kind.rsplit(".", 1)[-1],
                      "NotSpecified", None, "System.Management.Automation.MethodInvocationException",
                      terminating=True)  # fmt: skip
    failure.inner = Failure(message, kind.rsplit(".", 1)[-1], "NotSpecified", None, kind)  # type: ignore[attr-defined]
    failure.inner.hresult = hresult  # type: ignore[attr-defined]
    return failure


class Named:
    """An object whose properties and methods are methods of ours: ``get_x``, ``set_x``, ``do_x``."""

    def ps_get(self, name: str) -> Any:
        return self._of("get", name)()

    def ps_set(self, name: str, value: Any) -> None:
        self._of("set", name)(value)

    def ps_call(self, name: str, given: list[Any]) -> Any:
        return self._of("do", name)(*given)

    def _of(self, how: str, name: str) -> Callable[..., Any]:
        found = getattr(self, f"{how}_{name.lower()}", None)
        if found is None:
            raise AttributeError(name)
        return found  # type: ignore[no-any-return]

    def do_tostring(self) -> str:
        return str(self)


class Stream(Named):
    """A FileStream or MemoryStream."""

    def __init__(self, file: BinaryIO, name: str = "", kind: str = "System.IO.FileStream") -> None:
        self.file, self.name, self.kind = file, name, kind

    def __str__(self) -> str:
        return self.kind

    def get_length(self) -> int:
        self.file.flush()
        here = self.file.tell()
        end = self.file.seek(0, os.SEEK_END)
        self.file.seek(here)
        return sized("Int64", end)

    def get_position(self) -> int:
        return sized("Int64", self.file.tell())

    def set_position(self, value: Any) -> None:
        self.file.seek(number_of(value, "Int64"))

    def get_name(self) -> str:
        return self.name

    def get_canread(self) -> bool:
        return not self.file.closed and self.file.readable()

    def do_read(self, buffer: Any, offset: Any, count: Any) -> int:
        if not isinstance(buffer, bytearray):
            raise Refused("Read wants a [byte[]] that can be written to")
        offset, count = int(number_of(offset, "Int32")), int(number_of(count, "Int32"))
        if offset + count > len(buffer):
            raise thrown("Read", 3, "System.ArgumentException", "Offset and length were out of bounds for the array "
                         "or count is greater than the number of elements from index to the end of the source "
                         "collection.")  # fmt: skip
        with called("Read", 3, self.name):
            read = self.file.read(count)
        buffer[offset : offset + len(read)] = read
        return len(read)

    def do_readbyte(self) -> int:
        read = self.file.read(1)
        return read[0] if read else -1

    def do_write(self, buffer: Any, offset: Any, count: Any) -> None:
        offset, count = int(number_of(offset, "Int32")), int(number_of(count, "Int32"))
        with called("Write", 3, self.name):
            self.file.write(bytes(buffer)[offset : offset + count])

    def do_seek(self, offset: Any, origin: Any) -> int:
        whence = {"begin": 0, "current": 1, "end": 2}[text_of(origin).lower()]
        return sized("Int64", self.file.seek(int(number_of(offset, "Int64")), whence))

    def do_setlength(self, length: Any) -> None:
        with called("SetLength", 1, self.name):
            self.file.truncate(int(number_of(length, "Int64")))

    def do_flush(self, *_: Any) -> None:
        with called("Flush", 0, self.name):
            self.file.flush()

    def do_copyto(self, other: Stream, *_: Any) -> None:
        with called("CopyTo", 1, self.name):
            while piece := self.file.read(1 << 20):
                other.file.write(piece)

    def do_toarray(self) -> bytearray:
        if not isinstance(self.file, io.BytesIO):
            raise AttributeError("ToArray")
        return bytearray(self.file.getvalue())

    def do_dispose(self) -> None:
        with called("Dispose", 0, self.name):
            self.file.close()

    do_close = do_dispose


def open_stream(path: Path, name: str, mode: str, access: str = "", share: str = "", count: int = 1) -> Stream:
    """
    new FileStream(name, mode, access, share); what FileMode and FileAccess say in the .NET reference.

    FileShare.None keeps everybody else out as long as the file is open, in whatever process; the other kinds are not
    told apart.
    """
    mode, access = mode.lower(), access.lower() or ("write" if mode.lower() == "append" else "readwrite")
    writes = access != "read"
    with called("Open" if count > 1 else "OpenRead", count, name):
        if not path.parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "no folder", str(path))
        there = path.exists()
        if path.is_dir() or (there and writes and not path.stat().st_mode & 0o200):
            raise PermissionError(errno.EACCES, "read-only", str(path))
        if mode == "createnew" and there:
            raise FileExistsError(errno.EEXIST, "there", str(path))
        if mode in ("open", "truncate") and not there:
            raise FileNotFoundError(errno.ENOENT, "missing", str(path))
        if mode not in ("open", "openorcreate", "create", "createnew", "truncate", "append"):
            raise Refused(f"FileMode {mode}")
        if mode in ("create", "createnew", "truncate") or not there:
            path.write_bytes(b"")
        stream = Stream(path.open("r+b" if writes else "rb"), name)
        try:
            fcntl.flock(stream.file, (fcntl.LOCK_EX if share.lower() == "none" else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError:
            stream.file.close()
            raise
        if mode == "append":
            stream.file.seek(0, os.SEEK_END)
        return stream


class Digest(Named):
    """[SHA256]::Create()."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._done: bytearray | None = None

    def __str__(self) -> str:
        return "System.Security.Cryptography.SHA256CryptoServiceProvider"

    def do_computehash(self, what: Any, offset: Any = 0, count: Any = None) -> bytearray:
        digest = hashlib.sha256()
        if isinstance(what, Stream):
            while piece := what.file.read(1 << 20):
                digest.update(piece)
        else:
            whole = bytes(what)
            digest.update(whole[offset : len(whole) if count is None else offset + count])
        return bytearray(digest.digest())

    def do_transformblock(self, buffer: Any, offset: Any, count: Any, _out: Any, _at: Any) -> int:
        self._hash.update(bytes(buffer)[offset : offset + count])
        return int(count)

    def do_transformfinalblock(self, buffer: Any, offset: Any, count: Any) -> bytearray:
        last = bytes(buffer)[offset : offset + count]
        self._hash.update(last)
        self._done = bytearray(self._hash.digest())
        return bytearray(last)

    def get_hash(self) -> bytearray | None:
        return self._done

    def do_dispose(self) -> None:
        self._hash = hashlib.sha256()

    do_clear = do_dispose
