"""UEFI for QEMU: the builds there are on this computer, and which one a machine gets, chosen as libvirt does."""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from golden.errors import Conflict, NotFound
from golden_libvirt import tools
from golden_libvirt.definition import NVRAM, drop

FOLDERS = (Path("/usr/share/qemu/firmware"), Path("/etc/qemu/firmware"))
"""Where builds are described (QEMU's docs/interop/firmware.json); a later folder's file hides an earlier one's."""
_UNDESCRIBED = (
    ("/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd", "enrolled"),
    ("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd", "secure"),
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd", "plain"),
    ("/usr/share/OVMF/OVMF_CODE.ms.fd", "/usr/share/OVMF/OVMF_VARS.ms.fd", "enrolled"),
    ("/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.fd", "secure"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd", "plain"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd", "enrolled"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd", "plain"),
    ("/usr/share/edk2/x64/OVMF_CODE.secboot.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd", "secure"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd", "plain"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin", "plain"),
)
"""For distributions that describe none, and for builds of 2 MiB, which Debian 12 ships and does not describe."""
_SECURE_NAMES = ("secboot", "secure", ".ms.", "-ms-")
"""In the file names of builds with Secure Boot, on the distributions above."""


@dataclass(frozen=True, slots=True)
class Code:
    """Code of a UEFI firmware."""

    path: Path
    format: str
    needs_smm: bool
    """Keeps its variables from a guest's own writing by the processor's system management mode (Secure Boot)."""


@dataclass(frozen=True, slots=True)
class Variables:
    """A file of firmware variables, or a template of one."""

    path: Path
    format: str

    def size(self) -> int:
        """Bytes of the flash that it fills, as many as the code was built for. Conflict where they lie elsewhere."""
        if self.format == "raw":
            return self.path.stat().st_size
        info = tools.disk_info(self.path, self.format)
        if info.backing or info.elsewhere:
            brief = f"the firmware variables {self.path} lie on another file"
            raise Conflict(brief, details=info.backing or info.elsewhere or "")
        return info.virtual_size

    def copy(self, target: Path) -> None:
        """As raw bytes, which every libvirt reads: those before 9.2 know no other format of a flash."""
        if self.format == "raw":
            shutil.copyfile(self.path, target)
        else:
            tools.convert(self.path, self.format, target, "raw")


@dataclass(frozen=True, slots=True)
class Build:
    """One build of UEFI: code, and the template of its variables."""

    code: Code
    template: Variables
    secure: bool
    """Can do Secure Boot."""
    enrolled: bool
    """The template has Microsoft's keys in it, so that Secure Boot is on."""
    targets: tuple[tuple[str, str], ...]
    """Architecture and pattern of machine types."""


def builds(folders: tuple[Path, ...] = FOLDERS) -> tuple[Build, ...]:
    """Those whose files are here, in the order that libvirt tries them."""
    described = {path.name: path for folder in folders for path in sorted(folder.glob("*.json"))}
    found = [build for name in sorted(described) for build in _described(described[name])]
    found += [_undescribed(*entry) for entry in _UNDESCRIBED]
    return tuple(
        build for build in found if tools.is_readable(build.code.path) and tools.is_readable(build.template.path)
    )


def _described(path: Path) -> Iterator[Build]:
    """Nothing of a file that is empty (it hides another), torn, or of other firmware than UEFI in two flashes."""
    try:
        about: dict[str, Any] = json.loads(path.read_text("utf-8"))
        mapping = about["mapping"]
        if "uefi" not in about["interface-types"] or mapping["device"] != "flash":
            return
        if mapping.get("mode", "split") != "split":
            return
        code, template, features = mapping["executable"], mapping["nvram-template"], about["features"]
        targets = [(target["architecture"], kind) for target in about["targets"] for kind in target["machines"]]
        yield Build(
            Code(Path(code["filename"]), code["format"], needs_smm="requires-smm" in features),
            Variables(Path(template["filename"]), template["format"]),
            "secure-boot" in features,
            "enrolled-keys" in features,
            tuple(targets),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return


def _undescribed(code: str, variables: str, kind: str) -> Build:
    is_secure = kind != "plain"
    machines = ("pc-q35-*",) if is_secure else ("pc-q35-*", "pc-i440fx-*")
    return Build(
        Code(Path(code), "raw", needs_smm=is_secure),
        Variables(Path(variables), "raw"),
        is_secure,
        kind == "enrolled",
        tuple(("x86_64", machine) for machine in machines),
    )


def plain() -> Build:
    """What a lone disk gets that boots by UEFI: no Secure Boot. NotFound with what to install."""
    for build in builds():
        is_raw = build.code.format == build.template.format == "raw"
        if is_raw and not build.secure and ("x86_64", "pc-q35-*") in build.targets:
            return build
    raise NotFound("this disk boots by UEFI and no UEFI firmware for QEMU is installed", hint="apt install ovmf")


def chosen(domain: ET.Element, base: Path) -> tuple[Code | None, Variables] | None:
    """
    The code that a machine gets (None where that which its definition names is here) and what its variables begin
    with; None for BIOS. NotFound where no build on this computer fits.
    """
    named = nvram_of(domain)
    if named is None:
        return None
    loader, nvram = _of(domain, "os/loader"), _of(domain, "os/nvram")
    kind = nvram.get("format") or loader.get("format") or "raw"
    own = Variables(base / named, kind) if named and tools.is_readable(base / named) else None
    size = None if own is None else own.size()
    code = Path((loader.text or "").strip() or "/nowhere")
    if tools.is_readable(code):
        template = Path(nvram.get("template") or "/nowhere")
        if own is None and tools.is_readable(template):
            own = Variables(template, nvram.get("templateFormat") or loader.get("format") or "raw")
        if own is None and (own := _template_of(code)) is None:
            raise NotFound(f"no template of firmware variables here belongs to {code}", hint="name one in <nvram>")
        return None, own
    for build in builds():
        if _fits(build, domain, is_fresh=own is None) and size in (None, build.template.size()):
            return build.code, own or build.template
    about = "" if size is None else f" with variables of {size} bytes"
    raise NotFound(f"no UEFI firmware for QEMU here fits this machine{about}", hint="apt install ovmf")


def _template_of(code: Path) -> Variables | None:
    """By its name, and where none has that by the file: one code has several names, one for each of its templates."""
    known = builds()
    named = [build for build in known if build.code.path == code]
    same = [build for build in known if build.code.path.resolve() == code.resolve()]
    return next((build.template for build in (*named, *same)), None)


def _fits(build: Build, domain: ET.Element, *, is_fresh: bool) -> bool:
    """
    As libvirt judges it (qemuFirmwareMatchDomain). A definition that names code which is not here says by that name
    whether it has Secure Boot; libvirt would refuse it. Which keys a template has matters for fresh variables only.
    """
    loader, smm = _of(domain, "os/loader"), _of(domain, "features/smm")
    if not any(_runs_on(target, domain) for target in build.targets):
        return False
    wanted = {feature.get("name"): feature.get("enabled") for feature in domain.findall("os/firmware/feature")}
    name = Path((loader.text or "").strip()).name.lower()
    if name and "secure-boot" not in wanted and loader.get("secure") != "yes":
        wanted["secure-boot"] = "yes" if any(word in name for word in _SECURE_NAMES) else "no"
    if wanted.get("secure-boot") == ("no" if build.secure else "yes"):
        return False
    if is_fresh and wanted.get("enrolled-keys") == ("no" if build.enrolled else "yes"):
        return False
    if build.code.needs_smm:
        return smm.get("state") != "off" and (loader.get("secure") != "no" or bool(name))
    return loader.get("secure") != "yes"


def _runs_on(target: tuple[str, str], domain: ET.Element) -> bool:
    kind = _of(domain, "os/type")
    machine = kind.get("machine", "pc")
    machine = {"q35": "pc-q35-0", "pc": "pc-i440fx-0"}.get(machine, machine)  # libvirt's aliases of the newest one
    return target[0] == kind.get("arch", os.uname().machine) and fnmatch.fnmatchcase(machine, target[1])


def _of(domain: ET.Element, path: str) -> ET.Element:
    found = domain.find(path)
    return ET.Element(path) if found is None else found


def nvram_of(domain: ET.Element) -> str | None:
    """Where a definition keeps its firmware variables; "" where libvirt is to choose; None for BIOS."""
    element = domain.find("os/nvram")
    system = domain.find("os")
    loader = domain.find("os/loader")
    if element is not None:
        source = element.find("source")
        return (element.text or "").strip() or (source.get("file", "") if source is not None else "")
    has_uefi = (system is not None and system.get("firmware") == "efi") or (
        loader is not None and loader.get("type") == "pflash"
    )
    is_stateless = loader is not None and loader.get("stateless") == "yes"
    return "" if has_uefi and not is_stateless else None


def keep_variables(domain: ET.Element, path: str) -> None:
    """
    Let a machine that boots by UEFI keep its firmware variables in that file and in no other; libvirt makes it from the
    firmware's template where it is not there. A BIOS has none.
    """
    system = domain.find("os")
    if system is None or nvram_of(domain) is None:
        return
    nvram = system.find("nvram")
    if nvram is None:
        nvram = ET.SubElement(system, "nvram")
    for child in list(nvram):
        nvram.remove(child)
    nvram.attrib.pop("type", None)
    nvram.text = path


def fix_firmware(domain: ET.Element, code: Code | None) -> None:
    """Let the machine keep its firmware variables, raw, beside its disks; code in place of that which it names."""
    system = domain.find("os")
    if system is None:
        return
    if code is not None:
        drop(system, "loader")
        secure = {"secure": "yes"} if code.needs_smm else {}
        kind = {"format": code.format} if code.format != "raw" else {}
        loader = ET.SubElement(system, "loader", {"readonly": "yes", "type": "pflash", **secure, **kind})
        loader.text = str(code.path)
        if code.needs_smm:
            features = domain.find("features")
            features = ET.SubElement(domain, "features") if features is None else features
            drop(features, "smm")
            ET.SubElement(features, "smm", state="on")
    system.attrib.pop("firmware", None)
    drop(system, "firmware")
    drop(system, "nvram")
    # libvirt takes the loader's format for that of variables that name none.
    is_plain = _of(domain, "os/loader").get("format", "raw") == "raw"
    ET.SubElement(system, "nvram", {} if is_plain else {"format": "raw"}).text = NVRAM
