"""A client that is not golden's: pypsrp's own pool and pipelines, for the peer's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pypsrp.complex_objects import GenericComplexObject
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.serializer import TaggedValue
from pypsrp.wsman import WSMan

from tests.peers.hyperv.peer import Peer


@dataclass
class Result:
    """What one pipeline ended with: outputs, errors as (id, message), warnings."""

    output: list[Any] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    progress: int = 0

    @property
    def fqid(self) -> str:
        """The first error's id."""
        return self.errors[0][0] if self.errors else ""

    @property
    def one(self) -> Any:
        """The only output."""
        assert not self.errors, self.errors
        (made,) = self.output
        return made


class Client:
    """A runspace pool on the peer."""

    def __init__(self, peer: Peer, pool: RunspacePool) -> None:
        self.peer, self.pool = peer, pool

    def __call__(self, command: str, *more: tuple[str, dict[str, Any]], **given: Any) -> Result:
        """Run ``command`` with parameters, and what it is piped into."""
        with PowerShell(self.pool) as shell:
            for name, parameters in ((command, given), *more):
                shell.add_cmdlet(name).add_parameters({key: _sent(value) for key, value in parameters.items()})
            return self._done(shell)

    def script(self, text: str, **given: Any) -> Result:
        """Run a script."""
        with PowerShell(self.pool) as shell:
            shell.add_script(text).add_parameters({key: _sent(value) for key, value in given.items()})
            return self._done(shell)

    def _done(self, shell: PowerShell) -> Result:
        made = Result([plain(each) for each in shell.invoke()])
        made.errors = [(str(each.fq_error), str(each)) for each in shell.streams.error]
        made.warnings = [str(each.message) for each in shell.streams.warning]
        made.progress = len(shell.streams.progress)
        return made

    def credential(self, user: str, password: str) -> GenericComplexObject:
        """A PSCredential over the exchanged session key."""
        self.pool.exchange_keys()
        made = GenericComplexObject()
        made.types = ["System.Management.Automation.PSCredential", "System.Object"]
        made.adapted_properties = {"UserName": user, "Password": TaggedValue("SS", password)}
        return made

    def guest(self) -> GenericComplexObject:
        """The credential of the guests' administrator."""
        return self.credential(self.peer.guest_user, self.peer.guest_password)


def _sent(value: Any) -> Any:
    # pypsrp sends every int as Int32, whatever its size.
    big = isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 31
    return TaggedValue("I64", str(value)) if big else value


def plain(value: Any) -> Any:
    """pypsrp's objects as dicts, enumerations as their text."""
    if not isinstance(value, GenericComplexObject):
        return value
    properties = {**value.adapted_properties, **value.extended_properties}
    if not properties and value.to_string is not None:
        return value.to_string
    return {name: plain(each) for name, each in properties.items()}


def wsman(peer: Peer, *, secure: bool = True, password: str = "", **more: Any) -> WSMan:
    """A connection as pypsrp makes it."""
    about: dict[str, Any] = {"port": peer.port, "ssl": True, "cert_validation": str(peer.ca)}
    if not secure:
        about = {"port": peer.http_port, "ssl": False, "encryption": "always"}
    about = {"username": peer.user, "password": password or peer.password, "auth": "negotiate", **about, **more}
    return WSMan(peer.host, **about)


@contextmanager
def connected(peer: Peer, **more: Any) -> Iterator[Client]:
    """A session."""
    with RunspacePool(wsman(peer, **more)) as pool:
        yield Client(peer, pool)
