"""Virtual disks: real VHDX files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

from tests.peers.hyperv import shapes
from tests.peers.hyperv.cmdlets.vm import allowed, found
from tests.peers.hyperv.failures import Failure, denied, virtualization
from tests.peers.hyperv.files import is_read_only
from tests.peers.hyperv.host.disks import used
from tests.peers.hyperv.objects import Thing
from tests.peers.hyperv.registry import Call, cmdlet, wait

SUFFIXES = (".vhd", ".vhdx", ".avhdx", ".vhds")


def there(call: Call, windows: str, verb: str = "Getting the mounted storage instance for the path") -> Path:
    """A disk's file."""
    path = Path(call.files.path(windows))
    if path.suffix.lower() not in SUFFIXES:
        raise virtualization(f"'{windows}' is not an existing virtual hard disk file.", "InvalidParameter",
                             "InvalidArgument", windows)  # fmt: skip
    if not path.is_file():
        raise virtualization(f"{verb} '{windows}' failed. The operation cannot be completed because the object was not "
                             "found: The system cannot find the file specified. (0x80070002).", "ObjectNotFound",
                             "ObjectNotFound", windows)  # fmt: skip
    return path


def changeable(call: Call, windows: str) -> Path:
    """A disk that may be written: not read-only, not in use."""
    path = there(call, windows)
    if is_read_only(path) or call.files.read_only(windows):
        raise virtualization(
            f"'{windows}': Access is denied. (0x80070005).", "AccessDenied", "PermissionDenied", windows
        )
    if call.host.in_use(str(path)):
        raise virtualization(
            f"The process cannot access the file '{windows}' because it is being used by another "
            "process. (0x80070020).",
            "ObjectInUse",
            "ResourceBusy",
            windows,
        )
    return path


def free_place(call: Call, windows: str) -> Path:
    """Where a new disk may be made."""
    path = Path(call.files.path(windows))
    if path.suffix.lower() not in SUFFIXES:
        raise virtualization(f"The file '{windows}' has no extension of a virtual hard disk.", "InvalidParameter",
                             "InvalidArgument", windows)  # fmt: skip
    if path.exists():
        raise virtualization(
            f"Failed to create the virtual hard disk. The system failed to create '{windows}': The file "
            "exists. (0x80070050).",
            "OperationFailed",  # and no category: reports of real hosts
        )
    if not path.parent.is_dir():
        raise virtualization(f"Failed to create the virtual hard disk. The system failed to create '{windows}': The "
                             "system cannot find the path specified. (0x80070003).", "ObjectNotFound", "ObjectNotFound",
                             windows)  # fmt: skip
    if call.files.read_only(windows):
        raise denied(windows)
    return path


def shown(call: Call, windows: str) -> Thing:
    """A disk as Get-VHD tells it."""
    return shapes.vhd(windows, call.host.disk(str(call.files.path(windows))))


@cmdlet("Get-VHD")
def get_vhd(call: Call) -> Iterator[Any]:
    """What a file's headers say."""
    allowed(call)
    if call.set == "VMId":
        windows = [each["path"] for vm in found(call) for each in vm["disks"]]
    elif call.set == "Disk":
        windows = [each["windows"] for each in call.host.mounts() if each["number"] == call.get("DiskNumber")]
    else:
        windows = call.get("Path")
    for each in windows:
        try:
            there(call, each)
            made = shown(call, each)
        except Failure as wrong:
            call.error(wrong)
            continue
        yield made


