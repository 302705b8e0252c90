"""Templates: off the resource pool's list, and watchers told, which the simulator forgets both."""

from __future__ import annotations

from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.upstream import Upstream, value


def pool_of(upstream: Upstream, moid: str) -> str:
    """The resource pool of a machine; "" for a template."""
    return upstream.texts(VM, moid, "resourcePool").get("resourcePool", "")


def became(upstream: Upstream, moid: str, pool: str) -> None:
    """A machine of this pool (or "") has become a template."""
    told(upstream, moid, now=True)
    if not pool:
        return
    had = upstream.properties("ResourcePool", pool, "vm").get("vm")
    left = [each.text or "" for each in ([] if had is None else had) if each.text != moid]
    inner = "".join(f'<ManagedObjectReference type="{VM}">{each}</ManagedObjectReference>' for each in left)
    val = f'<val xsi:type="ArrayOfManagedObjectReference">{inner}</val>'
    upstream.change("ResourcePool", pool, {"vm": val})


def told(upstream: Upstream, moid: str, *, now: bool) -> None:
    """Those who watch see what it is now."""
    text = value(str(now).lower(), "xsd:boolean")
    upstream.change(VM, moid, {"config.template": text, "summary.config.template": text})
