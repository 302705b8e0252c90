"""golden's machines, versions and images on one host, as they are now."""

from __future__ import annotations

import ntpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from golden.errors import Conflict, NotFound, Tampered
from golden.model import Machine, Mark, Power
from golden_hyperv import marking
from golden_hyperv.faults import ABSENT, NO_COMMAND, translated, unmanaged
from golden_hyperv.line import Line, must_be_in_reach
from golden_hyperv.marking import MACHINE, Note, Record, State
from golden_hyperv.places import Places, checked
from golden_hyperv.remoting import Command, RemoteError

OFF = ("Off", "OffCritical")
RUNNING = "Running"
SAVED = ("Saved", "SavedCritical", "FastSaved", "FastSavedCritical")
"""Members of VMState; ``Critical`` is what the host adds where it does not reach a machine's files."""
NO_CHECKPOINT = ("", "00000000-0000-0000-0000-000000000000")


@dataclass(frozen=True, slots=True)
class Vm:
    """A virtual machine of the host's."""

    id: str
    state: str
    """Off, Running, Saved…, as Hyper-V's own members are called."""
    note: Note | None
    checkpoint: str
    """Id of the checkpoint its present state stands on, or nothing."""
    disks: tuple[str, ...]
    switches: tuple[str, ...]

    @property
    def is_off(self) -> bool:
        """Whether its disks are at rest; a saved machine's are not."""
        return self.state in OFF


@dataclass(frozen=True, slots=True)
class Held:
    """One of golden's machines: what was written down, and what there is."""

    name: str
    record: Record | None
    """None where only the virtual machine is left of it."""
    vm: Vm | None
    """None for what is frozen, or only half there."""

    @property
    def token(self) -> str:
        """What core knows it by."""
        if self.record is not None:
            return self.record.token
        return self.vm.note.token if self.vm and self.vm.note else ""

    @property
    def mark(self) -> Mark | None:
        """Whose it is."""
        if self.record is not None:
            return self.record.mark
        return self.vm.note.mark if self.vm and self.vm.note else None

    @property
    def is_off(self) -> bool:
        """Whether its disks are at rest."""
        return self.vm is None or self.vm.is_off

    @property
    def points(self) -> tuple[str, ...]:
        """Names of its frozen points."""
        return self.record.points if self.record else ()

    def shown(self) -> Machine:
        """As core knows it."""
        return Machine(
            self.token,
            self.name,
            Power.OFF if self.is_off else Power.ON,
            bool(self.record and self.record.settled),
            self.mark,
            self.points,
            tuple(filter(None, self.vm.switches)) if self.vm else (),
        )


