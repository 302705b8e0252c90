"""Reading the guest's state from a powered-off disk against virt-inspector on the same disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from benchmarks import place
from benchmarks.clones import opened
from benchmarks.row import Row, median, seconds
from golden.errors import EndpointError
from golden.model import GuestState, Mark, Role
from golden.windows.family import WindowsFamily

LIMIT = 20.0
TIMES = 11
ENVIRONMENT = {"LIBGUESTFS_BACKEND": "direct", "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"}
"""libguestfs' own small machine runs without libvirt, by software emulation as the guests here do."""


def measure(work: Path) -> Row:
    """The median of many against the better of two: the first builds libguestfs' machine and caches it."""
    guest = place.stand_in()
    hypervisor = opened(work / "state")
    machine = hypervisor.adopt("win", place.origin(guest), Mark(Role.VERSION, "bench", "win", "bench"), in_place=False)
    snapshot = hypervisor.freeze(machine, "v1")
    family = WindowsFamily()

    def ours() -> None:
        with hypervisor.open_disk(snapshot) as disk:
            facts = family.read(disk)
        if facts.state is not GuestState.VIRGIN:
            raise RuntimeError(f"the stand-in was read as {facts.state}")

    def theirs() -> None:
        argv = ["virt-inspector", "--no-applications", "--no-icon", "--format=qcow2", "-a", str(guest.disk)]
        ran = subprocess.run(argv, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False)
        if ran.returncode or "<name>windows</name>" not in ran.stdout:
            raise EndpointError("virt-inspector did not read the stand-in", details=ran.stderr[-2000:])

    found = {"golden": [seconds(ours) for _ in range(TIMES)], "virt-inspector": [seconds(theirs) for _ in range(2)]}
    a, b = median(found["golden"]), min(found["virt-inspector"])
    what = "virt-inspector's time over golden's to read a powered-off disk"
    note = "software emulation slows virt-inspector's machine, not golden"
    return Row("inspect", what, "s", b, a, b / a, LIMIT, at_least=True, note=note, samples=found)
