"""``golden status`` over a large catalog against the least Python program that could do anything like it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import place
from benchmarks.row import Row, in_turns, median
from golden.catalog import Catalog
from golden.database import Database, now
from golden.model import Change, DiskFile, FileStamp, GuestFacts, GuestState, PayloadFile, Reference, Snapshot, Version

LIMIT = 1.5
TIMES = 31
REFERENCES, VERSIONS = 200, 50
LEAST = """
import sqlite3, sys, typer
for row in sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM reference"):
    print(*row)
"""


def version(reference: str, number: int) -> Version:
    """A version as an update leaves one, with everything a real record holds."""
    name = f"golden-{reference}-{number}"
    files = ("disk0.qcow2", "vmlinuz", "initrd", "domain.xml")
    folder = f"/srv/golden/libvirt/store/{name}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    facts = GuestFacts(
        os="windows", state=GuestState.VIRGIN, evidence=(("ImageState", "IMAGE_STATE_COMPLETE"), ("SetupType", "0"))
    )
    return Version(
        reference=reference,
        number=number,
        parent=number - 1 or None,
        digest=digest,
        snapshot=Snapshot(name, f"v{number}"),
        facts=facts,
        disks=tuple(DiskFile(f"{folder}/{file}", "disk", "qcow2", 1 << 24, digest) for file in files),
        stamps=tuple(FileStamp(f"{folder}/{file}", f"123456:{1 << 24}:1700000000000000000:{digest}") for file in files),
        changes=(Change("driver", "goldennet.inf", (PayloadFile("goldennet.inf", digest, 2048),), (), digest),),
        message="network driver",
        created=now(),
        depth=number - 1,
    )


def fill(state: Path) -> None:
    """Write the catalog with golden's own code; in memory first, since each version waits for the disk otherwise."""
    quick = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=quick if quick.is_dir() else None) as folder:
        database = Database(Path(folder), write=True)
        catalog = Catalog(database)
        for reference in (f"reference-{number:03}" for number in range(REFERENCES)):
            first = Reference(reference, "windows", "local", now(), 0)
            for number in range(1, VERSIONS + 1):
                catalog.add_version(version(reference, number), first if number == 1 else None)
        database.close()
        state.mkdir()
        (state / "golden.db").write_bytes((Path(folder) / "golden.db").read_bytes())


def measure(work: Path) -> Row:
    """Medians by turns."""
    fill(work / ".golden")
    (work / "golden.toml").write_text(place.SETTINGS, "utf-8")
    database = str(work / ".golden/golden.db")

    def run(*argv: str) -> None:
        subprocess.run(argv, cwd=work, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    acts = {
        "golden": lambda: run(place.GOLDEN, "status"),
        "least": lambda: run(sys.executable, "-c", LEAST, database),
    }
    in_turns(acts, 1)
    found = in_turns(acts, TIMES)
    a, b = median(found["golden"]) * 1000, median(found["least"]) * 1000
    what = f"golden status with {REFERENCES} references of {VERSIONS} versions, against importing typer and sqlite3"
    return Row("status", what, "ms", a, b, a / b, LIMIT, samples=found)
