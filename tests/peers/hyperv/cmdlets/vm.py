"""Machines: finding them by name (a pattern), id or object; making, changing, starting, stopping, removing them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

from tests.peers.hyperv import objects as o
from tests.peers.hyperv import shapes
from tests.peers.hyperv.failures import Failure, virtualization
from tests.peers.hyperv.host.store import adapter
from tests.peers.hyperv.objects import Thing, listed
from tests.peers.hyperv.registry import Call, cmdlet, is_pattern, matches, wait


def allowed(call: Call) -> None:
    """The caller is a Hyper-V administrator, and the command is for this host."""
    for name in ("ComputerName", "CimSession", "Credential"):
        if name in call.given and call.command != "Invoke-Command":
            raise Failure(f"The peer knows no other host to go to by -{name}.", "NotModelled", "NotImplemented",
                          terminating=True)  # fmt: skip
    if "hyper-v" not in call.host.shape.rights:
        raise virtualization(
            "You do not have the required permission to complete this task. Contact the administrator of the "
            "authorization policy for the computer.", "AccessDenied", "PermissionDenied")  # fmt: skip


def found(call: Call, *names: str) -> list[dict[str, Any]]:
    """
    The machines a command is for: those of -VM, of -Id or -VMId, of a name or pattern in one of ``names``.

    A name nobody has is an error, a pattern nobody matches is not.
    """
    allowed(call)
    if "VM" in call.given:
        return [call.host.machine(each.keep) for each in listed(call.get("VM"))]
    known = call.host.machines()
    for name in ("Id", "VMId"):
        if name in call.given:
            wanted = {str(each) for each in listed(call.get(name))}
            hit = [each for each in known if each["id"] in wanted]
            if not hit:
                call.error(
                    _missing(f'Hyper-V was unable to find a virtual machine with id "{next(iter(wanted))}".', "")
                )
            return hit
    return _named(call, known, [each for name in names for each in listed(call.get(name))])


def _named(call: Call, known: list[dict[str, Any]], wanted: list[str]) -> list[dict[str, Any]]:
    hits: list[dict[str, Any]] = []
    for each in wanted:
        hit = [vm for vm in known if matches(each, vm["name"]) and vm not in hits]
        if not hit and not is_pattern(each):
            said = f'Hyper-V was unable to find a virtual machine with name "{each}".'
            # Two errors for one thing, both from reports of real hosts: Get-VM -Name and Set-VMFirmware -VMName.
            by_name = "Name" in call.given and "VMName" not in call.given
            call.error(_missing(said, each) if by_name else virtualization(said, "ObjectNotFound", "ObjectNotFound"))
        hits += hit
    return hits


def _missing(message: str, target: str) -> Failure:
    return virtualization(message, "InvalidParameter", "InvalidArgument", target)


def passed(call: Call, machines: list[dict[str, Any]]) -> Iterator[Any]:
    """The machines as they are now, under -Passthru."""
    if call.switch("Passthru"):
        for each in machines:
            yield shapes.machine(call.host.shape, call.host.machine(each["id"]))


@cmdlet("Get-VM")
def get_vm(call: Call) -> Iterator[Any]:
    """Machines of this node."""
    allowed(call)
    hits = found(call, "Name") if {"Name", "Id"} & set(call.given) else call.host.machines()
    for each in hits:
        yield shapes.machine(call.host.shape, each)


@cmdlet("New-VM")
def new_vm(call: Call) -> Iterator[Any]:
    """A machine; its disk is attached as it is, its folder gets its name."""
    allowed(call)
    name, generation = call.get("Name", "New Virtual Machine"), call.get("Generation", 1)
    if generation not in (1, 2):
        raise virtualization("The generation is invalid.", "InvalidParameter", "InvalidArgument", generation)
    memory = call.get("MemoryStartupBytes", 512 << 20)
    if not 32 << 20 <= memory <= 12 << 40:
        raise virtualization(f"'{name}' failed to set memory: the memory specified is out of range.",
                             "InvalidParameter", "InvalidArgument", memory)  # fmt: skip
    if not call.confirmed(name):
        return
    switch = call.get("SwitchName", "")
    if switch and switch.lower() not in (each[0].lower() for each in call.host.shape.switches):
        raise virtualization(f'Hyper-V was unable to find a virtual switch with name "{switch}".', "ObjectNotFound",
                             "ObjectNotFound", switch)  # fmt: skip
    disks = _first_disk(call, generation)
    base = call.get("Path", "C:\\ProgramData\\Microsoft\\Windows\\Hyper-V").rstrip("\\")
    made = call.host.create(
        name, generation=generation, memory=memory, disks=disks, path=f"{base}\\{name}",
        adapters=[adapter("Network Adapter", switch)],
    )  # fmt: skip
    yield shapes.machine(call.host.shape, made)


def _first_disk(call: Call, generation: int) -> list[dict[str, Any]]:
    windows = call.get("VHDPath") or call.get("NewVHDPath")
    if windows is None:
        return []
    path = call.files.path(windows)
    if call.get("NewVHDPath"):
        call.host.disk_new(str(path), call.get("NewVHDSizeBytes"), 0, fixed=False, logical=512, physical=4096)
    elif not path.is_file():
        raise virtualization(
            f"Failed to add device 'Virtual Hard Disk'. Cannot find the file '{windows}'. The system cannot find the "
            "file specified. (0x80070002).",
            "ObjectNotFound",
            "ObjectNotFound",
            windows,
        )
    if generation == 2 and path.suffix.lower() == ".vhd":
        raise virtualization(
            f"Failed to add device 'Virtual Hard Disk'. '{windows}': a VHD cannot be attached to a "
            "generation 2 virtual machine.",
            "InvalidParameter",
            "InvalidArgument",
            windows,
        )
    return [{"type": "SCSI" if generation == 2 else "IDE", "number": 0, "location": 0, "path": windows}]


CHANGES = {
    "Notes": "notes", "CheckpointType": "checkpoint_type", "ProcessorCount": "processors",
    "MemoryStartupBytes": "memory", "AutomaticCheckpointsEnabled": "automatic_checkpoints", "NewVMName": "name",
    "AutomaticStartAction": "automatic_start", "AutomaticStopAction": "automatic_stop",
}  # fmt: skip
OFF_ONLY = {"processors", "memory", "dynamic_memory"}


@cmdlet("Set-VM")
def set_vm(call: Call) -> Iterator[Any]:
    """Change settings; some only while the machine is off."""
    fields = {mine: str(call.get(name)) if isinstance(call.get(name), o.Member) else call.get(name)
              for name, mine in CHANGES.items() if name in call.given}  # fmt: skip
    if call.switch("StaticMemory") or call.switch("DynamicMemory"):
        fields["dynamic_memory"] = call.switch("DynamicMemory")
    if "SnapshotFileLocation" in call.given:
        call.files.there(call.get("SnapshotFileLocation"))
    hits = found(call, "Name")
    for each in hits:
        if not call.confirmed(each["name"]):
            continue
        if each["state"] != "Off" and OFF_ONLY & {key for key in fields if fields[key] != each.get(key)}:
            call.error(wrong_state(each))
            continue
        call.host.change(each["id"], **fields)
    yield from passed(call, hits)


def wrong_state(about: dict[str, Any]) -> Failure:
    """The machine is on, or off, and should not be."""
    return virtualization(
        f"The operation cannot be performed while the object is in its current state. ('{about['name']}' is "
        f"{about['state']})", "InvalidState", "InvalidOperation", about["name"])  # fmt: skip


@cmdlet("Start-VM")
def start_vm(call: Call) -> Iterator[Any]:
    """Switch on; a machine that runs gets a warning."""
    hits = found(call, "Name")
    for each in hits:
        if call.confirmed(each["name"]) and not call.host.start(each["id"]):
            call.scope.streams.warning("The virtual machine is already in the specified state.")
    yield from passed(call, hits)


@cmdlet("Stop-VM")
def stop_vm(call: Call) -> Iterator[Any]:
    """Shut down by the guest, or cut the power, or save."""
    how = "off" if call.switch("TurnOff") else "save" if call.switch("Save") else ""
    how = how or ("force" if call.switch("Force") else "shutdown")
    hits = found(call, "Name")
    for each in hits:
        if call.confirmed(each["name"]) and not call.host.stop(each["id"], how):
            call.scope.streams.warning("The virtual machine is already in the specified state.")
    yield from passed(call, hits)


@cmdlet("Remove-VMSavedState")
def remove_saved_state(call: Call) -> None:
    """Of machines that are saved; they are off then."""
    if "VMSnapshot" in call.given:
        raise Failure("The peer's checkpoints have no saved state.", "NotModelled", "NotImplemented")
    for each in found(call, "VMName"):
        if call.confirmed(each["name"]):
            call.host.forget_saved(each["id"])


@cmdlet("Restart-VM")
def restart_vm(call: Call) -> Iterator[Any]:
    """A reset (it is not a shutdown), and with -Wait until the guest answers again."""
    hits = found(call, "Name")
    for each in hits:
        if not call.confirmed(f"restart {each['name']}", high=True):
            continue
        call.host.restart(each["id"])
        if call.switch("Wait"):
            end = time.monotonic() + (call.get("Timeout") if call.get("Timeout", -1) >= 0 else 600)
            while not call.host.machine(each["id"])["ready"]:
                if time.monotonic() > end:
                    raise virtualization(
                        "The operation timed out.", "OperationTimeout", "OperationTimeout", each["name"]
                    )
                wait(call, 0.05)
    yield from passed(call, hits)


@cmdlet("Remove-VM")
def remove_vm(call: Call) -> Iterator[Any]:
    """Forget machines that are off; their disks stay."""
    for each in found(call, "Name"):
        if call.confirmed(f"remove {each['name']}", high=True):
            call.host.remove(each["id"])
            if call.switch("Passthru"):
                yield shapes.machine(call.host.shape, each)


@cmdlet("Get-VMHost")
def get_vmhost(call: Call) -> Iterator[Any]:
    """The host itself."""
    allowed(call)
    name = call.host.shape.name
    yield Thing(
        "Microsoft.HyperV.PowerShell.VMHost", text=name, Name=name, ComputerName=name,
        FullyQualifiedDomainName="lab.example", LogicalProcessorCount=8, MemoryCapacity=o.Sized("Int64", 64 << 30),
        VirtualMachinePath="C:\\ProgramData\\Microsoft\\Windows\\Hyper-V",
        VirtualHardDiskPath="C:\\Users\\Public\\Documents\\Hyper-V\\Virtual Hard Disks",
        MacAddressMinimum="00155D000000", MacAddressMaximum="00155D0000FF", EnableEnhancedSessionMode=False,
        SupportedVmVersions=["8.0", "9.0", "10.0"],
    )  # fmt: skip


@cmdlet("Get-VMSnapshot")
def get_vmsnapshot(call: Call) -> Iterator[Any]:
    """Checkpoints."""
    if call.set == "Id":
        wanted = str(call.get("Id"))
        for about in call.host.machines():
            yield from (shapes.checkpoint(about, each) for each in about["checkpoints"] if each["id"] == wanted)
        return
    if call.set in ("Parent", "Child"):
        raise Failure("The peer does not walk checkpoints by -ParentOf and -ChildOf.", "NotModelled", "NotImplemented")
    for about in found(call, "VMName"):
        for each in about["checkpoints"]:
            if matches(call.get("Name", "*"), each["name"]):
                yield shapes.checkpoint(about, each)


@cmdlet("Checkpoint-VM")
def checkpoint_vm(call: Call) -> Iterator[Any]:
    """Take one."""
    for about in found(call, "Name"):
        made = call.host.checkpoint(about["id"], call.get("SnapshotName", ""))
        if call.switch("Passthru"):
            yield shapes.checkpoint(about, made)


def _checkpoints(call: Call) -> list[tuple[str, str]]:
    if "VMSnapshot" in call.given:
        return [(each.keep["vm"], each.keep["checkpoint"]) for each in listed(call.get("VMSnapshot"))]
    hits = []
    for about in found(call, "VMName"):
        for name in listed(call.get("Name")) or ["*"]:
            hit = [(about["id"], each["id"]) for each in about["checkpoints"] if matches(name, each["name"])]
            if not hit and not is_pattern(name):
                call.error(_missing(f'Hyper-V was unable to find a checkpoint with name "{name}".', name))
            hits += hit
    return hits


@cmdlet("Remove-VMSnapshot")
def remove_vmsnapshot(call: Call) -> None:
    """Remove them; their disks are merged afterwards."""
    for vm, each in _checkpoints(call):
        if call.confirmed("remove checkpoint"):
            call.host.checkpoint_remove(vm, each)


@cmdlet("Restore-VMSnapshot")
def restore_vmsnapshot(call: Call) -> None:
    """Go back to one."""
    for vm, each in _checkpoints(call):
        if call.confirmed("restore checkpoint", high=True):
            call.host.checkpoint_restore(vm, each)


def _roles(call: Call) -> list[dict[str, Any]]:
    if not call.host.shape.nodes:
        raise Failure("The cluster service is not running. Make sure that the service is running on all nodes in the "
                      "cluster.", call.command, "ConnectionError", None,
                      "Microsoft.FailoverClusters.PowerShell.ClusterCmdletException", terminating=True)  # fmt: skip
    return list(call.host.cluster())


@cmdlet("Get-ClusterResource")
def get_cluster_resource(call: Call) -> Iterator[Any]:
    """Of each role its machine and that machine's configuration, and a disk of the cluster's own."""
    kind = "Microsoft.FailoverClusters.PowerShell"
    for each in [*_roles(call), {"name": "Cluster Group", "id": "", "node": call.host.shape.nodes[0]}]:
        types = ("Virtual Machine", "Virtual Machine Configuration") if each["id"] else ("Physical Disk",)
        for what in types:
            name = f"{what} {each['name']}"
            yield Thing(
                f"{kind}.ClusterResource", text=name, Name=name, keep=each["id"],
                ResourceType=Thing(f"{kind}.ClusterResourceType", text=what, Name=what),
                OwnerGroup=Thing(f"{kind}.ClusterGroup", text=each["name"], Name=each["name"]),
                OwnerNode=Thing(f"{kind}.ClusterNode", text=each["node"], Name=each["node"]),
            )  # fmt: skip


@cmdlet("Get-ClusterParameter")
def get_cluster_parameter(call: Call) -> Iterator[Any]:
    """A private property of a resource; only those of machines have VmID."""
    resource, names = call.get("InputObject"), listed(call.get("Name"))
    if not isinstance(resource, Thing) or [str(each).lower() for each in names] != ["vmid"]:
        raise Failure("The peer knows VmID of a resource.", "NotModelled", "NotImplemented", terminating=True)
    if not resource.keep:
        raise Failure("Unable to find property VmID.", "Get-ClusterParameter", "ObjectNotFound", "VmID",
                      "Microsoft.FailoverClusters.PowerShell.ClusterCmdletException")  # fmt: skip
    yield Thing("Microsoft.FailoverClusters.PowerShell.ClusterParameter", Object=resource["Name"], Name="VmID",
                Value=resource.keep, IsReadOnly=False, ParameterType="String")  # fmt: skip


@cmdlet("Get-ClusterGroup")
def get_cluster_group(call: Call) -> Iterator[Any]:
    """The cluster's roles and their owners."""
    roles = _roles(call)
    for wanted in call.get("Name") or ["*"]:
        hit = [each for each in roles if matches(wanted, each["name"])]
        if not hit and not is_pattern(wanted):
            call.error(Failure(f"Cluster group '{wanted}' was not found.", "Get-ClusterGroup", "ObjectNotFound", wanted,
                               "Microsoft.FailoverClusters.PowerShell.ClusterCmdletException"))  # fmt: skip
        for each in hit:
            kind = "Microsoft.FailoverClusters.PowerShell"
            owner = Thing(f"{kind}.ClusterNode", text=each["node"], Name=each["node"])
            yield Thing(
                f"{kind}.ClusterGroup",
                text=each["name"],
                Name=each["name"],
                OwnerNode=owner,
                State=o.Member(
                    f"{kind}.ClusterGroupState",
                    "Online" if each["state"] == "Running" else "Offline",
                    0 if each["state"] == "Running" else 1,
                ),
                Id=str(uuid.uuid4()),
            )
