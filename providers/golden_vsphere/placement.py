"""
Where a copy lies and runs: a resource pool, a datastore that hosts of its cluster reach, and a host of them where
vCenter would not choose one.

A pool of a cluster without DRS and no host is InvalidArgument, and a datastore that only other hosts reach is no place
for it, however much room it has (VirtualMachineRelocateSpec in the reference).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from golden.errors import NotFound, Refused
from golden_vsphere import devices, rights, room
from golden_vsphere.faults import translated
from golden_vsphere.inventory import Places
from golden_vsphere.reading import PC, Seen, collected
from golden_vsphere.room import Store

_COMPUTE = ("name", "resourcePool", "configurationEx")
_HOST = ("name", "runtime.connectionState", "runtime.inMaintenanceMode", "datastore")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one copy is made."""

    store: Store
    pool: Any
    host: Any = None
    """None where vCenter chooses one: by DRS, or where there is only one."""

    def spec(self) -> dict[str, Any]:
        """As VirtualMachineRelocateSpec takes it."""
        told = {"datastore": self.store.native, "pool": self.pool}
        return told if self.host is None else {**told, "host": self.host}

    def told(self) -> dict[str, str]:
        """Pool and host as vCenter's REST interface takes a placement."""
        found = {"resource_pool": str(self.pool._moId)}
        return found if self.host is None else {**found, "host": str(self.host._moId)}


@dataclass(frozen=True, slots=True)
class _Host:
    native: Any
    name: str
    usable: bool
    stores: frozenset[str]

    @property
    def moid(self) -> str:
        return str(self.native._moId)


@dataclass(frozen=True, slots=True)
class Ground:
    """A cluster, or a host that stands alone, with what lies there."""

    name: str
    pool: Any
    """Its own pool, which all others are in; None where golden may not see it."""
    chooses: bool
    """Whether vCenter finds the host by itself."""
    hosts: tuple[_Host, ...]
    stores: tuple[Store, ...]

    def reaching(self, stores: Iterable[Store]) -> list[_Host]:
        """Hosts that can run a machine with disks on all of these, by their names."""
        wanted = {store.moid for store in stores}
        barred = {moid for store in stores for moid in store.barred}
        return [host for host in self.hosts if host.usable and wanted <= host.stores and host.moid not in barred]

    def best(self, places: Places, needed: int, near: Container[str] = ()) -> Store:
        """
        One where golden may make files before one where it may not, one with room before one without, one of those
        ``near`` (ids) before others, one that every host reaches before a host's own, then the most room.
        """
        able = [store for store in self.stores if store.usable and self.reaching([store])]
        if not able:
            raise NotFound(
                f"no host of {self.name} reaches a datastore that golden may use",
                details=self._told(),
                hint="datastore = in golden.toml, once there is one that they can write to",
            )
        usable = sum(host.usable for host in self.hosts)
        granted = rights.granted(places, [store.native for store in able], rights.FROZEN)

        def worth(store: Store) -> tuple[int, bool, bool, bool, int]:
            has_all = len(self.reaching([store])) == usable
            return granted[store.moid], store.free >= needed, store.moid in near, has_all, store.free

        return max(able, key=worth)

    def host_for(self, stores: Sequence[Store], before: Any) -> Any:
        """
        None where vCenter chooses; else the host of the machine that is copied, or the first that reaches the disks.
        Refused where none does.
        """
        able = self.reaching(stores)
        if not able:
            names = ", ".join(store.name for store in stores)
            raise Refused(
                f"no host of {self.name} that is connected and not in maintenance reaches the datastore {names}",
                details=self._told(),
                hint="datastore = or resource_pool = in golden.toml, so that they fit together",
            )
        if self.chooses:
            return None
        same = [host for host in able if before is not None and str(host.native._moId) == str(before._moId)]
        return (same or able)[0].native

    def _told(self) -> str:
        known = {store.moid: store for store in self.stores}

        def called(moid: str, host: _Host) -> str:
            store = known.get(moid)
            barred = store is not None and host.moid in store.barred
            return f"{store.name if store else moid}{' (not to be written to)' if barred else ''}"

        lines = []
        for host in self.hosts:
            reached = ", ".join(sorted(called(one, host) for one in host.stores)) or "no datastore"
            lines.append(f"{host.name}: {reached}" + ("" if host.usable else " (not connected, or in maintenance)"))
        return "\n".join(lines) or "golden sees no host there"


