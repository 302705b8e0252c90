"""The bench of the vSphere peer for the provider contract, and endpoints that reach it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from golden.guest.dialect import Dialect
from golden.model import Origin
from golden.provider import Endpoint, Hypervisor, Scope
from golden.windows.dialect import WindowsDialect
from golden_vsphere import PROVIDER
from tests.peers.vsphere.peer import Peer


def endpoint(peer: Peer, folder: Path, **options: str) -> Endpoint:
    """The peer as golden.toml would name it; passwords are read from files in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, secret in (("password", peer.password), ("guest-password", peer.guest_password)):
        (folder / name).write_text(secret + "\n")
    known = {
        "user": peer.user,
        "password_file": str(folder / "password"),
        "ca_file": str(peer.ca),
        "host_ca_file": str(peer.host_ca),
        "guest_account": peer.guest_user,
        "guest_password_file": str(folder / "guest-password"),
    }
    return Endpoint("vc", f"vsphere://{peer.host}:{peer.port}/DC0/golden", {**known, **options})


@dataclass(frozen=True)
class VsphereBench:
    """The stand-in guest behind a machine of the peer's."""

    endpoint: Endpoint
    state: Path
    where: str
    name: str = "vSphere's peer"
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
