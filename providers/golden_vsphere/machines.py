"""golden's machines and images as vCenter has them now: found by folder, name and record, remembered by id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from golden.errors import NotFound, TimedOut
from golden.model import Machine, Mark, Power
from golden.waiting import Deadline, Waiting
from golden_vsphere import devices, marking
from golden_vsphere.faults import Gone, translated
from golden_vsphere.intents import Intents
from golden_vsphere.inventory import Places
from golden_vsphere.marking import Record
from golden_vsphere.reading import Seen, below, one

POINT = "golden frozen point of "
"""How the description of a snapshot of golden's begins; a backup's own snapshots are no frozen points."""
STATE = (
    "config.template",
    "runtime.powerState",
    "snapshot.rootSnapshotList",
    "config.hardware.device",
    "resourcePool",
    "runtime.host",
    "config.keyId",
    "runtime.consolidationNeeded",
    "runtime.question",
)
APPEARING = 3
"""Seconds in which a clone whose answer was lost shows itself once no task works on its source any more."""


@dataclass(frozen=True, slots=True)
class Point:
    """A snapshot that golden took."""

    name: str
    native: Any


@dataclass(frozen=True, slots=True)
class Held:
    """One of golden's machines or templates."""

    seen: Seen
    record: Record | None
    """None while vCenter is still making it."""

    @property
    def native(self) -> Any:
        """pyVmomi's object."""
        return self.seen.native

    @property
    def name(self) -> str:
        """By its record, else as the inventory calls it."""
        return self.record.name if self.record else str(self.seen.props.get("name", ""))

    @property
    def uuid(self) -> str:
        """instanceUuid, empty while vCenter is still making it."""
        return str(self.seen.props.get("config.instanceUuid") or "")

    @property
    def id(self) -> str:
        """What core remembers it by."""
        return f"{self.seen.moid}:{self.uuid}"

    @property
    def is_off(self) -> bool:
        """Whether its disks are at rest."""
        return str(self.seen.props.get("runtime.powerState", "poweredOff")) == "poweredOff"

    @property
    def is_suspended(self) -> bool:
        """Whether it is neither on nor off: its memory lies in a file."""
        return str(self.seen.props.get("runtime.powerState")) == "suspended"

    @property
    def is_template(self) -> bool:
        """Whether vCenter takes it for a template, which is never switched on."""
        return bool(self.seen.props.get("config.template"))

    @property
    def is_encrypted(self) -> bool:
        """Whether its home is encrypted by vSphere."""
        return self.seen.props.get("config.keyId") is not None

    @property
    def hardware(self) -> list[Any]:
        """Its devices."""
        return list(self.seen.props.get("config.hardware.device", ()))

    @property
    def points(self) -> tuple[Point, ...]:
        """Its frozen points, oldest first."""
        return tuple(_points(self.seen.props.get("snapshot.rootSnapshotList", ())))

    def point(self, name: str) -> Point | None:
        """One of them by name."""
        return next((point for point in self.points if point.name == name), None)


def _points(tree: Sequence[Any]) -> Iterator[Point]:
    for node in tree:
        if str(node.description).startswith(POINT):
            yield Point(str(node.name), node.snapshot)
        yield from _points(node.childSnapshotList)


def _by_record(listed: Sequence[Held], name: str, kind: str) -> Held | None:
    named = (one for one in listed if one.record and (one.record.kind, one.record.name) == (kind, name))
    return next(named, None)


def _must_all_show(listed: Sequence[Held]) -> None:
    for held in listed:
        marking.must_show(held.seen)


