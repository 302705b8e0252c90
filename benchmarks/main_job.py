"""
Update and capture by golden's commands against a bare script that makes the same calls on the same guest.

Compared are the best times of both, which other work on the computer disturbs least; every time is in the JSON.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import place
from benchmarks.row import Row, in_turns
from golden.demo.tour import MATERIAL
from golden.windows.checks.picture import FILES, PROVIDERS, READS
from golden.windows.dialect import SCRIPTS

LIMIT = 1.15
TIMES = 6
BARE = Path(__file__).with_name("bare.py")


@dataclass(slots=True)
class Contest:
    """The same work done both ways, again and again."""

    work: Path
    count: int = field(default=0)

    def prepare(self) -> None:
        """Adopt the guest and run one update of each, so that caches are warm on both sides."""
        guest = place.stand_in()
        place.project(self.work / "golden", guest)
        drivers = self.work / "drivers"
        shutil.copytree(MATERIAL, drivers, ignore=shutil.ignore_patterns("*.xml"))
        (self.work / "bare").mkdir()
        cache = self.work / "golden/.golden/libvirt/cache"
        told = {"disk": guest.disk, "kernel": guest.kernel, "initrd": guest.initrd, "driver": drivers, "cache": cache}
        words: dict[str, object] = {key: str(value) for key, value in told.items()}
        words |= {"scripts": str(SCRIPTS), "check": asked()}
        numbers = {"cmdline": guest.cmdline, "memory_mib": guest.memory_mib}
        (self.work / "bare/guest.json").write_text(json.dumps({**words, **numbers}), "utf-8")
        self.by_golden()  # libvirt's capabilities are probed at the first start of all
        self.by_hand()

    def reset(self) -> None:
        """A driver in a version nobody has seen, and v1 as the head again: both sides clone the same disk."""
        self.count += 1
        inf = self.work / "drivers/goldennet.inf"
        text = (MATERIAL / "goldennet.inf").read_text("utf-8")
        inf.write_text(text.replace("1.0.0.1", f"1.0.0.{self.count}"), "utf-8")
        place.golden(self.work / "golden", "rollback", "win@v1", "-y", "-q")

    def by_golden(self) -> None:
        """A version with the driver, and an image of it."""
        folder = self.work / "golden"
        place.golden(folder, "update", "win", "--add", str(self.work / "drivers/goldennet.inf"), "-q")
        place.golden(folder, "capture", "win", "-q")

    def by_hand(self) -> None:
        """The bare script, in two calls as golden's."""
        for act in ("update", "capture"):
            subprocess.run([sys.executable, BARE, act, self.work / "bare"], check=True, stdout=subprocess.DEVNULL)


def asked() -> dict[str, object]:
    """What golden asks of a guest before sysprep."""
    keys = [
        {"key": one.key, "names": list(one.names), "below": one.below, "of_below": list(one.of_below)} for one in READS
    ]
    return {"keys": keys, "files": list(FILES), "providers": list(PROVIDERS), "account": "", "only": []}


def measure(work: Path) -> Row:
    """The best of each, by turns."""
    contest = Contest(work)
    contest.prepare()
    found = in_turns({"golden": contest.by_golden, "bare": contest.by_hand}, TIMES, contest.reset)
    a, b = min(found["golden"]), min(found["bare"])
    what = "update with a driver and capture by golden, against a bare script with the same calls"
    return Row("main-job", what, "s", a, b, a / b, LIMIT, samples=found)
