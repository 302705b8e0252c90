"""Looking at a user's machine, without touching it: what it is, and what forbids or complicates adopting it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from golden.errors import NotAble
from golden.model import Candidate, Finding, Origin, Power, Severity
from golden_vsphere import devices
from golden_vsphere.devices import DEVICE
from golden_vsphere.faults import translated
from golden_vsphere.inventory import Places, plain
from golden_vsphere.reading import Seen, needed, props

PATHS = (
    "name",
    "config.template",
    "config.hardware.device",
    "config.keyId",
    "config.tools.toolsVersion",
    "guest.toolsVersion",
    "guest.toolsVersionStatus2",
    "runtime.powerState",
    "runtime.connectionState",
    "runtime.question",
    "summary.storage.committed",
    "snapshot.rootSnapshotList",
    "resourcePool",
    "runtime.host",
)
_OLD = ("guestToolsTooOld", "guestToolsSupportedOld", "guestToolsNeedUpgrade", "guestToolsBlacklisted")
_PASSED_THROUGH = (DEVICE.VirtualPCIPassthrough, DEVICE.VirtualSCSIPassthrough, DEVICE.VirtualSriovEthernetCard)
_BUS = ("physicalSharing", "virtualSharing")


@dataclass(frozen=True, slots=True)
class Found:
    """A user's machine as it is now."""

    native: Any
    told: dict[str, Any]
    replaces_tpm: bool = True
    """Whether a clone of it can get a virtual TPM of its own here."""
    on_vcenter: bool = True

    @property
    def seen(self) -> Seen:
        """As it was read."""
        return Seen(self.native, self.told)

    @property
    def hardware(self) -> list[Any]:
        """Its devices."""
        return list(self.told.get("config.hardware.device", ()))

    def candidate(self) -> Candidate:
        """What core is told."""
        hardware = devices.disks(self.hardware)
        return Candidate(
            plain(str(self.told["name"])),
            Power.OFF if str(self.told.get("runtime.powerState")) == "poweredOff" else Power.ON,
            tuple(str(disk.backing.fileName) for disk in hardware),
            sum(map(devices.capacity, hardware)),
            int(self.told.get("summary.storage.committed") or 0),
            tuple(problems(self)),
        )


def look(places: Places, origin: Origin) -> Found:
    """NotFound; Conflict for a name that several have; NotAble for what is no machine of vCenter's."""
    if origin.kind != "machine":
        raise NotAble(
            "vSphere adopts machines of its own only, no disks and no definitions",
            hint="import it into vCenter first (govc import.ova, the client's Deploy OVF Template), then adopt that",
        )
    native = places.machine(origin.where)
    with translated(f"looking at the machine {origin.where}"):
        told = props(places.line, native, PATHS)
        told |= needed(places.line, native, ("name",), f"the machine {origin.where}") if "name" not in told else {}
        return Found(native, told, places.line.replaces_tpm, places.line.is_vcenter)


def problems(found: Found) -> Iterator[Finding]:
    """Errors forbid adopting it."""
    yield from _state(found)
    for disk in devices.disks(found.hardware):
        yield from _disk(disk)
    yield from _hardware(found)
    yield from _on_host(found)
    yield from _tools(found)


def _state(found: Found) -> Iterator[Finding]:
    told = found.told
    if told.get("config.template"):
        fix = "Convert to Virtual Machine in vSphere's client, or clone it to a machine, then adopt that"
        yield _error("is-template", "this is a template, and golden adopts machines", fix=fix)
    if str(told.get("runtime.powerState")) != "poweredOff":
        state = str(told.get("runtime.powerState"))
        sentence = "the machine is not powered off, so its disks cannot be copied in one piece"
        yield _error("machine-running", sentence, state, "shut its guest down first")
    if str(told.get("runtime.connectionState", "connected")) != "connected":
        state, fix = str(told["runtime.connectionState"]), "bring its host and its datastore back"
        yield _error("machine-unreachable", "vCenter cannot reach the machine's files", state, fix)
    if (question := told.get("runtime.question")) is not None:
        yield _error("machine-question", "the machine waits for an answer", str(question.text), "answer it first")
    if told.get("snapshot.rootSnapshotList"):
        sentence = "the machine has snapshots; golden copies its present state, and they stay with it"
        yield Finding("has-snapshots", Severity.INFO, sentence)


