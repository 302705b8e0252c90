"""Looking at what a daemon holds: which pool is golden's, identities, hashes, definitions."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from golden.errors import NotFound
from golden.model import DiskFile, FileStamp
from golden.waiting import Watcher
from golden_libvirt import definition, firmware
from golden_libvirt.connection import Line
from golden_libvirt.domains import Domains
from golden_libvirt.faults import translated
from golden_libvirt.pool import Pool
from golden_libvirt.record import Record

EXTRAS = (definition.NVRAM, definition.KERNEL, definition.INITRD)
"""Files of a machine's own beside its disks."""


def choose(line: Line, wanted: str | None, watcher: Watcher | None = None) -> Pool:
    """
    The pool an endpoint names, else ``golden``, else ``default``. NotFound with a command that makes it, also where
    machines were made in a pool ``golden`` that is not there now: one that was never defined is gone after a restart.
    """
    if wanted:
        return Pool(line, wanted, watcher)
    try:
        return Pool(line, "golden", watcher)
    except NotFound as error:
        with contextlib.suppress(NotFound):
            usual = Pool(line, "default", watcher)
            if _holds_machines(line, usual) or all(
                entry.pool != "golden" for entry in Domains(lambda: line, "").records()
            ):
                return usual
        raise error from None


def _holds_machines(line: Line, pool: Pool) -> bool:
    """Whether machines of golden's have their disks in it; asked with two calls, however many there are."""
    with translated(f"looking into the storage pool {pool.name}"):
        disks = {f"{native.name()}.disk0.qcow2" for native in line.native.listAllDomains(0)}
        return any(volume.name() in disks for volume in pool.native.listAllVolumes(0))


def definition_bytes(line: Line, native: Any) -> bytes:
    """A machine's own definition, not the running one."""
    with translated("reading a machine's definition"):
        flags = line.libvirt.VIR_DOMAIN_XML_INACTIVE | line.libvirt.VIR_DOMAIN_XML_SECURE
        return str(native.XMLDesc(flags)).encode()


def _hardware(domain: ET.Element) -> bytes:
    """
    The definition without metadata, which changes with every mark, and in one order: a daemon that was started anew
    lists the same devices in another one.
    """
    for metadata in domain.findall("metadata"):
        domain.remove(metadata)
    devices = domain.find("devices")
    if devices is not None:
        devices[:] = sorted(devices, key=_canonical)
    return _canonical(domain).encode()


def _canonical(element: ET.Element) -> str:
    return ET.canonicalize(ET.tostring(element, "unicode"), strip_text=True)


def _parsed(line: Line, native: Any) -> ET.Element:
    return definition.parse(definition_bytes(line, native), "a definition of libvirt's")


def extras(pool: Pool, name: str, domain: ET.Element) -> tuple[str, ...]:
    """
    What a machine has beside its disks. Its firmware variables are QEMU's to write, at its first start, and may not be
    in libvirt's list of volumes yet; the rest came there through libvirt.
    """
    there = []
    for extra in EXTRAS:
        look = pool.find_written if extra == definition.NVRAM and firmware.nvram_of(domain) is not None else pool.find
        if look(f"{name}.{extra}") is not None:
            there.append(extra)
    return tuple(there)


def _volumes(pool: Pool, entry: Record, domain: ET.Element) -> Iterator[tuple[str, str, str]]:
    for disk in entry.disks:
        yield disk.file, "disk", disk.format
    for extra in extras(pool, entry.name, domain):
        yield f"{entry.name}.{extra}", "nvram" if extra == definition.NVRAM else "definition", "raw"


def stamps(line: Line, pool: Pool, entry: Record, native: Any) -> tuple[FileStamp, ...]:
    """The cheap identity of every volume of a machine and of its definition. NotFound where one is missing."""
    domain = _parsed(line, native)
    found = [FileStamp(pool.get(name).path, pool.stamp(name)) for name, _, _ in _volumes(pool, entry, domain)]
    hardware = hashlib.sha256(_hardware(domain)).hexdigest()
    return (*found, FileStamp(f"{entry.name}.xml", hardware))


def hashes(line: Line, pool: Pool, entry: Record, native: Any, *, local: bool) -> tuple[DiskFile, ...]:
    """The same with the hash of every byte."""
    found, domain = [], _parsed(line, native)
    for name, kind, volume_format in _volumes(pool, entry, domain):
        volume = pool.get(name)
        found.append(DiskFile(volume.path, kind, volume_format, volume.length, pool.sha256(name), local))
    text = _hardware(domain)
    own = DiskFile(f"{entry.name}.xml", "definition", "xml", len(text), hashlib.sha256(text).hexdigest(), local=False)
    return (*found, own)
