"""A folder guest with a session of golden's own, and the disk it would leave behind."""

from __future__ import annotations

from pathlib import Path

from golden.disk.raw import RawFile
from golden.guest.family import Applied, Family, Prepared, SealOrder
from golden.guest.session import Session
from golden.model import GuestFacts, GuestState, Sealing, SealProof
from golden.waiting import Deadline
from golden.windows.family import WindowsFamily
from tests.unit.disk import disks
from tests.unit.windows.folder_guest import FolderGuest

FAMILY: Family = WindowsFamily()
FACTS = GuestFacts("windows", GuestState.VIRGIN, version="10.0", build="20348", architecture="x86_64", stand_in=True)


class Guest:
    """A folder guest with a session, and the disk it would leave behind."""

    def __init__(self, folder: Path, **faults: object) -> None:
        self.folder = folder
        self.line = FolderGuest(folder / "guest", faults)
        self.session = Session(self.line, FAMILY.dialect, "job-1", logs=folder / "logs").open(Deadline(30))

    def apply(self, prepared: Prepared) -> Applied:
        files = {file.name: path for file, path in prepared.sources}
        return FAMILY.apply(self.session, prepared.change, files, Deadline(60))

    def disk(self) -> Path:
        volume = disks.ntfs(self.line.tree, self.folder / "v.ntfs")
        return disks.gpt(self.folder / "disk.raw", (disks.BASIC_DATA, volume))

    def generalize(self, facts: GuestFacts = FACTS, order: SealOrder | None = None, limit: float = 60) -> Sealing:
        return FAMILY.generalize(self.session, order or SealOrder("sysprep"), facts, Deadline(limit))

    def proof(self, seal: str = "sysprep", answer_file: str = "") -> SealProof:
        """What the disk proves once the session is closed, as a capture closes it."""
        self.session.close(Deadline(30))
        with RawFile(self.disk()) as disk:
            return FAMILY.prove_sealed(disk, seal, answer_file)
