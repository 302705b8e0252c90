"""Cutting a machine off its networks: at once where it runs, and in its definition."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET


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
