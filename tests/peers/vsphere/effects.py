"""What a task does besides what the simulator does: guests follow, chains are kept, clones inherit."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.peers.vsphere import templates
from tests.peers.vsphere.datafiles import DataFiles
from tests.peers.vsphere.disks import DEVICES, SNAPSHOT, Disks
from tests.peers.vsphere.guests import Guests
from tests.peers.vsphere.power import Power
from tests.peers.vsphere.seeding import VM, Shape
from tests.peers.vsphere.upstream import Upstream, value
from tests.peers.vsphere.wire import XSI, Call, tag

CONFIG = ("config.extraConfig", "config.annotation", "config.firmware", "config.bootOptions", "config.version")
LINKED = "createNewChildDiskBacking"


@dataclass
class Doing:
    """One task at work: the call, the machine it is about, and what was so before."""

    call: Call
    machine: str
    before: dict[str, ET.Element] = field(default_factory=dict)
    snapshots: list[str] = field(default_factory=list)
    result: str = ""


class Effects:
    """One method a vSphere method, called after the simulator has done its part."""

    def __init__(self, upstream: Upstream, guests: Guests, power: Power, disks: Disks, data: DataFiles) -> None:
        self._up, self._guests, self._power, self._disks, self._data = upstream, guests, power, disks, data
        self._changes = 0
        self._copied: dict[str, tuple[str, str]] = {}
        """By the file of a copied disk: what lies on it, among the guests, and whose disk was copied."""

    def machine(self, call: Call) -> str:
        """The machine that a call is about; "" where it is about something else."""
        if call.kind == VM:
            return call.this
        if call.kind == SNAPSHOT:
            return self._up.texts(SNAPSHOT, call.this, "vm").get("vm", "")
        return ""

    def begin(self, doing: Doing) -> None:
        """Remember what the simulator is about to spoil or to forget."""
        if not doing.machine:
            return
        doing.before = self._up.properties(
            VM, doing.machine, DEVICES, "snapshot", "runtime.powerState", "runtime.host", "resourcePool", *CONFIG
        )
        tree = doing.before.get("snapshot")
        doing.snapshots = [] if tree is None else [s.text or "" for s in tree.iter(tag("snapshot"))]

    @contextmanager
    def hosted(self, doing: Doing) -> Iterator[None]:
        """The simulator makes a clone on its source's host, whatever was ordered; here on one that was, or can be."""
        if doing.call.method != "CloneVM_Task":
            yield
            return
        had = doing.before["runtime.host"].text or ""
        wanted = doing.call.text("spec/location/host") or self._reaching(doing.call, had)
        try:
            self._up.change(VM, doing.machine, {"runtime.host": _host(wanted)})
            yield
        finally:
            self._up.change(VM, doing.machine, {"runtime.host": _host(had)})

    def _reaching(self, call: Call, had: str) -> str:
        pool, store = call.text("spec/location/pool"), call.text("spec/location/datastore")
        if not pool or not store:
            return had
        owner = self._up.properties("ResourcePool", pool, "owner")["owner"]
        for host in self._up.properties(owner.get("type", ""), owner.text or "", "host")["host"]:
            mounted = self._up.properties("HostSystem", host.text or "", "datastore").get("datastore")
            if store in [one.text for one in ([] if mounted is None else mounted)]:
                return host.text or ""
        return had

    def end(self, doing: Doing) -> None:
        """The simulator has done it."""
        act: Callable[[Doing], None] | None = getattr(self, "_" + doing.call.method, None)
        if act is not None:
            act(doing)

    def _CloneVM_Task(self, doing: Doing) -> None:  # noqa: N802
        call, source, clone = doing.call, doing.machine, doing.result
        snapshot = call.text("spec/snapshot")
        self._disks.put(source, doing.before[DEVICES])  # the simulator emptied the source's file names
        base = self._disks.devices(snapshot, SNAPSHOT) if snapshot else doing.before[DEVICES]
        self._disks.cloned(clone, base, linked=call.text("spec/location/diskMoveType") == LINKED)
        self._guests.copy(snapshot or source, clone)
        self._power.inherit(source, clone)
        self._inherit(doing, snapshot)
        self._power.describe(clone)
        if call.text("spec/template") == "true":
            pool = call.text("spec/location/pool") or doing.before.get("resourcePool", ET.Element("none")).text
            templates.became(self._up, clone, pool or "")
        if call.text("spec/powerOn") == "true":
            self._up.carry(VM, clone, "PowerOnVM_Task")
            self._disks.written(clone)
            self._power.on(clone)

    def _inherit(self, doing: Doing, snapshot: str) -> None:
        config = self._up.properties(SNAPSHOT, snapshot, *CONFIG) if snapshot else doing.before
        self._up.change(VM, doing.result, {k: _copied(v) for k, v in config.items() if k in CONFIG})
        given = doing.call.find("spec/config")
        if given is not None and given.find(tag("extraConfig")) is not None:
            had = config.get("config.extraConfig")
            self._options(doing.result, [*([] if had is None else had), *given.findall(tag("extraConfig"))])
        self._changed(doing.result)

    def _CreateVM_Task(self, doing: Doing) -> None:  # noqa: N802
        self._power.inherit("", doing.result)
        self._power.describe(doing.result)

    def _CreateSnapshot_Task(self, doing: Doing) -> None:  # noqa: N802
        self._guests.copy(doing.machine, doing.result)
        if "rdm" not in self._power.shapes.get(doing.machine, Shape()).odd:
            tree = self._guests.of(doing.result) / "c"
            self._data.freeze(doing.machine, self._disks.chains(doing.machine), doing.result, tree)
        self._disks.freeze(doing.machine, doing.result)

    _CreateSnapshotEx_Task = _CreateSnapshot_Task

    def _RevertToSnapshot_Task(self, doing: Doing) -> None:  # noqa: N802
        self._reverted(doing, doing.call.this)

    def _RevertToCurrentSnapshot_Task(self, doing: Doing) -> None:  # noqa: N802
        now = self._up.texts(VM, doing.machine, "snapshot.currentSnapshot").get("snapshot.currentSnapshot", "")
        if now:
            self._reverted(doing, now)

    def _reverted(self, doing: Doing, snapshot: str) -> None:
        if doing.before["runtime.powerState"].text == "poweredOn":  # golden's snapshots are without memory
            self._up.carry(VM, doing.machine, "PowerOffVM_Task")
            self._power.off(doing.machine)
        self._guests.copy(snapshot, doing.machine)
        self._disks.revert(doing.machine, snapshot)
        config = self._up.properties(SNAPSHOT, snapshot, *CONFIG)
        self._up.change(VM, doing.machine, {k: _copied(v) for k, v in config.items()})
        self._changed(doing.machine)

    def _RemoveSnapshot_Task(self, doing: Doing) -> None:  # noqa: N802
        this, tree = doing.call.this, doing.before.get("snapshot")
        self._drop(doing, _below(tree, this) if doing.call.text("removeChildren") == "true" else [this])

    def _RemoveAllSnapshots_Task(self, doing: Doing) -> None:  # noqa: N802
        self._drop(doing, doing.snapshots[::-1])

    def _drop(self, doing: Doing, gone: list[str]) -> None:
        left = [each for each in doing.snapshots if each not in gone]
        for each in gone:
            self._guests.remove(each)
            self._data.remove(doing.machine, self._disks.merge(doing.machine, each, left))

    def _Destroy_Task(self, doing: Doing) -> None:  # noqa: N802
        for each in (doing.machine, *doing.snapshots):
            if each:
                self._guests.remove(each)
                self._disks.forget(each)

    def _PowerOnVM_Task(self, doing: Doing) -> None:  # noqa: N802
        self._disks.written(doing.machine)
        self._power.on(doing.machine)

    def _PowerOffVM_Task(self, doing: Doing) -> None:  # noqa: N802
        self._power.off(doing.machine)

    _SuspendVM_Task = _PowerOffVM_Task

    def _ResetVM_Task(self, doing: Doing) -> None:  # noqa: N802
        self._power.restart(doing.machine)

    def _PromoteDisks_Task(self, doing: Doing) -> None:  # noqa: N802
        if doing.call.text("unlink") == "true":
            self._disks.flatten(doing.machine)

    def _CopyVirtualDisk_Task(self, doing: Doing) -> None:  # noqa: N802
        source, target = doing.call.text("sourceName"), doing.call.text("destName")
        owner = self._disks.owner(source)
        if owner:
            key = f"disk-{len(self._copied)}"
            self._guests.copy(owner, key)
            frozen = self._power.shapes.get(owner) is None
            self._copied[target] = (key, self._up.texts(SNAPSHOT, owner, "vm")["vm"] if frozen else owner)

    def _attached(self, doing: Doing) -> None:
        """Copied disks that a machine gets: what lies on the first is its guest's, and they are disks of their own."""
        added = [each for each in doing.call.all("spec/deviceChange") if each.findtext(tag("operation")) == "add"]
        files = [each.findtext(f"{tag('device')}/{tag('backing')}/{tag('fileName')}", "") for each in added]
        copied = [self._copied.pop(each) for each in files if each in self._copied]
        if not copied:
            return
        (key, owner), *_ = copied
        self._guests.copy(key, doing.machine)
        self._power.inherit(owner, doing.machine)
        self._power.describe(doing.machine)
        self._disks.put(doing.machine, self._disks.stamp(self._disks.devices(doing.machine)))
        for each, _ in copied:
            self._guests.remove(each)

    def _ConsolidateVMDisks_Task(self, doing: Doing) -> None:  # noqa: N802
        self._up.change(VM, doing.machine, {"runtime.consolidationNeeded": value("false", "xsd:boolean")})

    def _ReconfigVM_Task(self, doing: Doing) -> None:  # noqa: N802
        added = doing.call.all("spec/extraConfig")
        if added:
            had = doing.before.get("config.extraConfig")
            self._options(doing.machine, [*([] if had is None else had), *added])
        self._disks.put(doing.machine, self._disks.devices(doing.machine))
        self._attached(doing)
        self._changed(doing.machine)

    def _options(self, moid: str, options: list[ET.Element]) -> None:
        """The simulator appends; real: the last value counts, an empty one removes the key."""
        kept = {}
        for each in options:
            kept[each.findtext(tag("key"), "")] = each.find(tag("value"))
        inner = "".join(
            ET.tostring(_option(key, found), encoding="unicode")
            for key, found in kept.items()
            if found is not None and found.text and not key.startswith("SET.")
        )
        val = f'<val xmlns="urn:vim25" xsi:type="ArrayOfOptionValue">{inner}</val>'
        self._up.change(VM, moid, {"config.extraConfig": val})

    def _changed(self, moid: str) -> None:
        self._changes += 1
        self._up.change(VM, moid, {"config.changeVersion": value(f"2026-01-01T00:00:00.{self._changes:06d}Z")})


def _host(moid: str) -> str:
    return f'<val xsi:type="ManagedObjectReference" type="HostSystem">{moid}</val>'


def _option(key: str, found: ET.Element) -> ET.Element:
    made = ET.Element(tag("OptionValue"), {f"{{{XSI}}}type": "OptionValue"})
    ET.SubElement(made, tag("key")).text = key
    ET.SubElement(made, tag("value"), {f"{{{XSI}}}type": "xsd:string"}).text = found.text
    return made


def _copied(element: ET.Element) -> str:
    text = ET.tostring(element, encoding="unicode")
    return re.sub(r"<(\w+:)?val\b", lambda m: f"<{m[1] or ''}val", text, count=1)


def _below(tree: ET.Element | None, snapshot: str) -> list[str]:
    """A snapshot and all that were made on it, deepest first."""
    for node in [] if tree is None else tree.iter():
        if node.findtext(tag("snapshot")) == snapshot:
            return [s.text or "" for s in node.iter(tag("snapshot"))][::-1]
    return [snapshot]
