"""A session on a host: what everything else of the provider speaks through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from golden.waiting import Deadline
from golden_hyperv.remoting.catalogue import script as of_catalogue
from golden_hyperv.remoting.command import Command
from golden_hyperv.remoting.events import Watch
from golden_hyperv.remoting.login import Login, SshLogin
from golden_hyperv.remoting.values import Credential, Secret

if TYPE_CHECKING:
    from golden_hyperv.remoting.bulk import Run, Told
    from golden_hyperv.remoting.engine import Engine
    from golden_hyperv.remoting.files import Files

QUOTAS = 60.0


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
    pipeline was stopped and the session stays usable). ValueError and TypeError are ours: a name or a value that cannot
    be sent; nothing was.
    """

    def __init__(self, engine: Engine, files: Files, name: str) -> None:
        """``open_session`` makes them."""
        self._engine = engine
        self._files = files
        self.transport = engine.transport.name
        """``wsman`` or ``ssh``."""
        self.name = name
        """Of its shell on the host, ``golden/<host golden runs on>/<run>@<process>``."""
        self.table = _table(engine.conversation.private_data)

    def invoke(self, *commands: Command, watch: Watch | None = None, deadline: Deadline | None = None) -> list[Any]:
        """ONE pipeline: live objects flow from command to command on the host; what the last one gives is returned."""
        from golden_hyperv.remoting.conversation import Call

        if not commands:
            raise ValueError("a pipeline has at least one command")
        return self._engine.call([Call(one.name, one.parameters) for one in commands], watch, deadline)

    def run(
        self, script: str, *, watch: Watch | None = None, deadline: Deadline | None = None, **parameters: Any
    ) -> list[Any]:
        """A script of the catalogue by name. ValueError for an unknown or a missing parameter; nothing is sent then."""
        from golden_hyperv.remoting.conversation import Call

        constant = of_catalogue(script)
        constant.check(parameters)
        return self._engine.call([Call(constant.text, parameters, is_script=True)], watch, deadline)

    def secret(self, text: str) -> Secret:
        """A value that travels as a SecureString."""
        return Secret(text)

    def credential(self, user: str, password: Secret) -> Credential:
        """A value that travels as a PSCredential."""
        return Credential(user, password)

    def quotas(self) -> dict[str, str]:
        """WinRM's limits by name (MaxShellsPerUser…); none over SSH. RemoteError where the account may not read it."""
        if self.transport == "ssh":
            return {}
        return {one["Name"]: str(one["Value"]) for one in self.run("quotas", deadline=Deadline(QUOTAS))}

    def put(
        self,
        stream: BinaryIO,
        remote_path: str,
        *,
        told: Told | None = None,
        deadline: Deadline | None = None,
        run: Run | None = None,
    ) -> str:
        """
        Write a file whole: beside its place first, compared by SHA-256, then renamed over it. Returns the hash.

        After LinkLost what was written may lie there as ``<path>.<8 digits>.part``. Where the bytes go by SFTP beside
        WSMan, what its login meets is Unreachable, Refused or BadConfig. ``run`` is what gives the file its name, where
        this session may have been idle for too long by then (and what sends pieces, where no SFTP does).
        """
        return self._files.put(run or self.run, stream, remote_path, told, deadline)

    def get(self, remote_path: str, offset: int = 0, size: int | None = None) -> bytes:
        """A piece of a file; shorter at its end; to the end where there is no size."""
        return b"".join(self.pieces(remote_path, offset, size))

    def pieces(self, remote_path: str, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """The same, piece by piece."""
        return self._files.pieces(self.run, remote_path, offset, size)

    @property
    def is_lost(self) -> bool:
        """Whether every further call raises LinkLost."""
        return bool(self._engine.lost)

    def close(self) -> None:
        """Close the runspace and its shell; does not raise where the link is gone already."""
        self._files.close()
        self._engine.close()


def open_session(login: Login, *, run: str = "", sftp: SshLogin | None = None) -> Session:
    """
    Log in and open a runspace.

    ``run`` names the shell (a job's id); ``sftp`` is where bulk bytes go when the session itself is WSMan. Raises
    Unreachable, Refused (account, certificate, host key, quota), BadConfig and NotAble.
    """
    from golden_hyperv.remoting import opening

    opened = opening.over_ssh(login) if isinstance(login, SshLogin) else opening.over_wsman(login, run, sftp)
    return Session(opened.engine, opened.files, opened.name)


def _table(told: dict[str, Any]) -> HostTable:
    table = told.get("PSVersionTable") or {}
    version = re.match(r"\d+(\.\d+)*", str(table.get("PSVersion") or ""))
    return HostTable(
        version=tuple(int(one) for one in version[0].split(".")) if version else (),
        edition=str(table.get("PSEdition") or "Desktop"),
        os=str(table.get("BuildVersion") or table.get("OS") or ""),
    )
