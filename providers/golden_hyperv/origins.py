"""Looking at a user's machine, without touching it: what it is, and what forbids or complicates adopting it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from golden.errors import Conflict, NotAble, NotFound
from golden.model import Candidate, Finding, Origin, Power, Severity
from golden_hyperv.disks import Disks, Shape
from golden_hyperv.faults import translated
from golden_hyperv.machines import OFF, Machines, listed
from golden_hyperv.making import GUEST_SERVICE
from golden_hyperv.marking import Hardware
from golden_hyperv.places import plain
from golden_hyperv.remoting import RemoteError

HOP = "a session carries no network credential to a share: move the disk to the host, or allow delegation"
WINDOWS_ENTRY = "\\efi\\microsoft\\boot\\bootmgfw.efi"
_SHARED = re.compile(r"[A-Za-z]:\\ClusterStorage\\", re.IGNORECASE)
HEARTBEAT = "84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47"
REPLICAS = ("Replica", "TestReplica", "ExtendedReplica")
"""Members of VMReplicationMode that are fed by another host, or made from one that is."""
SERVICES = {
    HEARTBEAT: "golden knows by it that a guest has booted",
    GUEST_SERVICE: "files go through it quickly; golden turns it on in its clones",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A user's machine as it is now."""

    machine: Any
    drives: tuple[Any, ...]
    """The system's first."""
    boot: tuple[Any, ...]
    """What its firmware boots from, in order; of generation 2 only."""
    checkpoints: tuple[str, ...]
    services: dict[str, bool]
    """By id, in capitals."""
    shapes: dict[str, Shape]
    """Of the disks that could be looked at, by path."""
    unreadable: dict[str, str]
    """The host's words about the others."""
    chains: dict[str, str]
    """The host's words about disks whose parents it could not follow, by path."""
    node: str = ""
    """The node of a cluster it was seen on, where that is another one than the endpoint's."""
    here: str = ""
    """The endpoint's own node then."""

    @property
    def disks(self) -> tuple[str, ...]:
        """Paths, the system's first."""
        return tuple(str(drive["Path"]) for drive in self.drives if drive.get("Path"))

    @property
    def hardware(self) -> Hardware:
        """What a clone needs to know of it."""
        told = self.machine
        return Hardware(
            int(told["Generation"]),
            int(told["Memory"]),
            int(told["Processors"]),
            str(told.get("SecureBoot") or "") == "On",
            str(told.get("SecureBootTemplate") or ""),
            bool(told["Tpm"]),
            **_memory(told),
        )

    def candidate(self) -> Candidate:
        """What core is told."""
        shapes = [self.shapes[path] for path in self.disks if path in self.shapes]
        return Candidate(
            str(self.machine["Name"]),
            Power.OFF if str(self.machine["State"]) in OFF else Power.ON,
            self.disks,
            sum(shape.size for shape in shapes),
            sum(shape.allocated for shape in shapes),
            tuple(problems(self)),
        )


def _memory(told: Any) -> dict[str, Any]:
    if not told["Dynamic"]:
        return {}
    return {"dynamic": True, "minimum": int(told["Minimum"]), "maximum": int(told["Maximum"]),
            "buffer": int(told["Buffer"])}  # fmt: skip


def look(machines: Machines, disks: Disks, origin: Origin) -> Found | str:
    """
    The machine; or the name of the cluster's node that has it, where that is another one. NotFound; Conflict for a name
    that several have; NotAble for what is no machine.
    """
    if origin.kind != "machine":
        raise NotAble(
            "Hyper-V adopts machines of the host's only, no disks and no definitions",
            hint="make a machine of it first (New-VM -VHDPath), then adopt that",
        )
    name = plain(origin.where, "the machine")
    with translated(f"looking at the machine {name}"):
        told = listed(machines.line, "origin", Name=name)
        found = [one for one in told if one["Kind"] == "machine"]
        if not found:
            owner = machines.owner(name)
            if owner and owner.casefold() != machines.node.casefold():
                return owner
            raise NotFound(f"there is no machine {name} on {machines.line.address.shown}")
        if len(found) > 1:
            raise Conflict(
                f"{len(found)} machines on {machines.line.address.shown} are called {name}",
                hint="rename all but one of them in the Hyper-V Manager",
            )
        boot = tuple(one for one in told if one["Kind"] == "boot")
        drives = _ordered([one for one in told if one["Kind"] == "drive"], boot)
        shapes, unreadable = _shapes(disks, drives)
        at_rest = str(found[0]["State"]) in OFF
        chains = _chains(disks, shapes) if at_rest else {}
    services = {
        str(one["Service"]).rpartition("\\")[2].upper(): bool(one["On"]) for one in told if one["Kind"] == "service"
    }
    checkpoints = tuple(str(one["Name"]) for one in told if one["Kind"] == "checkpoint")
    return Found(found[0], tuple(drives), boot, checkpoints, services, shapes, unreadable, chains)


