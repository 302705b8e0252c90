"""What golden can do with Windows guests; fulfils ``golden.guest.family.Family``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from golden.disk.damage import Damaged
from golden.disk.ntfs import Ntfs
from golden.disk.source import BlockSource
from golden.errors import ProofFailed, UsageError
from golden.guest.dialect import Dialect
from golden.guest.family import Applied, Prepared, SealOrder, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, GuestFacts, GuestState, SealProof
from golden.waiting import Deadline
from golden.windows import sysprep
from golden.windows.changes.kinds import kind_of
from golden.windows.dialect import WindowsDialect
from golden.windows.facts import NoWindows, read_facts, windows_volume
from golden.windows.state import evidence, has_seal, signals


class WindowsFamily:
    """Windows from 7 and Server 2008 R2 on."""

    name = "windows"
    seals: tuple[str, ...] = ("sysprep", "none")

    def __init__(self) -> None:
        """No settings: all that differs is read from the guest."""
        self.dialect: Dialect = WindowsDialect()

    def read(self, disk: BlockSource) -> GuestFacts:
        """State and identity from the powered-off disk; UNKNOWN with what was met where it holds no Windows."""
        return read_facts(disk)

    def prepare(self, wanted: Wanted, facts: GuestFacts) -> Prepared:
        """Look at what a user wants before anything starts. UsageError or NotFound where it cannot be applied."""
        return kind_of(wanted.kind).prepare(wanted, facts)

    def apply(self, session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
        """Apply one change in the running guest. ChangeFailed with the guest's words where it does not succeed."""
        return kind_of(change.kind).apply(session, change, files, deadline)

    def look(self, session: Session, change: Change, deadline: Deadline) -> Standing:
        """Ask the running guest whether a change is there."""
        return kind_of(change.kind).look(session, change, deadline)

    def settle(self, session: Session, deadline: Deadline) -> tuple[str, ...]:  # noqa: ARG002
        """What still asks for a restart."""
        return ()

    def prove(self, disk: BlockSource, changes: tuple[Change, ...]) -> tuple[tuple[str, str], ...]:
        """(change, evidence) for each change, read from the powered-off disk. ProofFailed where one left no trace."""
        volume = _windows(disk)
        return tuple((change.name, kind_of(change.kind).prove(volume, change)) for change in changes)

    def generalize(self, session: Session, order: SealOrder, facts: GuestFacts, deadline: Deadline) -> None:
        """Seal the running guest and leave it running; nothing is done for the seal ``none``."""
        _check_seal(order.seal, self.seals)
        if order.seal == "sysprep":
            sysprep.generalize(session, order, facts, deadline)

    def prove_sealed(self, disk: BlockSource, seal: str) -> SealProof:
        """The signals of the seal, read from the powered-off disk. ProofFailed with every input printed otherwise."""
        _check_seal(seal, self.seals)
        facts = read_facts(disk)
        wanted = GuestState.SEALED if seal == "sysprep" else GuestState.VIRGIN
        if facts.state is not wanted:
            raise ProofFailed(
                f"read from outside, the guest is {facts.state.value}; the seal {seal!r} needs {wanted.value}",
                details="\n".join(f"{name}: {value}" for name, value in facts.evidence) or None,
            )
        seen = evidence(_windows(disk))
        if seal == "sysprep" and not has_seal(seen):
            raise ProofFailed("the disk changed while it was being read", details=str(seen.listed()))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return SealProof(seal, "disk", facts, signals(seen), now)


def _windows(disk: BlockSource) -> Ntfs:
    try:
        return windows_volume(disk)
    except (NoWindows, Damaged) as error:
        raise ProofFailed(error.brief, details=error.details) from error


def _check_seal(seal: str, known: tuple[str, ...]) -> None:
    if seal not in known:
        raise UsageError(f"a Windows guest cannot be sealed with {seal!r}", hint=f"one of: {', '.join(known)}")
