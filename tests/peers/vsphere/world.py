"""All the parts of a running vCenter, begun and ended in order."""

from __future__ import annotations

import json
import ssl
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.peers.vsphere import odd, seeding
from tests.peers.vsphere.accounts import Accounts
from tests.peers.vsphere.capture import Captures
from tests.peers.vsphere.content import Content
from tests.peers.vsphere.datafiles import DataFiles
from tests.peers.vsphere.direct import Direct
from tests.peers.vsphere.disks import SNAPSHOT, Disks
from tests.peers.vsphere.effects import Effects
from tests.peers.vsphere.exports import Exports
from tests.peers.vsphere.guests import Guests
from tests.peers.vsphere.journal import Journal
from tests.peers.vsphere.library import Libraries
from tests.peers.vsphere.operations import Operations
from tests.peers.vsphere.pages import Pages
from tests.peers.vsphere.power import Power
from tests.peers.vsphere.programs import Programs
from tests.peers.vsphere.roles import Roles
from tests.peers.vsphere.rules import Rules
from tests.peers.vsphere.seeding import VM, Inventory, Seeded, Shape
from tests.peers.vsphere.server import Asked, Front, Service
from tests.peers.vsphere.strict import Strict
from tests.peers.vsphere.tasks import Tasks
from tests.peers.vsphere.transfers import Elsewhere, Transfers
from tests.peers.vsphere.upstream import Upset, Upstream, value
from tests.peers.vsphere.vmtx import TemplateItems
from tests.peers.vsphere.wire import leaf, tag

AUTH = '<val xsi:type="ManagedObjectReference" type="GuestAuthManager">guestOperationsAuthManager</val>'


@dataclass(frozen=True)
class Times:
    """
    Seconds: of every task, from power-on until Tools answers, until a silent session ends, of an exit code, of a lease
    that nobody renews.
    """

    task: float = 0.05
    boot: float = 0.3
    idle: float = 1800
    exit_code: float = 300
    lease: float = 300


