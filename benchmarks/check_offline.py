"""``golden check --offline`` of a disk in no project, typed as a command, against virt-inspector on the same disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from benchmarks import place
from benchmarks.inspection import ENVIRONMENT
from benchmarks.row import Row, median, seconds
from golden.errors import EndpointError

LIMIT = 20.0
TIMES = 9


def measure(work: Path) -> Row:
    """The whole command, Python's start included: the median of many against the better of two."""
    guest = place.stand_in()

    def ours() -> None:
        place.golden(work, "check", str(guest.disk), "--offline", "-q", "-o", "json")

    def theirs() -> None:
        argv = ["virt-inspector", "--no-icon", "--format=qcow2", "-a", str(guest.disk)]
        ran = subprocess.run(argv, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False)
        if ran.returncode or "<name>windows</name>" not in ran.stdout:
            raise EndpointError("virt-inspector did not read the stand-in", details=ran.stderr[-2000:])

    found = {"golden": [seconds(ours) for _ in range(TIMES)], "virt-inspector": [seconds(theirs) for _ in range(2)]}
    a, b = median(found["golden"]), min(found["virt-inspector"])
    what = "virt-inspector's time over golden check --offline's, the command as it is typed"
    note = "software emulation slows virt-inspector's machine, not golden"
    return Row("check-offline", what, "s", b, a, b / a, LIMIT, at_least=True, note=note, samples=found)
