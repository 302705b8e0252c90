"""
A vCenter to test against, in one ``with``.

``with vcenter(tmp_path) as peer:`` gives an address, a CA file, a user and a password that a real client uses as it
would use them anywhere; ``peer.seed`` puts a user's machine there, ``peer.rule`` lets something go wrong, and
``peer.requests()`` says what was asked. Everything it starts is ended with the block.
"""

from __future__ import annotations

import secrets
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.vsphere.accounts import Account, Accounts
from tests.peers.vsphere.certificates import Authority
from tests.peers.vsphere.journal import Journal, Request
from tests.peers.vsphere.rules import Rule
from tests.peers.vsphere.seeding import VM, Seeded, Shape
from tests.peers.vsphere.upstream import references, value
from tests.peers.vsphere.wire import tag
from tests.peers.vsphere.world import Times, World

USER = "golden@vsphere.local"
GUEST_USER = "Administrator"


@dataclass(frozen=True)
class Peer:
    """
    A running vCenter. ``ca`` verifies it, ``host_ca`` its hosts, where files are transferred; thumbprints are SHA-1.

    ``guest_user`` and ``guest_password`` are an administrator's in every guest.
    """

    folder: Path
    host: str
    port: int
    host_port: int
    ca: Path
    host_ca: Path
    thumbprint: str
    host_thumbprint: str
    user: str
    password: str
    guest_user: str
    guest_password: str
    world: World
    accounts: Accounts
    journal: Journal

    @property
    def url(self) -> str:
        """``https://host:port``."""
        return f"https://{self.host}:{self.port}"

    def seed(self, name: str, **shape: Any) -> Seeded:
        """Put a user's own machine there, powered off; what it is made of: ``seeding.Shape``."""
        return self.world.seed(name, Shape(**shape))

    def guest(self, moid: str) -> Path:
        """The tree of C: behind a machine or snapshot, to look into from outside."""
        return self.world.guests.of(moid) / "c"

    def rule(self, call: str, do: str, **more: Any) -> Rule:
        """Let something go wrong from now on; see ``rules.Rule``."""
        made = Rule(call, do, **more)
        self.world.rules.add(made)
        return made

    def requests(self, call: str = "") -> list[Request]:
        """What was asked and answered, oldest first; of one call only if it is named."""
        return [entry for entry in self.journal.entries() if call in ("", entry.call)]

    def account(self, user: str, password: str, lacks: dict[str, tuple[str, ...]] | None = None) -> Account:
        """Another user; ``lacks`` names privileges that its role has not, see ``accounts.Account``."""
        made = Account(user, password, lacks or {})
        self.accounts.add(made)
        return made

    def set(self, kind: str, moid: str, path: str, text: str, of: str = "xsd:string") -> None:
        """Change a property of any object; ``of`` is its type, such as ``xsd:long``. Watchers see it."""
        self.world.upstream.change(kind, moid, {path: value(text, of)})

    def drs(self, *, on: bool) -> None:
        """Whether clusters choose hosts by themselves."""
        up = self.world.upstream
        for moid in self.world.inventory.clusters:
            found = up.properties("ClusterComputeResource", moid, "configurationEx")["configurationEx"]
            flag = found.find(f"{tag('drsConfig')}/{tag('enabled')}")
            assert flag is not None
            flag.text = str(on).lower()
            change = {"configurationEx": ET.tostring(found, encoding="unicode")}
            up.change("ClusterComputeResource", moid, change)

    def mounts(self, host: str, *stores: str) -> None:
        """What a host, by its moid, reaches from now on; the cluster has what its hosts have."""
        up = self.world.upstream
        up.change("HostSystem", host, {"datastore": references(("Datastore", each) for each in stores)})
        for moid in self.world.inventory.clusters:
            hosts = [each.text or "" for each in up.properties("ClusterComputeResource", moid, "host")["host"]]
            met = {each.text or "": None for one in hosts for each in up.properties("HostSystem", one, "datastore").get(
                "datastore", ())}  # fmt: skip
            up.change("ClusterComputeResource", moid, {"datastore": references(("Datastore", each) for each in met)})

    def read_only(self, store: str, *hosts: str) -> None:
        """Which hosts, by their moids, have mounted a datastore so that they cannot write to it."""
        inner = "".join(
            f'<DatastoreHostMount><key type="HostSystem">{each}</key><mountInfo><path>/vmfs/volumes/{store}</path>'
            f"<accessMode>{'readOnly' if each in hosts else 'readWrite'}</accessMode><mounted>true</mounted>"
            "<accessible>true</accessible></mountInfo></DatastoreHostMount>"
            for each in self.world.inventory.hosts
        )
        val = f'<val xsi:type="ArrayOfDatastoreHostMount">{inner}</val>'
        self.world.upstream.change("Datastore", store, {"host": val})

    def machines(self) -> dict[str, str]:
        """Name to moid of every machine and template there is."""
        inventory = self.world.inventory
        return {self.world.upstream.texts(VM, moid, "name")["name"]: moid for moid in inventory.machines()}


@contextmanager
def vcenter(
    folder: Path,
    *,
    machines: int = 0,
    faults: Iterable[Rule] = (),
    times: Times | None = None,
    esx: bool = False,
    strange_hosts: bool = False,
    forms: tuple[str, ...] = ("rest", "api"),
    folders: bool = False,
    api: str = "",
) -> Iterator[Peer]:
    """
    A vCenter (``esx``: one ESXi host) that keeps its files in ``folder``.

    ``machines`` are other people's, without guests, in the folder ``/DC0/vm``. Certificates of hosts come from
    another authority with ``strange_hosts``; ``forms`` are the REST forms it answers. With ``folders`` the datacenter,
    and all that is in it, lies in folders; ``api`` is an older version of the interface, such as 7.0.3.0.
    AssertionError with what to install where it cannot be built.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        wanted = {"-esx": esx, "-folders": folders, f"-api={api}": api}
        flags = tuple(flag for flag, is_set in wanted.items() if is_set)
        world = stack.enter_context(World(folder, times or Times(), machines=machines, flags=flags))
        authority = hosts = Authority.new(folder / "ca.pem", "golden test CA")
        if strange_hosts:
            hosts = Authority.new(folder / "hosts.pem", "golden test host CA")
        context, thumbprint = authority.server(folder, "vcenter")
        host_context, host_thumbprint = hosts.server(folder, "esx1")
        journal, accounts = Journal(folder / "requests.jsonl"), Accounts(world.upstream, (times or Times()).idle)
        accounts.forms = () if esx else forms
        world.rules.extend(faults)
        port, host_port = world.open(journal, accounts, context, host_context)
        world.host_thumbprint(host_thumbprint)
        password, guest_password = (f"s3cret-{secrets.token_hex(8)}" for _ in range(2))
        accounts.add(Account(USER, password))
        world.operations.accounts[GUEST_USER] = guest_password
        yield Peer(
            folder, "127.0.0.1", port, host_port, authority.file, hosts.file, thumbprint, host_thumbprint,
            USER, password, GUEST_USER, guest_password, world, accounts, journal,
        )  # fmt: skip
