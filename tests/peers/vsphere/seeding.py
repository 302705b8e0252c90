"""A user's own machine: powered off, one or more disks, one network card, a stand-in Windows behind it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from xml.sax.saxutils import escape

from tests.peers.vsphere.upstream import Upstream
from tests.peers.vsphere.wire import XSI, tag

VM = "VirtualMachine"


@dataclass(frozen=True)
class Shape:
    """
    What a machine is made of; sizes in GiB.

    ``state`` and ``faults`` are the stand-in's; without a state no guest lies behind it. ``tools`` may be
    another word than current, such as ``guestToolsNeedUpgrade``. ``odd`` names what golden cannot freeze:
    ``rdm``, ``multi-writer``, ``vtpm``, ``encrypted``.
    """

    state: str | None = "VIRGIN"
    faults: tuple[tuple[str, object], ...] = ()
    disks: tuple[int, ...] = (40,)
    disk_mode: str = "persistent"
    tools: bool | str = True
    network: str = "VM Network"
    firmware: str = "efi"
    guest_id: str = "windows9Server64Guest"
    datastore: str = "LocalDS_0"
    odd: tuple[str, ...] = ()
    media: bool = True
    """A CD drive and a floppy drive of the host's, as machines that were installed by hand have them."""


@dataclass(frozen=True)
class Seeded:
    """A machine that is there: its name, moid and inventory path."""

    name: str
    moid: str
    path: str


def create(upstream: Upstream, place: Inventory, name: str, shape: Shape) -> Seeded:
    """The machine without its guest, in the first datacenter's machine folder."""
    inner = (
        f"<config><name>{escape(stored(name))}</name><annotation>a user's own</annotation>"
        f"<guestId>{shape.guest_id}</guestId><files><vmPathName>[{shape.datastore}]</vmPathName></files>"
        f"<numCPUs>2</numCPUs><memoryMB>4096</memoryMB>{_devices(shape)}<firmware>{shape.firmware}</firmware></config>"
        f'<pool type="ResourcePool">{place.pool}</pool>'
    )
    made = upstream.carry("Folder", place.folder, "CreateVM_Task", inner)
    if made["info.state"].text != "success":
        raise AssertionError(f"the simulator would not make {name}: {ET.tostring(made['info.error']).decode()}")
    return Seeded(name, made["info.result"].text or "", f"{place.path}/{stored(name)}")


def stored(name: str) -> str:
    """A name as vCenter keeps it: per cent, slash and backslash are escaped."""
    return name.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")


def _devices(shape: Shape) -> str:
    def add(kind: str, inner: str, more: str = "") -> str:
        return (
            f"<deviceChange><operation>add</operation>{more}"
            f'<device xmlns:xsi="{XSI}" xsi:type="{kind}">{inner}</device></deviceChange>'
        )

    scsi = add("ParaVirtualSCSIController", "<key>1000</key><busNumber>0</busNumber><sharedBus>noSharing</sharedBus>")
    disks = "".join(
        add(
            "VirtualDisk",
            f'<key>{2000 + at}</key><backing xsi:type="VirtualDiskFlatVer2BackingInfo">'
            f"<fileName>[{shape.datastore}]</fileName><diskMode>{shape.disk_mode}</diskMode>"
            "<thinProvisioned>true</thinProvisioned></backing>"
            f"<controllerKey>1000</controllerKey><unitNumber>{at}</unitNumber>"
            f"<capacityInKB>{size << 20}</capacityInKB>",
            "<fileOperation>create</fileOperation>",
        )
        for at, size in enumerate(shape.disks)
    )
    card = add(
        "VirtualVmxnet3",
        f'<key>4000</key><backing xsi:type="VirtualEthernetCardNetworkBackingInfo"><deviceName>{escape(shape.network)}'
        "</deviceName></backing><connectable><startConnected>true</startConnected><allowGuestControl>true"
        "</allowGuestControl><connected>false</connected></connectable><addressType>generated</addressType>",
    )
    return scsi + disks + card + (_media(add) if shape.media else "")


def _media(add: Callable[[str, str], str]) -> str:
    plug = "<connectable><startConnected>true</startConnected><allowGuestControl>true</allowGuestControl>"
    plug += "<connected>false</connected></connectable>"
    drive = '<key>{}</key><backing xsi:type="{}"><deviceName>{}</deviceName></backing>' + plug
    drive += "<controllerKey>{}</controllerKey><unitNumber>0</unitNumber>"
    compact = drive.format(3002, "VirtualCdromAtapiBackingInfo", "cdrom0", 201)
    floppy = drive.format(8000, "VirtualFloppyDeviceBackingInfo", "fd0", 400)
    return add("VirtualCdrom", compact) + add("VirtualFloppy", floppy)


_SHARE = (
    "<reservation>0</reservation><expandableReservation>true</expandableReservation><limit>-1</limit>"
    "<shares><shares>4000</shares><level>normal</level></shares>"
)
POOL_SPEC = f"<cpuAllocation>{_SHARE}</cpuAllocation><memoryAllocation>{_SHARE}</memoryAllocation>"
"""What a new resource pool or vApp may use."""


class Making(Protocol):
    """Who makes machines with guests."""

    def shape(self, moid: str) -> Shape:
        """What a machine is made of."""

    def make(self, name: str, shape: Shape) -> str | None:
        """A machine of this shape, without a guest yet; its moid, None where the name is taken."""


class Inventory:
    """Where machines are made: the first machine folder and resource pool."""

    def __init__(self, upstream: Upstream) -> None:
        self._up = upstream
        self._root = root = upstream.managers["rootFolder"]
        (center,) = self._all(root, "Datacenter")
        found = upstream.properties("Datacenter", center, "vmFolder", "name", "parent")
        self.center, self.folder = center, found["vmFolder"].text or ""
        above = found["parent"].text or ""
        outer = f"/{upstream.texts('Folder', above, 'name')['name']}" if above != root else ""
        self.path = f"{outer}/{found['name'].text}/vm"
        self.pool = self._all(root, "ResourcePool")[0]
        self.hosts = self._all(root, "HostSystem")
        self.clusters = self._all(root, "ClusterComputeResource")
        self.datastores = self._all(root, "Datastore")

    def machines(self) -> list[str]:
        """Every machine and template."""
        return self._all(self._root, VM)

    def _all(self, root: str, kind: str) -> list[str]:
        inner = f'<container type="Folder">{root}</container><type>{kind}</type><recursive>true</recursive>'
        view = self._up.ask("viewManager", "CreateContainerView", inner).findtext(tag("returnval"), "")
        try:
            found = self._up.properties("ContainerView", view, "view")["view"]
            return [each.text or "" for each in found]
        finally:
            self._up.call("ContainerView", view, "DestroyView")
