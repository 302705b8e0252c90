"""A session on a host: what everything else of the provider speaks through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from golden.waiting import Deadline
from golden_hyperv.remoting.command import Command
from golden_hyperv.remoting.events import Watch
from golden_hyperv.remoting.login import Login, SshLogin
from golden_hyperv.remoting.values import Credential, Secret

Told = Callable[[int, int], None]
"""Bytes done, bytes in all."""


@dataclass(frozen=True, slots=True)
class HostTable:
    """What the host says of itself when a session opens (its PSVersionTable)."""

    version: tuple[int, ...]
    """Of PowerShell, ``(5, 1, 20348, 1)``; empty where it was not told."""
    edition: str
    """``Desktop`` (Windows PowerShell) or ``Core`` (pwsh)."""
    os: str
    """The build of Windows as far as it is told, ``10.0.20348.1``."""


class Session:
    """
    An open runspace on one host. One call at a time; other threads wait for their turn.

    Every call raises RemoteError (the host's word), LinkLost (the session is gone) or TimedOut (the deadline; the
    pipeline was stopped and the session stays usable).
    """

    transport: str
    """``wsman`` or ``ssh``."""
    name: str
    """Of its shell on the host, ``golden/<host golden runs on>/<run>``."""
    table: HostTable

    def invoke(self, *commands: Command, watch: Watch | None = None, deadline: Deadline | None = None) -> list[Any]:
        """ONE pipeline: live objects flow from command to command on the host; what the last one gives is returned."""
        raise NotImplementedError

    def run(
        self, script: str, *, watch: Watch | None = None, deadline: Deadline | None = None, **parameters: Any
    ) -> list[Any]:
        """A script of the catalogue by name. ValueError for an unknown or a missing parameter; nothing is sent then."""
        raise NotImplementedError

    def secret(self, text: str) -> Secret:
        """A value that travels as a SecureString."""
        return Secret(text)

    def credential(self, user: str, password: Secret) -> Credential:
        """A value that travels as a PSCredential."""
        return Credential(user, password)

    def put(
        self, stream: BinaryIO, remote_path: str, *, told: Told | None = None, deadline: Deadline | None = None
    ) -> str:
        """Write a file whole: beside its place first, compared by SHA-256, then renamed over it. Returns the hash."""
        raise NotImplementedError

    def get(self, remote_path: str, offset: int = 0, size: int | None = None) -> bytes:
        """A piece of a file; shorter at its end; to the end where there is no size."""
        raise NotImplementedError

    def pieces(self, remote_path: str, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """The same, piece by piece."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the runspace and its shell; does not raise where the link is gone already."""
        raise NotImplementedError


def open_session(login: Login, *, run: str = "", sftp: SshLogin | None = None) -> Session:
    """
    Log in and open a runspace.

    ``run`` names the shell (a job's id); ``sftp`` is where bulk bytes go when the session itself is WSMan. Raises
    Unreachable, Refused (account, certificate, host key, quota), BadConfig and NotAble.
    """
    raise NotImplementedError
