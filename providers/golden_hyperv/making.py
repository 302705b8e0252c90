"""
Making machines: claimed first, then disks, then the virtual machine, then the record that says it is whole.

Each act looks for what it makes where its answer was lost. What was cut off keeps its record, which says that it is
half-made; what was refused takes away what it made.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from golden.errors import Conflict, GoldenError, TimedOut, Unreachable
from golden.model import Mark
from golden.waiting import Deadline, Waiting, Watcher
from golden_hyperv import marking
from golden_hyperv.disks import Disks
from golden_hyperv.faults import LostAnswer, translated
from golden_hyperv.line import insisted
from golden_hyperv.machines import NO_CHECKPOINT, RUNNING, SAVED, Held, Machines, Vm
from golden_hyperv.marking import Hardware, Record, State
from golden_hyperv.remoting import Command

GUEST_SERVICE = "6C09BB55-D683-4DA0-8931-C9BF705F6480"
"""Id of the Guest Service Interface: its name is in the host's language (facts 3.4)."""
APPEARING = 3.0
"""Seconds in which a machine whose answer was lost shows itself."""
GOING = 120.0
"""Seconds a machine may take to go."""
LINKED_ROOM = 1 << 30
"""Bytes that have to be free for a linked clone: an update or a sysprep writes about that."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of a machine."""

    name: str
    mark: Mark
    hardware: Hardware
    sources: tuple[str, ...]
    """A disk each: the frozen parent of a child, or what is copied with its whole chain."""
    size: int
    """Bytes the copies may take in all; of a linked clone, what it will need."""
    linked: bool = False
    parent: str = ""
    depth: int = 0
    network: str = ""


