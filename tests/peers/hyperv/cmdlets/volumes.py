"""Disks, partitions and volumes of the host: C:, and what is mounted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.peers.hyperv import providers
from tests.peers.hyperv.cmdlets.cim import INSTANCE
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import Secret, Sized, Thing, listed
from tests.peers.hyperv.registry import Call, cmdlet

WSP = "root/Microsoft/Windows/Storage"
CIM_FAILED = "Microsoft.Management.Infrastructure.CimException"


def _instance(name: str, keep: Any, **properties: Any) -> Thing:
    return Thing(f"{INSTANCE}#{WSP}/{name}", INSTANCE, text=name, keep=keep, **properties)


def nothing(call: Call, what: str) -> Failure:
    """A CDXML cmdlet that found nothing."""
    name = call.command.split("-", 1)[1]
    return Failure(f"No MSFT_{name} objects found with {what}. Verify the value of the property and retry.",
                   f"CmdletizationQuery_NotFound_{what.split(' ')[1].strip(chr(39))}", "ObjectNotFound", what,
                   "Microsoft.PowerShell.Cmdletization.CimJobException")  # fmt: skip


def disk(about: dict[str, Any]) -> Thing:
    """An MSFT_Disk."""
    return _instance("MSFT_Disk", about, Number=Sized("UInt32", about["number"]), FriendlyName="Msft Virtual Disk",
                     IsReadOnly=about["read_only"], IsOffline=False, OperationalStatus="Online",
                     PartitionStyle="RAW" if about["empty"] else "GPT", Location=about["windows"])  # fmt: skip


def partitions(about: dict[str, Any]) -> list[Thing]:
    """Its MSFT_Partitions: EFI, reserved, and the one with the volume."""
    if about["empty"]:
        return []
    number = Sized("UInt32", about["number"])
    made = []
    for at, (kind, size) in enumerate((("System", 100 << 20), ("Reserved", 16 << 20), ("Basic", 40 << 30)), 1):
        paths = list(about["paths"]) if kind == "Basic" else []
        made.append(
            _instance(
                "MSFT_Partition",
                {**about, "partition": at},
                DiskNumber=number,
                PartitionNumber=Sized("UInt32", at),
                Type=kind,
                DriveLetter=about["letter"] if kind == "Basic" and about["letter"] else "\0",
                AccessPaths=paths,
                Size=Sized("UInt64", size),
                IsReadOnly=about["read_only"],
            )
        )
    return made


def volume(call: Call, about: dict[str, Any] | None) -> Thing:
    """An MSFT_Volume; without a mounted disk it is C:."""
    free = call.host.room()
    if about is None:
        return _instance("MSFT_Volume", None, DriveLetter="C", FileSystem="NTFS", FileSystemLabel="",
                         Path="\\\\?\\Volume{00000000-0000-0000-0000-00000000000c}\\", DriveType="Fixed",
                         Size=Sized("UInt64", max(free * 2, 1 << 40)), SizeRemaining=Sized("UInt64", free))  # fmt: skip
    return _instance("MSFT_Volume", about, DriveLetter=about["letter"] or "\0", FileSystem="NTFS", DriveType="Fixed",
                     FileSystemLabel="", Path=about["volume"], UniqueId=about["volume"], Size=Sized("UInt64", 40 << 30),
                     SizeRemaining=Sized("UInt64", 20 << 30))  # fmt: skip


@cmdlet("Get-Disk")
def get_disk(call: Call) -> Iterator[Any]:
    """Attached virtual disks."""
    known = call.host.mounts()
    wanted = call.get("Number")
    for number in wanted if wanted is not None else [each["number"] for each in known]:
        hit = [each for each in known if each["number"] == number]
        if not hit:
            call.error(nothing(call, f"property 'Number' equal to '{number}'"))
        yield from map(disk, hit)


@cmdlet("Get-Partition")
def get_partition(call: Call) -> Iterator[Any]:
    """Partitions of attached disks."""
    known = call.host.mounts()
    if "Disk" in call.given:
        known = [call.get("Disk").keep]
    elif "Volume" in call.given:
        known = [call.get("Volume").keep] if call.get("Volume").keep else []
    elif "DiskNumber" in call.given:
        known = [each for each in known if each["number"] in call.get("DiskNumber")]
        if not known:
            raise nothing(call, f"property 'DiskNumber' equal to '{call.get('DiskNumber')[0]}'")
    numbers, letters = call.get("PartitionNumber"), [str(each).upper() for each in call.get("DriveLetter", [])]
    for each in [one for about in known for one in partitions(about)]:
        if (numbers is None or each["PartitionNumber"] in numbers) and (not letters or each["DriveLetter"] in letters):
            yield each


@cmdlet("Get-Volume")
def get_volume(call: Call) -> Iterator[Any]:
    """Volumes by letter, path, or of a partition."""
    known = call.host.mounts()
    if "Partition" in call.given:
        keep = call.get("Partition").keep
        if keep["partition"] == 3:
            yield volume(call, keep)
        return
    if "FilePath" in call.given:
        path = call.get("FilePath")
        call.files.there(path)
        hit = [each for each in known if any(path.lower().startswith(one.lower()) for one in each["paths"])]
        yield volume(call, hit[0] if hit else None)
        return
    if "DriveLetter" in call.given:
        for letter in call.get("DriveLetter"):
            hit = [each for each in known if each["letter"] == str(letter).upper()]
            if not hit and str(letter).upper() != "C":
                call.error(nothing(call, f"property 'DriveLetter' equal to '{letter}'"))
                continue
            yield volume(call, hit[0] if hit else None)
        return
    wanted = [each.lower() for each in call.get("Path", []) + call.get("UniqueId", [])]
    if not wanted:
        yield volume(call, None)
    for each in known:
        if not each["empty"] and (not wanted or each["volume"].lower() in wanted):
            yield volume(call, each)


def _mounted(call: Call) -> Iterator[int]:
    if "InputObject" in call.given:
        yield from (each.keep["number"] for each in listed(call.get("InputObject")))
    else:
        yield from listed(call.get("DiskNumber") if "DiskNumber" in call.given else call.get("Number"))


@cmdlet("Add-PartitionAccessPath")
def add_access_path(call: Call) -> None:
    """One more path to a volume: an empty folder, or a letter."""
    for number in _mounted(call):
        path = call.get("AccessPath")
        if path is None:
            raise Failure("The peer assigns letters at Mount-VHD only.", "NotModelled", "NotImplemented")
        if not re.fullmatch(r"[A-Za-z]:\\?", path):
            found = call.files.there(path)
            if any(found.iterdir()):
                raise Failure(
                    "The access path is not valid: the folder is not empty.",
                    "StorageWMI 42002",
                    "NotSpecified",
                    path,
                    CIM_FAILED,
                )
        call.host.access_path(number, path, add=True)


@cmdlet("Remove-PartitionAccessPath")
def remove_access_path(call: Call) -> None:
    """One less."""
    for number in _mounted(call):
        call.host.access_path(number, call.get("AccessPath"), add=False)


@cmdlet("Set-Disk")
def set_disk(call: Call) -> None:
    """Online, and writable: what a mounted disk is already."""
    about = next((each for each in call.host.mounts() if each["number"] == call.get("Number")), None)
    if about is None:
        raise nothing(call, f"property 'Number' equal to '{call.get('Number')}'")
    if call.get("IsReadOnly") is False and about["read_only"]:
        raise Failure("Access denied: the disk was attached read-only.", "StorageWMI 40001", "PermissionDenied", None,
                      CIM_FAILED)  # fmt: skip


@cmdlet("Initialize-Disk")
def initialize_disk(call: Call) -> Iterator[Any]:
    """A partition table on an empty disk."""
    for number in list(_mounted(call)):
        about = next(each for each in call.host.mounts() if each["number"] == number)
        if not about["empty"]:
            raise Failure(
                "The disk has already been initialized.", "StorageWMI 41002", "NotSpecified", None, CIM_FAILED
            )
        if call.switch("PassThru"):
            yield disk(about)


@cmdlet("New-Partition")
def new_partition(call: Call) -> Iterator[Any]:
    """One partition, formatted with it (the peer knows no raw partitions)."""
    for number in list(_mounted(call)):
        call.host.format_disk(number)
        if "DriveLetter" in call.given:
            call.host.access_path(number, f"{call.get('DriveLetter')}:\\", add=True)
        yield partitions(next(each for each in call.host.mounts() if each["number"] == number))[-1]


@cmdlet("Format-Volume")
def format_volume(call: Call) -> Iterator[Any]:
    """An NTFS volume."""
    if "Partition" not in call.given:
        raise Failure("The peer formats partitions, not letters.", "NotModelled", "NotImplemented", terminating=True)
    yield volume(call, call.get("Partition").keep)


@cmdlet("Get-PSDrive", everywhere=True)
def get_psdrive(call: Call) -> Iterator[Any]:
    """C:, and what is mounted by a letter."""
    names = ["C", *(each["letter"] for each in call.files.mounts() if each["letter"])]
    for name in names:
        if call.get("Name") and name.lower() not in [each.rstrip(":").lower() for each in call.get("Name")]:
            continue
        room = call.host.room()
        yield Thing("System.Management.Automation.PSDriveInfo", text=name, Name=name, Root=f"{name}:\\", Free=room,
                    Used=room, Provider="Microsoft.PowerShell.Core\\FileSystem")  # fmt: skip
    yield from providers.shown(call)


@cmdlet("New-PSDrive")
def new_psdrive(call: Call) -> Iterator[Any]:
    """A share with credentials of its own: the way around the second hop."""
    root, given = call.get("Root"), call.get("Credential")
    if call.get("PSProvider").lower() in providers.KNOWN:
        yield providers.mapped(call)
        return
    share = re.match(r"\\\\([^\\]+)\\([^\\]+)", root)
    if share is None or given is None or not isinstance(given["Password"], Secret):
        raise Failure("The peer maps shares with credentials only.", "NotModelled", "NotImplemented", terminating=True)
    if given["Password"].text != call.host.shape.password:
        raise Failure("The network password is not correct.", "CouldNotMapNetworkDrive", "InvalidOperation", root,
                      "System.ComponentModel.Win32Exception")  # fmt: skip
    servers = call.scope.session.setdefault("share credentials", [])
    servers.append(share[1].lower())
    yield Thing("System.Management.Automation.PSDriveInfo", text=call.get("Name"), Name=call.get("Name"), Root=root)


@cmdlet("Remove-PSDrive")
def remove_psdrive(call: Call) -> None:
    """The share's credentials are forgotten."""
    if providers.unmapped(call):
        return
    call.scope.session.get("share credentials", []).clear()
