"""Adopting into a daemon: its own machines are copied by itself, files of this computer are uploaded."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from golden.errors import NotFound
from golden.model import Finding, Origin, Power, Severity
from golden.provider import Scope
from golden_libvirt import definition, kvm, marking, origins
from golden_libvirt.connection import Line
from golden_libvirt.faults import NO_DOMAIN, code_of, translated
from golden_libvirt.oddities import oddities
from golden_libvirt.origins import Found
from golden_libvirt.pool import Pool
from golden_libvirt.reading import definition_bytes
from golden_libvirt.record import Record
from golden_libvirt.tools import DiskInfo, convert
from golden_libvirt.volume_disk import by_path


def look(line: Line, origin: Origin, *, remote: bool) -> Found:
    """Look at a machine of the daemon's, or at a file here. NotFound."""
    if origin.kind != "machine":
        found = origins.look(origin)
        return _without_tpm(found)
    with translated(f"looking at the machine {origin.where}"):
        try:
            native = line.native.lookupByName(origin.where)
        except line.libvirt.libvirtError as error:
            if code_of(error) != NO_DOMAIN:
                raise
            raise NotFound(f"there is no machine {origin.where}", hint="virsh list --all") from error
        power = Power.ON if native.isActive() else Power.OFF
        domain = definition.parse(definition_bytes(line, native), origin.where)
    if not remote:
        found = origins.look_at_definition(domain, Path("/"), power)
        if not any(problem.id == "disk-unreadable" for problem in found.problems):
            return _without_tpm(found)
    return _without_tpm(_look_through_volumes(line, domain, power))


def _without_tpm(found: Found) -> Found:
    if found.domain is None or not definition.has_tpm(found.domain):
        return found
    sentence = "the state of a TPM cannot be copied through libvirt's interface"
    fix = (
        "as root on its host: virsh dumpxml --inactive --security-info MACHINE > m.xml, and adopt m.xml with"
        " qemu:///embed; or take the TPM away"
    )
    problem = Finding("tpm-state", Severity.ERROR, sentence, fix=fix)
    return Found(found.disks, found.infos, found.domain, (*found.problems, problem), found.power)


def _look_through_volumes(line: Line, domain: ET.Element, power: Power) -> Found:
    """Where the daemon's files are not ours to read: what it tells of its volumes."""
    problems = list(oddities(domain))
    if power is Power.ON:
        sentence = "the machine is running, so its disks cannot be copied in one piece"
        problems.insert(0, Finding("machine-running", Severity.ERROR, sentence, fix="shut it down first"))
    paths, infos = [], []
    for source in filter(None, map(definition.source_of, definition.disks_of(domain))):
        native, pool = by_path(line, source)
        try:
            with translated(f"looking at {source}"):
                info = _told(native)
        finally:
            if pool is not None:
                with contextlib.suppress(line.libvirt.libvirtError):
                    pool.destroy()
        if info.backing is not None:
            fix = "qemu-img convert -O qcow2 DISK flat.qcow2"
            problems.append(
                Finding("backing-chain", Severity.ERROR, f"{source} lies on another file", info.backing, fix)
            )
        paths.append(Path(source))
        infos.append(info)
    return Found(tuple(paths), tuple(infos), domain, tuple(problems), power)


def _told(native: Any) -> DiskInfo:
    about = ET.fromstring(native.XMLDesc(0))  # noqa: S314 - libvirt's own words
    kind = about.find("target/format")
    return DiskInfo(
        format="raw" if kind is None else kind.get("type", "raw"),
        virtual_size=int(about.findtext("capacity") or 0),
        allocated=int(about.findtext("allocation") or 0),
        backing=about.findtext("backingStore/path"),
        encrypted=about.find("target/encryption") is not None,
        external_data=False,
        corrupt=False,
    )


