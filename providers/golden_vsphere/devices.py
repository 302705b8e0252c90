"""The hardware of a machine: disks and their chains, adapters and their networks, and what a clone must not have."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from pyVmomi import vim

DEVICE: Any = vim.vm.device
EDIT, REMOVE = DEVICE.VirtualDeviceSpec.Operation.edit, DEVICE.VirtualDeviceSpec.Operation.remove
_HOSTS_OWN = (DEVICE.VirtualPCIPassthrough, DEVICE.VirtualUSB, DEVICE.VirtualSCSIPassthrough)
"""Kinds of devices that are always somebody else's hardware."""
_PORTS = (DEVICE.VirtualSerialPort, DEVICE.VirtualParallelPort)


def disks(hardware: Iterable[Any]) -> list[Any]:
    """The virtual disks, in their order."""
    return [one for one in hardware if isinstance(one, DEVICE.VirtualDisk)]


def adapters(hardware: Iterable[Any]) -> list[Any]:
    """The network adapters, in their order."""
    return [one for one in hardware if isinstance(one, DEVICE.VirtualEthernetCard)]


def has_tpm(hardware: Iterable[Any]) -> bool:
    """Whether there is a virtual TPM."""
    return any(isinstance(one, DEVICE.VirtualTPM) for one in hardware)


def has_usb(hardware: Iterable[Any]) -> bool:
    """Whether a USB device of the host's is passed through."""
    return any(isinstance(one, DEVICE.VirtualUSB) for one in hardware)


def capacity(disk: Any) -> int:
    """Bytes as the guest sees them; older servers tell KiB only."""
    return int(disk.capacityInBytes or disk.capacityInKB * 1024)


def chain(disk: Any) -> list[Any]:
    """The backings of a disk from its own down to the one that stands alone."""
    found, backing = [], disk.backing
    while backing is not None:
        found.append(backing)
        backing = getattr(backing, "parent", None)
    return found


def depth(hardware: Iterable[Any]) -> int:
    """Linked disks on top of each other, of the deepest disk; 0 for one that stands alone."""
    return max((len(chain(disk)) - 1 for disk in disks(hardware)), default=0)


def proof(hardware: Iterable[Any]) -> str:
    """
    A hash over what vCenter knows of disks without reading them: uuid, content id (which the first write to a disk
    changes, as VMDK's CID does), size and chain.
    """
    told = [[disk.backing.uuid, disk.backing.contentId, capacity(disk), depth([disk])] for disk in disks(hardware)]
    return sha256(json.dumps(told, default=str).encode()).hexdigest()


def networks(hardware: Iterable[Any], names: Mapping[str, str]) -> tuple[str, ...]:
    """What adapters are connected to, or will be at the next start; ``names`` by the network's moid."""
    found = [network(card, names) for card in adapters(hardware) if is_connected(card)]
    return tuple(dict.fromkeys(found))


def is_connected(card: Any) -> bool:
    """Whether an adapter is connected or will be at the next start."""
    plug = card.connectable
    return plug is not None and bool(plug.connected or plug.startConnected)


def network(card: Any, names: Mapping[str, str]) -> str:
    """What an adapter belongs to."""
    backing = card.backing
    port = getattr(backing, "port", None)
    if port is not None:
        return names.get(str(port.portgroupKey), str(port.portgroupKey))
    native = getattr(backing, "network", None)
    if native is not None and str(native._moId) in names:
        return names[str(native._moId)]
    return str(getattr(backing, "deviceName", None) or getattr(backing, "opaqueNetworkId", None) or "unknown")


def cut_off(hardware: Iterable[Any]) -> list[Any]:
    """Changes that disconnect every adapter, now and at each start."""
    return [_edit(_plug(card, connected=False)) for card in adapters(hardware) if is_connected(card)]


def cleaned(hardware: Iterable[Any], backing: Any = None) -> list[Any]:
    """
    Changes that make a clone nobody's but golden's: no media, no host's devices, addresses of its own, and no
    network; with ``backing`` its first adapter is connected to that.
    """
    listed = list(hardware)
    return [*_media_out(listed), *_own_network(listed, backing)]


def deployable(hardware: Iterable[Any]) -> list[Any]:
    """Changes that make an image of a clone: no media and no host's devices, and adapters that machines of it use."""
    listed = list(hardware)
    return [*_media_out(listed), *(_edit(_plug(card, connected=False, at_start=True)) for card in adapters(listed))]


def _media_out(hardware: Iterable[Any]) -> Iterator[Any]:
    for one in hardware:
        if isinstance(one, _HOSTS_OWN) or (
            isinstance(one, _PORTS) and not isinstance(one.backing, DEVICE.VirtualDevice.PipeBackingInfo)
        ):
            yield DEVICE.VirtualDeviceSpec(operation=REMOVE, device=one)
        elif isinstance(one, DEVICE.VirtualCdrom):
            one.backing = DEVICE.VirtualCdrom.RemotePassthroughBackingInfo(deviceName="", exclusive=False)
            yield _edit(_plug(one, connected=False))
        elif isinstance(one, DEVICE.VirtualFloppy):
            one.backing = DEVICE.VirtualFloppy.RemoteDeviceBackingInfo(deviceName="")
            yield _edit(_plug(one, connected=False))


def _own_network(hardware: Iterable[Any], backing: Any) -> Iterator[Any]:
    for number, card in enumerate(adapters(hardware)):
        connected = number == 0 and backing is not None
        if connected:
            card.backing = backing
        if str(card.addressType).lower() == "manual":  # The source's own; two of them on one network must not meet.
            card.addressType, card.macAddress = "generated", None
        yield _edit(_plug(card, connected=connected))


def _plug(device: Any, *, connected: bool, at_start: bool = False) -> Any:
    device.connectable = DEVICE.VirtualDevice.ConnectInfo(
        startConnected=connected or at_start, connected=connected, allowGuestControl=at_start
    )
    return device


def _edit(device: Any) -> Any:
    return DEVICE.VirtualDeviceSpec(operation=EDIT, device=device)
