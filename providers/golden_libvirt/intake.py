"""Adopting into a daemon: its own machines are copied by itself, files of this computer are uploaded."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from golden.errors import Conflict, NotFound
from golden.model import Finding, Origin, Power, Severity
from golden.provider import Scope
from golden_libvirt import definition, firmware, kvm, marking, origins
from golden_libvirt.connection import Line
from golden_libvirt.faults import NO_DOMAIN, code_of, translated
from golden_libvirt.oddities import oddities
from golden_libvirt.origins import Found
from golden_libvirt.pool import Pool
from golden_libvirt.reading import definition_bytes
from golden_libvirt.record import Record
from golden_libvirt.tools import DiskInfo, convert, is_readable
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
            return _without_tpm(_without_variables(line, found, origin.where))
    return _without_tpm(_look_through_volumes(line, domain, power))


def _without_variables(line: Line, found: Found, name: str) -> Found:
    """Told where they are surely not there; what this user cannot see, the daemon is asked for."""
    variables = None if found.domain is None else _variables_of(line, found.domain, name)
    if variables is not None:
        try:
            Path(variables).stat()
        except (FileNotFoundError, NotADirectoryError):
            return replace(found, problems=(*found.problems, origins.fresh_variables(variables)))
        except OSError:
            pass
    return found


def _variables_of(line: Line, domain: ET.Element, name: str) -> str | None:
    """Where a machine's firmware variables lie on its host, also where its definition names no file. None for BIOS."""
    named = firmware.nvram_of(domain)
    if named != "":
        return named
    # Seen with libvirt 9.0.
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "libvirt"
    state = config if "/session" in line.native.getURI() else origins.SYSTEM_STATE
    return str(state / "qemu/nvram" / f"{name}_VARS.fd")


def _without_tpm(found: Found) -> Found:
    if found.domain is None or not definition.has_tpm(found.domain):
        return found
    sentence = "the state of a TPM cannot be copied through libvirt's interface"
    fix = (
        "as root on its host: virsh dumpxml --inactive --security-info MACHINE > m.xml, and adopt m.xml with"
        " qemu:///embed; or take the TPM away"
    )
    return replace(found, problems=(*found.problems, Finding("tpm-state", Severity.ERROR, sentence, fix=fix)))


def _look_through_volumes(line: Line, domain: ET.Element, power: Power) -> Found:
    """Where the daemon's files are not ours to read: what it tells of its volumes."""
    problems = list(oddities(domain))
    if power is Power.ON:
        sentence = "the machine is running, so its disks cannot be copied in one piece"
        problems.insert(0, Finding("machine-running", Severity.ERROR, sentence, fix="shut it down first"))
    paths, infos = [], []
    for disk in definition.disks_of(domain):
        source = definition.source_of(disk)
        if source is None:
            continue
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
        if (kind := definition.format_of(disk) or info.format) != info.format:
            fix = f"qemu-img convert -f {kind} -O qcow2 DISK other.qcow2"
            problems.append(Finding("disk-format", Severity.ERROR, _differs(source, kind, info.format), fix=fix))
        paths.append(Path(source))
        infos.append(info)
    return Found(tuple(paths), tuple(infos), domain, tuple(problems), power)


def _differs(source: str, kind: str, told: str) -> str:
    """libvirt guesses a volume's format by its first bytes, which are the guest's to write, and copies by its guess."""
    return f"{source} is {kind} by the machine's definition, and libvirt's storage takes it for {told}"


