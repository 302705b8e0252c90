"""golden's record of a machine inside the machine's own libvirt definition, in a namespace of its own."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree as ET

from golden_libvirt.faults import NO_DOMAIN, OPERATION_INVALID, code_of, is_libvirt
from golden_libvirt.record import Record, from_json

URI = "urn:golden:libvirt:machine:1"
_KEY = "goldenmachine"
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
    try:
        # A transient machine (virsh create, an appliance) has no definition that is kept; asking for it is an error.
        flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG if native.isPersistent() else libvirt.VIR_DOMAIN_AFFECT_LIVE
        text = native.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, URI, flags)
    except Exception as error:
        # The last where it was undefined, or ended, between the two questions.
        if is_libvirt(error) and code_of(error) in (libvirt.VIR_ERR_NO_DOMAIN_METADATA, NO_DOMAIN, OPERATION_INVALID):
            return None
        raise
    try:
        return from_json(json.loads(ET.fromstring(text).text or ""))  # noqa: S314 - libvirt's own words
    except (ET.ParseError, ValueError, KeyError, TypeError):
        return None
