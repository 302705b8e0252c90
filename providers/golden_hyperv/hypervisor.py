"""One Hyper-V host as one of golden's hypervisors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from golden.errors import BadName, Conflict, NotAble, NotFound, Refused
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
from golden.provider import Abilities, Hypervisor, Marked, Scope
from golden_hyperv import credentials, frozen, host, images, nodes, origins, quotas
from golden_hyperv.address import Address
from golden_hyperv.disks import Disks
from golden_hyperv.faults import translated
from golden_hyperv.guest import GuestLine, Whose
from golden_hyperv.line import Line
from golden_hyperv.machines import RUNNING, Held, Machines
from golden_hyperv.making import LINKED_ROOM, Maker, Order
from golden_hyperv.marking import MACHINE, State
from golden_hyperv.places import Places, checked
from golden_hyperv.remoting import Command
from golden_hyperv.speaking import Attempts

LOOK = "look"
"""The scope of commands that only look (``golden.provider.Scope``)."""


class HyperV:
    """An open connection to one host."""

    def __init__(self, line: Line, address: Address, scope: Scope) -> None:
        """``connect`` makes one from an address."""
        self.line = line
        self._address = address
        self._scope = scope
        self._account = credentials.guest_account(address.options)
        self._attempts = Attempts()
        told = host.ask(line, address)
        self.places = Places(address.folder)
        self.machines = Machines(line, self.places, told.name)
        """Of this node of a cluster, and of no other."""
        self.disks = Disks(line, scope.watcher)
        self.maker = Maker(self.machines, self.disks, scope.watcher, automatic_checkpoints=told.automatic_checkpoints)
        self._abilities = Abilities(
            linked_clone=True,
            snapshot_depth=address.snapshot_depth,
            work_outlives_client=True,
            forms=(images.FORM,),
            networks=told.networks(address),
        )

    @classmethod
    def connect(cls, address: Address, scope: Scope) -> HyperV:
        """Unreachable, Refused, BadConfig, NotAble where there is no Hyper-V; Conflict for another node's."""
        met = cls._at(address, scope)
        if address.node and not nodes.is_same(met.machines.node, address.node):
            met.close()  # A cluster's own name leads to whichever node has its core resources now.
            first, met = met.machines.node, cls._at(nodes.address_of(address, address.node), scope)
            if not nodes.is_same(met.machines.node, address.node):
                met.close()
                raise nodes.missed(address, first, met.line.address.shown, met.machines.node)
        try:
            if scope.job != LOOK:
                quotas.preflight(met.line, scope.watcher)
        except BaseException:
            met.close()
            raise
        return met

    @classmethod
    def _at(cls, address: Address, scope: Scope) -> HyperV:
        line = Line(address, scope.job, scope.watcher)
        try:
            return cls(line, address, scope)
        except BaseException:
            line.close()
            raise

    @property
    def abilities(self) -> Abilities:
        """Asked when the connection was opened."""
        return self._abilities

    def examine(self, origin: Origin) -> Candidate:
        """A machine of the host's, by its name."""
        return self._look(origin).candidate()

    def _look(self, origin: Origin) -> origins.Found:
        """On this node, or with a session of its own on the one of the cluster that owns it."""
        found = origins.look(self.machines, self.disks, origin)
        if isinstance(found, origins.Found):
            return found
        with nodes.opened(self._address, found, self._scope.job, self._scope.watcher) as line:
            there = Machines(line, self.places, host.ask(line, line.address).name)
            seen = origins.look(there, Disks(line, self._scope.watcher), origin)
        if isinstance(seen, origins.Found):
            return replace(seen, node=found, here=self.machines.node)
        raise Conflict(f"{origin.where} goes from node to node: it was on {found}, and is on {seen}", hint="try again")

    def adopt(self, name: str, origin: Origin, mark: Mark, *, in_place: bool) -> Machine:
        """A full copy of its disks, each in one file, under a machine of golden's own."""
        if in_place:
            raise NotAble("Hyper-V adopts copies only: nothing would keep others from changing a machine of theirs")
        self._must_be_free(name)
        found = self._look(origin)
        candidate = found.candidate()
        errors = [problem.sentence for problem in candidate.problems if problem.severity is Severity.ERROR]
        if errors:
            raise Conflict(f"{origin.where} cannot be adopted: {errors[0]}", details="\n".join(errors))
        order = Order(name, mark, found.hardware, found.disks, candidate.virtual_size)
        return self.maker.make(order).shown()

    def _must_be_free(self, name: str) -> None:
        if self.machines.find(checked(name)) is not None:
            raise Conflict(f"{name} is there already on {self._address.shown}")

    def find(self, name: str) -> Machine | None:
        """By golden's record; else by the note of a virtual machine in golden's folder."""
        try:
            held = self.machines.find(checked(name))
        except BadName:
            return None
        return None if held is None else held.shown()

    def list_marked(self) -> tuple[Marked, ...]:
        """Every record, and virtual machines with golden's note whose record is gone."""
        records = self.machines.records()
        found = [Marked(record.kind, record.name, record.mark) for record in records]
        known = {record.name for record in records if record.kind == MACHINE}
        return (*found, *(Marked(MACHINE, note.name, note.mark) for note in self.machines.strays(known)))

    def settle(self, machine: Machine) -> Machine | None:
        """A freeze is finished; whatever else is not whole is taken away, once nothing works on it."""
        held = self.machines.same(machine)
        if held is None:
            return None
        if held.record is not None and held.record.settled:
            return held.shown()
        with translated(f"settling {machine.name}"):
            if held.record is not None and held.record.state is State.FREEZING:
                record = frozen.finish(self.maker, held.record)
                return Held(held.name, record, None).shown()
            self.maker.destroy(held)
        return None

    def clone(self, name: str, source: Snapshot, mark: Mark, options: CloneOptions) -> Machine:
        """Differencing disks on the frozen ones, or whole copies of them; a virtual machine of its own."""
        checked(name)
        record = self.machines.frozen(source.machine, source.name)
        network = host.network_of(options.network, self._abilities.networks)
        depth = record.depth + 1 if options.linked else 0
        if depth > self._address.snapshot_depth:
            raise NotAble(
                f"{name} would be linked {depth} deep; golden takes {self._address.snapshot_depth} here",
                hint="a full clone, or a larger snapshot_depth in golden.toml",
            )
        with translated(f"looking at {source.machine}@{source.name}"):
            self.disks.known(record.disks)
            self.disks.must_be_whole(record.disks, f"cloning {source.machine}@{source.name}")
            size = LINKED_ROOM if options.linked else sum(self.disks.shape(path).size for path in record.disks)
        order = Order(
            name,
            mark,
            record.hardware,
            record.disks,
            size,
            linked=options.linked,
            parent=record.token,
            depth=depth,
            network=network,
        )
        return self.maker.make(order).shown()

    def start(self, machine: Machine) -> Machine:
        """Start-VM, once it is sure that it runs on golden's own disks and their chain is whole."""
        held = self.machines.get(machine)
        if held.points:
            raise Conflict(f"{held.name} is frozen and never started again", hint="start a clone of it")
        record = held.record
        if record is None or not record.settled:
            raise Conflict(f"{held.name} is half-made and cannot be started")
        if held.vm is None or held.vm.id != record.vm:
            with translated(f"making {held.name} again"):
                held = self.maker.with_vm(record)
        if held.vm is not None and held.vm.state != RUNNING:
            self.maker.must_be_attached(held)
            with translated(f"starting {held.name}"):
                self.disks.must_be_whole(record.disks, f"starting {held.name}")
            self.maker.power(held, on=True)
        return self.machines.get(machine).shown()

    def stop(self, machine: Machine) -> Machine:
        """Stop-VM -TurnOff."""
        held = self.machines.get(machine)
        self.maker.power(held, on=False)
        return self.machines.get(machine).shown()

    def disconnect(self, machine: Machine) -> Machine:
        """Every adapter, at once and for good."""
        held = self.machines.get(machine)
        if held.points:
            raise Conflict(f"{held.name} is frozen and stays as it is")
        if held.vm is not None and any(held.vm.switches):
            with translated(f"cutting {held.name} off its network"):
                cut = Command("Disconnect-VMNetworkAdapter")
                self.maker.change(held.vm.id, Command("Get-VMNetworkAdapter"), cut)
        return self.machines.get(machine).shown()

    def freeze(self, machine: Machine, name: str) -> Snapshot:
        """Without its virtual machine, read-only, under its final name; one that was cut off is finished."""
        begun = self.machines.get(machine).record
        if begun is not None and (begun.state, begun.point) == (State.FREEZING, checked(name)):
            with translated(f"freezing {begun.name}"):
                frozen.finish(self.maker, begun)
            return Snapshot(begun.name, name)
        held = self._off(machine, "frozen")
        if checked(name) not in held.points:
            frozen.freeze(self.maker, held, name)
        return Snapshot(held.name, name)

    def _off(self, machine: Machine, what: str) -> Held:
        held = self.machines.get(machine)
        if held.record is None or not held.record.settled:
            raise Conflict(f"{held.name} is half-made and cannot be {what}")
        if not held.is_off:
            raise Conflict(f"{held.name} is running and cannot be {what}", hint="shut it down first")
        return held

    def mark(self, machine: Machine, mark: Mark) -> Machine:
        """In its record, and in its note."""
        held = self.machines.get(machine)
        if held.record is None or not held.record.settled:
            raise Conflict(f"{held.name} is half-made and cannot be marked")
        record = self.machines.rewrite(held.record.but(mark=mark))
        if held.vm is not None:
            with translated(f"marking {held.name}"):
                self.maker.change(held.vm.id, Command("Set-VM", {"Notes": record.note()}))
        return self.machines.get(machine).shown()

    def destroy(self, machine: Machine) -> None:
        """Remove-VM and its own files; a parent's never, as they lie in the parent's folder."""
        held = self.machines.same(machine)
        if held is None:
            return
        if held.points:
            raise Conflict(f"{held.name} has frozen points: {', '.join(held.points)}")
        self.maker.destroy(held)

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        """The read-only attribute goes, once no disk hangs on it."""
        try:
            record = self.machines.frozen(snapshot.machine, snapshot.name)
        except NotFound:
            return
        needed_by = [
            other.name
            for other in self.machines.records(every=True)
            if other.parent == record.token and other.kind == MACHINE and (other.linked or not other.settled)
        ]
        if needed_by:
            raise Conflict(f"{snapshot.machine}@{snapshot.name} is needed by {', '.join(needed_by)}")
        with translated(f"letting {snapshot.machine}@{snapshot.name} go"):
            frozen.let_go(self.maker, record)

    def capture(self, name: str, machine: Machine, mark: Mark) -> Artifact:
        """One flat VHDX, by the host's own copy of the chain."""
        checked(name)
        held = self._off(machine, "captured")
        if held.points:
            raise Conflict(f"{held.name} is frozen; golden captures clones of it")
        if images.find(self.machines, name) is not None:
            raise Conflict(f"the image {name} is there already on {self._address.shown}")
        return images.capture(self.maker, held, name, mark)

    def find_image(self, name: str) -> Artifact | None:
        """By its record."""
        return images.find(self.machines, checked(name))

    def discard_image(self, artifact: Artifact) -> None:
        """Absent is success."""
        record = self.machines.record("image", checked(artifact.name))
        if record is None or record.token != artifact.id:
            return
        with translated(f"taking the image {artifact.name} away"):
            images.discard(self.maker, record)

    def identity(self, snapshot: Snapshot) -> tuple[FileStamp, ...]:
        """Data-write GUID, length and time of the last write of each frozen disk, and the frozen definition."""
        record = self.machines.frozen(snapshot.machine, snapshot.name)
        with translated(f"looking at {snapshot.machine}@{snapshot.name}"):
            return frozen.stamps(self.disks, record)

    def digest(self, snapshot: Snapshot) -> tuple[DiskFile, ...]:
        """Hashed on the host: no byte of them travels."""
        record = self.machines.frozen(snapshot.machine, snapshot.name)
        with translated(f"reading {snapshot.machine}@{snapshot.name}"):
            return frozen.hashed(self.disks, record)

    def free_space(self) -> int | None:
        """Of the volume golden's folder lies on."""
        with translated("asking for free space"):
            return self.disks.free(self.places.folder)

    def console_picture(self, machine: Machine) -> bytes:
        """Hyper-V's thumbnails are raw pictures of at most the screen's size; not read yet."""
        raise NotAble(f"golden takes no picture of the screen of {machine.name} on Hyper-V")

    def communicator(self, machine: Machine) -> Communicator:
        """PowerShell Direct, with the account that golden.toml names."""
        held = self.machines.get(machine)
        if held.vm is None:
            raise Refused(f"{held.name} has no virtual machine, so there is no way into its guest")
        whose = Whose(held.vm.id, held.name, self.places.machine(held.name))
        return GuestLine(self.line, whose, self._account, self._attempts, self._scope.watcher)

    @contextmanager
    def open_disk(self, thing: Machine | Snapshot | Artifact | Origin) -> Iterator[Any]:
        """Never: what golden has to know is read in the guest."""
        name = getattr(thing, "name", None) or getattr(thing, "where", "")
        raise NotAble(f"Hyper-V opens no disks for golden, {name} neither")
        yield  # pragma: no cover - what makes it a generator

    def close(self) -> None:
        """Close the session. Machines go on."""
        self.line.close()


if TYPE_CHECKING:

    def _fulfils(one: HyperV) -> Hypervisor:
        return one