class Machines:
    """Reads and writes records, and looks at virtual machines."""

    def __init__(self, line: Line, places: Places, node: str) -> None:
        """``node``: what this host calls itself."""
        self.line = line
        self.places = places
        self.node = node

    def record(self, kind: str, name: str) -> Record | None:
        """What was written down under a name; None where nothing was."""
        with translated(f"looking for {name}"):
            for found in self.line.run("records", Folder=self.places.folder, Name=checked(name)):
                if ntpath.dirname(str(found["Path"])) == ntpath.dirname(self.places.record(kind, name)):
                    record = read(self.line, str(found["Path"]), str(found["Text"]))
                    if (record.kind, record.name) == (kind, name):
                        return record
            must_be_in_reach(self.line, self.places.folder)
        return None

    def records(self, *, every: bool = False) -> list[Record]:
        """
        What was written down, half-made things included. What cannot be read any more is left out, or Tampered where
        ``every`` record counts.
        """
        with translated("listing golden's machines"):
            there = self.line.run("records", Folder=self.places.folder)
            if not there:
                must_be_in_reach(self.line, self.places.folder)
        if every:
            return [read(self.line, str(found["Path"]), str(found["Text"])) for found in there]
        parsed = (marking.parsed(str(found["Text"])) for found in there)
        return [record for record in parsed if record is not None]

    def strays(self, known: set[str]) -> Iterator[Note]:
        """Notes of virtual machines in golden's folder whose record somebody took away."""
        place = ntpath.join(self.places.machines, "*")
        with translated("listing golden's machines"):
            there = self.line.ask(
                Command("Get-VM"),
                Command("Where-Object", {"Property": "Path", "Like": True, "Value": place}),
                Command("Select-Object", {"Property": ["Name", "Notes"]}),
            )
        for one in there:
            note = marking.noted(one.get("Notes"))
            if note is not None and note.name not in known:
                yield note

    def claim(self, record: Record) -> None:
        """Write the first record of a thing. Conflict where the name is taken."""
        if not self._write("claim", record):
            raise Conflict(f"{record.name} is there already in {self.places.folder} on {self.line.address.shown}")

    def rewrite(self, record: Record) -> Record:
        """Replace a thing's record."""
        self._write("rewrite", record)
        return record

    def _write(self, script: str, record: Record) -> bool:
        path = self.places.record(record.kind, record.name)
        with translated(f"writing down {record.name}"):
            told = self.line.run(script, Path=path, Text=record.text(), Token=record.token)
        return bool(told and told[-1])

    def forget(self, record: Record) -> tuple[str, ...]:
        """The record's file, and what a write of it that was cut off has left; the file itself last."""
        path = self.places.record(record.kind, record.name)
        return (f"{path}.{record.token}.new", f"{path}.{record.token}.old", path)

    def vms(self, name: str) -> list[Vm]:
        """Virtual machines of that name in golden's own folder for it; more than one only after a lost answer."""
        return _vms(listed(self.line, "machine_state", Name=checked(name), Place=self.places.machine(name)))

    def find(self, name: str) -> Held | None:
        """A machine of golden's; None where neither a record nor a virtual machine of it is there."""
        place, path = self.places.machine(name), self.places.record(MACHINE, name)
        with translated(f"looking for {name}"):
            told = listed(self.line, "machine_state", Name=checked(name), Place=place, Record=path)
            if all(one["Kind"] != "record" for one in told):
                must_be_in_reach(self.line, self.places.folder)
        parsed = (read(self.line, path, str(one["Text"])) for one in told if one["Kind"] == "record")
        record = next((one for one in parsed if (one.kind, one.name) == (MACHINE, name)), None)
        return self._held(name, record, _vms(told))

    def _held(self, name: str, record: Record | None, vms: list[Vm]) -> Held | None:
        if record is not None and not record.vm and record.state is State.FROZEN:
            return Held(name, record, None)
        if record is None:
            return next((Held(name, None, vm) for vm in vms if vm.note is not None), None)
        chosen = next((vm for vm in vms if vm.id == record.vm), vms[0] if vms else None)
        if chosen is None and (record.vm or not record.settled):
            self._must_be_here(record)
        return Held(name, record, chosen)

    def _must_be_here(self, record: Record) -> None:
        """Its folder may lie on a cluster's volume while the machine itself is another node's."""
        with translated(f"asking the cluster for {record.name}"):
            owner = self.owner(record.name, record.vm)
        node = owner or record.node
        if node and node.casefold() != self.node.casefold():
            raise elsewhere(record.name, node, self.node)

    def owner(self, name: str, vm: str = "") -> str:
        """
        The node of a cluster that a machine runs on, by its id where that is known; empty where this host is no node,
        and for what is no role of the cluster. RemoteError where it is a node and the cluster does not answer.
        """
        told = self.line.run("cluster_owner", Name=name, Id=vm)
        return str(told[0]["Node"]) if told else ""

    def same(self, machine: Machine) -> Held | None:
        """The very machine that was shown once; None where it is gone."""
        held = self.find(machine.name)
        return held if held is not None and held.token == machine.id else None

    def get(self, machine: Machine) -> Held:
        """As ``same``; NotFound where it is gone."""
        held = self.same(machine)
        if held is None:
            raise NotFound(f"there is no machine of golden's named {machine.name} on {self.line.address.shown}")
        return held

    def frozen(self, name: str, point: str) -> Record:
        """A machine with that frozen point. NotFound where there is none."""
        record = self.record(MACHINE, name)
        if record is None or point not in record.points:
            raise NotFound(f"the frozen point {point} of {name} is not there", hint="golden doctor")
        return record


def read(line: Line, path: str, text: str) -> Record:
    """A record. Tampered where it is none any more: what it is about is there all the same."""
    record = marking.parsed(text)
    if record is None:
        raise damaged(line, path, text)
    return record


def damaged(line: Line, path: str, text: str) -> Tampered:
    """What to say of a record of golden's, of whatever kind, that is none any more."""
    return Tampered(
        f"golden's record {path} on {line.address.shown} cannot be read: it is damaged, or a newer golden's",
        details=text[:80] if text.strip("\0 \r\n") else f"{len(text)} signs, and none of them says anything",
        hint="put it back from a backup of that host; where what it is about may be lost, delete it there, and what "
        "golden made under its name",
    )


def listed(line: Line, script: str, **parameters: Any) -> list[Any]:
    """
    What a script tells that lists virtual machines. EndpointError where the management service is down: it says then
    that an object was not found, which is not that a machine is not there.
    """
    try:
        return line.run(script, **parameters)
    except RemoteError as error:
        if error.category not in ABSENT or error.is_a(NO_COMMAND):
            raise
        raise unmanaged(error) from error


def _vms(told: list[Any]) -> list[Vm]:
    """Of the flat objects of ``machine_state``."""
    found = []
    for one in told:
        if one["Kind"] != "machine":
            continue
        of_it = [other for other in told if str(other["Id"]) == str(one["Id"])]
        found.append(
            Vm(
                str(one["Id"]),
                str(one["State"]),
                marking.noted(one.get("Notes")),
                str(one.get("Checkpoint") or ""),
                tuple(str(other.get("Path") or "") for other in of_it if other["Kind"] == "disk"),
                tuple(str(other.get("Switch") or "") for other in of_it if other["Kind"] == "adapter"),
            )
        )
    return found


def elsewhere(name: str, node: str, here: str) -> Conflict:
    """What to say of a machine that another node of the cluster owns."""
    return Conflict(
        f"the machine {name} belongs to the cluster node {node}, and this endpoint is {here}",
        hint=f'an endpoint with url = "hyperv://{node}"; or move the machine to {here} in the Failover Cluster Manager',
    )