def _ordered(drives: list[Any], boot: tuple[Any, ...]) -> list[Any]:
    """
    The system's first: what the firmware boots from before other disks; where it tells none, as without UEFI, the
    lowest place on the first controller, IDE before SCSI.
    """
    drives = sorted(drives, key=_place)
    chosen = system(drives, boot)
    return drives if chosen is None else [chosen, *(one for one in drives if one is not chosen)]


def system(drives: Iterable[Any], boot: tuple[Any, ...]) -> Any | None:
    """The drive that comes first in the firmware's order; None where it names none of them."""
    by_path = {str(one.get("Path") or "").casefold(): one for one in drives if one.get("Path")}
    named = (str(one["Path"]).casefold() for one in boot if str(one["Type"]) == "Drive")
    return next((by_path[path] for path in named if path in by_path), None)


def _place(drive: Any) -> tuple[bool, int, int]:
    return str(drive["Controller"]) != "IDE", int(drive["Number"]), int(drive["Location"])


def _shapes(disks: Disks, drives: list[Any]) -> tuple[dict[str, Shape], dict[str, str]]:
    shapes, unreadable = {}, {}
    for drive in drives:
        path = str(drive.get("Path") or "")
        if not path or int(drive["Physical"]) >= 0:
            continue
        try:
            shapes[path] = disks.shape_now(path)
        except RemoteError as error:
            unreadable[path] = " ".join(error.message.split())
    return shapes, unreadable


def _chains(disks: Disks, shapes: dict[str, Shape]) -> dict[str, str]:
    """Get-VHD reads the disk itself; whether its parents are there, and can be reached, only a test of all tells."""
    met = ((path, disks.problem_below(path)) for path, shape in shapes.items() if shape.parent)
    return {path: words for path, words in met if words}


def problems(found: Found) -> Iterator[Finding]:
    """Errors forbid adopting it."""
    yield from _state(found)
    for drive in found.drives:
        yield from _drive(found, drive)
    if not found.drives:
        yield _error("no-disk", "the machine has no disk")
    if len(found.drives) > 1:
        sentence = (
            f"the machine has {len(found.drives)} disks; versions keep all of them, an image holds the system's: "
            f"{found.disks[0] if found.disks else 'none'}"
        )
        yield Finding("several-disks", Severity.WARNING, sentence, ", ".join(found.disks))
    yield from _firmware(found)
    yield from _services(found)


def _state(found: Found) -> Iterator[Finding]:
    told = found.machine
    if str(told["State"]) not in OFF:
        sentence = "the machine is not off, so its disks cannot be copied in one piece"
        yield _error("machine-running", sentence, str(told["State"]), "shut its guest down first")
    if told["Shielded"]:
        sentence = "the machine is shielded: its disks open on guarded hosts only, and golden could not get into it"
        yield _error("machine-shielded", sentence, fix="adopt one that is not shielded, and shield what is deployed")
    yield from _replication(str(told.get("Replication") or ""))
    if found.checkpoints:
        sentence = "the machine has checkpoints, so its disks change whenever one is deleted or merged"
        fix = "delete them in the Hyper-V Manager and wait until they are merged, or export and import the machine"
        yield _error("has-checkpoints", sentence, ", ".join(found.checkpoints), fix)
    if found.node:
        sentence = f"the machine is on the cluster node {found.node}; golden's copy will be on {found.here}"
        yield Finding("other-node", Severity.INFO, sentence)
    if told["Clustered"]:
        sentence = "the machine is a role of a cluster; golden's copy is none and stays on this node"
        yield Finding("clustered", Severity.INFO, sentence)
    if told["Tpm"]:
        sentence = "the machine has a virtual TPM; each clone gets a new one, so nothing sealed to it opens there"
        yield Finding("virtual-tpm", Severity.WARNING, sentence, fix="decrypt BitLocker volumes before adopting")


