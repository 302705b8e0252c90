"""What in a definition of the user's forbids adopting it, and what a machine of golden's will not have."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from golden.model import Finding, Severity
from golden_libvirt.definition import disks_of, source_of

_TYPES = ("kvm", "qemu", "hvf")
_LEFT_OUT = (
    ("hostdev", "hostdev", "a device of the host's"),
    ("filesystem", "filesystem", "a shared folder of the host's"),
    ("nvdimm", "memory[@model='nvdimm']", "memory that keeps its content in a file of the host's"),
    ("pmem", "memory[@model='virtio-pmem']", "memory that keeps its content in a file of the host's"),
    ("pstore", "pstore", "a file of the host's for its kernel's last words"),
)
"""How each is called, where it is, and what it is."""


def oddities(domain: ET.Element) -> tuple[Finding, ...]:
    """What forbids adopting this definition, and what a machine of golden's will not have."""
    found = [finding for disk in disks_of(domain) for finding in _of_disk(disk)]
    if not disks_of(domain):
        found.append(_error("no-disk", "the machine has no disk", ""))
    for disk in domain.findall("devices/disk"):
        if disk.get("device") == "lun":
            found.append(
                _error("raw-host-disk", "the machine has a raw SCSI device of the host's", "copy it to a file")
            )
    if domain.find("devices/tpm/backend/encryption") is not None:
        found.append(_error("tpm-encrypted", "its TPM's state is encrypted by a secret of libvirt's", "take it away"))
    if domain.get("type") not in _TYPES:
        sentence = f"the machine is one of another hypervisor's than QEMU ({domain.get('type')})"
        found.append(_error("domain-type", sentence, "adopt a copy of its disk alone"))
    for tag, path, what in _LEFT_OUT:
        if domain.find(f"devices/{path}") is not None:
            sentence = f"the machine uses {what}; machines of golden's go without"
            found.append(Finding(f"{tag}-left-out", Severity.WARNING, sentence))
    return tuple(found)


def _of_disk(disk: ET.Element) -> Iterator[Finding]:
    target = disk.find("target")
    name = target.get("dev", "?") if target is not None else "?"
    if disk.find("shareable") is not None:
        yield _error("shared-disk", f"the disk {name} is shared with other machines", "take <shareable/> away")
    if source_of(disk) is None:
        kind = f"{disk.get('type', '?')} {disk.get('device', 'disk')}"
        source = disk.find("source")
        device = source.get("dev", "") if source is not None else ""
        fix = f"qemu-img convert -O qcow2 {device} disk.qcow2 while it is off, and adopt that" if device else ""
        yield _error("raw-host-disk", f"the disk {name} is no file ({kind})", fix or "copy it to a qcow2 file first")
    if disk.find("encryption") is not None or disk.find("source/encryption") is not None:
        yield _error("encrypted-disk", f"the disk {name} is encrypted by QEMU", "decrypt it with qemu-img convert")


def _error(identifier: str, sentence: str, fix: str) -> Finding:
    return Finding(identifier, Severity.ERROR, sentence, fix=fix)
