"""The host's process: what vmms is on Windows. Sessions come and go; this stays."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.peers.hyperv.failures import Failure, virtualization
from tests.peers.hyperv.files import Files
from tests.peers.hyperv.host import jobs as jobs_of
from tests.peers.hyperv.host import store, vhdx
from tests.peers.hyperv.host.checkpoints import Checkpoints
from tests.peers.hyperv.host.direct import Direct
from tests.peers.hyperv.host.disks import Disks, used
from tests.peers.hyperv.host.machines import Machines
from tests.peers.hyperv.host.seeding import Seeded, Seeding
from tests.peers.hyperv.journal import Journal, Request
from tests.peers.hyperv.rules import Rule, Rules
from tests.peers.hyperv.shape import Shape


class Host:
    """Everything a session can ask of the host. Arguments and answers are pickled: plain values only."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shape = folder, Shape.load(folder)
        self._rules = Rules()
        self._journal = Journal(folder / "requests.jsonl")
        self._store = store.Store(folder / "machines.json")
        self._disks = Disks(folder)
        reach = _Reach(folder, replace(self.shape, delegated=True), self._disks)
        self._files = Files.of_host(reach)
        self._machines = Machines(folder, self.shape, self._store, self._disks, self._files.path)
        self._checkpoints = Checkpoints(self._machines)
        self._jobs = jobs_of.Jobs()
        self._direct = Direct(self.shape, self._machines)
        self._seeding = Seeding(self.shape, self._store, self._disks, self._files.path, self._machines.guests)
        self._used = self._occupied()
        self._ending = threading.Lock()

    def end(self) -> None:
        """The host goes down in order."""
        with self._ending:
            self._machines.end()

    def pid(self) -> int:
        """Its process."""
        return os.getpid()

    # rules and log
    def acting(self, call: str, named: str) -> list[Rule]:
        """Rules that act on a call."""
        return self._rules.acting(call, named)

    def rule(self, rule: Rule) -> None:
        """One more rule."""
        self._rules.add(rule)

    def unmet(self) -> list[Rule]:
        """Rules that never acted."""
        return self._rules.unmet()

    def clear_rules(self) -> None:
        """No misfortune any more."""
        self._rules.clear()

    def note(self, entry: Request) -> None:
        """A line of the request log."""
        self._journal.add(entry)

    # machines
    def machines(self, node: str = "") -> list[dict[str, Any]]:
        """Every machine of a node (this one) as it is now, ``ready`` and ``uptime`` among its fields."""
        here = node or self.shape.name
        mine = (here, "") if here == self.shape.name else (here,)
        return [self._live(each) for each in self._store.all() if each["node"] in mine]

    def cluster(self) -> list[dict[str, str]]:
        """Clustered machines of all nodes."""
        return [{"name": each["role"] or each["name"], "id": each["id"],
                 "node": each["node"] or self.shape.name, "state": each["state"]}
                for each in self._store.all() if each["clustered"]]  # fmt: skip

    def machine(self, vm: str) -> dict[str, Any]:
        """One machine as it is now."""
        return self._live(self._machines.of(vm))

    def _live(self, machine: dict[str, Any]) -> dict[str, Any]:
        vm = machine["id"]
        return {**machine, "ready": self._machines.is_ready(vm), "uptime": self._machines.uptime(vm)}

    def create(self, name: str, **given: Any) -> dict[str, Any]:
        """New-VM; names need not be unique."""
        with self._store.lock:
            made = store.new_machine(name, automatic_checkpoints=self.shape.client, **given)
            self._store.put(made)
        place = self._files.path(made["path"])
        (place / "Virtual Machines").mkdir(parents=True, exist_ok=True)
        (place / "Virtual Machines" / f"{made['id'].upper()}.vmcx").write_bytes(b"golden's test peer")
        return self._live(made)

    def change(self, vm: str, **fields: Any) -> dict[str, Any]:
        """Change a machine's settings."""
        with self._machines.lock(vm):
            self._machines.of(vm)
            self._store.change(vm, **fields)
            return self.machine(vm)

    def start(self, vm: str) -> bool:
        """Start-VM; False where it ran."""
        return self._machines.start(vm)

    def stop(self, vm: str, how: str) -> bool:
        """Stop-VM: ``shutdown``, ``force``, ``off`` or ``save``; False where it was off. Saved, it has no power."""
        machine = self._machines.of(vm)
        if machine["state"] == "Saved":
            raise virtualization(
                f"'{machine['name']}' failed to change state. The operation cannot be performed while the object is in "
                "its current state.", "InvalidState", "InvalidOperation", machine["name"])  # fmt: skip
        if machine["state"] == "Off":
            return False
        if how in ("shutdown", "force"):
            self._machines.shut_down(vm, force=how == "force")
        elif how == "off":
            self._machines.power_off(vm)
        else:
            self._machines.power_off(vm)
            self._store.change(vm, state="Saved")
        return True

    def forget_saved(self, vm: str) -> None:
        """Remove-VMSavedState: what was in memory is lost, the disks stay."""
        with self._machines.lock(vm):
            machine = self._machines.of(vm)
            if machine["state"] != "Saved":
                raise virtualization(f"'{machine['name']}' has no saved state.", "InvalidState", "InvalidOperation",
                                     machine["name"])  # fmt: skip
            self._store.change(vm, state="Off")

    def restart(self, vm: str) -> None:
        """Restart-VM."""
        self._machines.restart(vm)

    def remove(self, vm: str) -> None:
        """Remove-VM: the configuration goes, the disks stay, checkpoints are merged."""
        with self._machines.lock(vm):
            machine = self._machines.of(vm)
            if machine["state"] not in ("Off", "Saved"):
                raise virtualization(
                    f"The operation failed because the virtual machine '{machine['name']}' is not in a valid state to "
                    "perform the operation.", "InvalidState", "InvalidOperation", machine["name"])  # fmt: skip
            self._checkpoints.all_gone(vm)
            place = self._files.path(machine["path"])
            (place / "Virtual Machines" / f"{vm.upper()}.vmcx").unlink(missing_ok=True)
            for folder in (place / "Virtual Machines", place):
                if folder.is_dir() and not any(folder.iterdir()) and folder.name.lower() != "virtual machines":
                    continue
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
            self._store.remove(vm)
            for rule in self._rules.acting("Scanner", machine["name"]):
                for each in machine["disks"]:
                    self._disks.scan(self._files.path(each["path"]), rule.seconds)

    def checkpoint(self, vm: str, name: str) -> dict[str, Any]:
        """Checkpoint-VM."""
        return self._checkpoints.take(vm, name)

    def checkpoint_remove(self, vm: str, checkpoint: str) -> None:
        """Remove-VMSnapshot."""
        self._checkpoints.remove(vm, checkpoint)

    def checkpoint_restore(self, vm: str, checkpoint: str) -> None:
        """Restore-VMSnapshot."""
        self._checkpoints.restore(vm, checkpoint)

    # disks
    def disk(self, path: str) -> dict[str, Any]:
        """What Get-VHD tells of a real path."""
        return self._disks.facts(Path(path))

    def disk_check(self, path: str) -> str:
        """What is wrong with a chain."""
        return self._disks.check(Path(path))

    def parents(self, path: str) -> list[str]:
        """Windows paths of a disk's parents."""
        return self._disks.parents(Path(path))

    def in_use(self, path: str) -> str:
        """Who holds a file."""
        return self._disks.in_use(Path(path))

    def file_met(self, call: str, path: str) -> bool:
        """
        A script is about to read, replace or delete a file; what another golden does just then happens by rule. Whether
        it is to stop half-way.
        """
        half = False
        for each in self._rules.acting(call, path):
            if each.do == "vanish":
                away = Path(f"{path}.0.old")
                Path(path).rename(away)
                if each.seconds:
                    threading.Timer(each.seconds, away.rename, (path,)).start()
                else:
                    away.unlink()
            elif each.do == "delay":
                self._disks.scan(Path(path), each.seconds)
            half = half or each.do == "half"
        return half

    def scan(self, path: str, seconds: float) -> None:
        """A virus scanner opens a file for so long."""
        self._disks.scan(Path(path), seconds)

    def is_scanned(self, path: str) -> bool:
        """Whether a scanner shares it with nobody."""
        return self._disks.is_scanned(Path(path))

    def disk_new(self, path: str, size: int, block: int, *, fixed: bool, logical: int, physical: int) -> None:
        """A new empty disk."""
        self.spend(size if fixed else 4 << 20)
        vhdx.create(Path(path), size, block=block, fixed=fixed, logical=logical, physical=physical)

    def disk_child(self, path: str, parent: str, windows: str, block: int, size: int) -> None:
        """A new differencing disk."""
        wrong = self._disks.check(Path(parent))
        if wrong:
            raise virtualization(wrong, "OperationFailed", "InvalidData", windows)
        self.spend(4 << 20)
        self._disks.child(Path(path), Path(parent), windows, block, size)

    def convert(self, source: str, target: str, kind: str, block: int) -> str:
        """Begin to copy a chain into one file; the job's id."""

        def work(step: Callable[[int], bool]) -> None:
            here = Path(source)
            if self._disks.in_use(here):
                raise used(source)
            self.spend(sum(each.stat().st_blocks * 512 for each in self._disks.chain(here)))

            def half() -> None:
                self._misfortune("Job.convert", f"{source}\n{target}", step)

            self._disks.convert(here, Path(target), kind, block, step, half)

        return self._jobs.begin("convert", f"{source} -> {target}", work)

    def _misfortune(self, call: str, named: str, step: Callable[[int], bool]) -> None:
        for each in self._rules.acting(call, named):
            end = time.monotonic() + (each.seconds if each.do == "delay" else 0)
            while time.monotonic() < end:
                if not step(5):
                    raise InterruptedError
                time.sleep(0.02)
            if each.do == "disk-full":
                raise OSError(28, "full")
            if each.do == "forget":
                raise jobs_of.Forgotten
            if each.do == "error":
                raise Failure(each.text or "A fault of the test.", each.kind, each.category, None, each.exception)

    def optimize(self, path: str, mode: str) -> None:
        """Optimize-VHD; a disk that is a parent would not be one any more, its identifier stays."""
        if not self._disks.in_use(Path(path)):
            with self._disks.open(Path(path), write=True) as disk:
                disk.touch()

    def merge(self, child: str, parent: str) -> None:
        """Merge-VHD."""
        self._disks.merge(Path(child), Path(parent))

    def relink(self, child: str, parent: str, windows: str, *, any_id: bool) -> None:
        """Set-VHD -ParentPath."""
        self._disks.relink(Path(child), Path(parent), windows, any_id=any_id)

    def reset_id(self, path: str) -> None:
        """Set-VHD -ResetDiskIdentifier."""
        with self._disks.open(Path(path), write=True) as disk:
            disk.reset_id()

    def mount(self, path: str, windows: str, *, read_only: bool, letter: bool) -> dict[str, Any]:
        """Mount-VHD."""
        return asdict(self._disks.mount(Path(path), windows, read_only=read_only, letter=letter))

    def dismount(self, path: str, windows: str) -> None:
        """Dismount-VHD."""
        self._disks.dismount(Path(path), windows)

    def mounts(self) -> list[dict[str, Any]]:
        """Disks that are attached to the host."""
        return [asdict(each) for each in self._disks.mounted.values()]

    def access_path(self, number: int, path: str, *, add: bool) -> None:
        """Add- and Remove-PartitionAccessPath."""
        self._disks.access(number, path, add=add)

    def format_disk(self, number: int) -> None:
        """A volume on an empty disk."""
        self._disks.formatted(number)

    # jobs
    def job(self, job: str) -> jobs_of.Job | None:
        """A storage job."""
        return self._jobs.get(job)

    def jobs(self) -> list[jobs_of.Job]:
        """All that are remembered."""
        return self._jobs.all()

    def job_stop(self, job: str) -> None:
        """Cancel one."""
        self._jobs.stop(job)

    # room
    def _occupied(self) -> int:
        files = (self.folder / "drives").rglob("*")
        return sum(each.stat().st_blocks * 512 for each in files if each.is_file())

    def room(self) -> int:
        """Bytes free on C:."""
        if self.shape.free is None:
            return shutil.disk_usage(self.folder).free
        return max(0, self.shape.free - max(0, self._occupied() - self._used))

    def spend(self, size: int) -> None:
        """Something of this size is about to be written: OSError where there is no room."""
        if self.shape.free is not None and size > self.room():
            raise Failure("There is not enough space on the disk. (0x80070070).", "DiskFull", "WriteError", None,
                          "System.IO.IOException")  # fmt: skip

    # guests
    def guest_login(self, vm: str, user: str, password: str) -> str:
        """PowerShell Direct: the guest's tree, where the logon holds."""
        return self._direct.login(vm, user, password)

    def guest_tree(self, vm: str) -> str:
        """The tree of a running guest's C:."""
        return str(self._machines.guests.of(vm) / "c")

    def guest_begun(self, vm: str) -> float:
        """When the guest that runs now was started; 0 where none does."""
        return self._machines.begun(vm)

    def guest_start(self, vm: str, line: str, folder: str, env: dict[str, str], user: str) -> int:
        """Start a program in a guest; its process id, or minus the code of Win32_Process.Create."""
        return self._direct.start(vm, line, folder, env, user)

    def guest_processes(self, vm: str) -> list[dict[str, Any]]:
        """What runs in a guest, and what ended not long ago (``code`` is not None)."""
        return self._direct.processes(vm)

    def guest_kill(self, vm: str, pid: int) -> bool:
        """End a program in a guest."""
        return self._direct.kill(vm, pid)

    def seed(self, name: str, **shape: Any) -> Seeded:
        """A user's own machine; see ``host/seeding.py``."""
        return self._seeding.seed(name, **shape)


class _Reach:
    """The host itself reaches shares with its own account."""

    def __init__(self, folder: Path, shape: Shape, disks: Disks) -> None:
        self.folder, self.shape, self._disks = folder, shape, disks

    def in_use(self, path: str) -> str:
        return self._disks.in_use(Path(path))
