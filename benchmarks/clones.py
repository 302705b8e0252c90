"""A linked clone of a large disk against one of a small disk: both must only write a few blocks."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.row import Row, in_turns, median
from golden import plugins
from golden.model import CloneOptions, Mark, Origin, Role, Snapshot
from golden.provider import Endpoint, Hypervisor, Scope

LIMIT = 1.2
TIMES = 25
GIB = 1 << 30
PIECES = 64
"""MiB of data that lie scattered over each disk."""


def opened(state: Path) -> Hypervisor:
    """The embedded endpoint with a state folder of its own."""
    endpoint = Endpoint("local", "qemu:///embed")
    return plugins.provider(endpoint).open(endpoint, Scope(state=state, job="bench"))


@dataclass(slots=True)
class Cloning:
    """Clones of one frozen machine, each taken away by the next one."""

    hypervisor: Hypervisor
    name: str
    snapshot: Snapshot = field(init=False)
    count: int = 0

    def freeze(self, disk: Path, size: int) -> None:
        """Adopt a disk of ``size`` bytes and freeze it."""
        raw = disk.with_suffix(".raw")
        with raw.open("wb") as file:
            file.truncate(size)
            for number in range(PIECES):
                file.seek(size // PIECES * number)
                file.write(b"golden" * (1 << 17))
        subprocess.run(["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", raw, disk], check=True)
        raw.unlink()
        mark = Mark(Role.VERSION, "bench", self.name, "bench")
        origin = Origin("disk", str(disk), os="windows", memory_mib=256, cpus=1)
        machine = self.hypervisor.adopt(self.name, origin, mark, in_place=False)
        self.snapshot = self.hypervisor.freeze(machine, "v1")

    def clone(self) -> None:
        """One linked clone."""
        self.count += 1
        mark = Mark(Role.CLONE, "bench", self.name, "bench")
        self.hypervisor.clone(f"{self.name}-{self.count}", self.snapshot, mark, CloneOptions(linked=True))

    def clear(self) -> None:
        """Take all clones away."""
        for number in range(1, self.count + 1):
            machine = self.hypervisor.find(f"{self.name}-{number}")
            if machine is not None:
                self.hypervisor.destroy(machine)


def measure(work: Path) -> Row:
    """Medians by turns."""
    hypervisor = opened(work / "state")
    large, small = Cloning(hypervisor, "large"), Cloning(hypervisor, "small")
    large.freeze(work / "large.qcow2", 200 * GIB)
    small.freeze(work / "small.qcow2", GIB)
    found = in_turns({"large": large.clone, "small": small.clone}, TIMES)
    for cloning in (large, small):
        cloning.clear()
    a, b = median(found["large"]) * 1000, median(found["small"]) * 1000
    what = "linked clone of a 200 GiB disk, against one of a 1 GiB disk"
    return Row("clone", what, "ms", a, b, a / b, LIMIT, samples=found)