def _disk(disk: Any) -> Iterator[Finding]:
    backing = disk.backing
    file, mode = str(backing.fileName), str(getattr(backing, "diskMode", "persistent"))
    if isinstance(backing, DEVICE.VirtualDisk.RawDiskMappingVer1BackingInfo):
        yield _error("raw-disk", f"{file} is a raw device, which no snapshot holds", fix="copy it to a virtual disk")
    if mode != "persistent":
        fix = "set its mode to dependent in the machine's settings"
        yield _error("independent-disk", f"{file} is an independent disk, which no snapshot holds", mode, fix)
    if str(getattr(backing, "sharing", None) or "sharingNone") != "sharingNone":
        yield _error(
            "shared-disk", f"{file} may be written by several machines", str(backing.sharing), "set No sharing"
        )
    if getattr(backing, "keyId", None) is not None:
        fix = "decrypt it: golden's account would need Cryptographer.Clone, and images would carry the key's name"
        yield _error("encrypted-disk", f"{file} is encrypted by vSphere", fix=fix)


def _hardware(found: Found) -> Iterator[Finding]:
    hardware = found.hardware
    if not devices.disks(hardware):
        yield _error("no-disk", "the machine has no disk")
    for one in hardware:
        if isinstance(one, DEVICE.VirtualSCSIController) and str(one.sharedBus) in _BUS:
            fix = "set its bus sharing to None"
            yield _error("shared-bus", "a SCSI controller shares its bus with other machines", str(one.sharedBus), fix)
        if isinstance(one, _PASSED_THROUGH):
            label = str(getattr(one.deviceInfo, "label", ""))
            is_card = isinstance(one, DEVICE.VirtualSriovEthernetCard)
            fix = "replace it by VMXNET3" if is_card else "take it off a copy of the machine, and adopt that"
            yield _error("host-device", "a device of the host is passed through, which no snapshot allows", label, fix)
    if devices.has_tpm(hardware) and not found.replaces_tpm:
        sentence = "the machine has a virtual TPM, and this server gives no clone one of its own"
        yield _error("virtual-tpm", sentence, fix="vCenter 8.0 or later, or take the TPM off a copy and adopt that")
    elif devices.has_tpm(hardware):
        sentence = "the machine has a virtual TPM; each clone gets a new one, so nothing sealed to it opens there"
        yield Finding("virtual-tpm", Severity.WARNING, sentence, fix="decrypt BitLocker volumes before adopting")
    elif found.told.get("config.keyId") is not None:
        sentence = "the machine's home is encrypted by vSphere; golden's account needs Cryptographer.Clone"
        yield Finding("encrypted-home", Severity.WARNING, sentence)


def _on_host(found: Found) -> Iterator[Finding]:
    if not found.on_vcenter:
        sentence = (
            "a single ESXi host clones nothing, so a copy is a machine made anew with the same processors, memory, "
            "firmware, disks and adapters; its EFI variables and other devices stay behind"
        )
        yield Finding("made-anew", Severity.WARNING, sentence, fix="adopt it by the vCenter that manages the host")


def _tools(found: Found) -> Iterator[Finding]:
    status = str(found.told.get("guest.toolsVersionStatus2"))
    versions = (str(found.told.get(path) or "0") for path in ("guest.toolsVersion", "config.tools.toolsVersion"))
    version = next((one for one in versions if one != "0"), "")
    fix = "install VMware Tools or open-vm-tools in it, or name another way in: communicator = in golden.toml"
    if status == "guestToolsNotInstalled" or (not version and status not in _OLD):
        sentence = "VMware Tools were never seen in it, and golden gets into its guest by them"
        yield Finding("tools-missing", Severity.WARNING, sentence, status, fix)
    elif status in _OLD:
        yield Finding("tools-old", Severity.WARNING, "its VMware Tools are old", f"{status}, version {version}", fix)


def _error(name: str, sentence: str, evidence: str = "", fix: str = "") -> Finding:
    return Finding(name, Severity.ERROR, sentence, evidence, fix)
