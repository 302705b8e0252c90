"""How machines get into the store of the embedded driver: taken from the user's disks, or cloned from a frozen one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from golden.model import Origin
from golden.waiting import Watcher
from golden_libvirt import definition, firmware, kvm, network, origins, tools
from golden_libvirt.faults import translated
from golden_libvirt.record import Disk, Record
from golden_libvirt.store import Store


@dataclass(frozen=True, slots=True)
class Making:
    """Makes machines in one store; what is cut off stays there unsettled, with its record in it."""

    store: Store
    state: Path
    """Where the provider keeps what it found out about this computer."""
    virt_type: str | None
    """The domain type that is configured, if one is."""
    watcher: Watcher

    def adopted(self, entry: Record, origin: Origin, found: origins.Found, *, in_place: bool) -> Record:
        """Copies, or links to the user's own files; writes a definition where there is only a disk."""
        folder = self.store.claim(entry)
        disks = []
        with translated(f"adopting {origin.where}"):
            for number, (path, info) in enumerate(zip(found.disks, found.infos, strict=True)):
                disks.append(self._take(folder, f"disk{number}", path, info.format, in_place=in_place))
                entry = self.store.save(entry.but(disks=tuple(disks)))
            self._define(entry, self._domain(entry, folder, origin, found), entry.disks)
        return self.store.finish(entry)

    def cloned(self, entry: Record, parent: Record) -> Record:
        """
        Overlays by relative paths where the record names the parent, else full copies; NVRAM and TPM state are copied,
        the definition is cleaned.
        """
        origin = self.store.folder(parent.name)
        folder = self.store.claim(entry)
        disks = []
        with translated(f"cloning {parent.name}"):
            for number, disk in enumerate(parent.disks):
                file = f"disk{number}.qcow2"
                if entry.parent:
                    tools.make_overlay(folder / file, f"../{parent.name}/{disk.file}", disk.format)
                else:
                    tools.convert(origin / disk.file, disk.format, folder / file)
                disks.append(Disk(file, "qcow2"))
            _copy_rest(origin, folder)
            domain = definition.parse(self.store.read_definition(parent.name), "the version's definition")
            domain = definition.clean(domain, entry.name, entry.uuid, self.virt_type)
            for name in entry.networks:
                network.connect(domain, name)
            self._define(entry, domain, tuple(disks))
        return self.store.finish(entry.but(disks=tuple(disks)))

    def _take(self, folder: Path, stem: str, path: Path, disk_format: str, *, in_place: bool) -> Disk:
        if not in_place:
            self.watcher.doing(f"copying {path.name}")
            file, kind = origins.take_copy(path, disk_format, folder, stem)
            return Disk(file, kind)
        link = folder / f"{stem}.{disk_format}"
        link.symlink_to(path.resolve())
        return Disk(link.name, disk_format, in_place=True)

    def _domain(self, entry: Record, folder: Path, origin: Origin, found: origins.Found) -> ET.Element:
        if found.domain is not None:
            domain = definition.clean(found.domain, entry.name, entry.uuid, self.virt_type)
            _take_firmware(found.domain, domain, folder, Path(origin.where).parent)
            if (state := origins.tpm_state(found.domain)) is not None:
                _take_tpm(state, folder)
            return domain
        virt_type = kvm.virt_type(self.state, self.virt_type)
        hardware = origins.hardware(origin, virt_type, folder / entry.disks[0].file, entry.disks[0].format)
        if hardware.loader is not None:
            firmware.plain().template.copy(folder / definition.NVRAM)
        for source, name in ((origin.kernel, definition.KERNEL), (origin.initrd, definition.INITRD)):
            if source is not None:
                tools.copy(Path(source), folder / name)
        return definition.for_disk(entry.name, entry.uuid, entry.disks[0].format, hardware)

    def _define(self, entry: Record, domain: ET.Element, disks: tuple[Disk, ...]) -> None:
        for element, disk in zip(definition.disks_of(domain), disks, strict=True):
            definition.point(element, disk.file, disk.format)
        self.store.write_definition(entry.name, definition.serialize(domain))


def _take_firmware(original: ET.Element, domain: ET.Element, folder: Path, base: Path) -> None:
    """NVRAM and kernels come along; where a definition names no NVRAM file, a fresh one is made."""
    if (found := firmware.chosen(original, base)) is not None:
        code, variables = found
        variables.copy(folder / definition.NVRAM)
        firmware.fix_firmware(domain, code)
    for tag, name in (("kernel", definition.KERNEL), ("initrd", definition.INITRD)):
        path = original.findtext(f"os/{tag}")
        if path:
            tools.copy(base / path.strip(), folder / name)


def _copy_rest(origin: Path, folder: Path) -> None:
    for name in (definition.NVRAM, definition.KERNEL, definition.INITRD):
        if (origin / name).exists():
            tools.copy(origin / name, folder / name)
            (folder / name).chmod(0o600)
    if (origin / "tpm").is_dir():
        _take_tpm(origin / "tpm", folder)


def _take_tpm(state: Path, folder: Path) -> None:
    """Its lock is the running emulator's own."""
    locks = shutil.ignore_patterns(".lock", "*.lock")
    shutil.copytree(state, folder / "tpm", copy_function=shutil.copyfile, ignore=locks)
    for path in (folder / "tpm", *(folder / "tpm").rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
