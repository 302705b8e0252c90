"""What a change of devices needs, by the table of ReconfigVM_Task in the reference."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator

from tests.peers.vsphere.upstream import kind_of
from tests.peers.vsphere.wire import TYPE, reference, tag

V = "VirtualMachine."
MEDIA = {"VirtualCdrom": "Interact.SetCDMedia", "VirtualFloppy": "Interact.SetFloppyMedia"}
RAW = ("VirtualSCSIPassthrough",)
USB = ("VirtualUSB",)
CARDS = ("VirtualE1000", "VirtualE1000e", "VirtualPCNet32", "VirtualVmxnet2", "VirtualVmxnet3")
Need = tuple[str, tuple[str, str] | None]
"""A privilege, and the object it is needed on; None is the machine."""


def needs(changes: Iterable[ET.Element], devices: Iterable[ET.Element]) -> Iterator[Need]:
    """Of every device change; ``devices`` are what the machine has now."""
    present = {each.findtext(tag("key"), ""): each for each in devices}
    for change in changes:
        device = change.find(tag("device"))
        assert device is not None
        kind, deed = kind_of(device), change.findtext(tag("operation"), "edit")
        if kind in USB:
            yield V + "Config.HostUSBDevice", None
        if kind in RAW:
            yield V + "Config.RawDevice", None
        if kind == "VirtualDisk" and deed != "edit":
            made = change.find(tag("fileOperation")) is not None
            yield V + {"add": f"Config.Add{'New' if made else 'Existing'}Disk"}.get(deed, "Config.RemoveDisk"), None
        elif deed != "edit" and kind not in USB + RAW:
            yield V + "Config.AddRemoveDevice", None
        if deed == "edit":
            yield V + "Config.EditDevice", None
            yield from _edited(kind, device, present.get(device.findtext(tag("key"), "")))
        if deed != "remove" and (network := _network(device)) is not None:
            before = None if deed == "add" else _network(present.get(device.findtext(tag("key"), "")))
            if network != before:
                yield "Network.Assign", network


def _edited(kind: str, device: ET.Element, had: ET.Element | None) -> Iterator[Need]:
    if kind in MEDIA and _text(device, "backing") != _text(had, "backing"):
        yield V + MEDIA[kind], None
    if device.find(tag("connectable")) is not None and _text(device, "connectable") != _text(had, "connectable"):
        yield V + "Interact.DeviceConnection", None


def _text(device: ET.Element | None, part: str) -> list[tuple[str, str]]:
    found = None if device is None else device.find(tag(part))
    if found is None:
        return []
    told = [(each.tag, each.text or "") for each in found.iter() if len(each) == 0]
    return [("", found.get(TYPE, "").split(":")[-1]), *sorted(pair for pair in told if not pair[0].endswith("status"))]


def _network(device: ET.Element | None) -> tuple[str, str] | None:
    """What a card is on: by its network or its port group; of a bare name only that."""
    backing = None if device is None or kind_of(device) not in CARDS else device.find(tag("backing"))
    if backing is None:
        return None
    if (native := backing.find(tag("network"))) is not None:
        return reference(native)
    if key := backing.findtext(f"{tag('port')}/{tag('portgroupKey')}"):
        return "DistributedVirtualPortgroup", key
    return "Network", backing.findtext(tag("deviceName"), "")
