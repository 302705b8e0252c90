"""Checkpoints: the machine goes on on new children of its disks; removing one merges."""

from __future__ import annotations

import datetime
import threading
import uuid
from pathlib import PureWindowsPath
from typing import Any

from tests.peers.hyperv.failures import Failure, virtualization
from tests.peers.hyperv.host.machines import Machines


class Checkpoints:
    """The checkpoints of all machines."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        machines.automatic = self.automatic

    def automatic(self, vm: str) -> None:
        """What a client SKU does at every start, by default."""
        machine = self._machines.of(vm)
        if any(each["automatic"] for each in machine["checkpoints"]):
            return
        self._take(machine, f"Automatic Checkpoint - {machine['name']} - (1/2/2026 - 3:04:05 AM)", automatic=True)

    def take(self, vm: str, name: str) -> dict[str, Any]:
        """A checkpoint of a machine as it is."""
        with self._machines.lock(vm):
            machine = self._machines.of(vm)
            if machine["checkpoint_type"] == "Disabled":
                raise virtualization(
                    f"Checkpoint operation failed. Checkpoints have been disabled for '{machine['name']}'.",
                    "InvalidState",
                    "InvalidOperation",
                    machine["name"],
                )
            if machine["state"] == "Running":
                self._machines.flush(vm)
            return self._take(machine, name, automatic=False)

    def _take(self, machine: dict[str, Any], name: str, *, automatic: bool) -> dict[str, Any]:
        here = self._machines
        now = datetime.datetime.now(datetime.UTC)
        made: dict[str, Any] = {
            "id": str(uuid.uuid4()), "name": name or f"{machine['name']} - ({now:%m/%d/%Y - %I:%M:%S %p})",
            "parent": machine["current"], "created": now.isoformat(), "automatic": automatic,
            "disks": [dict(each) for each in machine["disks"]],
        }  # fmt: skip
        running = machine["state"] == "Running"
        for each in machine["disks"]:
            old = PureWindowsPath(each["path"])
            stem = old.stem.rsplit("_", 1)[0] if old.suffix.lower() == ".avhdx" else old.stem
            new = str(old.with_name(f"{stem}_{str(uuid.uuid4()).upper()}.avhdx"))
            here.disks.child(here.locate(new), here.locate(each["path"]), each["path"])
            each["path"] = new
            if running:
                here.disks.hold(here.locate(new), machine["id"])
        here.store.change(machine["id"], disks=machine["disks"], current=made["id"],
                          checkpoints=[*machine["checkpoints"], made])  # fmt: skip
        return made

    def remove(self, vm: str, checkpoint: str, *, later: bool = True) -> None:
        """Its record goes at once, its disks are merged after it, as on a real host; Status says so meanwhile."""
        here = self._machines
        with here.lock(vm):
            machine = here.of(vm)
            gone = next(each for each in machine["checkpoints"] if each["id"] == checkpoint)
            kept = [each for each in machine["checkpoints"] if each["id"] != checkpoint]
            children = [each for each in kept if each["parent"] == checkpoint]
            if len(children) + (machine["current"] == checkpoint) > 1:
                raise Failure("The peer merges no checkpoint with several children.", "NotModelled", "NotImplemented")
            for each in children:
                each["parent"] = gone["parent"]
            current = gone["parent"] if machine["current"] == checkpoint else machine["current"]
            here.store.change(vm, checkpoints=kept, current=current, status="Merging disks")
        if later:
            threading.Thread(target=self._merge, args=(vm, gone), daemon=True).start()
        else:
            self._merge(vm, gone)

    def _merge(self, vm: str, gone: dict[str, Any]) -> None:
        """The child of what the checkpoint kept is written into it; who stood on the child stands on it."""
        here = self._machines
        with here.lock(vm):
            machine = here.of(vm)
            if machine["state"] == "Running":
                here.flush(vm)
            for disk in gone["disks"]:
                base = here.locate(disk["path"])
                paths = [each["path"] for each in machine["disks"]]
                paths += [each["path"] for cp in machine["checkpoints"] for each in cp["disks"]]
                child = next((each for each in paths if here.disks.chain(here.locate(each))[1:2] == [base]), None)
                if child is None:
                    continue
                here.disks.merge(here.locate(child), base)
                for kept in [machine, *machine["checkpoints"]]:
                    for each in kept["disks"]:
                        above = here.locate(each["path"])
                        if each["path"] == child:
                            each["path"] = disk["path"]
                        elif above.is_file() and here.disks.facts(above)["parent"] == child:
                            here.disks.relink(above, base, disk["path"], any_id=True)
            here.store.change(
                vm, disks=machine["disks"], checkpoints=machine["checkpoints"], status="Operating normally"
            )

    def restore(self, vm: str, checkpoint: str) -> None:
        """The machine stands where it stood: on new children of what the checkpoint kept, switched off."""
        here = self._machines
        with here.lock(vm):
            here.power_off(vm)
            machine = here.of(vm)
            wanted = next(each for each in machine["checkpoints"] if each["id"] == checkpoint)
            frozen = {each["path"] for cp in machine["checkpoints"] for each in cp["disks"]}
            for each in machine["disks"]:
                if each["path"] not in frozen:
                    here.locate(each["path"]).unlink(missing_ok=True)
            disks = [dict(each) for each in wanted["disks"]]
            for each in disks:
                old = PureWindowsPath(each["path"])
                new = str(old.with_name(f"{old.stem.rsplit('_', 1)[0]}_{str(uuid.uuid4()).upper()}.avhdx"))
                here.disks.child(here.locate(new), here.locate(each["path"]), each["path"])
                each["path"] = new
            here.store.change(vm, disks=disks, current=checkpoint)

    def all_gone(self, vm: str) -> None:
        """Remove-VM: every checkpoint goes, and its disks are merged."""
        while True:
            known = self._machines.of(vm)["checkpoints"]
            if not known:
                return
            self.remove(vm, known[-1]["id"], later=False)