@cmdlet("New-VHD")
def new_vhd(call: Call) -> Iterator[Any]:
    """A new disk; a child holds its parent's identity."""
    allowed(call)
    for windows in call.get("Path"):
        path = free_place(call, windows)
        if not call.confirmed(windows):
            continue
        block = call.get("BlockSizeBytes", 0)
        if block and (block < 1 << 20 or block > 256 << 20 or block & (block - 1)):
            raise virtualization("The block size is not valid.", "InvalidParameter", "InvalidArgument", block)
        if call.set.endswith("WithSource"):
            raise Failure("The peer has no physical disks to copy.", "NotModelled", "NotImplemented", terminating=True)
        if call.set == "Differencing":
            above = call.get("ParentPath")
            parent = Path(call.files.path(above))
            if not parent.is_file():
                raise virtualization(
                    f"Failed to create the virtual hard disk. The parent virtual hard disk '{above}' was not found: "
                    "The system cannot find the file specified. (0x80070002).",
                    "InvalidParameter",
                    "InvalidArgument",
                    above,
                )
            if parent.suffix.lower() not in (path.suffix.lower(), ".avhdx") and path.suffix.lower() != ".avhdx":
                raise virtualization("The parent and the child have different formats.", "InvalidParameter",
                                     "InvalidArgument", above)  # fmt: skip
            call.host.disk_child(str(path), str(parent), above, block, call.get("SizeBytes", 0))
        else:
            size = call.get("SizeBytes")
            if not 3 << 20 <= size <= 64 << 40 or size % 512:
                raise virtualization(f"The size {size} of a virtual hard disk is not valid.", "InvalidParameter",
                                     "InvalidArgument", size)  # fmt: skip
            call.host.disk_new(str(path), size, block, fixed=call.set.startswith("Fixed"),
                               logical=call.get("LogicalSectorSizeBytes", 512),
                               physical=call.get("PhysicalSectorSizeBytes", 4096))  # fmt: skip
        yield shown(call, windows)


@cmdlet("Test-VHD")
def test_vhd(call: Call) -> Iterator[Any]:
    """Whether a chain holds together; where it does not, an error says why."""
    allowed(call)
    for windows in call.get("Path"):
        path = there(call, windows, "Failed to test the virtual hard disk")
        if call.host.is_scanned(str(path)):
            raise used(windows)
        for above in call.host.parents(str(path)):
            call.files.path(above)  # What this session may not see is denied to it.
        wrong = call.host.disk_check(str(path))
        if wrong:
            call.error(virtualization(
                f"The chain of virtual hard disks of '{windows}' is broken. {wrong}", "OperationFailed", "InvalidData",
                windows))  # fmt: skip
        yield not wrong


@cmdlet("Convert-VHD")
def convert_vhd(call: Call) -> Iterator[Any]:
    """Copy a disk with its chain; without -VHDType the copy is of the source's type."""
    allowed(call)
    windows, target = call.get("Path"), call.get("DestinationPath")
    source, made = there(call, windows), free_place(call, target)
    if call.host.in_use(str(source)):
        changeable(call, windows)
    kind = str(call.get("VHDType") or call.host.disk(str(source))["type"])
    if not call.confirmed(windows):
        return
    follow(call, call.host.convert(str(source), str(made), kind, call.get("BlockSizeBytes", 0)), "Convert-VHD", windows)
    if call.switch("DeleteSource"):
        changeable(call, windows).unlink()
    if call.switch("Passthru"):
        yield shown(call, target)


def follow(call: Call, job: str, activity: str, what: str) -> None:
    """Wait for a storage job, with its progress; Ctrl+C cancels it, as it does for the cmdlet."""
    told = -1
    try:
        while True:
            now = call.host.job(job)
            if now.percent != told and now.state == 4:
                told = now.percent
                call.scope.streams.progress(activity, f"{what}: {told}%", told)
            if now.state != 4:
                break
            wait(call, 0.02)
    except BaseException:
        call.host.job_stop(job)
        raise
    if now.failure is not None:
        raise now.failure
    if now.state != 7:
        raise virtualization("The operation was canceled.", "OperationStopped", "OperationStopped")