class World:
    """The simulator, its guests, and the services in front of it."""

    def __init__(self, folder: Path, times: Times, *, machines: int = 0, flags: tuple[str, ...] = ()) -> None:
        self._times, self._folder, self._machines, self._flags = times, folder, machines, flags
        self._esx = "-esx" in flags
        self._stack = ExitStack()
        self.rules = Rules()

    def __enter__(self) -> World:
        """Start the simulator and what follows it."""
        with ExitStack() as stack:
            up = Upstream(self._folder / "simulator", machines=self._machines, flags=self._flags, idle=self._times.idle)
            self.upstream = up
            stack.callback(up.end)
            self.guests = Guests(self._folder / "guests")
            self.programs = Programs(self.guests, self._folder / "programs", self._times.exit_code)
            self.power = Power(up, self.guests, self.programs, self._times.boot)
            stack.callback(self.power.end)
            self.disks, self.inventory = Disks(up), Inventory(up)
            self.data = DataFiles(up, self.inventory.datastores)
            effects = Effects(up, self.guests, self.power, self.disks, self.data)
            self.tasks = Tasks(up, effects, Strict(up), self._times.task)
            stack.callback(self.tasks.end)
            self.transfers = Transfers()
            self.operations = Operations(up, self.guests, self.programs, self.transfers)
            self.direct = Direct(up, self.guests, self.power)
            self.exports = Exports(up, self.guests, self._folder / "exports", self._times.task, self._times.lease)
            stack.callback(self.exports.end)
            self.libraries = Libraries(self._folder / "library")
            captures = Captures(up, self.guests, self.libraries, self)
            items = TemplateItems(up, self.libraries, self.tasks)
            self.content = Content(up, self.libraries, captures, items, self._times.task)
            if not self._esx:
                up.change("GuestOperationsManager", "guestOperationsManager", {"authManager": AUTH})
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything, newest first; what the peer itself did wrong is told where nothing else went wrong."""
        self._stack.close()
        if error is None and (broken := self.tasks.broken + self.exports.broken):
            raise AssertionError("the peer broke: " + "\n".join(broken))

    def open(
        self, journal: Journal, accounts: Accounts, vcenter: ssl.SSLContext, host: ssl.SSLContext
    ) -> tuple[int, int]:
        """Listen; the ports of the vCenter and of its hosts."""
        front, hosts = (Front(self.upstream, self.rules, journal) for _ in range(2))
        self.front = front
        ours: list[Service] = [self.transfers, self.operations, self.tasks, self.direct, self.content]
        roles = Roles(self.upstream, accounts)
        front.services = [accounts, roles, Pages(front.forward), *ours]
        front.expire, front.names_of = accounts.expire, self._names
        front.seen = lambda asked, reply: roles.seen(asked, accounts.seen(asked, reply))
        hosts.services, hosts.names_of = [self.transfers, Elsewhere()], self._names
        self._stack.callback(hosts.end)
        self._stack.callback(front.end)
        front.port, hosts.port = front.listen(vcenter), hosts.listen(host)
        # Behind a vCenter the host is named, on ESXi itself it is a star (docs/facts: vsphere 8).
        self.transfers.address = f"*:{front.port}" if self._esx else f"localhost:{hosts.port}"
        self.exports.address = self.transfers.address
        for one in (front, hosts):
            one.services.insert(one.services.index(self.transfers), self.exports)
        return front.port, hosts.port

    def shape(self, moid: str) -> Shape:
        """What a machine is made of."""
        return self.power.shapes.get(moid, Shape(state=None))

    def make(self, name: str, shape: Shape) -> str | None:
        """A machine of this shape, without a guest yet; None where the name is taken."""
        inner = f'<entity type="Folder">{self.inventory.folder}</entity>{leaf("name", seeding.stored(name))}'
        if self.upstream.ask("searchIndex", "FindChild", inner).findtext(tag("returnval")):
            return None
        return self._made(name, shape).moid

    def host_thumbprint(self, text: str) -> None:
        """What vCenter tells of its hosts' certificates."""
        self.exports.thumbprint = text
        for moid in self.inventory.hosts:
            self.upstream.change("HostSystem", moid, {"summary.config.sslThumbprint": value(text)})

    def seed(self, name: str, shape: Shape) -> Seeded:
        """A user's machine with its guest."""
        made = self._made(name, shape)
        if shape.state is not None:
            self.guests.seed(made.moid, shape)
        return made

    def _made(self, name: str, shape: Shape) -> Seeded:
        made = seeding.create(self.upstream, self.inventory, name, shape)
        self.power.shapes[made.moid] = shape
        self.power.describe(made.moid)
        devices = self.disks.stamp(self.disks.devices(made.moid))
        self.disks.put(made.moid, odd.devices(devices, shape.odd))
        if "encrypted" in shape.odd:
            self.upstream.change(VM, made.moid, {"config.keyId": odd.KEY})
        return made

    def _names(self, asked: Asked) -> tuple[str, str]:
        """The new thing's name and the machine's, for rules and journal."""
        call = asked.call
        if call is None:
            return self.transfers.name(asked) or _named(asked), ""
        new = next((call.text(path) for path in ("name", "newName", "config/name", "spec/name") if call.text(path)), "")
        machine = call.text("vm") or (call.this if call.kind == VM else "")
        try:
            if call.kind == SNAPSHOT:
                machine = self.upstream.texts(SNAPSHOT, call.this, "vm").get("vm", "")
            return new, self.upstream.texts(VM, machine, "name").get("name", "") if machine else ""
        except Upset:
            return new, ""


def _named(asked: Asked) -> str:
    """The name that a REST request gives to a new thing."""
    try:
        given = json.loads(asked.body or b"{}")
    except ValueError:
        return ""
    for part in ("create_spec", "spec", "deployment_spec", "update_spec"):
        if isinstance(given, dict) and isinstance(given.get(part), dict) and given[part].get("name"):
            return str(given[part]["name"])
    return str(given.get("name", "")) if isinstance(given, dict) else ""
