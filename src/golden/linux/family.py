"""Linux guests: scripts and files as changes, and the seal ``linux``."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

from golden.disk.source import BlockSource
from golden.errors import GeneralizeFailed, GuestError, GuestUnfit, ProofFailed, UsageError
from golden.guest.changes import apply_file, apply_script, destinations, prepare_file, prepare_script
from golden.guest.dialect import Dialect, Script
from golden.guest.family import Applied, FormMaker, Mended, Pending, Prepared, SealOrder, Standing, Wanted
from golden.guest.running import Running, Seen
from golden.guest.session import Session
from golden.linux.checks import STATE, UNCLEAN, UNREADABLE, inspect, residue
from golden.linux.dialect import SCRIPTS, LinuxDialect
from golden.linux.facts import NOT_SEEN, UNIT, read_facts, root_volume
from golden.model import Change, Checked, Finding, GuestFacts, GuestState, Rearm, Sealing, SealProof
from golden.waiting import Deadline

SEAL = Script(SCRIPTS / "seal.sh")
HOST_KEYS = Script(SCRIPTS / UNIT)

REQUIRED = (
    ("journal", ("clean",)),
    ("machine-id", ("empty", "uninitialized")),
    ("ssh host keys", ("none",)),
    ("golden's mark", ("sealed",)),
    ("ssh host keys made again", ("at each boot", "no SSH server")),
    ("random seed", ("none", NOT_SEEN)),
)
"""What each signal of a sealed disk may be."""


class LinuxFamily:
    """Fulfils ``golden.guest.family.Family``."""

    name = "linux"
    seals: tuple[str, ...] = ("linux", "none")
    asked: tuple[str, ...] = ()
    on_disk: tuple[str, ...] = (UNREADABLE, UNCLEAN, STATE)

    def __init__(self) -> None:
        """The family has no state of its own."""
        self.dialect: Dialect = LinuxDialect()

    def read(self, disk: Seen) -> GuestFacts:
        """State and identity from the powered-off disk."""
        return read_facts(disk)

    def inspect(self, disk: BlockSource, order: SealOrder) -> Checked:
        """Whether the guest's state and file system are what the seal needs."""
        return inspect(disk, order.seal)

    def check(self, session: Session, order: SealOrder, deadline: Deadline) -> Checked:  # noqa: ARG002
        """Nothing: all that the seal of a Linux needs is on its disk."""
        return Checked()

    def fix(self, session: Session, findings: tuple[Finding, ...], deadline: Deadline) -> Mended:  # noqa: ARG002
        """Nothing: there is no finding on a Linux that golden could mend without taking the guest for another."""
        return Mended()

    def lint(self, answers: Path, facts: GuestFacts) -> tuple[Finding, ...]:  # noqa: ARG002
        """None is taken."""
        raise UsageError(f"{answers.name}: an answer file belongs to sysprep; a Linux guest takes none")

    def prepare(self, wanted: Wanted, facts: GuestFacts) -> Prepared:  # noqa: ARG002 - nothing depends on them yet
        """Look at what a user wants before anything starts."""
        if wanted.kind == "script":
            self.dialect.interpreter(wanted.source.name)
            return prepare_script(wanted)
        if wanted.kind == "file":
            return prepare_file(wanted, _destination(wanted.destination))
        if wanted.kind == "driver":
            raise UsageError(
                f"{wanted.source.name} is a Windows driver; this guest is a Linux",
                hint="drivers of a Linux come with its kernel or packages: --run with a script that installs them",
            )
        raise UsageError(f"golden knows no change of the kind {wanted.kind!r} for Linux guests")

    def apply(self, session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
        """Apply one change in the running guest."""
        if change.kind == "script":
            return apply_script(session, change, files, deadline)
        if change.kind == "file":
            return apply_file(session, change, files, deadline)
        raise UsageError(f"a change of the kind {change.kind!r} cannot be applied to a Linux guest")

    def look(self, session: Session, change: Change, deadline: Deadline) -> Standing:  # noqa: ARG002
        """Nothing that could be asked for without running it again."""
        return Standing(None)

    def settle(self, session: Session, deadline: Deadline, *, restarted: bool) -> Pending:  # noqa: ARG002
        """A guest of this family has settled when it answers."""
        return Pending()

    def prove(self, disk: Seen, changes: tuple[Change, ...]) -> tuple[tuple[str, str], ...]:
        """Each copied file is on the disk with the bytes it was sent with; a script leaves no trace of its own."""
        wanted = [change for change in changes if change.kind == "file"]
        if not wanted:
            return ()
        volume, met = root_volume(disk)
        if volume is None:
            raise ProofFailed("there is no Linux on this disk that golden can read", details=_listed(met))
        proved = []
        for change in wanted:
            for payload, path in destinations(self.dialect.join, change):
                file = volume.find(path)
                if file is None or not file.is_file:
                    raise ProofFailed(
                        f"{change.name}: there is no file {path} on the guest's root volume",
                        hint="a destination on another volume, or in a folder that is emptied at shutdown, is not kept",
                    )
                if file.size != payload.size or file.sha256() != payload.sha256:
                    raise ProofFailed(f"{change.name}: {path} on the disk has other bytes than were sent")
                proved.append((change.name, f"{path} sha256 {payload.sha256}"))
        return tuple(proved)

    def readings(self, session: Session, deadline: Deadline) -> Rearm | None:  # noqa: ARG002
        """Nothing: there is no licence that counts."""
        return None

    def generalize(self, session: Session, order: SealOrder, facts: GuestFacts, deadline: Deadline) -> Sealing:
        """Seal the running guest and leave it running."""
        if order.seal not in self.seals:
            raise UsageError(f"a Linux guest has no seal {order.seal!r}", hint=f"one of: {', '.join(self.seals)}")
        if order.answer_file is not None or order.mode_vm:
            what = "an answer file" if order.answer_file is not None else "/mode:vm"
            raise UsageError(f"{what} belongs to sysprep; a Linux guest takes none")
        if facts.state is not GuestState.VIRGIN:
            raise GuestUnfit(
                f"the guest is {facts.state}, and only a VIRGIN one is sealed", details=_listed(facts.evidence)
            )
        if order.seal == "none":
            return Sealing()
        unit = session.place(HOST_KEYS, deadline)
        work = session.dialect.work_folder
        try:
            told = session.script(SEAL, "sealing the guest", deadline, unit=unit, work=work)
        except GuestError as error:
            raise GeneralizeFailed(error.brief, details=error.details, hint=error.hint) from error
        if not told["sealed"]:
            raise GeneralizeFailed(f"the guest could not be sealed: {told.get('why', 'it does not say why')}")
        return Sealing()

    def prove_sealed(self, disk: Seen, seal: str, answer_file: str = "") -> SealProof:  # noqa: ARG002
        """Every signal of a sealed disk; with the seal ``none`` that the guest is still VIRGIN."""
        facts = read_facts(disk)
        told = dict(facts.evidence)
        if seal == "none":
            missing = [] if facts.state is GuestState.VIRGIN else ["state"]
            required: tuple[str, ...] = ("journal", "machine-id", "golden's mark")
        else:
            missing = [name for name, good in REQUIRED if told.get(name) not in good]
            required = tuple(name for name, _ in REQUIRED)
        if missing:
            raise ProofFailed(
                f"the disk does not read as sealed with {seal!r} ({facts.state}): {', '.join(missing)}",
                details=_listed(facts.evidence),
            )
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        way = "guest" if isinstance(disk, Running) else "disk"
        signals = tuple((name, told[name]) for name in required)
        return SealProof(seal, way, facts, signals, now, residue(disk) if seal != "none" else ())

    def form_maker(self, form: str) -> FormMaker:
        """None: a Linux guest is deployed from its disk."""
        raise UsageError(f"of a Linux guest golden makes no {form!r}", hint="leave --form out")


FAMILY = LinuxFamily()


def _destination(text: str) -> str:
    if not text.startswith("/") or "\0" in text or ".." in text.split("/"):
        raise UsageError(
            f"{text!r} is no destination in a Linux guest",
            hint="an absolute path without .., such as /etc/motd; with a / at the end the file keeps its name",
        )
    return text


def _listed(evidence: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in evidence)