def _replication(mode: str) -> Iterator[Finding]:
    """Hyper-V Replica writes into the disks of a machine that is off, whenever the primary's changes arrive."""
    if mode in REPLICAS:
        sentence = "the machine is a copy that Hyper-V Replica keeps: its disks change while it is off"
        fix = "adopt the primary machine on its own host, or remove the replication of this one first"
        yield _error("machine-replica", sentence, mode, fix)
    elif mode == "Primary":
        sentence = "Hyper-V Replica copies the machine to another host; golden's copy is not replicated"
        yield Finding("replicated", Severity.INFO, sentence)


def _firmware(found: Found) -> Iterator[Finding]:
    """What of the firmware's memory is not kept: it has no way out of a machine but its export."""
    if int(found.machine["Generation"]) < 2:
        return
    if len(found.drives) > 1 and system(found.drives, found.boot) is None:
        sentence = "the firmware's boot order names none of its disks; golden takes the lowest place for the system's"
        fix = "Set-VMFirmware -FirstBootDevice with the system's Get-VMHardDiskDrive"
        yield Finding("system-disk-guessed", Severity.WARNING, sentence, ", ".join(found.disks), fix)
    for entry in (str(one.get("Firmware") or "") for one in found.boot if str(one["Type"]) == "File"):
        if entry.lower().endswith(WINDOWS_ENTRY):
            sentence = "Windows' own boot entry is not kept; clones start what Windows has in \\EFI\\Boot as well"
            yield Finding("boot-entries", Severity.INFO, sentence, entry)
        else:
            sentence = (
                "the firmware's own boot entry is not kept: clones start only what lies in \\EFI\\BOOT of the disk"
            )
            fix = "in the guest: grub-install --removable, or your distribution's way to put its loader there, too"
            yield Finding("boot-entries", Severity.WARNING, sentence, entry, fix)


def _drive(found: Found, drive: Any) -> Iterator[Finding]:
    path = str(drive.get("Path") or "")
    if int(drive["Physical"]) >= 0 or not path:
        yield _error("raw-disk", "a physical disk is passed through, which nothing holds", path, "copy it to a VHDX")
        return
    if any(one in path for one in "[]*?`"):
        yield _error("bad-path", f"the path of {path} has characters that Hyper-V's commands take for a pattern")
    if drive["Shared"] or path.lower().endswith(".vhds"):
        yield _error("shared-disk", f"{path} may be written by several machines", fix="take the sharing away")
    if found.node and not _SHARED.match(path):
        sentence = f"{path} is no file of the cluster's shared volumes, so {found.here} does not reach it"
        fix = f'an endpoint with url = "hyperv://{found.node}", or move the storage to C:\\ClusterStorage'
        yield _error("disk-elsewhere", sentence, found.node, fix)
    if path in found.unreadable:
        fix = HOP if path.startswith("\\\\") else ""
        yield _error("disk-unreadable", f"golden's session cannot open {path}", found.unreadable[path], fix)
        return
    shape = found.shapes[path]
    if shape.format.upper() == "VHD":
        fix = "Convert-VHD it to a .vhdx beside it, attach that instead, then adopt"
        yield _error("old-format", f"{path} is a VHD: golden's versions are VHDX files", shape.format, fix)
    if path.lower().endswith((".avhdx", ".avhd")) and not found.checkpoints:
        sentence = f"{path} is the disk of a checkpoint that is not merged yet"
        yield _error("unmerged", sentence, fix="wait for the merge, or restart the host's management service")
    elif path in found.chains:
        sentence = f"golden's session cannot follow the parents of {path}, the first of which is {shape.parent}"
        yield _error("chain-unreadable", sentence, found.chains[path], HOP if "\\\\" in shape.parent else "Test-VHD")
    elif shape.parent:
        sentence = f"{path} is a differencing disk; golden copies it with all its parents into one file"
        yield Finding("has-parents", Severity.INFO, sentence, shape.parent)


def _services(found: Found) -> Iterator[Finding]:
    for service, why in SERVICES.items():
        if service == HEARTBEAT and found.services.get(service) is False:
            fix = "Enable-VMIntegrationService; by its name in the host's language"
            yield Finding("heartbeat-off", Severity.WARNING, f"its heartbeat service is off; {why}", service, fix)


def _error(name: str, sentence: str, evidence: str = "", fix: str = "") -> Finding:
    return Finding(name, Severity.ERROR, sentence, evidence, fix)