def place_of_copy(places: Places, source: Seen, hardware: Sequence[Any], what: str) -> Place:
    """
    For a full copy of a machine or template, near it unless golden.toml names a pool.

    BadConfig for a template that no host is known of, NotFound, Refused for room or for a datastore out of reach.
    """
    pool, ground = _aimed(places, source)
    needed = sum(map(devices.capacity, devices.disks(hardware)))
    near = {str(disk.backing.datastore._moId) for disk in devices.disks(hardware) if disk.backing.datastore is not None}
    store = room.named(places) or ground.best(places, needed, near)
    store.must_hold(needed, what)
    return Place(store, pool, ground.host_for([store], source.props.get("runtime.host")))


def place_of_link(places: Places, source: Seen, hardware: Sequence[Any], name: str) -> Place:
    """For a linked clone: beside the disks that it stands on. NotAble beyond the depth of chains."""
    disks = devices.disks(hardware)
    room.must_be_shallow(places, hardware, name)
    stores = room.stores_of(
        places, {str(one._moId): one for one in (disk.backing.datastore for disk in disks)}.values()
    )
    stores[0].must_hold(room.LINKED_ROOM, f"the linked clone {name}")
    pool, ground = _aimed(places, source)
    return Place(stores[0], pool, ground.host_for(stores, source.props.get("runtime.host")))


def ground_of(places: Places, start: Any) -> Ground:
    """Of a resource pool or a host; one round trip."""
    into = [PC.TraversalSpec(type=vim.ComputeResource, path=path, skip=False) for path in ("host", "datastore")]
    kind, path = (vim.HostSystem, "parent") if isinstance(start, vim.HostSystem) else (vim.ResourcePool, "owner")
    up = PC.TraversalSpec(type=kind, path=path, skip=False, selectSet=into)
    wanted = {vim.ComputeResource: _COMPUTE, vim.HostSystem: _HOST, vim.Datastore: room.STORE}
    with translated("looking where a copy could lie"):
        found = collected(places.line, [PC.ObjectSpec(obj=start, skip=True, selectSet=[up])], wanted)
    compute = next((seen for seen in found if isinstance(seen.native, vim.ComputeResource)), None)
    if compute is None:
        raise Refused("golden may not see the cluster that a copy would run in", hint="golden endpoint check")
    hosts = sorted((seen for seen in found if isinstance(seen.native, vim.HostSystem)), key=_name)
    stores = tuple(room.store(seen) for seen in found if isinstance(seen.native, vim.Datastore))
    own = compute.props.get("resourcePool")
    return Ground(_name(compute), own, _chooses(compute, len(hosts)), tuple(map(_host, hosts)), stores)


def best_store(places: Places) -> Store:
    """The datastore that golden.toml names, else the one that the next copy of unknown size would lie on."""
    if (named := room.named(places)) is not None:
        return named
    pool = room.pool(places, None) if "resource_pool" in places.address.options else None
    if pool is not None:
        return ground_of(places, pool).best(places, 0)
    able = [one for one in room.stores(places) if one.usable]  # Whoever reaches it: no place is known yet.
    if not able:
        raise NotFound(f"{places.name} has no datastore that golden may use", hint="golden endpoint check")
    granted = rights.granted(places, [one.native for one in able], rights.FROZEN)
    return max(able, key=lambda one: (granted[one.moid], one.free))


def _aimed(places: Places, source: Seen) -> tuple[Any, Ground]:
    """The pool that golden.toml names, else the source's; of a template, which has none, that of its host."""
    near, host = source.props.get("resourcePool"), source.props.get("runtime.host")
    if near is None and host is not None and "resource_pool" not in places.address.options:
        ground = ground_of(places, host)
        return room.pool(places, ground.pool), ground
    pool = room.pool(places, near)
    return pool, ground_of(places, pool)


def _chooses(compute: Seen, hosts: int) -> bool:
    """Of a cluster whose settings golden cannot read nobody knows, and a host that is named is never wrong."""
    if not isinstance(compute.native, vim.ClusterComputeResource):
        return hosts <= 1
    drs = getattr(compute.props.get("configurationEx"), "drsConfig", None)
    return bool(drs is not None and drs.enabled)


def _name(seen: Seen) -> str:
    return str(seen.props.get("name", seen.moid))


def _host(seen: Seen) -> _Host:
    usable = str(seen.props.get("runtime.connectionState", "connected")) == "connected"
    stores = frozenset(str(one._moId) for one in seen.props.get("datastore", ()))
    return _Host(seen.native, _name(seen), usable and not seen.props.get("runtime.inMaintenanceMode"), stores)