class Machines:
    """What of golden's is at one vCenter."""

    def __init__(self, places: Places, intents: Intents) -> None:
        """Asks nothing yet."""
        self.places = places
        self.intents = intents
        self._record = marking.KEYED
        self._network_names: dict[str, str] | None = None

    def find(self, name: str, kind: str = marking.MACHINE) -> Held | None:
        """By its name in golden's folder; else by a record that says so, where somebody renamed or moved it."""
        with translated(f"looking for {name}"):
            folder = self.places.images() if kind == marking.IMAGE else self.places.folder()
            if folder is None:
                return None
            try:
                native = self.places.child(folder, name)
            except Gone:
                self.places.forget()
                return self.find(name, kind) if self.places.folder() is not None else None
        if isinstance(native, vim.VirtualMachine):
            held = self.held(native)
            if held is not None and held.record is None and self._is_bare(held):
                return held
            if held is not None and held.record is not None and (held.record.kind, held.record.name) == (kind, name):
                return held
            return None
        listed = self._listed()
        found = _by_record(listed, name, kind)
        if found is None:
            _must_all_show(listed)  # It may be one of those that vCenter cannot read.
        return None if found is None else self.held(found.native)

    def lies_elsewhere(self, name: str, kind: str) -> bool:
        """Whether anything that vCenter can read has a record of that name, wherever below golden's folder it lies."""
        return _by_record(self._listed(), name, kind) is not None

    def find_late(self, name: str, kind: str = marking.MACHINE) -> Held | None:
        """
        As ``find``; what a process that was killed had asked for, and vCenter does not show yet, is waited for a while.
        """
        found = self.find(name, kind)
        if found is not None or self.intents.read(name) is None:
            return found
        waiting = Waiting(Deadline(APPEARING), tick=0.5)
        try:
            return waiting.until(f"{name} to appear", lambda: self.find(name, kind))
        except TimedOut:
            return None

    @staticmethod
    def _is_bare(held: Held) -> bool:
        """Without a configuration, as while it is being made; somebody else's machine has one."""
        return not held.uuid

    def held(self, native: Any) -> Held | None:
        """As it is now; None where it is gone. Unreachable where vCenter cannot read it."""
        try:
            seen = self._read(native)
        except Gone:
            return None
        marking.must_show(seen)
        return Held(seen, marking.read(seen))

    def _read(self, native: Any) -> Seen:
        seen = one(self.places.line, native, (*marking.IDENTITY, *STATE, self._record))
        if marking.KEYED in seen.unknown:
            self._record = marking.WHOLE
            return self._read(native)
        return seen

    def same(self, machine: Machine) -> Held | None:
        """
        The very machine that was shown once, wherever it lies now; None where it is gone. Unreachable where vCenter
        cannot read it, and so where what was whole once has no configuration.
        """
        moid, _, uuid = machine.id.partition(":")
        line = self.places.line
        with translated(f"looking at {machine.name}"):
            held = self.held(line.object(vim.VirtualMachine, moid))
            if held is None and uuid:
                search = line.content.searchIndex
                again = line.ask(lambda: search.FindByUuid(None, uuid, True, True))  # noqa: FBT003
                held = None if again is None else self.held(again)
        if held is not None and uuid and self._is_bare(held):
            raise marking.unshown(machine.name, "connected")
        if held is None or (uuid and held.uuid != uuid):
            return None
        return held if held.record is not None or self._is_bare(held) else None

    def get(self, machine: Machine) -> Held:
        """As ``same``; NotFound where it is gone."""
        held = self.same(machine)
        if held is None:
            raise NotFound(f"there is no machine of golden's named {machine.name} on {self.places.address.shown}")
        return held

    def all(self) -> list[Held]:
        """
        Everything with a record in golden's folder and below, and what is being made there. Two round trips.
        Unreachable where vCenter cannot read one of them: nobody knows whose it is.
        """
        listed = self._listed()
        _must_all_show(listed)
        return listed

    def _listed(self) -> list[Held]:
        with translated("listing golden's machines"):
            folder = self.places.folder()
            if folder is None:
                return []
            paths = (*marking.IDENTITY, self._record)
            try:
                found = below(self.places.line, folder, vim.VirtualMachine, paths)
            except Gone:
                self.places.forget()
                return []
        if any(marking.KEYED in seen.unknown for seen in found):
            self._record = marking.WHOLE
            return self._listed()
        listed = [Held(seen, marking.read(seen)) for seen in found]
        return [held for held in listed if held.record is not None or self._is_bare(held)]

    def mark_of(self, held: Held) -> Mark | None:
        """golden's mark; of a thing that this computer's golden is making, the one it will have."""
        return held.record.mark if held.record else self.intents.read(held.name)

    def shown(self, held: Held) -> Machine:
        """As core knows it."""
        return Machine(
            held.id,
            held.name,
            Power.OFF if held.is_off else Power.ON,
            bool(held.record and held.record.settled),
            self.mark_of(held),
            tuple(point.name for point in held.points),
            devices.networks(held.hardware, self.network_names()),
        )

    def network_names(self) -> dict[str, str]:
        """The datacenter's networks by moid; asked once for each connection."""
        if self._network_names is None:
            there = self.places.named_networks()
            self._network_names = {seen.moid: str(seen.props.get("name", seen.moid)) for seen in there}
        return self._network_names
