"""What lies behind machines and snapshots: a folder each, with the tree of C: and the stand-in's machine folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
import uuid
from contextlib import suppress
from pathlib import Path

import psutil

import golden.demo.standin
from tests.e2e.libvirt_standin import cache
from tests.peers.vsphere.seeding import Shape

STANDIN = Path(golden.demo.standin.__file__).parent
PYTHON = "/usr/bin/python3"


def seeded(shape: Shape) -> Path:
    """A finished tree of this shape, made once for this computer; only to be copied."""
    order = {"state": shape.state, "gpt_guid": "8c9e4a52-6f0e-4f0b-9a53-0c5d2d7a1f11", "faults": dict(shape.faults)}
    print_of = hashlib.sha256(json.dumps(order, sort_keys=True).encode())
    for path in sorted((STANDIN / "programs").glob("*.py")):
        print_of.update(path.read_bytes())
    made = cache() / f"vcenter-guest-{print_of.hexdigest()[:16]}"
    if made.is_dir():
        return made
    work = made.with_name(f"{made.name}.{uuid.uuid4().hex[:8]}")
    (work / "c").mkdir(parents=True)
    full = {**order, "tree": str(work / "c"), "machine": str(work / "machine")}
    (work / "order.json").write_text(json.dumps(full))
    env = {"PATH": os.defpath, "PYTHONPATH": str(STANDIN)}
    try:
        argv = [PYTHON, "-m", "programs.seed", str(work / "order.json")]
        ran = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise AssertionError(f"the stand-in's tree could not be made: {ran.stderr[-2000:]}")
        with suppress(OSError):  # somebody else was as quick
            work.rename(made)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return made


class Guests:
    """The folders of a peer, by moid of machine or snapshot, and the processes that run in them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.RLock()

    def of(self, moid: str) -> Path:
        """The folder of a machine or snapshot: ``c`` and ``machine``."""
        return self._folder / moid

    def has(self, moid: str) -> bool:
        """Whether a guest lies behind it."""
        return (self.of(moid) / "c").is_dir()

    def seed(self, moid: str, shape: Shape) -> None:
        """Put a fresh guest behind a machine."""
        self.take(seeded(shape), moid)

    def copy(self, source: str, target: str) -> None:
        """The target's disks become the source's, as they are now; a machine without a guest has nothing to copy."""
        with self._lock:
            if self.has(source):
                self.take(self.of(source), target)
            else:
                self.remove(target)

    def take(self, source: Path, moid: str) -> None:
        """The disks become a copy of the tree in ``source/c``."""
        target = self.of(moid)
        self.end_programs(moid)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        shutil.copytree(source / "c", target / "c", symlinks=True)
        # The stand-in keeps beside the tree what is the machine's, not the disk's.
        (target / "machine").mkdir()

    def remove(self, moid: str) -> None:
        """The disks are gone, and whatever ran on them."""
        with self._lock:
            self.end_programs(moid)
            shutil.rmtree(self.of(moid), ignore_errors=True)

    def tell(self, moid: str, name: str, text: str) -> None:
        """Write a file of the machine folder."""
        (self.of(moid) / "machine" / name).write_text(text)

    def told(self, moid: str) -> str:
        """Take what the guest asked of its power: "off", "reboot" or ""."""
        place = self.of(moid) / "machine/power"
        try:
            text = place.read_text().strip()
            if text:
                place.unlink()
        except OSError:
            return ""
        return text

    def order(self, moid: str, argv: list[str], **more: object) -> dict[str, object]:
        """An order for ``guest_program.py``."""
        place = self.of(moid)
        return {"programs": str(STANDIN), "root": str(place / "c"), "machine": str(place / "machine"),
                "argv": argv, **more}  # fmt: skip

    def start_up(self, moid: str) -> None:
        """What Windows does at a start, to its end."""
        shutil.rmtree(self.of(moid) / "machine", ignore_errors=True)  # what a machine keeps in memory
        (self.of(moid) / "machine").mkdir()
        self.tell(moid, "boot_id", str(uuid.uuid4()))
        faults = self.of(moid) / "c/Windows/golden-stand-in/faults.json"
        if faults.is_file():  # a fault that is switched on acts from the next boot on
            shutil.copyfile(faults, self.of(moid) / "machine/faults.json")
        order = json.dumps(self.order(moid, []))
        here = Path(__file__).with_name("guest_program.py")
        subprocess.run([PYTHON, str(here)], input=order, text=True, capture_output=True, check=False)

    def fault(self, moid: str, name: str) -> object:
        """A fault of the stand-in that is switched on."""
        with suppress(OSError, ValueError):
            return json.loads((self.of(moid) / "machine/faults.json").read_text(encoding="utf-8-sig")).get(name)
        return None

    def end_programs(self, moid: str) -> None:
        """kill -9 for all that runs on these disks, detached programs too; found by the folder they were given."""
        mark = str(self.of(moid)) + "/"
        for process in psutil.process_iter(["cmdline", "environ"]):
            words = process.info["cmdline"] or []
            named = (process.info["environ"] or {}).get("GOLDEN_GUEST", "") == mark
            if named or any(word.startswith(mark) for word in words):
                with suppress(psutil.Error):
                    process.kill()
                    process.wait(5)

    def end(self) -> None:
        """End what runs on any of them."""
        for place in self._folder.iterdir():
            self.end_programs(place.name)
