"""vCenter as one of golden's hypervisors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golden.errors import BadName, Conflict, NotAble, NotFound
from golden.guest.communicator import Communicator
from golden.model import (
    Artifact,
    Candidate,
    CloneOptions,
    DiskFile,
    FileStamp,
    Machine,
    Mark,
    Origin,
    Severity,
    Snapshot,
)
from golden.provider import Abilities, DiskExporter, Hypervisor, Marked, Scope
from golden_vsphere import credentials, devices, frozen, marking, origins, room
from golden_vsphere.address import Address
from golden_vsphere.exports import Exports
from golden_vsphere.faults import translated
from golden_vsphere.guest import GuestLine
from golden_vsphere.images import FORM, HOST_FORM, Images
from golden_vsphere.intents import Intents
from golden_vsphere.inventory import Places, checked
from golden_vsphere.line import Line, open_line
from golden_vsphere.machines import Held, Machines
from golden_vsphere.making import Maker
from golden_vsphere.orders import Order
from golden_vsphere.placement import best_store, place_of_copy, place_of_link
from golden_vsphere.points import Points
from golden_vsphere.power_events import power_events
from golden_vsphere.transfer import Transfers


class Vsphere:
    """An open connection to vCenter, or to one ESXi host as far as that goes."""

    def __init__(self, line: Line, address: Address, scope: Scope) -> None:
        """``connect`` makes one from an address."""
        self.line = line
        self.places = Places(line, address)
        self.machines = Machines(
            self.places, Intents(scope.state / "vsphere" / Path(address.endpoint or "endpoint").name)
        )
        self.maker = Maker(self.machines, scope.watcher)
        self._points = Points(self.machines, self.maker, scope.watcher)
        self._images = Images(self.machines, self.maker)
        self._address = address
        self._scope = scope
        self._account = credentials.guest_account(address.options)
        self._transfers = Transfers(self.places)
        self._exports = Exports(self.places, self._transfers, scope.watcher)
        self._abilities = self._ask_abilities()

    @classmethod
    def connect(cls, address: Address, scope: Scope) -> Vsphere:
        """Unreachable, Refused, BadConfig, NotFound for the datacenter."""
        line = open_line(address)
        try:
            return cls(line, address, scope)
        except BaseException:
            line.close()
            raise

    def _ask_abilities(self) -> Abilities:
        isolated = self._address.options.get("isolated_network")
        names = tuple(dict.fromkeys(self.machines.network_names().values()))
        if isolated is not None:
            names = tuple(name for name in names if name == isolated)
        clones = self.line.is_vcenter
        return Abilities(
            export_disk=self._address.proof == "export",
            linked_clone=clones,
            snapshot_depth=self._address.snapshot_depth,
            work_outlives_client=True,
            forms=(FORM if clones else HOST_FORM,),
            networks=names,
        )

    @property
    def abilities(self) -> Abilities:
        """Asked when the connection was opened: what vCenter is, and its networks."""
        return self._abilities

    def examine(self, origin: Origin) -> Candidate:
        """A machine of vCenter's, by its name or path."""
        return origins.look(self.places, origin).candidate()

    def adopt(self, name: str, origin: Origin, mark: Mark, *, in_place: bool) -> Machine:
        """A full copy of its present state in golden's folder; the user's machine stays as it is."""
        if in_place:
            raise NotAble("vSphere adopts copies only: nothing would keep others from changing a machine of theirs")
        self.maker.must_be_free(marking.MACHINE, name)
        found = origins.look(self.places, origin)
        errors = [problem.sentence for problem in found.candidate().problems if problem.severity is Severity.ERROR]
        if errors:
            raise Conflict(f"{origin.where} cannot be adopted: {errors[0]}", details="\n".join(errors))
        place = place_of_copy(self.places, found.seen, found.hardware, f"a copy of {origin.where}")
        encrypted = found.told.get("config.keyId") is not None
        order = Order(marking.MACHINE, name, mark, found.native, found.hardware, place, encrypted=encrypted)
        return self.machines.shown(self.maker.make(order))

    def find(self, name: str) -> Machine | None:
        """In golden's folder, by its name and golden's record."""
        try:
            held = self.machines.find_late(checked(name))
        except BadName:
            return None
        return None if held is None else self.machines.shown(held)

    def list_marked(self) -> tuple[Marked, ...]:
        """golden's folder and all below it, what vCenter is still making included."""
        found = []
        for held in self.machines.all():
            mark = self.machines.mark_of(held)
            if mark is not None:
                found.append(Marked(held.record.kind if held.record else marking.MACHINE, held.name, mark))
        return tuple(found)

    def settle(self, machine: Machine) -> Machine | None:
        """What vCenter is still making is waited for; what is then not whole is taken away."""
        held = self.machines.same(machine) or self.machines.find(machine.name)
        if held is None:
            return None
        with translated(f"settling {machine.name}"):
            if held.record is None:
                self.maker.wait_out(held.native, machine.name)
                held = self.machines.held(held.native)
            if held is not None and held.record is not None and not held.record.settled:
                self.maker.take_back(held)
        if held is not None and not (held.record and held.record.settled):
            held = None  # Gone by now, or somebody else's after all.
        self.machines.intents.remove(checked(machine.name))
        return None if held is None else self.machines.shown(held)

    def clone(self, name: str, source: Snapshot, mark: Mark, options: CloneOptions) -> Machine:
        """Linked to the point's disks, or a full copy of them."""
        checked(name)
        if options.linked and not self._abilities.linked_clone:
            raise NotAble("a single ESXi host makes no linked clones: CloneVM is vCenter's")
        parent, point = self._frozen(source)
        network = room.allowed_network(self.places, self._abilities.networks, options.network)
        with translated(f"looking at {source.machine}@{source.name}"):
            state = frozen.read(self.places, point)
        if options.linked:
            place = place_of_link(self.places, parent.seen, state.hardware, name)
        else:
            place = place_of_copy(self.places, parent.seen, state.hardware, f"the full clone {name}")
        order = Order(
            marking.MACHINE,
            name,
            mark,
            parent.native,
            state.hardware,
            place,
            point=point.native,
            parent=parent.uuid,
            point_name=source.name,
            linked=options.linked,
            encrypted=parent.is_encrypted,
            network=network,
        )
        return self.machines.shown(self.maker.make(order))

    def _frozen(self, snapshot: Snapshot) -> tuple[Held, Any]:
        held = self.machines.find(snapshot.machine)
        point = None if held is None else held.point(snapshot.name)
        if held is None or point is None:
            raise NotFound(f"the frozen point {snapshot.name} of {snapshot.machine} is not there", hint="golden doctor")
        return held, point

    def start(self, machine: Machine) -> Machine:
        """PowerOnVM; a question of the machine's is named."""
        held = self.machines.get(machine)
        if held.points:
            raise Conflict(f"{held.name} is frozen and never started again", hint="start a clone of it")
        if not (held.record and held.record.settled):
            raise Conflict(f"{held.name} is half-made and cannot be started")
        if held.is_off or held.is_suspended:
            with translated(f"starting {held.name}"):
                self.maker.power(held, on=True)
        return self.machines.shown(self.machines.get(machine))

    def stop(self, machine: Machine) -> Machine:
        """PowerOffVM; what is suspended wakes for it."""
        held = self.machines.get(machine)
        if not held.is_off:
            with translated(f"cutting the power of {held.name}"):
                self.maker.power(held, on=False)
        return self.machines.shown(self.machines.get(machine))

    def disconnect(self, machine: Machine) -> Machine:
        """Every adapter, at once and at each later start."""
        held = self.machines.get(machine)
        if held.points:
            raise Conflict(f"{held.name} is frozen and stays as it is")
        changes = devices.cut_off(held.hardware)
        if changes:
            with translated(f"cutting {held.name} off its network"):
                self.maker.change(held.native, held.name, deviceChange=changes)
        return self.machines.shown(self.machines.get(machine))

    def freeze(self, machine: Machine, name: str) -> Snapshot:
        """A snapshot without memory of a machine that is off."""
        held = self._off(machine, "frozen")
        with translated(f"freezing {held.name}"):
            self._points.take(held, checked(name))
        return Snapshot(held.name, name)

    def _off(self, machine: Machine, what: str) -> Held:
        held = self.machines.get(machine)
        if not (held.record and held.record.settled):
            raise Conflict(f"{held.name} is half-made and cannot be {what}")
        if not held.is_off:
            state = "suspended" if held.is_suspended else "running"
            raise Conflict(f"{held.name} is {state} and cannot be {what}", hint="shut it down first")
        return held

    def mark(self, machine: Machine, mark: Mark) -> Machine:
        """In its extraConfig."""
        held = self.machines.get(machine)
        if held.record is None:
            raise Conflict(f"{held.name} is half-made and cannot be marked")
        with translated(f"marking {held.name}"):
            self.maker.change(held.native, held.name, extraConfig=held.record.but(mark=mark).options())
        return self.machines.shown(self.machines.get(machine))

    def destroy(self, machine: Machine) -> None:
        """Destroy_Task of vCenter's, which keeps disks that others are linked to."""
        held = self.machines.same(machine)
        if held is None:
            return
        if held.points:
            raise Conflict(f"{held.name} has frozen points: {', '.join(point.name for point in held.points)}")
        with translated(f"taking {held.name} away"):
            if self._abilities.export_disk:
                self._exports.wait_out(held)
            self.maker.destroy(held)

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        """RemoveSnapshot, and consolidation where vCenter says that it is needed."""
        held = self.machines.find(snapshot.machine)
        if held is None or not (held.record and held.record.settled):
            return
        with translated(f"letting {snapshot.machine}@{snapshot.name} go"):
            if (point := held.point(snapshot.name)) is not None:
                self._points.let_go(held, point)
            self._points.put_together(held)

    def capture(self, name: str, machine: Machine, mark: Mark) -> Artifact:
        """A full copy, flat, that becomes a template, on a host stays a machine; never a linked clone marked as one."""
        return self._images.made(checked(name), self._off(machine, "captured"), mark)

    def find_image(self, name: str) -> Artifact | None:
        """By its name in the folder of images."""
        return self._images.find(checked(name))

    def discard_image(self, artifact: Artifact) -> None:
        """Absent is success."""
        with translated(f"taking the image {artifact.name} away"):
            self._images.discard(artifact)

    def identity(self, snapshot: Snapshot) -> tuple[FileStamp, ...]:
        """What vCenter knows of each frozen disk, and the frozen definition."""
        _, point = self._frozen(snapshot)
        with translated(f"looking at {snapshot.machine}@{snapshot.name}"):
            return frozen.read(self.places, point).stamps(_where(snapshot))

    def digest(self, snapshot: Snapshot) -> tuple[DiskFile, ...]:
        """Every byte comes over the network, from the datastore."""
        held, point = self._frozen(snapshot)
        with translated(f"reading {snapshot.machine}@{snapshot.name}"):
            state = frozen.read(self.places, point)
            return frozen.hashed(self.places, held, state, _where(snapshot), self._scope.watcher)

    def free_space(self) -> int | None:
        """Of the datastore that the next full clone would lie on."""
        return best_store(self.places).free

    def console_picture(self, machine: Machine) -> bytes:
        """Not read yet: its only way leaves a file on the datastore."""
        raise NotAble(f"golden takes no picture of the screen of {machine.name} on vSphere")

    def power_events(self, machine: Machine) -> tuple[str, ...]:
        """As vCenter's event log has them."""
        held = self.machines.get(machine)
        with translated(f"asking what was done to {held.name}"):
            return power_events(self.line, held.native)

    def export_disk(self, machine: Machine, target: Path) -> None:
        """Over an HttpNfcLease, straight from the ESXi host."""
        if not self._abilities.export_disk:
            raise NotAble(f"{machine.name} is not exported", hint='proof = "export" for the endpoint in golden.toml')
        held = self._off(machine, "exported")
        with translated(f"exporting {held.name}"):
            self._exports.export(held, target)

    def communicator(self, machine: Machine) -> Communicator:
        """VMware's guest operations, with the account that golden.toml names."""
        held = self.machines.get(machine)
        return GuestLine(self.line, held.native, held.name, self._account, self._transfers, self._scope.watcher)

    @contextmanager
    def open_disk(self, thing: Machine | Snapshot | Artifact | Origin) -> Iterator[Any]:
        """Never: what golden has to know is read in the guest."""
        name = getattr(thing, "name", None) or getattr(thing, "where", "")
        raise NotAble(f"vSphere opens no disks for golden, {name} neither")
        yield  # pragma: no cover - what makes it a generator

    def close(self) -> None:
        """Log out. Machines go on."""
        self._transfers.close()
        self.line.close()


def _where(snapshot: Snapshot) -> str:
    return f"{snapshot.machine}@{snapshot.name}"


if TYPE_CHECKING:

    def _fulfils(one: Vsphere) -> Hypervisor:
        return one

    def _exports(one: Vsphere) -> DiskExporter:
        return one
