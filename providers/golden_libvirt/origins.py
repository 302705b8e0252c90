"""What a user wants adopted: looking at it without touching it, and taking a copy of its disks."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET

from golden.errors import BadConfig, Conflict, GoldenError, NotFound, Refused
from golden.model import Candidate, Finding, Origin, Power, Severity
from golden_libvirt import definition, firmware
from golden_libvirt.definition import Hardware
from golden_libvirt.faults import of_system, translated
from golden_libvirt.oddities import oddities
from golden_libvirt.serving import served
from golden_libvirt.tools import DiskInfo, can_share, convert, copy, disk_info, is_readable

FORMATS = ("qcow2", "raw", "vmdk", "vhdx", "vpc", "vdi")
_ESP = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
"""Partition type C12A7328-F81F-11D2-BA4B-00A0C93EC93B, the EFI system partition, as GPT stores it."""
SYSTEM_STATE = Path("/var/lib/libvirt")
"""Where the system's daemon keeps what belongs to a machine: swtpm/UUID, and qemu/nvram/NAME_VARS.fd for UEFI."""


@dataclass(frozen=True, slots=True)
class Found:
    """An origin that was looked at."""

    disks: tuple[Path, ...]
    infos: tuple[DiskInfo, ...]
    domain: ET.Element | None
    """Of a machine or definition; None for a lone disk."""
    problems: tuple[Finding, ...]
    power: Power = Power.OFF

    def candidate(self, origin: Origin) -> Candidate:
        """What the user is shown."""
        return Candidate(
            name=Path(origin.where).stem if origin.kind != "machine" else origin.where,
            power=self.power,
            disks=tuple(str(disk) for disk in self.disks),
            virtual_size=sum(info.virtual_size for info in self.infos),
            allocated=sum(info.allocated for info in self.infos),
            problems=self.problems,
        )


def refuse(origin: Origin, found: Found) -> None:
    """Conflict with every reason that forbids adopting it."""
    errors = [problem.sentence for problem in found.problems if problem.severity is Severity.ERROR]
    if errors:
        raise Conflict(f"{origin.where} cannot be adopted", details="; ".join(errors))


def look(origin: Origin) -> Found:
    """Look at a disk or definition of the user's. NotFound, or BadConfig for XML that is no definition."""
    where = Path(origin.where)
    with translated(f"looking at {where}"):
        is_there = where.is_file()
    if not is_there:
        raise NotFound(f"there is no file {origin.where}", hint="golden adopt NAME --from FILE")
    if origin.kind == "disk":
        return look_at_disks(((where.absolute(), None),), None)
    try:
        text = where.read_bytes()
    except OSError as error:
        raise of_system(f"reading {where}", error) from error
    domain = definition.parse(text, str(where))
    found = look_at_definition(domain, where.parent)
    return replace(found, problems=(*found.problems, *_left_behind(domain, where.parent)))


def look_at_definition(domain: ET.Element, base: Path, power: Power = Power.OFF) -> Found:
    """Look at the disks a definition names; relative ones count from ``base``."""
    told = [(definition.source_of(disk), definition.format_of(disk)) for disk in definition.disks_of(domain)]
    found = look_at_disks(tuple((base / source, kind) for source, kind in told if source), domain)
    problems = (*oddities(domain), *found.problems)
    if power is Power.ON:
        sentence = "the machine is running, so its disks cannot be copied in one piece"
        problems = (Finding("machine-running", Severity.ERROR, sentence, fix="shut it down first"), *problems)
    return Found(found.disks, found.infos, domain, problems, power)


def tpm_state(domain: ET.Element) -> Path | None:
    """The folder with the state of a machine's emulated TPM, where it is on this computer and may be read."""
    if not definition.has_tpm(domain):
        return None
    source = domain.find("devices/tpm/backend/source")
    uuid = domain.findtext("uuid", "").strip()
    named = source.get("path") if source is not None and source.get("type") == "dir" else None
    folder = Path(named) if named else SYSTEM_STATE / "swtpm" / (uuid or "none")
    try:
        files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
    except OSError:
        return None
    return folder if files and all(map(is_readable, files)) else None


def _left_behind(domain: ET.Element, base: Path) -> list[Finding]:
    """What of a machine lies neither on its disks nor anywhere golden can see."""
    found = []
    for tag in ("kernel", "initrd"):
        path = domain.findtext(f"os/{tag}")
        if path and not is_readable(base / path.strip()):
            sentence = f"the {tag} that it boots from is not here or may not be read"
            found.append(Finding(f"{tag}-unreadable", Severity.ERROR, sentence, path.strip(), f"copy it beside {base}"))
    variables = firmware.nvram_of(domain)
    if variables is not None and not (variables and is_readable(base / variables)):
        found.append(fresh_variables(variables))
    if definition.has_tpm(domain) and tpm_state(domain) is None:
        sentence = "the state of its TPM is not here or may not be read: the TPM begins empty"
        fix = (
            "as root on the machine's own host, with its <uuid> in the definition; a guest that trusts its TPM needs it"
        )
        found.append(Finding("tpm-fresh", Severity.WARNING, sentence, fix=fix))
    return found


