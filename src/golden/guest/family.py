"""What golden can do with one family of guest operating systems; procedures know no other way in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from golden.disk.source import BlockSource
from golden.errors import GoldenError
from golden.guest.dialect import Dialect
from golden.guest.running import Seen
from golden.guest.session import Session
from golden.model import Change, Checked, Finding, GuestFacts, PayloadFile, Rearm, Sealing, SealProof
from golden.waiting import Deadline


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing a user asked for, before it is looked at: ``--add x.inf``, ``--run s.ps1``, ``--feature N``."""

    kind: str
    """driver | script | file, and what else the family knows"""
    source: Path = Path()
    """The file or folder on this computer; nothing for kinds that bring none."""
    destination: str = ""
    arguments: tuple[str, ...] = ()
    name: str = ""
    """What is meant, for kinds that bring no file: a feature, a capability, what is to be removed."""
    options: tuple[tuple[str, str], ...] = ()
    """(option, value) pairs of the kind's own, e.g. ("ok-codes", "0,3010") or ("dependency", "/x/vclibs.appx")."""
    where: str = field(default="", compare=False)
    """The playbook, the number of the change and its line; nothing for what was typed."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A change whose files have all been found on this computer, and what was noticed on the way."""

    change: Change
    sources: tuple[tuple[PayloadFile, Path], ...]
    findings: tuple[Finding, ...] = ()
    network: bool = False
    """It cannot be applied without a network."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying one change came to."""

    reboot: bool = False
    note: str = ""
    """A sentence worth keeping, e.g. "no device of this driver is present; it is staged"."""
    again: bool = False
    """To be applied once more after the restart: there is more to do than one round brings."""
    traces: tuple[tuple[str, str], ...] = ()
    """(what, name) pairs that the guest was seen to get; the proof looks for them, e.g. ("package", "Package_for…")."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Signs in a guest that ask for a restart, by name."""

    sure: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()
    """Signs that may mean it; they are worth one restart, and never an error."""

    @property
    def all(self) -> tuple[str, ...]:
        """Both."""
        return (*self.sure, *self.likely)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a running guest answers when asked for a change."""

    there: bool | None
    """None: the change leaves nothing that could be asked for."""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Mended:
    """What one round of fixing came to."""

    done: tuple[str, ...] = ()
    """A sentence for each thing done, which begins with the ids it was done for: "a, b: restarted the guest"."""
    failed: tuple[tuple[str, GoldenError], ...] = ()
    """(id of the finding, why) for each that was tried in vain; the guest still answers."""


@dataclass(frozen=True, slots=True)
class SealOrder:
    """How the clone is to be sealed."""

    seal: str
    answer_file: Path | None = None
    account: str = ""
    """Named administrator that sysprep runs as on a real Windows."""
    password: str = field(default="", repr=False)
    mode_vm: bool = False
    """Skip what is for other hardware; deployable on the same hypervisor and machine type only."""


FormMaker = Callable[[BlockSource, Path, str], Path]
"""
``maker(disk, folder, title)`` makes a form of a powered-off disk in an empty folder, reads it back, and says which file
it is. Refused where there is no room, ProofFailed where it does not say what the disk says.
"""


class Family(Protocol):
    """One family of guests."""

    name: str
    dialect: Dialect
    seals: tuple[str, ...]
    """Seals it knows, the usual one first; "none" is always among them."""
    asked: tuple[str, ...]
    """Kinds of change that the guest is asked for before it is switched off, since its disk does not tell."""
    on_disk: tuple[str, ...]
    """Ids of the checks that a powered-off disk answers; those of them that ``check`` cannot make need one."""

    def read(self, disk: Seen) -> GuestFacts:
        """State and identity from the powered-off disk. State UNKNOWN with its inputs rather than an error."""

    def inspect(self, disk: BlockSource, order: SealOrder) -> Checked:
        """
        Whether a guest could be sealed so, as far as its powered-off disk tells. What cannot be read is a finding too;
        only EndpointError is raised.
        """

    def check(self, session: Session, order: SealOrder, deadline: Deadline) -> Checked:
        """The same asked of the running guest, which is only looked at."""

    def fix(self, session: Session, findings: tuple[Finding, ...], deadline: Deadline) -> Mended:
        """
        Do once what is safe about findings in a running clone, restarts included; nothing where nothing is safe.

        One fix that the guest refuses keeps no other from being made. GuestSilent or TimedOut where the guest does not
        come back from a restart.
        """

    def lint(self, answers: Path, facts: GuestFacts) -> tuple[Finding, ...]:
        """
        What is to be said against sealing this guest with that answer file, which is only read; an error forbids it.

        NotFound where it is not there, UsageError where this family takes none.
        """

    def prepare(self, wanted: Wanted, facts: GuestFacts) -> Prepared:
        """Look at what a user wants before anything starts. UsageError/NotFound where it cannot be applied."""

    def apply(self, session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
        """Apply one change in the running guest; ``files`` maps payload names to local paths. ChangeFailed."""

    def look(self, session: Session, change: Change, deadline: Deadline) -> Standing:
        """Ask the running guest whether a change is there; after a restart that nobody asked for, and at the end."""

    def settle(self, session: Session, deadline: Deadline, *, restarted: bool) -> Pending:
        """
        Wait until the guest has done what it does by itself, which after a restart may come late.

        What still asks for a restart then.
        """

    def prove(self, disk: Seen, changes: tuple[Change, ...]) -> tuple[tuple[str, str], ...]:
        """(change, evidence) for each change that leaves a trace on disk. ProofFailed where one does not."""

    def readings(self, session: Session, deadline: Deadline) -> Rearm | None:
        """What only the running guest can tell of its licence; None where this family has none, or it does not tell."""

    def generalize(self, session: Session, order: SealOrder, facts: GuestFacts, deadline: Deadline) -> Sealing:
        """
        Seal the running guest and leave it running, free of what was put into it for that.

        GeneralizeFailed with the cause named and logs pulled. Where the guest switches itself off in the end, it
        waits until the session is closed.
        """

    def prove_sealed(self, disk: Seen, seal: str, answer_file: str = "") -> SealProof:
        """
        The offline signals of a sealed guest, all of them, and what was left behind beside.

        ``answer_file`` is the SHA-256 of the one that was meant, or empty. ProofFailed with every input printed
        where a signal is missing, or something was left that must not be in an image.
        """

    def form_maker(self, form: str) -> FormMaker:
        """UsageError where it makes no such form, NotAble where this computer lacks what that takes."""