class Maker:
    """Carries orders out, and takes away."""

    def __init__(self, machines: Machines, disks: Disks, watcher: Watcher, *, automatic_checkpoints: bool) -> None:
        """``automatic_checkpoints``: whether Set-VM of this host knows them, so that they can be turned off."""
        self.machines = machines
        self.disks = disks
        self._line = machines.line
        self._places = machines.places
        self._watcher = watcher
        self._can_turn_off = automatic_checkpoints

    def make(self, order: Order) -> Held:
        """The finished machine, off. Conflict for a name that is taken; nothing is left where it is refused."""
        record = self._planned(order)
        with translated(f"asking for room for {order.name}"):
            self.disks.must_hold(self._places.folder, order.size, order.name)
        if self.machines.find(order.name) is not None:
            raise Conflict(f"{order.name} is there already on {self._line.address.shown}")
        self.machines.claim(record)
        try:
            with translated(f"making {order.name}"):
                record = self._with_disks(order, record)
                return self.with_vm(record, order.network)
        except (Unreachable, TimedOut):
            raise  # Nobody knows what goes on there: the record stays, and settle looks.
        except GoldenError as error:
            self._clear(record, error)
            raise

    def _planned(self, order: Order) -> Record:
        paths = tuple(self._places.disk(order.name, number) for number in range(len(order.sources)))
        return Record(
            marking.MACHINE,
            order.name,
            secrets.token_hex(8),
            State.MAKING,
            order.mark,
            self.machines.node,
            order.hardware,
            paths,
            parent=order.parent,
            linked=order.linked,
            depth=order.depth,
        )

    def _clear(self, record: Record, error: GoldenError) -> None:
        """Take away what was refused; never hides the refusal itself."""
        try:
            held = self.machines.find(record.name)
            if held is not None and held.token == record.token:
                self.destroy(held)
        except GoldenError as second:
            error.add_note(f"and what it left could not be taken away: {second.brief}")

    def _with_disks(self, order: Order, record: Record) -> Record:
        place = self._places.machine(order.name)
        self._line.ask(Command("New-Item", {"ItemType": "Directory", "Path": place, "Force": True}))
        for source, path in zip(order.sources, record.disks, strict=True):
            if order.linked:
                self._watcher.doing(f"making the differencing disk of {order.name}")
                self.disks.child(source, path)
                continue
            self._watcher.doing(f"copying {source}")
            record = self._copied(record, source, path)
        return record

    def _copied(self, record: Record, source: str, path: str) -> Record:
        def noted(job: str) -> None:
            self.machines.rewrite(record.but(job=job))

        self.disks.copy(source, path, noted)
        return self.machines.rewrite(record.but(job=""))

    def with_vm(self, record: Record, network: str = "") -> Held:
        """The virtual machine for a record's disks, and the record that names it."""
        vm = self._made(record)
        self._configured(record, vm, network)
        record = self.machines.rewrite(record.but(state=State.READY, vm=vm, node=self.machines.node))
        now = next((one for one in self.machines.vms(record.name) if one.id == vm), None)
        if now is None:
            raise Conflict(f"{record.name} was taken away while it was made")
        held = Held(record.name, record, now)
        self.must_be_attached(held)
        return held

    def _made(self, record: Record) -> str:
        """Id of the virtual machine; there already from an earlier try is success."""
        name = record.name
        wanted: dict[str, Any] = {
            "Name": name,
            "Generation": record.hardware.generation,
            "MemoryStartupBytes": record.hardware.memory,
            "VHDPath": record.disks[0],
            "Path": self._places.machines,
        }

        def made() -> str:
            there = self.machines.vms(name)
            if there:
                return there[0].id
            select = Command("Select-Object", {"Property": ["Id"]})
            (told,) = self._line.tell(Command("New-VM", wanted), select)
            return str(told["Id"])

        try:
            return made()
        except LostAnswer:
            self._appear(name)
            return made()

    def _appear(self, name: str) -> None:
        waiting = Waiting(Deadline(APPEARING), tick=0.5, watcher=self._watcher)
        try:
            waiting.until(f"{name} to appear", lambda: bool(self.machines.vms(name)))
        except TimedOut:
            return

    def _configured(self, record: Record, vm: str, network: str) -> None:
        """All of it may be done twice."""
        hardware = record.hardware
        changes: dict[str, Any] = {
            "Notes": record.note(),
            "CheckpointType": "Disabled",
            "AutomaticStartAction": "Nothing",
            "AutomaticStopAction": "TurnOff",
            "ProcessorCount": hardware.processors,
        }
        if not hardware.dynamic:
            changes["StaticMemory"] = True
        if self._can_turn_off:
            changes["AutomaticCheckpointsEnabled"] = False
        self.change(vm, Command("Set-VM", changes))
        if hardware.dynamic:
            self.change(vm, Command("Set-VMMemory", _memory(hardware)))
        if hardware.generation > 1:
            self.change(vm, Command("Set-VMFirmware", _firmware(hardware)))
        if hardware.tpm:
            self.change(vm, Command("Set-VMKeyProtector", {"NewLocalKeyProtector": True}))
            self.change(vm, Command("Enable-VMTPM"))
        self._attached(record, vm)
        if hardware.generation > 1:
            self._line.run("boot_first", VMId=vm, Path=record.disks[0])
        self.change(
            vm,
            Command("Get-VMIntegrationService"),
            Command("Where-Object", {"Property": "Id", "Match": True, "Value": GUEST_SERVICE}),
            Command("Enable-VMIntegrationService"),
        )
        if network:
            connect = Command("Connect-VMNetworkAdapter", {"SwitchName": network})
            self.change(vm, Command("Get-VMNetworkAdapter"), connect)

    def _attached(self, record: Record, vm: str) -> None:
        """The first disk came with the machine."""
        if not record.disks[1:]:
            return
        attached = next((one.disks for one in self.machines.vms(record.name) if one.id == vm), ())
        for path in record.disks[1:]:
            if path.casefold() not in map(str.casefold, attached):
                self.change(vm, Command("Add-VMHardDiskDrive", {"ControllerType": "SCSI", "Path": path}))

    def change(self, vm: str, *commands: Command) -> None:
        """Something with a machine by its id; asked for again where the answer was lost, so only what bears it."""
        insisted(lambda: self._line.tell(Command("Get-VM", {"Id": vm}), *commands))

    def must_be_attached(self, held: Held) -> Vm:
        """Conflict where a checkpoint or somebody's change has put other disks under the machine than golden's."""
        vm, record = held.vm, held.record
        if vm is None or record is None:
            raise Conflict(f"{held.name} is half-made", hint="golden resume, or golden doctor")
        wanted, met = sorted(map(str.casefold, record.disks)), sorted(map(str.casefold, vm.disks))
        if wanted != met or vm.checkpoint not in NO_CHECKPOINT:
            raise Conflict(
                f"{held.name} does not run on golden's own disks any more: somebody made a checkpoint or changed them",
                details=f"wanted {', '.join(record.disks)}; met {', '.join(vm.disks) or 'none'}",
                hint="delete its checkpoints in the Hyper-V Manager and wait for the merge, or let golden take it away",
            )
        return vm

    def power(self, held: Held, *, on: bool) -> None:
        """Switch it; there already is success. A saved machine goes on, or loses what was saved of it."""
        if held.vm is None or (held.vm.state == RUNNING if on else held.is_off):
            return
        vm = held.vm.id
        what = f"{'starting' if on else 'cutting the power of'} {held.name}"
        command = _switch(held.vm, on=on)
        with translated(what):
            self.disks.once_free(held.vm.disks[0] if held.vm.disks else what, lambda: self.change(vm, command))
            waiting = Waiting(Deadline(GOING), watcher=self._watcher)
            waiting.until(f"{held.name} to be {'on' if on else 'off'}", lambda: self._is(held.name, vm, on=on))

    def _is(self, name: str, vm: str, *, on: bool) -> bool:
        now = next((one for one in self.machines.vms(name) if one.id == vm), None)
        if now is None:
            return not on
        return now.state == RUNNING if on else now.is_off

    def without_vm(self, name: str, vms: list[Vm]) -> None:
        """Take virtual machines away; their disks stay. Gone already is success."""
        for vm in vms:
            if not vm.is_off:
                self.power(Held(name, None, vm), on=False)

            def gone(vm: Vm = vm) -> None:
                if any(one.id == vm.id for one in self.machines.vms(name)):
                    remove = Command("Remove-VM", {"Force": True, "Confirm": False})
                    self._line.tell(Command("Get-VM", {"Id": vm.id}), remove)

            insisted(gone)
        waiting = Waiting(Deadline(GOING), watcher=self._watcher)
        waiting.until(f"{name} to go", lambda: not self.machines.vms(name))

    def destroy(self, held: Held) -> None:
        """Power off and take away with its own files, the record last; gone already is success."""
        record = held.record
        with translated(f"taking {held.name} away"):
            if record is not None and record.state is not State.REMOVING:
                record = self.machines.rewrite(record.but(state=State.REMOVING))
            self.without_vm(held.name, self.machines.vms(held.name))
            if record is not None and record.job:
                self.disks.settle(record.job, record.disks[-1])
            self.disks.clear(self._places.own(marking.MACHINE, held.name))
            if record is not None:
                self.disks.clear(self.machines.forget(record))


def _switch(vm: Vm, *, on: bool) -> Command:
    if on:
        return Command("Start-VM")
    if vm.state in SAVED:
        return Command("Remove-VMSavedState", {"Confirm": False})  # There is no power to cut.
    return Command("Stop-VM", {"TurnOff": True, "Force": True, "Confirm": False})


def _memory(hardware: Hardware) -> dict[str, Any]:
    return {
        "DynamicMemoryEnabled": True,
        "MinimumBytes": hardware.minimum,
        "StartupBytes": hardware.memory,
        "MaximumBytes": hardware.maximum,
        "Buffer": hardware.buffer,
    }


def _firmware(hardware: Hardware) -> dict[str, Any]:
    if not hardware.secure_boot:
        return {"EnableSecureBoot": "Off"}
    if not hardware.secure_boot_template:
        return {"EnableSecureBoot": "On"}
    return {"EnableSecureBoot": "On", "SecureBootTemplate": hardware.secure_boot_template}
