"""How machines get into a daemon and out of it: defined first, not settled, before any of their volumes is there."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from golden.model import Origin
from golden.provider import Scope
from golden_libvirt import definition, firmware, network
from golden_libvirt.connection import Line
from golden_libvirt.domains import Domains
from golden_libvirt.faults import translated
from golden_libvirt.intake import Intake
from golden_libvirt.marking import put
from golden_libvirt.origins import Found
from golden_libvirt.pool import Pool
from golden_libvirt.reading import EXTRAS, definition_bytes, extras
from golden_libvirt.record import Disk, Record

BESIDE = (("kernel", definition.KERNEL), ("initrd", definition.INITRD))


@dataclass(frozen=True, slots=True)
class VolumeMaking:
    """Makes machines of one daemon, their disks volumes of one pool; what is cut off stays there unsettled."""

    line: Line
    pool: Pool
    domains: Domains
    scope: Scope
    virt_type: str | None
    """The domain type that is configured, if one is."""
    is_here: bool
    """Whether the daemon runs on this computer."""

    def adopted(self, entry: Record, origin: Origin, found: Found) -> Record:
        """The daemon copies its own volumes; files of this computer are uploaded."""
        order = Intake(self.line, self.pool, self.scope, self.virt_type, self.is_here)
        domain, files = order.definition(entry, origin, found)
        entry = self._begin(entry, len(found.disks), domain, tuple(files))
        is_theirs = origin.kind == "machine"
        for disk, source, info in zip(entry.disks, found.disks, found.infos, strict=True):
            order.take(disk.file, source, info, is_theirs=is_theirs)
        for extra, path in files.items():
            take = order.take_variables if extra == definition.NVRAM else order.take_extra
            take(f"{entry.name}.{extra}", path, is_theirs=is_theirs)
        return self._finish(entry)

    def cloned(self, entry: Record, parent: Record) -> Record:
        """Volumes with a backing store where the record names the parent, else the daemon's own full copies."""
        theirs = definition.parse(definition_bytes(self.line, self.domains.got(parent.name)), parent.name)
        beside = extras(self.pool, parent.name, theirs)
        domain = definition.clean(theirs, entry.name, entry.uuid, self.virt_type)
        for name in entry.networks:
            network.connect(domain, name)
        entry = self._begin(entry, len(parent.disks), domain, beside)
        for below, disk in zip(parent.disks, entry.disks, strict=True):
            if entry.parent:
                self.pool.make_overlay(disk.file, below.file, below.format)
            else:
                self.pool.make_copy(disk.file, self.pool.native_volume(below.file))
        for extra in beside:
            self.pool.put_text(f"{entry.name}.{extra}", b"".join(self.pool.pieces(f"{parent.name}.{extra}")))
        return self._finish(entry)

    def remove(self, entry: Record) -> None:
        """With its own volumes; its definition goes last. Conflict where they are in another pool."""
        self.pool.must_hold(entry)
        native = self.domains.native(entry.name)
        with translated(f"taking {entry.name} away"):
            if native is not None and native.isActive():
                native.destroy()
                native = self.domains.native(entry.name)  # None where somebody had undefined it while it ran.
            if native is not None and entry.settled:
                self.domains.save(entry.but(settled=False))
            mine = (*(disk.file for disk in entry.disks), *(f"{entry.name}.{extra}" for extra in EXTRAS))
            for volume in mine:
                self.pool.delete(volume)
            if native is not None:
                lib = self.line.libvirt
                native.undefineFlags(lib.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | lib.VIR_DOMAIN_UNDEFINE_NVRAM)
            self.line.forget(entry.name)

    def _begin(self, entry: Record, disks: int, domain: ET.Element, beside: tuple[str, ...]) -> Record:
        folder, name = self.pool.folder, entry.name
        entry = entry.but(disks=tuple(Disk(f"{name}.disk{number}.qcow2", "qcow2") for number in range(disks)))
        for element, disk in zip(definition.disks_of(domain), entry.disks, strict=True):
            definition.point(element, f"{folder}/{disk.file}", disk.format)
        firmware.keep_variables(domain, f"{folder}/{name}.{definition.NVRAM}")
        for tag, extra in BESIDE:
            boot = domain.find(f"os/{tag}")
            if boot is not None and extra in beside:
                boot.text = f"{folder}/{name}.{extra}"
        put(domain, entry)
        with translated(f"defining {name}"):
            self.domains.must_be_free(name)
            self.line.native.defineXML(ET.tostring(domain, encoding="unicode"))
        return entry

    def _finish(self, entry: Record) -> Record:
        return self.domains.save(entry.but(settled=True))
