"""Domain XML: read safely, written for a bare disk, cleaned for a clone, completed for a start."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.parsers import expat

from golden.errors import BadConfig
from golden_libvirt import network

AGENT = "org.qemu.guest_agent.0"
NVRAM = "nvram.fd"
KERNEL, INITRD = "kernel", "initrd"
ET.register_namespace("golden", network.NAMESPACE)
ET.register_namespace("qemu", "http://libvirt.org/schemas/domain/qemu/1.0")

_TUNING = ("title", "genid", "seclabel", "cputune", "numatune", "blkiotune", "memtune", "resource", "memoryBacking")
_HOST_DEVICES = ("hostdev", "redirdev", "redirfilter", "filesystem", "shmem", "vsock", "smartcard", "interface")
_HOST_FILES = ("pstore", "lease", "memory[@model='nvdimm']", "memory[@model='virtio-pmem']", "memory[@model='sgx-epc']")
_HOST_INPUTS = ("input[@type='evdev']", "input[@type='passthrough']")
_SCREENS = ("graphics", "sound", "audio", "emulator")


@dataclass(frozen=True, slots=True)
class Hardware:
    """What golden decides when there is a disk and nothing else."""

    virt_type: str
    """kvm | qemu"""
    memory_mib: int
    cpus: int
    windows: bool
    virtio: bool
    """virtio disk; otherwise SATA, which every Windows knows."""
    uefi: bool = False
    """Else BIOS."""
    loader: Path | None = None
    """UEFI firmware code; None where libvirt is to choose it, on its own host."""
    cmdline: str | None = None
    """Set where the guest is booted from a kernel beside its disk."""
    initrd: bool = False


def parse(text: bytes, where: str) -> ET.Element:
    """A <domain>; BadConfig for anything else. A document type is refused: entities can blow it up."""

    def refuse(*_: object) -> None:
        raise BadConfig(f"{where} has a document type declaration, which no domain definition needs")

    reader = expat.ParserCreate()
    reader.StartDoctypeDeclHandler = refuse
    try:
        reader.Parse(text, True)  # noqa: FBT003
        root = ET.fromstring(text)  # noqa: S314 - without a document type there are no entities to blow up
    except (expat.ExpatError, ET.ParseError, ValueError, LookupError) as error:
        raise BadConfig(f"{where} is no XML", details=str(error)) from error
    if root.tag != "domain":
        raise BadConfig(f"{where} is no domain definition: its first element is <{root.tag}>")
    return root


def serialize(domain: ET.Element) -> bytes:
    """Bytes to be stored or handed to libvirt."""
    return ET.tostring(domain, encoding="unicode").encode()


def for_disk(name: str, uuid: str, disk_format: str, hardware: Hardware) -> ET.Element:
    """A definition for a lone disk: q35, one disk, a guest agent channel, a screen, no network."""
    domain = ET.Element("domain", type=hardware.virt_type)
    _text(domain, "name", name)
    _text(domain, "uuid", uuid)
    _text(domain, "memory", str(hardware.memory_mib), unit="MiB")
    _text(domain, "vcpu", str(hardware.cpus))
    _boot(domain, hardware)
    features = ET.SubElement(domain, "features")
    for feature in ("acpi", "apic"):
        ET.SubElement(features, feature)
    if hardware.virt_type == "kvm":
        ET.SubElement(domain, "cpu", mode="host-passthrough")
    elif hardware.cmdline is None:
        ET.SubElement(domain, "cpu", mode="maximum")
    ET.SubElement(domain, "clock", offset="localtime" if hardware.windows else "utc")
    devices = ET.SubElement(domain, "devices")
    disk = ET.SubElement(devices, "disk", type="file", device="disk")
    ET.SubElement(disk, "driver", name="qemu", type=disk_format, discard="unmap")
    ET.SubElement(disk, "source", file="disk0")
    virtio = hardware.virtio
    ET.SubElement(disk, "target", dev="vda" if virtio else "sda", bus="virtio" if virtio else "sata")
    ET.SubElement(ET.SubElement(devices, "video"), "model", type="vga")
    ET.SubElement(devices, "memballoon", model="none")
    ensure_agent(devices)
    network.remember_card(domain, "virtio" if virtio else "e1000e")
    return domain


def _boot(domain: ET.Element, hardware: Hardware) -> None:
    system = ET.SubElement(domain, "os")
    _text(system, "type", "hvm", arch="x86_64", machine="q35")
    if hardware.loader is not None:
        secure = "no"
        _text(system, "loader", str(hardware.loader), readonly="yes", type="pflash", secure=secure)
    elif hardware.uefi:
        system.set("firmware", "efi")
        ET.SubElement(ET.SubElement(system, "firmware"), "feature", enabled="no", name="secure-boot")
    if hardware.uefi:
        _text(system, "nvram", NVRAM)
    if hardware.cmdline is not None:
        _text(system, "kernel", KERNEL)
        if hardware.initrd:
            _text(system, "initrd", INITRD)
        _text(system, "cmdline", hardware.cmdline)


def clean(original: ET.Element, name: str, uuid: str, virt_type: str | None) -> ET.Element:
    """The same hardware as a machine of golden's: own name and identity, nothing of the host's, no media."""
    domain = copy.deepcopy(original)
    domain.attrib.pop("id", None)
    if virt_type:
        domain.set("type", virt_type)
    _leave_kvm(domain)
    for tag in ("name", "uuid", *_TUNING):
        drop(domain, tag)
    for child in list(domain):
        if child.tag.startswith("{http://libvirt.org/schemas/domain/qemu/"):
            domain.remove(child)
    _text(domain, "name", name)
    _text(domain, "uuid", uuid)
    vcpu = domain.find("vcpu")
    if vcpu is not None:
        vcpu.attrib.pop("cpuset", None)
    devices = domain.find("devices")
    if devices is None:
        devices = ET.SubElement(domain, "devices")
    network.remember_first_card(domain)
    _clean_identity(domain)
    _clean_of_host(devices)
    _clean_media(devices)
    _clean_lines(devices)
    _clean_screen_and_tpm(devices)
    ensure_agent(devices)
    for tag, value in (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy")):
        drop(domain, tag)
        _text(domain, tag, value)
    return domain


def _leave_kvm(domain: ET.Element) -> None:
    """Without what libvirt refuses of a machine that runs in software: the host's processor, and what KVM offers."""
    if domain.get("type") != "qemu":
        return
    for mode in ("host-passthrough", "host-model"):
        for processor in domain.findall(f"cpu[@mode='{mode}']"):
            topology = processor.findall("topology")
            processor.clear()
            processor.set("mode", "maximum")
            processor.extend(topology)
    for features in domain.findall("features"):
        for tag in ("hyperv", "kvm"):
            drop(features, tag)
    for clock in domain.findall("clock"):
        for name in ("kvmclock", "hypervclock"):
            drop(clock, f"timer[@name='{name}']")