@dataclass(frozen=True, slots=True)
class Intake:
    """One adoption."""

    line: Line
    pool: Pool
    scope: Scope
    virt_type: str | None
    is_here: bool
    """Whether the daemon runs on this computer."""

    def _virt_type(self) -> str:
        """As configured; else kvm where the daemon's computer has it, and, as far as we can try, it works there."""
        if self.virt_type or (self.is_here and kvm.verdict(self.scope.state / "libvirt")):
            return self.virt_type or "qemu"
        try:
            self.line.native.getDomainCapabilities(None, "x86_64", None, "kvm", 0)
        except self.line.libvirt.libvirtError:
            return "qemu"
        return "kvm"

    def definition(self, entry: Record, origin: Origin, found: Found) -> tuple[ET.Element, dict[str, Path]]:
        """The machine's definition, and which further files of this computer (by name) belong to it."""
        if found.domain is None:
            hardware = origins.hardware(origin, self._virt_type(), found.disks[0], found.infos[0].format)
            extras: dict[str, Path] = {}
            if hardware.loader is not None:
                extras[definition.NVRAM] = Path(origins.uefi()[1])
            for path, extra in ((origin.kernel, definition.KERNEL), (origin.initrd, definition.INITRD)):
                if path is not None:
                    extras[extra] = Path(path)
            return definition.for_disk(entry.name, entry.uuid, "qcow2", hardware), extras
        domain = definition.clean(found.domain, entry.name, entry.uuid, self.virt_type)
        marking.take(domain)
        variables = definition.nvram_of(found.domain)
        if variables == "" and origin.kind == "machine":
            variables = self._usual_variables(origin.where)
        base = Path("/") if origin.kind == "machine" else Path(origin.where).parent
        files = {
            definition.NVRAM: variables,
            definition.KERNEL: found.domain.findtext("os/kernel"),
            definition.INITRD: found.domain.findtext("os/initrd"),
        }
        return domain, {extra: base / path.strip() for extra, path in files.items() if path}

    def _usual_variables(self, name: str) -> str:
        """Where libvirt keeps the firmware variables of a machine whose definition names no file (seen with 9.0)."""
        session = "/session" in self.line.native.getURI()
        config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "libvirt"
        state = config if session else origins.SYSTEM_STATE
        return str(state / "qemu/nvram" / f"{name}_VARS.fd")

    def take(self, volume: str, source: Path, info: DiskInfo, *, is_theirs: bool) -> None:
        """One disk into the pool, as qcow2."""
        self.scope.watcher.doing(f"copying {source.name}")
        if is_theirs:
            native, pool = by_path(self.line, str(source))
            try:
                self.pool.make_copy(volume, native)
            finally:
                if pool is not None:
                    with contextlib.suppress(self.line.libvirt.libvirtError):
                        pool.destroy()
            return
        if info.format == "qcow2":
            self._upload(volume, source, info.virtual_size)
            return
        self.scope.state.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.scope.state, prefix="upload-") as folder:
            flat = Path(folder) / "flat.qcow2"
            convert(source, info.format, flat)
            self._upload(volume, flat, info.virtual_size)

    def _upload(self, volume: str, source: Path, capacity: int) -> None:
        with translated(f"reading {source}"), source.open("rb") as content:
            self.pool.upload(volume, content, source.stat().st_size, "qcow2", capacity)

    def take_variables(self, volume: str, source: Path) -> None:
        """Firmware variables; a machine that was never started has none yet, and libvirt makes them at its first."""
        try:
            self.take_extra(volume, source)
        except NotFound:
            self.scope.watcher.doing(f"there are no firmware variables at {source}; they begin anew")

    def take_extra(self, volume: str, source: Path) -> None:
        """A small file beside the disks; one of the daemon's own is fetched from it first. NotFound."""
        with translated(f"copying {source}"):
            if source.is_file():
                self.pool.put_text(volume, source.read_bytes())
                return
            native, pool = by_path(self.line, str(source))
            try:
                stream = self.line.native.newStream(0)
                native.download(stream, 0, 0, 0)
                data = b"".join(iter(lambda: stream.recv(1 << 18), b""))
                stream.finish()
            finally:
                if pool is not None:
                    with contextlib.suppress(self.line.libvirt.libvirtError):
                        pool.destroy()
            self.pool.put_text(volume, data)
