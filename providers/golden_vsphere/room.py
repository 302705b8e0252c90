"""What new machines can lie on and belong to: datastores, resource pools, networks. ``placement`` chooses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from golden.errors import BadConfig, NotAble, NotFound, Refused
from golden_vsphere import devices
from golden_vsphere.faults import translated
from golden_vsphere.inventory import Places
from golden_vsphere.reading import PC, Seen, collected, needed, several

STORE = ("name", "summary.freeSpace", "summary.accessible", "summary.maintenanceMode", "host")
_NAME_POOL = 'resource_pool = "CLUSTER", or "CLUSTER/Resources/POOL"'
LINKED_ROOM = 1 << 30
"""Least room for a linked clone: it begins empty, and takes what its guest writes."""


@dataclass(frozen=True, slots=True)
class Store:
    """A datastore as it is now."""

    native: Any
    name: str
    free: int
    usable: bool
    barred: frozenset[str] = frozenset()
    """Hosts that have it and cannot write to it: mounted read-only, or out of reach there."""

    @property
    def moid(self) -> str:
        """Its id at this vCenter."""
        return str(self.native._moId)

    def must_hold(self, needed: int, what: str) -> None:
        """Refused where there is less room."""
        if not self.usable:
            raise Refused(
                f"the datastore {self.name} is not accessible, read-only or in maintenance, so {what} cannot lie there",
                hint="another datastore = in golden.toml",
            )
        if self.free < needed:
            raise Refused(
                f"the datastore {self.name} has too little room for {what}",
                details=f"needed {_gib(needed)}, free {_gib(self.free)}",
                hint="golden prune; golden gc; or another datastore = in golden.toml",
            )


def stores(places: Places) -> list[Store]:
    """The datacenter's datastores; those that are gone meanwhile are left out."""
    with translated("looking at the datastores"):
        return [store(seen) for seen in several(places.line, places.datastores, STORE)]


def stores_of(places: Places, natives: Iterable[Any]) -> list[Store]:
    """Some of them as they are now, in their order. NotFound where one is gone."""
    listed = list(natives)
    with translated("looking at the datastores"):
        found = {seen.moid: store(seen) for seen in several(places.line, listed, STORE)}
    if any(str(one._moId) not in found for one in listed):
        raise NotFound("a datastore is gone", hint="golden endpoint check")
    return [found[str(one._moId)] for one in listed]


def store(seen: Seen) -> Store:
    """As it was read with ``STORE``; of one that golden's account may not view nothing is known but its id."""
    mounts = list(seen.props.get("host", ()))
    barred = frozenset(str(one.key._moId) for one in mounts if not _writes(one.mountInfo))
    usable = (
        bool(seen.props.get("summary.accessible", True))
        and str(seen.props.get("summary.maintenanceMode", "normal")) == "normal"
        and (not mounts or len(barred) < len(mounts))
    )
    name = seen.props.get("name")
    free = int(seen.props.get("summary.freeSpace", 0))
    return Store(seen.native, str(name or seen.moid), free, usable and name is not None, barred)


def _writes(mount: Any) -> bool:
    """Of a server that tells neither whether it is mounted nor whether it is accessible there nobody knows."""
    return str(mount.accessMode) == "readWrite" and mount.mounted is not False and mount.accessible is not False


def named(places: Places) -> Store | None:
    """The datastore that golden.toml names; None where it names none. NotFound lists what there is."""
    wanted = places.address.options.get("datastore")
    if wanted is None:
        return None
    there = stores(places)
    for one in there:
        if one.name == wanted:
            return one
    names = ", ".join(sorted(one.name for one in there)) or "none"
    raise NotFound(f"there is no datastore {wanted!r} in {places.name}", details=f"there are: {names}")


def pool(places: Places, source: Any) -> Any:
    """
    The resource pool that golden.toml names, else the one of the machine that is cloned; never a vApp or a pool in one,
    which would have golden's machine for a member. BadConfig without one.
    """
    wanted = places.address.options.get("resource_pool")
    if wanted is None:
        if source is None:
            raise BadConfig("a template has no resource pool, so golden.toml has to name one", hint=_NAME_POOL)
        found = _outside_apps(places, source)
        if found is None:
            raise BadConfig("the machine lies in a vApp, and golden sees no resource pool around it", hint=_NAME_POOL)
        return found
    found = _named_pool(places, wanted)
    if _outside_apps(places, found) != found:
        raise BadConfig(f"{wanted} is a vApp or lies in one, which golden's machines do not belong to", hint=_NAME_POOL)
    return found


