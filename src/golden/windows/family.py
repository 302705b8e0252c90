"""What golden can do with Windows guests; fulfils ``golden.guest.family.Family``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from golden.disk.damage import Damaged
from golden.disk.source import BlockSource, Files
from golden.errors import ProofFailed, UsageError
from golden.guest.dialect import Dialect
from golden.guest.family import Applied, FormMaker, Mended, Pending, Prepared, SealOrder, Standing, Wanted
from golden.guest.running import Running, Seen
from golden.guest.session import Session
from golden.model import Change, Checked, Finding, GuestFacts, GuestState, Rearm, Sealing, SealProof
from golden.waiting import Deadline
from golden.windows import sysprep, wim
from golden.windows.answers.findings import for_capture
from golden.windows.changes.kinds import ASKED, kind_of
from golden.windows.checks import offline, online
from golden.windows.checks.catalogue import OFFLINE, ids
from golden.windows.checks.fixes import fix
from golden.windows.checks.wish import wish
from golden.windows.dialect import WindowsDialect
from golden.windows.facts import NoWindows, read_facts, windows_volume
from golden.windows.rearm import read_rearm
from golden.windows.residue import refuse, residue
from golden.windows.sam import identity
from golden.windows.settling import settle
from golden.windows.state import evidence, has_seal, open_hive, signals

WAYS = ("read from outside", "read inside it")


class WindowsFamily:
    """
    Windows from 8 and Server 2012 on; 7 and Server 2008 R2 once they have PowerShell 3 and .NET 4.5, which they do not
    come with. A guest that lacks them is told by its probe, and nothing is done in it.
    """

    name = "windows"
    seals: tuple[str, ...] = ("sysprep", "none")
    asked: tuple[str, ...] = ASKED
    on_disk: tuple[str, ...] = ids(OFFLINE)

    def __init__(self) -> None:
        """No settings: all that differs is read from the guest."""
        self.dialect: Dialect = WindowsDialect()

    def read(self, disk: Seen) -> GuestFacts:
        """State and identity from the powered-off disk; UNKNOWN with what was met where it holds no Windows."""
        return read_facts(disk)

    def inspect(self, disk: BlockSource, order: SealOrder) -> Checked:
        """Every check that the powered-off disk answers."""
        return offline.inspect(disk, wish(order))

    def check(self, session: Session, order: SealOrder, deadline: Deadline) -> Checked:
        """Every check that the running guest answers."""
        return online.check(session, wish(order), deadline)

    def fix(self, session: Session, findings: tuple[Finding, ...], deadline: Deadline) -> Mended:
        """The fixes that the catalogue of checks calls safe."""
        return fix(session, findings, deadline)

    def lint(self, answers: Path, facts: GuestFacts) -> tuple[Finding, ...]:
        """Every rule of ``golden lint``, for this guest's edition and architecture."""
        return for_capture(answers, facts)

    def prepare(self, wanted: Wanted, facts: GuestFacts) -> Prepared:
        """Look at what a user wants before anything starts. UsageError or NotFound where it cannot be applied."""
        return kind_of(wanted.kind).prepare(wanted, facts)

    def apply(self, session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
        """Apply one change in the running guest. ChangeFailed with the guest's words where it does not succeed."""
        return kind_of(change.kind).apply(session, change, files, deadline)

    def look(self, session: Session, change: Change, deadline: Deadline) -> Standing:
        """Ask the running guest whether a change is there."""
        return kind_of(change.kind).look(session, change, deadline)

    def settle(self, session: Session, deadline: Deadline, *, restarted: bool) -> Pending:
        """Wait until servicing has come to rest; what still asks for a restart then."""
        return settle(session, deadline, looks=2 if restarted else 1)

    def prove(self, disk: Seen, changes: tuple[Change, ...]) -> tuple[tuple[str, str], ...]:
        """(change, evidence) for each change, read from the powered-off disk. ProofFailed where one left no trace."""
        volume = _windows(disk)
        return tuple((change.name, kind_of(change.kind).prove(volume, change)) for change in changes)

    def readings(self, session: Session, deadline: Deadline) -> Rearm | None:
        """How often this Windows may still be rearmed, and how it is licensed."""
        return read_rearm(session, deadline)

    def generalize(self, session: Session, order: SealOrder, facts: GuestFacts, deadline: Deadline) -> Sealing:
        """Seal the running guest and leave it running; nothing is done for the seal ``none``."""
        _check_seal(order.seal, self.seals)
        if order.seal == "none":
            return Sealing()
        return sysprep.generalize(session, order, facts, deadline)

    def prove_sealed(self, disk: Seen, seal: str, answer_file: str = "") -> SealProof:
        """The signals of the seal and nothing left behind, read from the powered-off disk. ProofFailed otherwise."""
        _check_seal(seal, self.seals)
        facts = read_facts(disk)
        wanted = GuestState.SEALED if seal == "sysprep" else GuestState.VIRGIN
        if facts.state is not wanted:
            way = WAYS[isinstance(disk, Running)]
            raise ProofFailed(
                f"{way}, the guest is {facts.state.value}; the seal {seal!r} needs {wanted.value}",
                details="\n".join(f"{name}: {value}" for name, value in facts.evidence) or None,
            )
        volume = _windows(disk)
        hives = {name: open_hive(volume, name) for name in ("SOFTWARE", "SYSTEM")}
        seen = evidence(volume, hives)
        if seal == "sysprep" and not has_seal(seen):
            raise ProofFailed("the disk changed while it was being read", details=str(seen.listed()))
        running = isinstance(disk, Running)
        left = refuse(residue(volume, seal, answer_file, hives, running=running))
        told = identity(hives["SOFTWARE"], facts.machine_sid)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return SealProof(seal, "guest" if running else "disk", facts, signals(seen), now, left, told)

    def form_maker(self, form: str) -> FormMaker:
        """A WIM, by wimlib's tools."""
        if form != wim.FORM:
            raise UsageError(f"of a Windows guest golden makes no {form!r}", hint=f"--form {wim.FORM}")
        wim.must_be_able()
        return wim.make


def _windows(disk: Seen) -> Files:
    try:
        return windows_volume(disk)
    except (NoWindows, Damaged) as error:
        raise ProofFailed(error.brief, details=error.details) from error


def _check_seal(seal: str, known: tuple[str, ...]) -> None:
    if seal not in known:
        raise UsageError(f"a Windows guest cannot be sealed with {seal!r}", hint=f"one of: {', '.join(known)}")
