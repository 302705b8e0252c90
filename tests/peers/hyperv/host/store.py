"""The machines a host knows, as data in a file that survives everything."""

from __future__ import annotations

import copy
import json
import secrets
import threading
import uuid
from pathlib import Path
from typing import Any

SERVICES = {
    "6c09bb55-d683-4da0-8931-c9bf705f6480": ("Guest Service Interface", "Gastdienstschnittstelle", False),
    "84eaae65-2f2e-45f5-9bb5-0e857dc8eb47": ("Heartbeat", "Takt", True),
    "2a34b1c2-fd73-4043-8a5b-dd2159bc743f": ("Key-Value Pair Exchange", "Austausch von Schlüsselwertepaaren", True),
    "9f8233ac-be49-4c79-8ee3-e7e1985b2077": ("Shutdown", "Herunterfahren", True),
    "2497f4de-e9fa-4204-80e4-4b75c46419c0": ("Time Synchronization", "Zeitsynchronisierung", True),
    "5ced1297-4598-4915-a5fc-ad21bb4d02a4": ("VSS", "VSS", True),
}
"""Integration services: id, name in English and German, whether a new machine has it on (facts 3.4)."""

GUEST_SERVICE = "6c09bb55-d683-4da0-8931-c9bf705f6480"
HEARTBEAT = "84eaae65-2f2e-45f5-9bb5-0e857dc8eb47"
SHUTDOWN = "9f8233ac-be49-4c79-8ee3-e7e1985b2077"


class Store:
    """Machines by id. What is read are copies; what is written is on disk before anybody is told."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.lock = threading.RLock()
        self._machines: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}

    def all(self) -> list[dict[str, Any]]:
        """Every machine."""
        with self.lock:
            return copy.deepcopy(list(self._machines.values()))

    def get(self, vm: str) -> dict[str, Any] | None:
        """One of them."""
        with self.lock:
            return copy.deepcopy(self._machines.get(vm))

    def put(self, machine: dict[str, Any]) -> None:
        """A new one, or one anew."""
        with self.lock:
            self._machines[machine["id"]] = copy.deepcopy(machine)
            self._save()

    def change(self, vm: str, **fields: Any) -> None:
        """Change some of it."""
        with self.lock:
            self._machines[vm].update(copy.deepcopy(fields))
            self._save()

    def remove(self, vm: str) -> None:
        """It is no more."""
        with self.lock:
            self._machines.pop(vm, None)
            self._save()

    def _save(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self._machines, indent=1))
        new.replace(self._file)


def new_machine(name: str, **given: Any) -> dict[str, Any]:
    """A machine as New-VM makes it; MAC addresses come from the host's pool when it first starts."""
    generation = given.pop("generation", 1)
    made: dict[str, Any] = {
        "id": str(uuid.uuid4()), "name": name, "generation": generation, "state": "Off", "notes": "",
        "memory": 1 << 30, "processors": 1, "dynamic_memory": False, "memory_minimum": 512 << 20,
        "memory_maximum": 1 << 40, "memory_buffer": 20, "path": "", "disks": [], "adapters": [],
        "checkpoint_type": "Production", "automatic_checkpoints": False, "checkpoints": [], "current": None,
        "automatic_start": "StartIfRunning", "automatic_stop": "Save", "services": {
            key: on for key, (_, _, on) in SERVICES.items()},
        "secure_boot": generation == 2, "secure_boot_template": "MicrosoftWindows", "boot_order": [],
        "tpm": False, "key_protector": False, "shielded": False, "clustered": False, "node": "", "created": "",
        "role": "", "replication": "None", "bios_guid": str(uuid.uuid4()), "status": "Operating normally", "dvd": [],
    }  # fmt: skip
    made.update(given)
    return made


def adapter(name: str, switch: str) -> dict[str, Any]:
    """A network adapter; ``switch`` may be empty."""
    return {"id": str(uuid.uuid4()), "name": name, "switch": switch, "mac": "000000000000", "dynamic": True}


def new_mac() -> str:
    """An address of Hyper-V's range."""
    return "00155D" + secrets.token_hex(3).upper()
