"""Power: machines start, stop, restart and crash; their guests are processes in a folder, their disks files."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.peers.hyperv.failures import Failure, virtualization
from tests.peers.hyperv.host import store, trees
from tests.peers.hyperv.host.disks import MISMATCH, Disks, used
from tests.peers.hyperv.host.store import Store
from tests.peers.hyperv.shape import Shape
from tests.peers.vsphere.guests import Guests
from tests.peers.vsphere.programs import Programs

TICK = 0.03


class Machines:
    """What runs on the host. ``locate`` turns a Windows path into a real one."""

    def __init__(self, folder: Path, shape: Shape, known: Store, disks: Disks, locate: Callable[[str], Path]) -> None:
        self.folder, self.shape, self.store, self.disks, self.locate = folder, shape, known, disks, locate
        self.guests = Guests(folder / "guests")
        self.programs = Programs(self.guests, folder / "programs")
        self._locks: dict[str, threading.RLock] = {}
        self._guard = threading.Lock()
        self._begun: dict[str, float] = {}
        self._ready: set[str] = set()
        self._over = threading.Event()
        self.automatic: Callable[[str], None] = lambda vm: None
        """Makes the automatic checkpoint of a machine that starts."""
        self._after_crash()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _after_crash(self) -> None:
        """The host went down under running machines: what was on their disks stays, and they are off."""
        for each in self.store.all():
            if each["state"] not in ("Off", "Saved"):
                self.guests.end_programs(each["id"])
                self._write_back(each)
                self.store.change(each["id"], state="Off")

    def end(self) -> None:
        """The host goes down: no guest goes on."""
        self._over.set()
        for each in self.store.all():
            if each["state"] not in ("Off", "Saved"):
                self.power_off(each["id"])
        self.guests.end()

    def lock(self, vm: str) -> threading.RLock:
        """One change of a machine's power at a time."""
        with self._guard:
            return self._locks.setdefault(vm, threading.RLock())

    def of(self, vm: str) -> dict[str, Any]:
        """A machine that is there."""
        found = self.store.get(vm)
        if found is None:
            raise virtualization(f"Hyper-V was unable to find a virtual machine with ID {vm}.", "InvalidParameter",
                                 "InvalidArgument", vm)  # fmt: skip
        return found

    def is_ready(self, vm: str) -> bool:
        """Whether the guest answers."""
        return vm in self._ready

    def uptime(self, vm: str) -> float:
        """Seconds since it was switched on."""
        begun = self._begun.get(vm)
        return 0.0 if begun is None else time.monotonic() - begun

    def begun(self, vm: str) -> float:
        """A mark that changes with each start and restart; 0 while it is off or going off."""
        return self._begun.get(vm, 0.0) if self.is_ready(vm) else 0.0

    def leaf(self, machine: dict[str, Any]) -> Path | None:
        """The disk that Windows boots from: the first in the firmware's order, or by its place on the controllers."""
        paths = [each["path"] for each in machine["disks"]]
        told = [each.partition("|")[2] for each in machine["boot_order"] if each.startswith("Drive|")]
        chosen = next((each for each in told if each in paths), None) if machine["generation"] == 2 else None
        if chosen is not None:
            return self.locate(chosen)
        order = {"SCSI": 0, "IDE": -1}
        found = sorted(machine["disks"], key=lambda each: (order[each["type"]], each["number"], each["location"]))
        return self.locate(found[0]["path"]) if found else None

    def start(self, vm: str) -> bool:
        """Switch it on; False where it is on already."""
        with self.lock(vm):
            machine = self.of(vm)
            if machine["state"] not in ("Off", "Saved"):
                return False
            if machine["tpm"] and machine["key_protector"] == "foreign":
                raise failed_start(
                    machine,
                    "The key protector for the virtual machine could not be unwrapped. "
                    "Details are included in the HostGuardianService-Client event log. (0x80070057)",
                )
            self._check_disks(machine)
            if machine["automatic_checkpoints"] and machine["checkpoint_type"] != "Disabled":
                self.automatic(vm)
                machine = self.of(vm)
            for each in machine["disks"]:
                path = self.locate(each["path"])
                with self.disks.open(path, write=True) as disk:
                    disk.touch()
                self.disks.hold(path, vm)
            for card in machine["adapters"]:
                if card["dynamic"] and card["mac"] == "000000000000":
                    card["mac"] = store.new_mac()
            self.store.change(vm, state="Running", adapters=machine["adapters"])
            self._begun[vm] = time.monotonic()
            found = self.leaf(machine)
            if found is not None and self._load(vm, found):
                threading.Thread(target=self._boot, args=(vm, self._begun[vm]), daemon=True).start()
            return True

    def _check_disks(self, machine: dict[str, Any]) -> None:
        for each in machine["disks"]:
            path = self.locate(each["path"])
            if not path.is_file():
                raise failed_start(
                    machine,
                    f"Attachment '{each['path']}' not found. Error: 'The system cannot find the "
                    "file specified.' (0x80070002).",
                    "ObjectNotFound",
                )
            if not path.stat().st_mode & 0o200:
                raise failed_start(machine, f"Account does not have permission to open attachment '{each['path']}'. "
                                   "Error: 'General access denied error' (0x80070005).", "AccessDenied")  # fmt: skip
            if self.disks.in_use(path):
                raise failed_start(machine, f"Attachment '{each['path']}': {used(each['path']).message}", "ObjectInUse")
            wrong = self.disks.check(path)
            if wrong:
                raise failed_start(machine, f"Attachment '{each['path']}' cannot be opened. Error: '{MISMATCH}' "
                                   f"(0xC03A000E). {wrong}")  # fmt: skip

    def _load(self, vm: str, path: Path) -> bool:
        place = self.guests.of(vm)
        shutil.rmtree(place, ignore_errors=True)
        with self.disks.open(path) as disk:
            if not trees.load(disk, place / "c"):
                return False
        (place / "machine").mkdir()
        return True

    def _boot(self, vm: str, begun: float) -> None:
        self.guests.start_up(vm)
        if self._over.wait(max(0.0, self.shape.boot - (time.monotonic() - begun))):
            return
        with self.lock(vm):
            if self._begun.get(vm) == begun and self.guests.fault(vm, "agent") != "missing":
                self._ready.add(vm)

    def power_off(self, vm: str) -> bool:
        """The power is gone; what the guest wrote is on its disk. False where it was off."""
        with self.lock(vm):
            machine = self.of(vm)
            if machine["state"] in ("Off", "Saved"):
                return False
            self._ready.discard(vm)
            self._begun.pop(vm, None)
            self.programs.forget(vm)
            self._write_back(machine)
            self.disks.release(vm)
            self.store.change(vm, state="Off")
            return True

    def _write_back(self, machine: dict[str, Any]) -> None:
        place, path = self.guests.of(machine["id"]), self.leaf(machine)
        if path is not None and (place / "c").is_dir():
            with self.disks.open(path, write=True) as disk:
                trees.store(disk, place / "c")
        shutil.rmtree(place, ignore_errors=True)

    def flush(self, vm: str) -> None:
        """What a running guest has on its disk is on it (a checkpoint is taken)."""
        machine = self.of(vm)
        place, path = self.guests.of(vm), self.leaf(machine)
        if path is not None and (place / "c").is_dir():
            with self.disks.open(path, write=True) as disk:
                trees.store(disk, place / "c")

    def restart(self, vm: str) -> None:
        """A reset, or a restart from inside."""
        with self.lock(vm):
            if self.of(vm)["state"] != "Running":
                return
            self._ready.discard(vm)
            self.programs.forget(vm)
            begun = self._begun[vm] = time.monotonic()
            if self.guests.has(vm):
                threading.Thread(target=self._boot, args=(vm, begun), daemon=True).start()

    def shut_down(self, vm: str, *, force: bool) -> None:
        """Ask the guest; with ``force`` the power goes when it does not answer (five minutes on a real host)."""
        machine = self.of(vm)
        if machine["state"] != "Running":
            return
        answers = self.is_ready(vm) and machine["services"][store.SHUTDOWN]
        if answers and self.guests.fault(vm, "shutdown") != "never":
            self.power_off(vm)
            return
        if not force:
            # It asks whether to cut the power, whatever -Confirm says; reports of real hosts show this error.
            raise virtualization(
                "Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.",
                "InvalidOperation",
                "InvalidOperation",
            )
        self._over.wait(min(1.0, self.shape.boot * 5))
        self.power_off(vm)

    def _watch(self) -> None:
        while not self._over.wait(TICK):
            for vm in list(self._begun):
                asked = self.guests.told(vm)
                if asked:
                    threading.Thread(target=self._obey, args=(vm, asked), daemon=True).start()

    def _obey(self, vm: str, asked: str) -> None:
        self._ready.discard(vm)
        try:
            if asked == "off":
                self.power_off(vm)
            else:
                self.restart(vm)
        except Failure:
            return  # somebody else was quicker, or removed it


def failed_start(machine: dict[str, Any], why: str, fqid: str = "OperationFailed") -> Failure:
    """Start-VM's error."""
    return virtualization(f"'{machine['name']}' failed to start. (Virtual machine ID {machine['id'].upper()}) {why}",
                          fqid, "NotSpecified", machine["name"])  # fmt: skip
