"""
Copies on a single ESXi host, which has no CloneVM: a machine made anew, and every disk copied whole by the host.

Linked clones are vCenter's here: a host does not know that disks are shared, and takes them away with whichever of the
machines goes first (facts 3).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pyVmomi import vim

from golden.errors import Conflict, NotAble
from golden.waiting import Deadline, Watcher
from golden_vsphere import devices
from golden_vsphere.devices import DEVICE
from golden_vsphere.faults import LostAnswer, is_a
from golden_vsphere.line import insisted
from golden_vsphere.marking import Record
from golden_vsphere.observing import OVER, result_of, until_over
from golden_vsphere.reading import needed, props, several

if TYPE_CHECKING:
    from golden_vsphere.machines import Held, Machines
    from golden_vsphere.orders import Order

COPYING, CHANGING = 6 * 3600, 600
"""Seconds, of a disk and of anything else."""
_CONFIG = {
    "config.guestId": "guestId",
    "config.version": "version",
    "config.firmware": "firmware",
    "config.hardware.numCPU": "numCPUs",
    "config.hardware.numCoresPerSocket": "numCoresPerSocket",
    "config.hardware.memoryMB": "memoryMB",
    "config.bootOptions": "bootOptions",
    "config.nestedHVEnabled": "nestedHVEnabled",
}
"""Paths of a machine's or snapshot's configuration, and what ConfigSpec calls them."""
_CARRIED = (DEVICE.VirtualSCSIController, DEVICE.VirtualSATAController, DEVICE.VirtualNVMEController)
_ADD = DEVICE.VirtualDeviceSpec.Operation.add
_PATH = "config.files.vmPathName"


class HostCopies:
    """Makes them, over one connection. Raises pyVmomi's faults."""

    def __init__(self, machines: Machines, watcher: Watcher) -> None:
        """Asks nothing yet."""
        self._machines = machines
        self._line = machines.places.line
        self._watcher = watcher

    def made(self, order: Order, record: Record) -> Any:
        """The machine with its disks, not finished yet. What was begun is there where it fails."""
        if devices.has_tpm(order.hardware):
            raise NotAble(f"{order.name} would need a virtual TPM of its own, which a single ESXi host gives no copy")
        native = self._machine(order, record)
        told = needed(self._line, native, (_PATH, "config.hardware.device"), f"the machine {order.name}")
        disks = devices.disks(order.hardware)
        files = list(_files(str(told[_PATH]), record))
        for disk, file in zip(disks, files, strict=True):
            self._copied(str(disk.backing.fileName), file)
        made = [
            _attached(order.hardware, told["config.hardware.device"], *pair) for pair in zip(disks, files, strict=True)
        ]
        self._attach(native, order.name, made)
        return native

    def _machine(self, order: Order, record: Record) -> Any:
        """Without disks; looked for where the answer was lost."""
        places, spec = self._machines.places, self._spec(order, record)
        try:
            return self._ended(
                lambda: places.machines.CreateVM_Task(spec, order.place.pool, None), f"making {order.name}"
            )
        except LostAnswer:
            self._rest()
            native = places.child(places.machines, order.name)
            held = None if native is None else self._machines.held(native)
        if held is None:
            return self._ended(
                lambda: places.machines.CreateVM_Task(spec, order.place.pool, None), f"making {order.name}"
            )
        if held.record is None or held.record.token != record.token:
            raise Conflict(f"{order.name} was made by somebody else meanwhile")
        return held.native

    def _spec(self, order: Order, record: Record) -> Any:
        told = props(self._line, order.point or order.source, tuple(_CONFIG))
        config = {_CONFIG[path]: value for path, value in told.items()}
        if (boot := config.get("bootOptions")) is not None:
            boot.bootOrder = []  # It names devices by keys that are others here.
        files = vim.vm.FileInfo(vmPathName=f"[{order.place.store.name}]")
        changes = list(_hardware(order.hardware))
        return vim.vm.ConfigSpec(
            name=order.name, files=files, extraConfig=record.options(), deviceChange=changes, **config
        )

    def _copied(self, source: str, target: str) -> None:
        """Into the new machine's own folder, so that what a lost order has left there may be written over."""
        manager, center = self._line.content.virtualDiskManager, self._machines.places.datacenter

        def copy() -> None:
            what = f"the copy of {source}"
            self._ended(lambda: manager.CopyVirtualDisk_Task(source, center, target, center, None, True), what, COPYING)  # noqa: FBT003

        insisted(copy, self._rest)

    def _attach(self, native: Any, name: str, made: list[Any]) -> None:
        def attach() -> None:
            held = self._machines.held(native)
            if held is not None and not devices.disks(held.hardware):
                spec = vim.vm.ConfigSpec(deviceChange=made)
                self._ended(lambda: native.ReconfigVM_Task(spec), f"giving {name} its disks")

        insisted(attach, self._rest)

    def _ended(self, call: Any, what: str, seconds: float = CHANGING) -> Any:
        return result_of(self._line, self._line.tell(call), what, Deadline(seconds), self._watcher)

    def _rest(self) -> None:
        """Until the host copies no disk and makes no machine any more: whose order it was it does not tell."""
        recent = props(self._line, self._line.content.taskManager, ("recentTask",)).get("recentTask", ())
        for seen in several(self._line, list(recent), ("info.state", "info.descriptionId")):
            name = str(seen.props.get("info.descriptionId", "")).lower()
            if str(seen.props.get("info.state")) in OVER or not any(
                one in name for one in ("copyvirtual", "create", "reconfig")
            ):
                continue
            until_over(self._line, seen.native, "what the host copies to end", Deadline(COPYING), self._watcher)

    def taken_back(self, held: Held) -> list[str]:
        """Files of disks that may lie there of a copy that was cut off; nothing is copied any more."""
        if held.record is None or held.record.settled or not held.record.copies:
            return []
        self._rest()
        path = str(props(self._line, held.native, (_PATH,)).get(_PATH) or "")
        return list(_files(path, held.record)) if path else []

    def delete(self, files: list[str]) -> None:
        """Disks that went with no machine, as they were not attached; absent is success."""
        manager, center = self._line.content.virtualDiskManager, self._machines.places.datacenter
        for file in files:
            with contextlib.suppress(vim.fault.FileNotFound):
                try:
                    what = f"{file} to go"
                    self._ended(lambda file=file: manager.DeleteVirtualDisk_Task(file, center), what)
                except Exception as error:
                    if not is_a(error, "FileNotFound", "CannotAccessFile", "InvalidDatastorePath"):
                        raise