def _told(native: Any) -> DiskInfo:
    about = ET.fromstring(native.XMLDesc(0))  # noqa: S314 - libvirt's own words
    kind = about.find("target/format")
    return DiskInfo(
        format="raw" if kind is None else kind.get("type", "raw"),
        virtual_size=int(about.findtext("capacity") or 0),
        allocated=int(about.findtext("allocation") or 0),
        backing=about.findtext("backingStore/path"),
        encrypted=about.find("target/encryption") is not None,
        elsewhere=None,
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
        return "kvm" if kvm.is_offered(self.line) else "qemu"

    def definition(self, entry: Record, origin: Origin, found: Found) -> tuple[ET.Element, dict[str, Path]]:
        """The machine's definition, and which further files of this computer (by name) belong to it."""
        if found.domain is None:
            kind, disk = found.infos[0].format, found.disks[0]
            hardware = origins.hardware(origin, self._virt_type(), disk, kind, is_here=self.is_here)
            extras: dict[str, Path] = {}
            if hardware.loader is not None:
                extras[definition.NVRAM] = firmware.plain().template.path
            for path, extra in ((origin.kernel, definition.KERNEL), (origin.initrd, definition.INITRD)):
                if path is not None:
                    extras[extra] = Path(path)
            return definition.for_disk(entry.name, entry.uuid, "qcow2", hardware), extras
        domain = definition.clean(found.domain, entry.name, entry.uuid, self.virt_type)
        marking.take(domain)
        is_theirs = origin.kind == "machine"
        base = Path("/") if is_theirs else Path(origin.where).parent
        files = {
            definition.KERNEL: found.domain.findtext("os/kernel"),
            definition.INITRD: found.domain.findtext("os/initrd"),
        }
        if is_theirs:
            files[definition.NVRAM] = _variables_of(self.line, found.domain, origin.where)
        elif (named := firmware.nvram_of(found.domain)) and is_readable(base / named):
            files[definition.NVRAM] = named
        return domain, {extra: base / path.strip() for extra, path in files.items() if path}

    def take(self, volume: str, source: Path, info: DiskInfo, *, is_theirs: bool) -> None:
        """One disk into the pool, as qcow2."""
        self.scope.watcher.doing(f"copying {source.name}")
        if is_theirs:
            native, pool = by_path(self.line, str(source))
            try:
                with translated(f"looking at {source}"):
                    told = _told(native).format
                if told != info.format:
                    raise Conflict(_differs(str(source), info.format, told))
                self.pool.make_copy(volume, native)
            finally:
                if pool is not None:
                    with contextlib.suppress(self.line.libvirt.libvirtError):
                        pool.destroy()
            return
        if info.format == "qcow2":
            self._upload(volume, source, info.virtual_size)
            return
        scratch = self.scope.scratch
        try:
            with translated(f"making the folder {scratch}"):
                scratch.mkdir(parents=True, mode=0o700, exist_ok=True)
            flat = scratch / "flat.qcow2"
            convert(source, info.format, flat)
            self._upload(volume, flat, info.virtual_size)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            with contextlib.suppress(OSError):  # Another job's folder lies in it.
                scratch.parent.rmdir()

    def _upload(self, volume: str, source: Path, capacity: int) -> None:
        with translated(f"reading {source}"), source.open("rb") as content:
            self.pool.upload(volume, content, source.stat().st_size, "qcow2", capacity)

    def take_variables(self, volume: str, source: Path, *, is_theirs: bool) -> None:
        """Firmware variables; a machine that was never started has none yet, and libvirt makes them at its first."""
        try:
            self.take_extra(volume, source, is_theirs=is_theirs)
        except NotFound:
            self.scope.watcher.doing(f"there are no firmware variables at {source}; they begin anew")

    def take_extra(self, volume: str, source: Path, *, is_theirs: bool) -> None:
        """
        A small file beside the disks. One of the daemon's that cannot be read here is asked of it; another host's is
        never looked for here, where a machine of the same name may have its own. NotFound.
        """
        with translated(f"copying {source}"):
            asks = is_theirs and not (self.is_here and is_readable(source))
            self.pool.put_text(volume, self._fetched(source) if asks else source.read_bytes())

    def _fetched(self, source: Path) -> bytes:
        native, pool = by_path(self.line, str(source))
        try:
            stream = self.line.native.newStream(0)
            native.download(stream, 0, 0, 0)
            data = b"".join(iter(lambda: stream.recv(1 << 18), b""))
            stream.finish()
            return data
        finally:
            if pool is not None:
                with contextlib.suppress(self.line.libvirt.libvirtError):
                    pool.destroy()
