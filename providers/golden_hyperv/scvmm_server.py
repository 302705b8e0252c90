"""
VMM's commands, in a shell on a host with the VMM console.

The connection to the VMM server belongs to the shell: a shell that was opened again after a loss connects again. The
account goes along as a PSCredential, as a remote shell has no credential of its own to show to another server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from golden.errors import Conflict, NotAble, NotFound
from golden.waiting import Deadline
from golden_hyperv import credentials
from golden_hyperv.faults import LostAnswer
from golden_hyperv.libraries import Place
from golden_hyperv.line import CALL, Line
from golden_hyperv.remoting import Credential, LinkLost, Session, WsmanLogin
from golden_hyperv.scvmm_faults import no_console, understood

LISTED = 20
"""Names that an error shows of what there is."""


@dataclass(frozen=True, slots=True)
class Share:
    """A library share."""

    id: str
    name: str
    path: str
    """``\\\\server\\share``"""
    server: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Something of VMM's that a template can be made with."""

    kind: str
    """hardware | guest | system"""
    id: str
    name: str
    generation: int
    """Of a hardware profile; 0 where it is none, or says none."""


def account(place: Place) -> Credential | None:
    """Who to be on the VMM server: the library's account, else the endpoint's; None for a ticket or a certificate."""
    if user := place.options.get("user"):
        return Credential(user, credentials.password(place.options, user, f"library {place.library}"))
    login = credentials.login(place.address)
    if isinstance(login, WsmanLogin) and login.password is not None:
        return Credential(login.user, login.password)
    return None


class Vmm:
    """One VMM server, through one host."""

    def __init__(self, line: Line, place: Place) -> None:
        """Connects. NotAble without Windows PowerShell or the console, Unreachable, Refused."""
        self.line = line
        self.place = place
        self.account = account(place)
        self._connected: Session | None = None
        if line.table.edition == "Core":
            raise NotAble(
                f"library {place.library} needs Windows PowerShell 5.1, and {place.address.shown} answers with "
                f"PowerShell {'.'.join(map(str, line.table.version)) or '7'}",
                hint="the session configuration Microsoft.PowerShell of that host: Enable-PSRemoting in powershell.exe",
            )
        with understood(place, f"connecting to the VMM server {place.server}"):
            line.read(self._on)

    def run(self, script: str, *, deadline: Deadline | None = None, **parameters: Any) -> list[Any]:
        """A script of the catalogue that may be done twice."""
        return self.line.read(
            lambda session: self._on(session).run(script, deadline=deadline or Deadline(CALL), **parameters)
        )

    def run_once(self, script: str, *, deadline: Deadline | None = None, **parameters: Any) -> list[Any]:
        """One that must not be done twice; LostAnswer where nobody knows whether it was done."""
        self.line.read(self._on)
        try:
            return self.line.once(
                lambda session: self._on(session).run(script, deadline=deadline or Deadline(CALL), **parameters)
            )
        except LinkLost as error:
            raise LostAnswer(str(error) or "the session broke") from error

    def _on(self, session: Session) -> Session:
        if session is self._connected:
            return session
        place = self.place
        told = session.run(
            "scvmm_connect",
            deadline=Deadline(CALL),
            Server=place.server,
            Port=place.port,
            Credential=self.account,
            Role=place.options.get("role", ""),
        )
        if not told or not told[-1]["Module"]:
            raise no_console(place)
        self._connected = session
        return session

    def shares(self) -> list[Share]:
        """All that VMM shows this account."""
        with understood(self.place, f"listing the library shares of {self.place.server}"):
            return [
                Share(str(one["Id"]), str(one["Name"]), str(one["Path"]), str(one["Server"]))
                for one in self.run("scvmm_shares")
            ]

    def share(self) -> Share:
        """The share of the URL. NotFound names those there are, Conflict where servers have it by the same name."""
        place, there = self.place, self.shares()
        named = [one for one in there if one.name.casefold() == place.share.casefold()]
        server = place.options.get("library_server", "").casefold()
        found = [one for one in named if not server or server in _names(one.server)]
        if len(found) > 1:
            raise Conflict(
                f"{len(found)} library servers of {place.server} have a share {place.share}",
                details="\n".join(one.path for one in found),
                hint=f'library_server = "{found[0].server}" in [libraries.{place.library}]',
            )
        if not found:
            shown = "\n".join(one.path for one in there[:LISTED])
            raise NotFound(
                f"the VMM server {place.server} has no library share {place.share}"
                + (f" on {place.options['library_server']}" if server else ""),
                details=f"it has:\n{shown}" if there else "it shows this account none",
                hint=f"like scvmm://{place.server}/{quote(there[0].name)}?endpoint={place.address.endpoint}"
                if there
                else "",
            )
        return found[0]

    def choices(self) -> list[Choice]:
        """Profiles and systems."""
        with understood(self.place, f"listing the profiles of {self.place.server}"):
            return [
                Choice(str(one["Kind"]), str(one["Id"]), str(one["Name"]), int(one["Generation"] or 0))
                for one in self.run("scvmm_choices")
            ]


def _names(server: str) -> tuple[str, str]:
    """With and without its domain."""
    return server.casefold(), server.casefold().split(".")[0]
