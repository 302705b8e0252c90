"""What a real vCenter refuses and the simulator takes (docs/facts: vsphere 3, 7, 8)."""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ET

from tests.peers.vsphere.effects import LINKED
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.upstream import Upset, Upstream
from tests.peers.vsphere.wire import Call, Fault, tag

NAMES = {
    "CloneVM_Task": "name", "Rename_Task": "newName", "CreateVM_Task": "config/name", "CreateFolder": "name",
    "ReconfigVM_Task": "spec/name",
}  # fmt: skip
FOLDER = {"CloneVM_Task": "folder", "CreateVM_Task": "_this"}


def escaped(name: str) -> str:
    """A name as it is stored: slash and backslash are escaped, a per cent sign that escapes nothing too."""
    return re.sub(r"%(?!2f|5c|25)", "%25", name.replace("/", "%2f").replace("\\", "%5c"), flags=re.IGNORECASE)


class Strict:
    """Looks at calls before the simulator does."""

    def __init__(self, upstream: Upstream) -> None:
        self._up = upstream

    def rewritten(self, call: Call) -> Call:
        """The same call with its new name as vCenter stores it."""
        path = NAMES.get(call.method)
        if path is None or not call.text(path) or escaped(call.text(path)) == call.text(path):
            return call
        made = Call(call.method, call.kind, call.this, copy.deepcopy(call.body))
        found = made.find(path)
        assert found is not None
        found.text = escaped(call.text(path))
        return made

    def check(self, call: Call, machine: str) -> None:
        """Refuse at the moment when the task is carried out."""
        check = getattr(self, "_" + call.method, None)
        if check is not None:
            check(call, machine)
        if call.method in NAMES and call.text(NAMES[call.method]):
            self._unique(call, machine)

    def _unique(self, call: Call, machine: str) -> None:
        name = call.text(NAMES[call.method])
        if call.method in FOLDER:
            folder = call.text(FOLDER[call.method])
        else:
            folder = self._up.texts(call.kind, call.this, "parent").get("parent", "")
        if not folder:
            return
        inner = f'<entity type="Folder">{folder}</entity>'
        found = self._up.ask("searchIndex", "FindChild", inner + _leaf("name", name))
        other = found.findtext(tag("returnval"), "")
        if other and (call.method in FOLDER or other != call.this):
            raise Fault("DuplicateName", {"name": name, "object": (VM, other)})

    def _placed(self, call: Call) -> None:
        """A pool of a cluster without DRS needs a host, and the datastore has to be one that it reaches (facts 3)."""
        pool, host, store = (call.text(f"spec/location/{each}") for each in ("pool", "host", "datastore"))
        if not pool:
            return
        owner = self._up.properties("ResourcePool", pool, "owner")["owner"]
        kind, moid = owner.get("type", ""), owner.text or ""
        told = self._up.properties(kind, moid, "host", "configurationEx")
        hosts = [each.text or "" for each in told["host"]]
        drs = told["configurationEx"].findtext(f"{tag('drsConfig')}/{tag('enabled')}", "") == "true"
        if kind == "ClusterComputeResource" and not drs and not host:
            raise Fault("InvalidArgument", {"invalidProperty": "spec.location.host"}, "A parameter was not correct")
        if host and host not in hosts:
            raise Fault("InvalidArgument", {"invalidProperty": "spec.location.host"}, "A parameter was not correct")
        reached: set[str] = set()
        for each in [host] if host else hosts:
            mounted = self._up.properties("HostSystem", each, "datastore").get("datastore")
            reached |= {one.text or "" for one in ([] if mounted is None else mounted)}
        if store and store not in reached:
            raise Fault("InvalidDatastore", {"datastore": ("Datastore", store)}, "No host reaches the datastore")

    def _CloneVM_Task(self, call: Call, machine: str) -> None:  # noqa: N802
        self._placed(call)
        snapshot = call.text("spec/snapshot")
        moves = {e.text for e in call.all("spec/location/disk/diskMoveType")} | {
            call.text("spec/location/diskMoveType")
        }
        if LINKED in moves and not snapshot:
            raise Fault(
                "InvalidArgument", {"invalidProperty": "spec.snapshot"}, "A specified parameter was not correct"
            )
        if not snapshot:
            return
        try:
            owner = self._up.texts("VirtualMachineSnapshot", snapshot, "vm").get("vm")
        except Upset:
            raise Fault("ManagedObjectNotFound", {"obj": ("VirtualMachineSnapshot", snapshot)}) from None
        if owner != machine:
            raise Fault(
                "InvalidArgument", {"invalidProperty": "spec.snapshot"}, "A specified parameter was not correct"
            )

    def _PowerOffVM_Task(self, call: Call, machine: str) -> None:  # noqa: N802
        if self._up.texts(VM, machine, "runtime.powerState")["runtime.powerState"] == "suspended":
            detail = {"requestedState": "poweredOff", "existingState": "suspended"}
            raise Fault("InvalidPowerState", detail, "The operation cannot be performed in the current state.")

    def _CreateSnapshot_Task(self, call: Call, machine: str) -> None:  # noqa: N802
        if self._up.texts(VM, machine, "config.template").get("config.template") == "true":
            raise Fault("NotSupported", message="The operation is not supported on the object: it is a template.")

    _CreateSnapshotEx_Task = _CreateSnapshot_Task

    def _ReconfigVM_Task(self, call: Call, machine: str) -> None:  # noqa: N802
        wanted = call.text("spec/changeVersion")
        if wanted and wanted != self._up.texts(VM, machine, "config.changeVersion").get("config.changeVersion"):
            raise Fault("ConcurrentAccess")


def _leaf(name: str, text: str) -> str:
    element = ET.Element(name)
    element.text = text
    return ET.tostring(element, encoding="unicode")
