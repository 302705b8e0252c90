"""What is wanted of a clone, and how CloneVM takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from golden.errors import NotAble
from golden.model import Mark
from golden_vsphere import devices
from golden_vsphere.line import Line
from golden_vsphere.marking import Record
from golden_vsphere.placement import Place
from golden_vsphere.room import Network

FLAT, LINKED = "moveAllDiskBackingsAndDisallowSharing", "createNewChildDiskBacking"


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of a clone."""

    kind: str
    name: str
    mark: Mark
    source: Any
    hardware: list[Any]
    """Of the source at the state that is cloned."""
    place: Place
    point: Any = None
    """pyVmomi's snapshot to clone from; None = the present state."""
    parent: str = ""
    point_name: str = ""
    linked: bool = False
    encrypted: bool = False
    """Whether the source's home is encrypted by vSphere."""
    network: Network | None = None
    """What its first adapter is connected to."""


def must_get_own_tpm(line: Line, hardware: list[Any], name: str) -> None:
    """NotAble where a clone would have its source's virtual TPM with all that is sealed in it (facts 3)."""
    if devices.has_tpm(hardware) and not line.replaces_tpm:
        raise NotAble(
            f"{name} would get a copy of the virtual TPM with its secrets: {line.product} cannot replace it",
            hint="vCenter 8.0 or later, or a reference without a virtual TPM",
        )


def clone_spec(order: Order, record: Record) -> Any:
    """The order as vCenter takes it: no memory, off, disks linked each by itself or all of them flat (facts 8)."""
    place: dict[str, Any] = {**order.place.spec(), "diskMoveType": LINKED if order.linked else FLAT}
    if order.linked:
        place["disk"] = [
            vim.vm.RelocateSpec.DiskLocator(diskId=disk.key, datastore=disk.backing.datastore, diskMoveType=LINKED)
            for disk in devices.disks(order.hardware)
        ]
    more: dict[str, Any] = {}
    if order.point is not None:
        more["snapshot"] = order.point
    if devices.has_tpm(order.hardware):
        more["tpmProvisionPolicy"] = "replace"
    return vim.vm.CloneSpec(
        location=vim.vm.RelocateSpec(**place),
        config=vim.vm.ConfigSpec(extraConfig=record.options()),
        powerOn=False,
        template=False,  # Of an image too: a template takes no more changes, so it becomes one at the very end.
        memory=False,
        **more,
    )
