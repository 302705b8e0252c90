"""What a host is made of; kept in ``shape.json`` of its folder, where all its processes read it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "shape.json"


@dataclass(frozen=True)
class Shape:
    """
    A host. ``client`` is Windows 11 instead of Server 2022: automatic checkpoints are on by default.

    ``language`` is that of names of integration services and of messages that are shown (``de-DE``). ``hyper_v`` False:
    the module is not there. ``hidden``: commands this host does not have. ``shells`` and ``memory`` (MiB) are WinRM's
    quotas. ``free``: bytes left on C: (None: what is really free). ``nodes``: the cluster's, the first is this host;
    ``failover``: it is no node, but the feature of clusters is installed.
    ``powercli``: VMware PowerCLI is there, whose commands come first until a session imports Hyper-V's.
    ``switches``: (name, Private|Internal|External). ``delegated``: sessions carry network credentials (CredSSP).
    ``shares``: ``\\\\server\\share`` that exist. ``boot``: seconds from Start-VM to a heartbeat. ``lockout``: wrong
    guest passwords until the account is locked. ``slow``: seconds that each Receive takes, one fragment each.
    ``rights``: what the user may do, of ``hyper-v`` and ``files``. ``ps``: PowerShell's version behind SSH.
    """

    name: str = "HV1"
    client: bool = False
    language: str = "en-US"
    hyper_v: bool = True
    hidden: tuple[str, ...] = ()
    shells: int = 30
    memory: int = 1024
    free: int | None = None
    nodes: tuple[str, ...] = ()
    failover: bool = False
    powercli: bool = False
    switches: tuple[tuple[str, str], ...] = (("External", "External"), ("Isolated", "Private"))
    shares: tuple[str, ...] = ("\\\\files\\library",)
    delegated: bool = False
    boot: float = 0.1
    lockout: int = 10
    slow: float = 0.0
    rights: tuple[str, ...] = ("hyper-v", "files")
    ps: str = "7.4.6"
    configurations: tuple[str, ...] = ("Microsoft.PowerShell",)
    user: str = "golden"
    password: str = ""
    guest_user: str = "Administrator"
    guest_password: str = ""
    ssh_user: str = ""

    def save(self, folder: Path) -> None:
        """Write it down; it holds passwords."""
        file = folder / FILE
        file.touch(0o600)
        file.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, folder: Path) -> Shape:
        """The shape of the host in this folder."""
        read = json.loads((folder / FILE).read_text())
        for key in ("hidden", "nodes", "shares", "rights", "configurations"):
            read[key] = tuple(read[key])
        read["switches"] = tuple((name, kind) for name, kind in read["switches"])
        return cls(**read)

    @property
    def windows(self) -> str:
        """Windows' version."""
        return "10.0.22631" if self.client else "10.0.20348"
