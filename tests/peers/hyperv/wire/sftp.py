"""
``sftp`` as a subsystem of sshd: paramiko's server half on standard streams, with Windows' files.

Paths are those of Win32-OpenSSH: ``/C:/golden/x``. Read-only files and disks in use refuse what Windows refuses.
``python -m tests.peers.hyperv.wire.sftp FOLDER``, started by sshd for each session.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paramiko
from paramiko import SFTPAttributes
from paramiko.sftp import SFTP_FAILURE, SFTP_NO_SUCH_FILE, SFTP_OK, SFTP_PERMISSION_DENIED

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.files import Files, is_read_only
from tests.peers.hyperv.journal import Request
from tests.peers.hyperv.sessions import Link

HOME = "/C:/Users/Public"


class Streams:
    """Standard streams as the channel that paramiko's server half wants."""

    def get_transport(self) -> Any:
        """A transport that says how to log."""
        return SimpleNamespace(get_log_channel=lambda: "peer", get_hexdump=lambda: False)

    def get_name(self) -> str:
        """Its name in logs."""
        return "stdio"

    def recv(self, count: int) -> bytes:
        """What comes."""
        return os.read(0, count)

    def send(self, data: bytes) -> int:
        """What goes."""
        return os.write(1, data)

    def close(self) -> None:
        """Nothing to close."""


class Handle(paramiko.SFTPHandle):
    """An open file; a rule may let writes fail."""

    full = False
    readfile: Any = None
    writefile: Any = None

    def read(self, offset: int, length: int) -> bytes | int:
        """A piece."""
        if self.readfile is None:
            return int(SFTP_PERMISSION_DENIED)
        return os.pread(self.readfile.fileno(), length, offset)

    def write(self, offset: int, data: Any) -> int:
        """A piece."""
        if self.writefile is None:
            return int(SFTP_PERMISSION_DENIED)
        if self.full:
            return int(SFTP_FAILURE)
        os.pwrite(self.writefile.fileno(), data, offset)
        return int(SFTP_OK)

    def stat(self) -> SFTPAttributes:
        """What is known of it."""
        file = self.readfile or self.writefile
        return SFTPAttributes.from_stat(os.fstat(file.fileno()))


