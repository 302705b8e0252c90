"""VM template items: a template that the library owns, checked out as a machine and checked in as a new version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.peers.vsphere.library import Item, Libraries, now
from tests.peers.vsphere.rest import Problem, Wanted
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.tasks import Tasks
from tests.peers.vsphere.templates import became, pool_of
from tests.peers.vsphere.upstream import Upset, Upstream
from tests.peers.vsphere.wire import Call, Fault, leaf


@dataclass
class Held:
    """What an item holds: version to template, newest last and at most two; machines that are checked out."""

    versions: dict[int, str] = field(default_factory=dict)
    out: list[str] = field(default_factory=list)
    messages: dict[int, str] = field(default_factory=dict)


class TemplateItems:
    """What ``vcenter/vm-template/library-items`` serves."""

    def __init__(self, upstream: Upstream, libraries: Libraries, tasks: Tasks) -> None:
        self._up, self._libraries, self._tasks = upstream, libraries, tasks
        libraries.gone = self.gone

    def serve(self, wanted: Wanted) -> Any:
        """The value of one request."""
        rest = wanted.path[3:]
        with self._libraries.lock:
            if not rest and wanted.verb == "POST":
                return self._libraries.once(wanted.token, lambda: self._create(wanted.spec()))
            if not rest:
                raise NotImplementedError
            item = self._libraries.item(rest[0])
            if item.kind != "vm-template" or not isinstance(item.kept, Held):
                raise Problem("invalid_element_type", "The item is no VM template.")
            return self._item_request(wanted, item, item.kept, rest[1:])

    def _item_request(self, wanted: Wanted, item: Item, held: Held, rest: tuple[str, ...]) -> Any:
        spec = wanted.spec()
        newest = max(held.versions)
        if not rest and wanted.verb == "GET":
            return {"vm_template": held.versions[newest], "vm_home_storage": {}, "disks": []}
        if not rest and wanted.action == "deploy":
            return self._cloned(held.versions[newest], spec, template=False)
        if rest == ("check-outs",) and wanted.action == "check-out":
            return self._check_out(held, spec)
        if rest == ("check-outs",) and wanted.verb == "GET":
            return [{"vm": each} for each in held.out]
        if rest[:1] == ("check-outs",) and len(rest) == 2:
            if rest[1] not in held.out:
                raise Problem("not_found", f"{rest[1]} is not checked out of this item.")
            if wanted.action == "check-in":
                return self._check_in(item, held, rest[1], str(spec.get("message", "")))
            if wanted.verb == "DELETE":
                self._do(rest[1], "Destroy_Task", "")
                held.out.remove(rest[1])
                return None
        if rest == ("versions",):
            return [{"version": str(v), "vm_template": held.versions[v]} for v in sorted(held.versions, reverse=True)]
        raise NotImplementedError

    def _create(self, spec: dict[str, Any]) -> str:
        source, name = str(spec.get("source_vm", "")), str(spec.get("name", ""))
        try:
            seen = self._up.texts(VM, source, "runtime.powerState")
        except Upset:
            raise Problem("not_found", f"The virtual machine {source} was not found.") from None
        if seen["runtime.powerState"] != "poweredOff":
            raise Problem("not_allowed_in_current_state", "The virtual machine is powered on.")
        item = self._libraries.add_item(
            str(spec.get("library", "")), name, "vm-template", str(spec.get("description", ""))
        )
        try:
            item.kept = Held({1: self._cloned(source, spec, template=True)})
        except Problem:
            del self._libraries.items[item.id]
            raise
        item.content = 1
        return item.id

    def _check_out(self, held: Held, spec: dict[str, Any]) -> str:
        if held.out:
            raise Problem("not_allowed_in_current_state", "The item is already checked out.")
        made = self._cloned(held.versions[max(held.versions)], spec, template=False)
        held.out.append(made)
        return made

    def _check_in(self, item: Item, held: Held, machine: str, message: str) -> str:
        if self._up.texts(VM, machine, "runtime.powerState")["runtime.powerState"] != "poweredOff":
            raise Problem("not_allowed_in_current_state", "The virtual machine is powered on.")
        pool = pool_of(self._up, machine)
        self._up.call(VM, machine, "MarkAsTemplate")
        became(self._up, machine, pool)
        number = max(held.versions) + 1
        held.versions[number], held.messages[number] = machine, message
        held.out.remove(machine)
        for old in sorted(held.versions)[:-2]:  # vCenter keeps one previous version (docs/facts: vsphere 8)
            self._do(held.versions.pop(old), "Destroy_Task", "")
        item.content, item.changed = number, now()
        return str(number)

    def _cloned(self, source: str, spec: dict[str, Any], *, template: bool) -> str:
        place = spec.get("placement", {})
        pool = place.get("resource_pool") or self._pool(place.get("cluster", ""))
        folder = place.get("folder") or self._up.texts(VM, source, "parent")["parent"]
        # The simulator asks for a pool for copies of templates, even where the copy is a template again.
        where = leaf("pool", ("ResourcePool", pool)) if pool or not template else ""
        if store := spec.get("vm_home_storage", {}).get("datastore"):
            where += leaf("datastore", ("Datastore", store))
        if host := place.get("host"):
            where += leaf("host", ("HostSystem", host))
        inner = (
            leaf("folder", ("Folder", folder)) + leaf("name", str(spec.get("name", "")))
            + f"<spec><location>{where}</location>{leaf('template', template)}<powerOn>false</powerOn></spec>"
        )  # fmt: skip
        return self._do(source, "CloneVM_Task", inner)

    def _pool(self, cluster: str) -> str:
        if cluster:
            return self._up.texts("ClusterComputeResource", cluster, "resourcePool")["resourcePool"]
        return ""

    def _do(self, machine: str, method: str, inner: str) -> str:
        body = f'<{method} xmlns="urn:vim25"><_this type="{VM}">{machine}</_this>{inner}</{method}>'
        try:
            return self._tasks.carry(Call.of(body))
        except (Fault, Upset) as met:
            kind = met.kind if isinstance(met, Fault) else met.met.kind
            name = {"DuplicateName": "already_exists", "ManagedObjectNotFound": "not_found"}
            raise Problem(name.get(kind, "error"), kind) from None

    def gone(self, item: Item) -> None:
        """The item is deleted, and its templates with it."""
        if isinstance(item.kept, Held) and not item.source:
            for moid in item.kept.versions.values():
                self._do(moid, "Destroy_Task", "")
