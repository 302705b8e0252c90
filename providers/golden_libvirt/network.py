"""A machine's network cards: which one its guest knows, having one, being cut off; in its definition and at once."""

from __future__ import annotations

import secrets
from typing import Any
from xml.etree import ElementTree as ET

NAMESPACE = "urn:golden:libvirt:1"
"""Of what golden notes in a definition."""
_CARD = f"{{{NAMESPACE}}}card"


def remember_card(domain: ET.Element, model: str) -> None:
    """Note which network card the guest has a driver for; clones get one only where a network is asked for."""
    metadata = domain.find("metadata")
    if metadata is None:
        metadata = ET.SubElement(domain, "metadata")
    for old in metadata.findall(_CARD):
        metadata.remove(old)
    ET.SubElement(metadata, _CARD, model=model)


def remember_first_card(domain: ET.Element) -> None:
    """Note the first card of a definition that has one."""
    model = domain.find("devices/interface/model")
    if model is not None and model.get("type"):
        remember_card(domain, str(model.get("type")))


def connect(domain: ET.Element, network: str) -> None:
    """A network card with a fresh address; ``user`` is QEMU's own network, anything else a network of libvirt's."""
    card = domain.find(f"metadata/{_CARD}")
    devices = domain.find("devices")
    if devices is None:
        return
    interface = ET.SubElement(devices, "interface", type="user" if network == "user" else "network")
    if network != "user":
        ET.SubElement(interface, "source", network=network)
    tail = ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3))
    ET.SubElement(interface, "mac", address=f"52:54:00:{tail}")
    ET.SubElement(interface, "model", type="e1000e" if card is None else card.get("model", "e1000e"))


def disconnect(domain: ET.Element) -> None:
    """No network card is left in a definition."""
    devices = domain.find("devices")
    if devices is not None:
        for card in devices.findall("interface"):
            devices.remove(card)


def pull_plugs(libvirt: Any, native: Any) -> None:
    """Every network card of a running machine loses its link, as if its cable was pulled. Raises libvirt's error."""
    for interface in _cards(native.XMLDesc(0)):
        link = interface.find("link")
        if link is None:
            link = ET.SubElement(interface, "link")
        if link.get("state") != "down":
            link.set("state", "down")
            native.updateDeviceFlags(ET.tostring(interface, encoding="unicode"), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def remove_cards(libvirt: Any, native: Any) -> None:
    """No network card is left in the definition of a machine that libvirt keeps. Raises libvirt's error."""
    for interface in _cards(native.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)):
        native.detachDeviceFlags(ET.tostring(interface, encoding="unicode"), libvirt.VIR_DOMAIN_AFFECT_CONFIG)


def _cards(text: str) -> list[ET.Element]:
    return ET.fromstring(text).findall("devices/interface")  # noqa: S314 - libvirt's own words
