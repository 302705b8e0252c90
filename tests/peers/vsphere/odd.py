"""Devices that golden must name before it begins: raw mappings, shared disks, a TPM, encryption."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.peers.vsphere.disks import disks, part
from tests.peers.vsphere.wire import TYPE, tag

KEY = '<val xmlns="urn:vim25" xsi:type="CryptoKeyId"><keyId>key-1</keyId><providerId><id>kms</id></providerId></val>'


def devices(found: ET.Element, odd: tuple[str, ...]) -> ET.Element:
    """The same devices with these oddities on the first disk, or beside it."""
    backing = part(next(disks(found)), "backing")
    if "rdm" in odd:
        backing.set(TYPE, "VirtualDiskRawDiskMappingVer1BackingInfo")
        for name in ("thinProvisioned", "eagerlyScrub", "writeThrough", "split", "digestEnabled"):
            for each in backing.findall(tag(name)):
                backing.remove(each)
        for name, text in (("lunUuid", "0200-peer"), ("deviceName", "vml.0200"), ("compatibilityMode", "physicalMode")):
            ET.SubElement(backing, tag(name)).text = text
    if "multi-writer" in odd:
        ET.SubElement(backing, tag("sharing")).text = "sharingMultiWriter"
    if "encrypted" in odd:
        key = ET.SubElement(backing, tag("keyId"))
        ET.SubElement(key, tag("keyId")).text = "key-1"
        ET.SubElement(ET.SubElement(key, tag("providerId")), tag("id")).text = "kms"
    if "serial" in odd:
        port = ET.SubElement(found, tag("VirtualDevice"), {TYPE: "VirtualSerialPort"})
        ET.SubElement(port, tag("key")).text = "9000"
        info = ET.SubElement(port, tag("backing"), {TYPE: "VirtualSerialPortFileBackingInfo"})
        ET.SubElement(info, tag("fileName")).text = "[LocalDS_0] serial.txt"
        ET.SubElement(port, tag("yieldOnPoll")).text = "true"
    if "vtpm" in odd:
        chip = ET.SubElement(found, tag("VirtualDevice"), {TYPE: "VirtualTPM"})
        ET.SubElement(chip, tag("key")).text = "11000"
        about = ET.SubElement(chip, tag("deviceInfo"), {TYPE: "Description"})
        ET.SubElement(about, tag("label")).text = "Virtual TPM"
        ET.SubElement(about, tag("summary")).text = "Virtual TPM"
    return found