class Windows(paramiko.SFTPServerInterface):
    """The host's files."""

    def __init__(self, server: Any, link: Link) -> None:
        super().__init__(server)
        self._link, self._files = link, Files.of_host(link)

    def _rules(self, call: str, path: str) -> bool:
        """Rules on this call; whether the disk is full."""
        acting = self._link.acting(f"SFTP.{call}", path)
        self._link.note(Request(f"SFTP.{call}", self._link.shape.user, "ssh", given={"Path": path},
                                rules=[each.do for each in acting]))  # fmt: skip
        for each in acting:
            if each.do in ("drop-before", "kill-before"):
                os._exit(1)
            if each.do == "delay":
                time.sleep(each.seconds)
        return any(each.do in ("disk-full", "error") for each in acting)

    def _windows(self, path: str) -> str:
        plain = self.canonicalize(path)
        return str(plain)[1:].replace("/", "\\")

    def canonicalize(self, path: str) -> str:
        """An absolute path; relative ones begin at home."""
        given = path.replace("\\", "/")
        if not given.startswith("/"):
            given = f"/{given}" if given[1:2] == ":" else f"{HOME}/{given}"
        parts: list[str] = []
        for part in given.split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        return "/" + "/".join(parts)

    def _place(self, path: str) -> Path:
        return Path(self._files.path(self._windows(path)))

    def list_folder(self, path: str) -> list[SFTPAttributes] | int:
        """A folder's content; the root has the drives."""
        if self.canonicalize(path) == "/":
            return [_attributes(self._files.path("C:\\"), "C:")]
        try:
            found = self._place(path)
            return [_attributes(each, each.name) for each in sorted(found.iterdir())]
        except Failure as wrong:
            return _code(wrong)
        except OSError as wrong:
            return _errno(wrong)

    def stat(self, path: str) -> SFTPAttributes | int:
        """What is known of a path."""
        try:
            found = self._files.path("C:\\") if self.canonicalize(path) == "/" else self._place(path)
            return _attributes(found, found.name)
        except Failure as wrong:
            return _code(wrong)
        except OSError as wrong:
            return _errno(wrong)

    lstat = stat

    def open(self, path: str, flags: int, attr: SFTPAttributes) -> Handle | int:
        """Open a file."""
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
        full = self._rules("put" if writes else "get", self._windows(path))
        try:
            found = self._place(path)
            if writes:
                self._files.writable(self._windows(path))
                if flags & os.O_CREAT and not found.exists():
                    self._link.spend(1 << 20)
            descriptor = os.open(found, flags, 0o644)
        except Failure as wrong:
            return _code(wrong)
        except OSError as wrong:
            return _errno(wrong)
        made = Handle(flags)
        made.full = full
        # Read and write by position, so one file object is enough for both.
        file = os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "wb" if writes else "rb", buffering=0)
        made.readfile = None if writes and not flags & os.O_RDWR else file
        made.writefile = file if writes else None
        return made

    def _changed(self, call: str, path: str, deed: Any) -> int:
        if self._rules(call, self._windows(path)):
            return int(SFTP_FAILURE)
        try:
            deed(self._files.writable(self._windows(path)))
        except Failure as wrong:
            return _code(wrong)
        except OSError as wrong:
            return _errno(wrong)
        return int(SFTP_OK)

    def remove(self, path: str) -> int:
        """Delete a file."""
        return self._changed("remove", path, lambda found: found.unlink())

    def rename(self, oldpath: str, newpath: str) -> int:
        """A new name; an existing file is in the way."""

        def deed(found: Path) -> None:
            target = self._place(newpath)
            if target.exists():
                raise FileExistsError(17, "exists")
            found.rename(target)

        return self._changed("rename", oldpath, deed)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        """A new name, whatever has it."""

        def deed(found: Path) -> None:
            self._files.writable(self._windows(newpath))
            found.replace(self._place(newpath))

        return self._changed("rename", oldpath, deed)

    def mkdir(self, path: str, attr: SFTPAttributes) -> int:
        """A folder."""
        return self._changed("mkdir", path, lambda found: found.mkdir())

    def rmdir(self, path: str) -> int:
        """An empty folder goes."""
        return self._changed("rmdir", path, lambda found: found.rmdir())

    def chattr(self, path: str, attr: SFTPAttributes) -> int:
        """Size and times; modes say nothing on Windows."""

        def deed(found: Path) -> None:
            if attr.st_size is not None:
                os.truncate(found, attr.st_size)
            if attr.st_mtime is not None:
                os.utime(found, (attr.st_atime or attr.st_mtime, attr.st_mtime))

        return self._changed("chattr", path, deed)


def _attributes(found: Path, name: str) -> SFTPAttributes:
    made = SFTPAttributes.from_stat(found.stat(), name)
    made.filename = name
    made.longname = str(made)
    if found.is_file() and is_read_only(found):
        made.st_mode = stat.S_IFREG | 0o444
    return made


def _errno(wrong: OSError) -> int:
    return int(paramiko.SFTPServer.convert_errno(wrong.errno or 0))


def _code(wrong: Failure) -> int:
    codes = {"PermissionDenied": SFTP_PERMISSION_DENIED, "ObjectNotFound": SFTP_NO_SUCH_FILE}
    return int(codes.get(wrong.category, SFTP_FAILURE))


def main() -> None:
    """Serve one session."""
    link = Link(Path(sys.argv[1]))
    link.transport = "ssh"
    channel = Streams()
    server = paramiko.SFTPServer(channel, "sftp", None, Windows, link)  # type: ignore[arg-type]
    server.start_subsystem("sftp", None, channel)  # type: ignore[arg-type]
    os._exit(0)


if __name__ == "__main__":
    main()