def _clean_identity(domain: ET.Element) -> None:
    """What its firmware tells of the original alone; libvirt refuses a UUID there that is not the machine's."""
    for group in [group for about in domain.findall("sysinfo") for group in about.iter()]:
        for entry in group.findall("entry"):
            if entry.get("name") in ("uuid", "serial") or entry.get("file"):
                group.remove(entry)


def _clean_of_host(devices: ET.Element) -> None:
    for tag in (*_HOST_DEVICES, *_HOST_FILES, *_HOST_INPUTS, *_SCREENS):
        drop(devices, tag)
    for memory in devices.findall("memory"):
        drop(memory, "source")
    for alias in [(parent, child) for parent in devices.iter() for child in parent if child.tag == "alias"]:
        alias[0].remove(alias[1])


def _clean_media(devices: ET.Element) -> None:
    for disk in devices.findall("disk"):
        kind = disk.get("device", "disk")
        if kind in ("floppy", "lun"):
            devices.remove(disk)
        for source in disk.findall("source"):
            drop(source, "seclabel")
        for tag in ("backingStore", "auth", "encryption", "mirror", "transient"):
            drop(disk, tag)
        if kind == "cdrom":
            disk.set("type", "file")
            drop(disk, "source")


def _clean_lines(devices: ET.Element) -> None:
    """Serial ports and channels lose every path, socket and log of the host's."""
    for tag in ("serial", "console", "parallel"):
        for line in devices.findall(tag):
            line.set("type", "pty")
            line.attrib.pop("tty", None)
            for inner in ("source", "protocol", "log"):
                drop(line, inner)
    drop(devices, "channel")
    for source in devices.findall("rng"):
        backend = source.find("backend")
        if backend is not None and backend.get("model") != "random":
            devices.remove(source)


