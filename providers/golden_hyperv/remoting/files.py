"""Which way the bytes of a file go: SFTP where there is a line for it and it can name the file, else the session."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from golden_hyperv.remoting.bulk import Pieces, Run, Sftp, Told, Way, is_far, put

if TYPE_CHECKING:
    import paramiko

    from golden.waiting import Deadline


class Files:
    """Of one session."""

    def __init__(self, line: Callable[[], paramiko.SSHClient] | None, *, is_own: bool) -> None:
        """``line`` logs in over SSH when it is first needed, or gives the session's; ``is_own``: it ends with this."""
        self._line = line
        self._is_own = is_own
        self._client: paramiko.SSHClient | None = None
        self._sftp: Sftp | None = None
        self._lock = threading.Lock()

    def put(self, run: Run, stream: BinaryIO, path: str, told: Told | None, deadline: Deadline | None) -> str:
        """Write a file whole; its SHA-256."""
        return put(run, self._way(run, path), stream, path, told, deadline)

    def pieces(self, run: Run, path: str, offset: int, size: int | None) -> Iterator[bytes]:
        """Pieces of a file."""
        return self._way(run, path).read(path, offset, size)

    def close(self) -> None:
        """Does not raise."""
        with self._lock:
            if self._sftp is not None:
                self._sftp.close()
            if self._client is not None and self._is_own:
                with suppress(OSError, EOFError):
                    self._client.close()
            self._sftp = self._client = None

    def _way(self, run: Run, path: str) -> Way:
        if self._line is None or not is_far(path):
            return Pieces(run)
        with self._lock:
            alive = self._client is not None and (way := self._client.get_transport()) is not None and way.is_active()
            if self._sftp is None or not alive:
                self._client = self._line()
                self._sftp = Sftp(self._client)
            return self._sftp