@cmdlet("Optimize-VHD")
def optimize_vhd(call: Call) -> Iterator[Any]:
    """Full and Quick want the disk attached read-only; detached it is Pretrimmed or Prezeroed."""
    allowed(call)
    for windows in call.get("Path"):
        path = there(call, windows)
        mode = str(call.get("Mode") or "Quick")
        mounted = next((each for each in call.host.mounts() if each["file"] == str(path)), None)
        if mode in ("Full", "Quick", "Retrim"):
            if mounted is None or not mounted["read_only"]:
                raise virtualization(
                    f"Failed to compact the virtual disk '{windows}'. The disk must be mounted read-only "
                    f"for mode {mode}.",
                    "InvalidState",
                    "InvalidOperation",
                    windows,
                )
        else:
            changeable(call, windows)
        if call.confirmed(windows):
            call.host.optimize(str(path), mode)
        if call.switch("Passthru"):
            yield shown(call, windows)


@cmdlet("Merge-VHD")
def merge_vhd(call: Call) -> Iterator[Any]:
    """Write a child into its parent: the parent is another disk then."""
    allowed(call)
    windows = call.get("Path")
    child = changeable(call, windows)
    above = call.host.disk(str(child))["parent"]
    target = call.get("DestinationPath") or above
    if not above or target.lower() != above.lower():
        raise Failure(
            "The peer merges a disk into its own parent only.", "NotModelled", "NotImplemented", terminating=True
        )
    parent = changeable(call, target)
    if call.confirmed(windows):
        call.host.merge(str(child), str(parent))
    if call.switch("Passthru"):
        yield shown(call, target)


@cmdlet("Set-VHD")
def set_vhd(call: Call) -> Iterator[Any]:
    """Another parent, or another identifier."""
    allowed(call)
    windows = call.get("Path")
    path = changeable(call, windows)
    if call.set == "Parent":
        above = call.get("ParentPath")
        call.host.relink(str(path), str(there(call, above)), above, any_id=call.switch("IgnoreIdMismatch"))
    elif call.set == "DiskIdentifier":
        if call.confirmed(windows, high=True):
            call.host.reset_id(str(path))
    else:
        raise Failure("The peer does not change sector sizes.", "NotModelled", "NotImplemented", terminating=True)
    if call.switch("Passthru"):
        yield shown(call, windows)


@cmdlet("Resize-VHD")
def resize_vhd(call: Call) -> None:
    """Refused: a disk that has children, or that has a parent, cannot be resized and keep them."""
    allowed(call)
    for windows in call.get("Path"):
        path = changeable(call, windows)
        if call.host.disk(str(path))["type"] == "Differencing":
            raise virtualization("Failed to resize the virtual disk. The operation is not supported on a differencing "
                                 "disk.", "InvalidParameter", "InvalidArgument", windows)  # fmt: skip
        raise Failure("The peer resizes no disks.", "NotModelled", "NotImplemented", terminating=True)


@cmdlet("Mount-VHD")
def mount_vhd(call: Call) -> Iterator[Any]:
    """Attach a disk to the host; without -ReadOnly that alone makes it another disk for its children."""
    allowed(call)
    for windows in call.get("Path"):
        path = there(call, windows)
        if not call.switch("ReadOnly"):
            changeable(call, windows)
        if call.confirmed(windows):
            call.host.mount(str(path), windows, read_only=call.switch("ReadOnly"),
                            letter=not call.switch("NoDriveLetter"))  # fmt: skip
        if call.switch("Passthru"):
            yield shown(call, str(PureWindowsPath(windows)))


@cmdlet("Dismount-VHD")
def dismount_vhd(call: Call) -> Iterator[Any]:
    """Let go."""
    allowed(call)
    if call.set == "Disk":
        windows = [each["windows"] for each in call.host.mounts() if each["number"] == call.get("DiskNumber")]
    else:
        windows = call.get("Path")
    for each in windows:
        if call.confirmed(each):
            call.host.dismount(str(there(call, each)), each)
        if call.switch("Passthru"):
            yield shown(call, each)
