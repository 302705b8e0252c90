"""The bench of the Hyper-V peer for the provider contract, and endpoints that reach it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from golden.guest.dialect import Dialect
from golden.model import Origin
from golden.provider import Endpoint, Hypervisor, Scope
from golden.windows.dialect import WindowsDialect
from golden_hyperv import PROVIDER
from tests.peers.hyperv.peer import Peer


def endpoint(peer: Peer, place: Path, **options: str) -> Endpoint:
    """The peer over WSMan, as golden.toml would name it; passwords are read from files in ``place``."""
    known = {"user": peer.user, "ca_file": str(peer.ca)}
    return Endpoint("hv", peer.url, {**known, **_secrets(peer, place), **options})


def ssh_endpoint(peer: Peer, place: Path, **options: str) -> Endpoint:
    """The same peer over SSH."""
    known = {"known_hosts_file": str(peer.known_hosts)}
    url = f"hyperv+ssh://{peer.ssh_user}@{peer.host}:{peer.ssh_port}"
    secrets = _secrets(peer, place)
    del secrets["password_file"]
    return Endpoint("hv", url, {**known, "key_file": str(peer.ssh_key), **secrets, **options})


def _secrets(peer: Peer, folder: Path) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, secret in (("password", peer.password), ("guest-password", peer.guest_password)):
        (folder / name).write_text(secret + "\n")
    return {
        "password_file": str(folder / "password"),
        "guest_account": peer.guest_user,
        "guest_password_file": str(folder / "guest-password"),
    }


@dataclass(frozen=True)
class HyperVBench:
    """The stand-in guest behind a machine of the peer's."""

    endpoint: Endpoint
    state: Path
    where: str
    name: str = "Hyper-V's peer"
    patience: float = 60
    dialect: Dialect = field(default_factory=WindowsDialect)

    def open(self) -> Hypervisor:
        """One more connection."""
        return PROVIDER.open(self.endpoint, Scope("selftest", self.state))

    def origin(self) -> Origin:
        """The user's machine."""
        return Origin("machine", self.where)

    def exits(self, code: int) -> tuple[str, ...]:
        """A Windows program that ends with a code."""
        return ("cmd.exe", "/c", "exit", str(code))