def _clean_screen_and_tpm(devices: ET.Element) -> None:
    for model in devices.findall("video/model"):
        if model.get("type") in ("qxl", "none"):
            model.attrib.clear()
            model.set("type", "vga")
        drop(model, "acceleration")
    for tpm in devices.findall("tpm"):
        backend = tpm.find("backend")
        if backend is None or backend.get("type") != "emulator":
            devices.remove(tpm)
            continue
        drop(backend, "source")
        backend.set("persistent_state", "yes")


def ensure_agent(devices: ET.Element) -> None:
    """A channel for the guest agent, the only one a machine of golden's has."""
    channel = ET.SubElement(devices, "channel", type="unix")
    ET.SubElement(channel, "target", type="virtio", name=AGENT)


def disks_of(domain: ET.Element) -> list[ET.Element]:
    """The disks that hold data, the one the machine boots from first."""
    disks = [disk for disk in domain.findall("devices/disk") if disk.get("device", "disk") == "disk"]

    def order(disk: ET.Element) -> int:
        boot = disk.find("boot")
        return int(boot.get("order", "999")) if boot is not None else 999

    return sorted(disks, key=order)


def source_of(disk: ET.Element) -> str | None:
    """The file a disk lies in; None for anything that is not a file."""
    source = disk.find("source")
    if disk.get("type") != "file" or source is None:
        return None
    return source.get("file")


def format_of(disk: ET.Element) -> str | None:
    """The format that a definition says its disk has; None where it says nothing."""
    driver = disk.find("driver")
    return None if driver is None else driver.get("type")


def point(disk: ET.Element, file: str, disk_format: str) -> None:
    """Let a disk lie in a file."""
    disk.set("type", "file")
    drop(disk, "source")
    driver = disk.find("driver")
    if driver is None:
        driver = ET.SubElement(disk, "driver", name="qemu")
    driver.set("type", disk_format)
    ET.SubElement(disk, "source", file=file)
    if disk.find("readonly") is not None:
        drop(disk, "readonly")


def complete(stored: ET.Element, folder: str, socket: str) -> str:
    """What libvirt is given at a start: every file of the machine's with its whole path, and the agent's socket."""
    domain = copy.deepcopy(stored)
    for source in domain.findall("devices/disk/source"):
        source.set("file", f"{folder}/{source.get('file')}")
    for tag, name in (("nvram", NVRAM), ("kernel", KERNEL), ("initrd", INITRD)):
        element = domain.find(f"os/{tag}")
        if element is not None:
            element.text = f"{folder}/{name}"
    for channel in domain.findall("devices/channel"):
        target = channel.find("target")
        if target is not None and target.get("name") == AGENT:
            drop(channel, "source")
            ET.SubElement(channel, "source", mode="bind", path=socket)
    return ET.tostring(domain, encoding="unicode")


def has_tpm(domain: ET.Element) -> bool:
    """Whether the machine has a TPM that software emulates."""
    return domain.find("devices/tpm") is not None


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


def drop(parent: ET.Element, tag: str) -> None:
    """Take every child of that name away."""
    for child in parent.findall(tag):
        parent.remove(child)
