"""golden's record of a machine inside the machine's own libvirt definition, in a namespace of its own."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree as ET

from golden_libvirt.faults import NO_DOMAIN, NO_DOMAIN_METADATA, OPERATION_INVALID, code_of, is_libvirt
from golden_libvirt.record import Record, from_json

URI = "urn:golden:libvirt:machine:1"
_KEY = "goldenmachine"
_NONE = (NO_DOMAIN_METADATA, NO_DOMAIN)
ET.register_namespace(_KEY, URI)


def put(domain: ET.Element, record: Record) -> None:
    """Write the record into a definition."""
    metadata = domain.find("metadata")
    if metadata is None:
        metadata = ET.SubElement(domain, "metadata")
    take(domain)
    ET.SubElement(metadata, f"{{{URI}}}record").text = json.dumps(asdict(record))


def take(domain: ET.Element) -> None:
    """Take any record out of a definition, so that a copy is not mistaken for the original."""
    metadata = domain.find("metadata")
    for element in [] if metadata is None else metadata.findall(f"{{{URI}}}record"):
        metadata.remove(element)  # type: ignore[union-attr]


def save(libvirt: Any, native: Any, record: Record) -> None:
    """Replace the record of a machine that libvirt knows. Raises libvirt's error."""
    element = ET.Element("record")
    element.text = json.dumps(asdict(record))
    flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG
    if native.isActive():
        flags |= libvirt.VIR_DOMAIN_AFFECT_LIVE
    text = ET.tostring(element, encoding="unicode")
    native.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, text, _KEY, URI, flags)


def load(libvirt: Any, native: Any) -> Record | None:
    """The record of a machine; None where it is none of golden's, or gone by now."""
    text = _text(libvirt, native, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    if text is None:  # A transient machine (virsh create, an appliance) has no definition that is kept.
        text = _text(libvirt, native, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    try:
        return from_json(json.loads(ET.fromstring(text or "<none/>").text or ""))  # noqa: S314 - libvirt's own words
    except (ET.ParseError, ValueError, KeyError, TypeError):
        return None


def _text(libvirt: Any, native: Any, flags: int) -> str | None:
    """Empty where there is none; None where the machine has no such definition. Raises libvirt's error."""
    try:
        return str(native.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, URI, flags))
    except Exception as error:
        if not is_libvirt(error) or code_of(error) not in (*_NONE, OPERATION_INVALID):
            raise
        return None if code_of(error) == OPERATION_INVALID else ""
