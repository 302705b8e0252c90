"""What every kind of change owes: looked at before, applied inside, looked for again, proved from outside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from golden.disk.source import Files
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, GuestFacts
from golden.waiting import Deadline


class Kind(Protocol):
    """One kind of change of Windows guests; a module fulfils it with functions of these names."""

    def prepare(self, wanted: Wanted, facts: GuestFacts) -> Prepared:
        """Look at what a user wants, on this computer alone. UsageError or NotFound where it cannot be applied."""

    def apply(self, session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
        """Apply it in the running guest. ChangeFailed with the guest's words where it does not succeed."""

    def look(self, session: Session, change: Change, deadline: Deadline) -> Standing:
        """Ask the running guest whether the change is there now; ``there`` None where it leaves nothing to ask for."""

    def prove(self, volume: Files, change: Change) -> str:
        """The evidence for the change on the powered-off disk. ProofFailed where it left none and should have."""