def _named_pool(places: Places, wanted: str) -> Any:
    with translated(f"looking for the resource pool {wanted}"):
        here: Any = places.hosts
        for part in wanted.strip("/").split("/"):
            here = None if here is None else places.child(here, part)
        if isinstance(here, vim.ComputeResource):
            return needed(places.line, here, ("resourcePool",), f"the resource pool of {wanted}")["resourcePool"]
    if isinstance(here, vim.ResourcePool):
        return here
    raise NotFound(f"there is no resource pool {wanted!r} in {places.name}", hint=_NAME_POOL)


def _outside_apps(places: Places, pool: Any) -> Any:
    """The pool itself, or the first one around the vApps that it is or lies in; None where golden may not see it."""
    again = PC.SelectionSpec(name="up")
    up = PC.TraversalSpec(name="up", type=vim.ResourcePool, path="parent", skip=False, selectSet=[again])
    with translated("looking at the resource pool"):
        there = [PC.ObjectSpec(obj=pool, skip=False, selectSet=[up])]
        seen = {
            one.moid: one.props.get("parent") for one in collected(places.line, there, {vim.ResourcePool: ("parent",)})
        }
    here = found = pool
    while isinstance(here, vim.ResourcePool):
        above = seen.get(str(here._moId))
        if isinstance(here, vim.VirtualApp):
            found = above
        here = above
    return found if isinstance(found, vim.ResourcePool) else None


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the datacenter, and what an adapter's backing has to be to be on it."""

    native: Any
    name: str
    backing: Any


def network(places: Places, name: str) -> Network:
    """One by its name. NotFound lists the networks there are."""
    there = places.named_networks()
    found = [seen for seen in there if seen.props.get("name") == name]
    if not found:
        names = ", ".join(sorted(str(seen.props.get("name")) for seen in there)) or "none"
        raise NotFound(f"there is no network {name!r} in {places.name}", details=f"there are: {names}")
    if len(found) > 1:
        raise BadConfig(f"{len(found)} networks of {places.name} are called {name!r}; golden cannot tell them apart")
    return Network(found[0].native, name, _backing(places, found[0].native, name))


def _backing(places: Places, native: Any, name: str) -> Any:
    device = vim.vm.device.VirtualEthernetCard
    if isinstance(native, vim.dvs.DistributedVirtualPortgroup):
        with translated(f"looking at the network {name}"):
            told = needed(places.line, native, ("key", "config.distributedVirtualSwitch"), f"the network {name}")
            owner = told["config.distributedVirtualSwitch"]
            switch = needed(places.line, owner, ("uuid",), f"the switch of the network {name}")["uuid"]
        port = vim.dvs.PortConnection(portgroupKey=told["key"], switchUuid=switch)
        return device.DistributedVirtualPortBackingInfo(port=port)
    if isinstance(native, vim.OpaqueNetwork):
        raise NotAble(f"golden does not connect machines to {name}, a network of NSX's own kind")
    return device.NetworkBackingInfo(deviceName=name, network=native)


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"


def allowed_network(places: Places, allowed: Sequence[str], name: str | None) -> Network | None:
    """What a clone is connected to; None where nothing was asked for. NotFound names those that are allowed."""
    if name is None:
        return None
    if name not in allowed:
        raise NotFound(
            f"golden may not connect clones to {name!r} here", details=f"it may to: {', '.join(allowed) or 'none'}"
        )
    return network(places, name)


def must_be_shallow(places: Places, hardware: Sequence[Any], name: str) -> None:
    """NotAble where a linked clone of this hardware would be deeper than chains may be here."""
    deep, most = devices.depth(hardware) + 1, places.address.snapshot_depth
    if deep > most:
        raise NotAble(
            f"{name} would be linked {deep} deep; golden takes {most} here",
            hint="a full clone, or a larger snapshot_depth in golden.toml",
        )
