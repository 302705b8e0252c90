"""The objects that Hyper-V's cmdlets write, from what the host's process knows; only properties of the docs."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from tests.peers.hyperv import objects as o
from tests.peers.hyperv.host.store import HEARTBEAT, SERVICES
from tests.peers.hyperv.objects import Sized, Thing
from tests.peers.hyperv.shape import Shape

NS = "Microsoft.HyperV.PowerShell"


def machine(shape: Shape, about: dict[str, Any]) -> Thing:
    """A VirtualMachine; ``keep`` is its id."""
    vm = uuid.UUID(about["id"])
    running = about["state"] == "Running"
    return Thing(
        f"{NS}.VirtualMachine",
        f"{NS}.VirtualMachineBase",
        text=f"VirtualMachine (Name = '{about['name']}') [Id = '{vm}']",
        keep=about["id"],
        Name=about["name"],
        VMName=about["name"],
        Id=vm,
        VMId=vm,
        State=o.VM_STATE[about["state"]],
        Status=about["status"],
        Generation=about["generation"],
        Version="10.0",
        Notes=about["notes"],
        Uptime=datetime.timedelta(seconds=about["uptime"]),
        ProcessorCount=Sized("Int64", about["processors"]),
        MemoryStartup=Sized("Int64", about["memory"]),
        MemoryAssigned=Sized("Int64", about["memory"] if running else 0),
        MemoryMinimum=Sized("Int64", about["memory_minimum"]),
        MemoryMaximum=Sized("Int64", about["memory_maximum"]),
        DynamicMemoryEnabled=about["dynamic_memory"],
        Path=about["path"],
        ConfigurationLocation=about["path"],
        SnapshotFileLocation=about["path"],
        CheckpointType=o.CHECKPOINT_TYPE[about["checkpoint_type"]],
        ParentCheckpointId=uuid.UUID(about["current"]) if about["current"] else None,
        ParentCheckpointName=next(
            (each["name"] for each in about["checkpoints"] if each["id"] == about["current"]), None
        ),
        AutomaticCheckpointsEnabled=about["automatic_checkpoints"],
        AutomaticStartAction=o.START_ACTION[about["automatic_start"]],
        AutomaticStopAction=o.STOP_ACTION[about["automatic_stop"]],
        Heartbeat=heartbeat(about),
        IsClustered=about["clustered"],
        ReplicationMode=o.REPLICATION_MODE[about["replication"]],
        ComputerName=shape.name,
        OperationalStatus=[o.STATUS.Ok],
        NetworkAdapters=[adapter(about, each) for each in about["adapters"]],
        HardDrives=[drive(about, each) for each in about["disks"]],
    )


def heartbeat(about: dict[str, Any]) -> o.Member | None:
    """What the heartbeat service says; nothing while the machine is off."""
    if about["state"] != "Running":
        return None
    if not about["services"][HEARTBEAT]:
        return o.HEARTBEAT.Disabled
    return o.HEARTBEAT.OkApplicationsUnknown if about["ready"] else o.HEARTBEAT.NoContact


def _of(about: dict[str, Any]) -> dict[str, Any]:
    vm = uuid.UUID(about["id"])
    return {"VMId": vm, "VMName": about["name"]}


def drive(about: dict[str, Any], disk: dict[str, Any]) -> Thing:
    """A HardDiskDrive."""
    where = f"{disk['type']} controller number {disk['number']} at location {disk['location']}"
    return Thing(
        f"{NS}.HardDiskDrive",
        f"{NS}.Drive",
        f"{NS}.VMComponentObject",
        text=f"Hard Drive on {where}",
        keep={"vm": about["id"], "disk": disk},
        Name=f"Hard Drive on {where}",
        Path=disk["path"],
        ControllerType=o.CONTROLLER[disk["type"]],
        ControllerNumber=disk["number"],
        ControllerLocation=disk["location"],
        DiskNumber=None,
        SupportPersistentReservations=bool(disk.get("shared")),
        PoolName="Primordial",
        Id=f"Microsoft:{about['id'].upper()}\\{disk['number']}\\{disk['location']}",
        **_of(about),
    )


def adapter(about: dict[str, Any], card: dict[str, Any]) -> Thing:
    """A VMNetworkAdapter."""
    up = about["state"] == "Running" and about.get("ready", False) and card["switch"]
    return Thing(
        f"{NS}.VMNetworkAdapter", f"{NS}.VMNetworkAdapterBase", f"{NS}.VMComponentObject", text=card["name"],
        keep={"vm": about["id"], "card": card["id"]}, Name=card["name"],
        Id=f"Microsoft:{about['id'].upper()}\\{card['id'].upper()}", SwitchName=card["switch"] or None,
        MacAddress=card["mac"], DynamicMacAddressEnabled=card["dynamic"], Connected=bool(card["switch"]),
        IPAddresses=[f"10.9.{int(card['mac'][-4:-2], 16)}.{int(card['mac'][-2:], 16)}"] if up else [],
        Status=["Ok"] if up else [], IsLegacy=False, IsManagementOs=False, **_of(about),
    )  # fmt: skip


def checkpoint(about: dict[str, Any], kept: dict[str, Any]) -> Thing:
    """A VMSnapshot."""
    return Thing(
        f"{NS}.VMSnapshot", f"{NS}.VirtualMachineBase", text=f"VMSnapshot (Name = '{kept['name']}')",
        keep={"vm": about["id"], "checkpoint": kept["id"]}, Name=kept["name"], Id=uuid.UUID(kept["id"]),
        SnapshotType=o.SNAPSHOT_TYPE.Standard, CreationTime=datetime.datetime.fromisoformat(kept["created"]),
        ParentSnapshotId=uuid.UUID(kept["parent"]) if kept["parent"] else None, IsAutomaticCheckpoint=kept["automatic"],
        **_of(about),
    )  # fmt: skip


def memory(about: dict[str, Any]) -> Thing:
    """A VMMemory."""
    return Thing(
        f"{NS}.VMMemory", f"{NS}.VMComponentObject", text="Memory", keep=about["id"], Name="Memory",
        DynamicMemoryEnabled=about["dynamic_memory"], Startup=Sized("Int64", about["memory"]),
        Minimum=Sized("Int64", about["memory_minimum"]), Maximum=Sized("Int64", about["memory_maximum"]),
        Buffer=about["memory_buffer"], Priority=50, **_of(about),
    )  # fmt: skip


def boot_order(about: dict[str, Any]) -> list[str]:
    """
    What a machine of generation 2 boots from, in order: ``Drive|PATH``, ``Network|ID`` and ``File|FIRMWARE PATH``.

    What was attached later comes last, what is attached no more is left out.
    """
    there = [f"Network|{each['id']}" for each in about["adapters"]] + [
        f"Drive|{each['path']}" for each in about["disks"]
    ]
    kept = [each for each in about["boot_order"] if each in there or each.startswith("File|")]
    return [*kept, *(each for each in there if each not in kept)]


def boot_source(about: dict[str, Any], entry: str) -> Thing:
    """A VMBootSource: an entry of the firmware's, which names a device or, by the firmware's path, a file."""
    kind, _, what = entry.partition("|")
    device = next((drive(about, each) for each in about["disks"] if kind == "Drive" and each["path"] == what), None)
    device = device or next((adapter(about, each) for each in about["adapters"] if each["id"] == what), None)
    number = {"Drive": 1, "Network": 2, "File": 3}[kind]
    return Thing(
        f"{NS}.VMBootSource", f"{NS}.VMComponentObject", text=f"VMBootSource ({kind})", keep=entry, Device=device,
        BootType=o.Member(f"{NS}.BootSourceType", kind, number), Description="EFI SCSI Device" if device else "",
        FirmwarePath=what if kind == "File" else "\\AcpiEx(VMBus,0,0)\\VenHw(9B17E5A2)", **_of(about),
    )  # fmt: skip


def firmware(about: dict[str, Any]) -> Thing:
    """A VMFirmware."""
    order = [boot_source(about, each) for each in boot_order(about)]
    return Thing(
        f"{NS}.VMFirmware", f"{NS}.VMComponentObject", keep=about["id"],
        SecureBoot=o.ON_OFF.On if about["secure_boot"] else o.ON_OFF.Off,
        SecureBootTemplate=about["secure_boot_template"] if about["secure_boot"] else "", BootOrder=list(order),
        PreferredNetworkBootProtocol="IPv4", ConsoleMode="Default", PauseAfterBootFailure=o.ON_OFF.Off, **_of(about),
    )  # fmt: skip


def security(about: dict[str, Any]) -> Thing:
    """A VMSecurity."""
    return Thing(
        f"{NS}.VMSecurity", f"{NS}.VMComponentObject", keep=about["id"], TpmEnabled=about["tpm"],
        KsdEnabled=False, Shielded=about["shielded"], EncryptStateAndVmMigrationTraffic=about["shielded"],
        VirtualizationBasedSecurityOptOut=False, BindToHostTpm=False, **_of(about),
    )  # fmt: skip


def service(shape: Shape, about: dict[str, Any], key: str) -> Thing:
    """A VMIntegrationComponent; the name is in the host's language, the id is not."""
    english, german, _ = SERVICES[key]
    name = german if shape.language.startswith("de") else english
    on, up = about["services"][key], about["state"] == "Running"
    contact = "OK" if about.get("ready") else "No Contact"
    return Thing(
        f"{NS}.VMIntegrationComponent",
        f"{NS}.VMComponentObject",
        text=name,
        keep={"vm": about["id"], "key": key},
        Name=name,
        Enabled=on,
        Id=f"Microsoft:{about['id'].upper()}\\{key.upper()}",
        PrimaryStatusDescription=contact if up and on else "",
        SecondaryStatusDescription="",
        OperationalStatus=[o.STATUS.Ok if about.get("ready") else o.STATUS.NoContact] if up and on else [],
        **_of(about),
    )


def vhd(windows: str, about: dict[str, Any]) -> Thing:
    """A VirtualHardDisk."""
    return Thing(
        "Microsoft.Vhd.PowerShell.VirtualHardDisk",
        "Microsoft.Vhd.PowerShell.VHD",
        keep=windows,
        ComputerName="",
        Path=windows,
        VhdFormat=o.VHD_FORMAT[about["format"]],
        VhdType=o.VHD_TYPE[about["type"]],
        FileSize=Sized("UInt64", about["file"]),
        Size=Sized("UInt64", about["size"]),
        MinimumSize=None,
        LogicalSectorSize=Sized("UInt32", about["logical"]),
        PhysicalSectorSize=Sized("UInt32", about["physical"]),
        BlockSize=Sized("UInt32", about["block"]),
        ParentPath=about["parent"],
        DiskIdentifier=str(about["id"]).upper(),
        FragmentationPercentage=0,
        Alignment=1,
        Attached=bool(about["attached"]),
        DiskNumber=about["number"],
        Number=about["number"],
    )