def _files(path: str, record: Record) -> Iterator[str]:
    """Where a copy's disks lie: beside its own file, ``[datastore] folder/name.vmx``."""
    folder = path.rpartition("/")[0]
    for number in range(record.copies):
        yield f"{folder}/{record.name}_{number}.vmdk"


def _hardware(hardware: list[Any]) -> Iterator[Any]:
    """Controllers that disks hang on, and adapters that are on no network yet."""
    for number, one in enumerate(hardware):
        made: Any = None
        if isinstance(one, _CARRIED):
            made = type(one)(key=-1 - number, busNumber=one.busNumber)
            if isinstance(one, DEVICE.VirtualSCSIController):
                made.sharedBus = DEVICE.VirtualSCSIController.Sharing.noSharing
        elif isinstance(one, DEVICE.VirtualEthernetCard):
            plug = DEVICE.VirtualDevice.ConnectInfo(startConnected=False, connected=False, allowGuestControl=False)
            made = type(one)(key=-1 - number, backing=one.backing, addressType="generated", connectable=plug)
        if made is not None:
            yield DEVICE.VirtualDeviceSpec(operation=_ADD, device=made)


def _attached(theirs: list[Any], ours: list[Any], disk: Any, file: str) -> Any:
    """A copied disk on the controller that its source is on: of the same kind, with the same number."""
    source = next((one for one in theirs if one.key == disk.controllerKey), None)
    same = (
        one for one in ours if source is not None and type(one) is type(source) and one.busNumber == source.busNumber
    )
    controller = next(same, None)
    if controller is None:
        raise NotAble(f"{disk.backing.fileName} hangs on a controller that golden cannot make again on an ESXi host")
    backing = DEVICE.VirtualDisk.FlatVer2BackingInfo(fileName=file, diskMode="persistent")
    made = DEVICE.VirtualDisk(
        key=-100 - int(disk.unitNumber or 0),
        backing=backing,
        controllerKey=controller.key,
        unitNumber=disk.unitNumber,
        capacityInKB=disk.capacityInKB,
    )
    return DEVICE.VirtualDeviceSpec(operation=_ADD, device=made)