def look_to_run(origin: Origin) -> Found:
    """The same for a machine that is to run by this computer's own programs: they need a firmware that fits it."""
    found = look(origin)
    try:
        if found.domain is not None:
            firmware.chosen(found.domain, Path(origin.where).parent)
    except GoldenError as error:
        problem = _error("firmware-missing", error.brief, error, error.hint or "")
        return replace(found, problems=(*found.problems, problem))
    return found


def fresh_variables(path: str) -> Finding:
    """What a user is told where the firmware variables of a machine do not come along."""
    sentence = "its firmware variables are not here or may not be read: boot entries and Secure Boot keys begin anew"
    return Finding("nvram-fresh", Severity.WARNING, sentence, path, "name their file in <nvram>, if it has one")


def look_at_disks(disks: tuple[tuple[Path, str | None], ...], domain: ET.Element | None) -> Found:
    """Ask qemu-img about each; what a definition says of its format is not guessed."""
    infos: list[DiskInfo] = []
    problems: list[Finding] = []
    for disk, kind in disks:
        try:
            info = _info(disk, kind)
        except Conflict as error:
            problems.append(_error("disk-in-use", f"{disk} is in use by another program", error, "switch it off"))
        except GoldenError as error:
            problems.append(_error("disk-unreadable", f"{disk} cannot be read as a disk", error, ""))
        else:
            infos.append(info)
            problems.extend(_faults(disk, info))
    return Found(tuple(disk for disk, _ in disks), tuple(infos), domain, tuple(problems))


def _info(disk: Path, kind: str | None) -> DiskInfo:
    with translated(f"looking at {disk}"):
        if not disk.is_file():
            raise NotFound(f"{disk} is no file")
    if not os.access(disk, os.R_OK):
        raise Refused(f"{disk} cannot be read by this user")
    return disk_info(disk, kind)


def _faults(disk: Path, info: DiskInfo) -> list[Finding]:
    found = []
    if info.backing is not None:
        fix = f"qemu-img convert -O qcow2 {disk.name} flat.qcow2"
        found.append(Finding("backing-chain", Severity.ERROR, f"{disk} lies on another file", info.backing, fix))
    if info.encrypted:
        found.append(Finding("encrypted-disk", Severity.ERROR, f"{disk} is encrypted by QEMU", info.format))
    if info.elsewhere is not None:
        sentence = f"{disk} is {info.format} that takes its content from another file"
        fix = "if it belongs there: qemu-img convert -O qcow2; if this is a raw disk: adopt a definition that says so"
        found.append(Finding("external-data", Severity.ERROR, sentence, info.elsewhere, fix))
    if info.corrupt:
        fix = f"qemu-img check {disk.name}"
        found.append(Finding("corrupt-disk", Severity.ERROR, f"{disk} is marked as corrupt", fix=fix))
    if info.format not in FORMATS:
        found.append(Finding("disk-format", Severity.ERROR, f"{disk} is {info.format}, which golden does not take"))
    if info.virtual_size == 0:
        found.append(Finding("empty-disk", Severity.ERROR, f"{disk} is empty"))
    return found


def _error(identifier: str, sentence: str, error: GoldenError, fix: str) -> Finding:
    return Finding(identifier, Severity.ERROR, sentence, error.details or error.brief, fix)


def take_copy(source: Path, source_format: str, folder: Path, stem: str) -> tuple[str, str]:
    """A copy that shares its bytes where the file system can; its file name and format."""
    if source_format in ("qcow2", "raw"):
        name = f"{stem}.{source_format}"
        if can_share(source, folder / name):
            return name, source_format
    if source_format == "qcow2":
        copy(source, folder / f"{stem}.qcow2")
    else:
        convert(source, source_format, folder / f"{stem}.qcow2")
    return f"{stem}.qcow2", "qcow2"


def hardware(origin: Origin, virt_type: str, disk: Path, disk_format: str, *, is_here: bool = True) -> Hardware:
    """The machine that a lone disk gets, on this computer or on another host, which has its own firmware."""
    kind = origin.firmware or ("bios" if origin.kernel else firmware_of(disk, disk_format))
    if kind not in ("bios", "uefi"):
        raise BadConfig(f"the firmware {kind!r} is neither bios nor uefi")
    return Hardware(
        virt_type=virt_type,
        memory_mib=origin.memory_mib,
        cpus=origin.cpus,
        windows=origin.os != "linux",
        virtio=origin.os == "linux" or origin.kernel is not None,
        uefi=kind == "uefi",
        loader=firmware.plain().code.path if kind == "uefi" and is_here else None,
        cmdline=(origin.cmdline or "") if origin.kernel else None,
        initrd=origin.initrd is not None,
    )


def firmware_of(disk: Path, disk_format: str) -> str:
    """uefi where the partition table has an EFI system partition (UEFI 2.10, 5.3), else bios."""
    with served(disk, disk_format) as source:
        for sector in (512, 4096):
            header = source.read_at(sector, 92)
            if header[:8] != b"EFI PART":
                continue
            start, count, size = struct.unpack("<QII", header[72:88])
            table = source.read_at(start * sector, min(count, 1024) * min(size, 4096))
            kinds = (table[at : at + 16] for at in range(0, len(table), max(size, 128)))
            return "uefi" if _ESP in kinds else "bios"
        table = source.read_at(0, 512)
    has_esp = table[510:512] == b"\x55\xaa" and any(table[446 + 16 * n + 4] == 0xEF for n in range(4))
    return "uefi" if has_esp else "bios"
