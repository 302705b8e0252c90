"""
The contract every hypervisor provider fulfils. Small on purpose: a provider only translates.

Core owns order, names, journal, waiting, the guest session, generalizing and lineage. Rules for every verb:

* Verbs block until the endpoint says it is done, or raise a golden error; native ids, types and errors never
  come out.
* Making a name that exists is Conflict. Removing what is absent is success.
* Names come from core and match ``[a-z0-9][a-z0-9-]*``.
* A verb that was cut off (kill -9) leaves either nothing, the finished thing, or a thing that ``find`` shows as
  not settled; ``settle`` then finishes it, waits for it, or takes it away.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from golden.waiting import Silent, Watcher

if TYPE_CHECKING:  # Commands that only read import this module for Endpoint, and the nouns take a while to load.
    from golden.disk.source import BlockSource
    from golden.guest.communicator import Communicator
    from golden.model import (
        Artifact,
        Candidate,
        CloneOptions,
        DiskFile,
        FileStamp,
        Finding,
        Machine,
        Mark,
        Origin,
        Snapshot,
    )


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this endpoint can do; asked of the endpoint, never guessed from its name. Absent means no."""

    linked_clone: bool = False
    snapshot_depth: int | None = None
    """Most linked disks on top of each other; None where no limit is known."""
    work_outlives_client: bool = False
    """An operation goes on when golden is killed (a server does it), or dies with it."""
    open_disk: bool = False
    console_picture: bool = False
    adopt_in_place: bool = False
    forms: tuple[str, ...] = ()
    """Formats ``capture`` can make, best first."""
    networks: tuple[str, ...] = ()
    """Names a clone can be connected to."""
    keeps_forms: bool = False
    """Images are files on this computer, and further forms are kept with them: it is a ``FormKeeper`` too."""
    export_disk: bool = False
    """Opens no disk, but was told to download one where a seal has to be proved: it is a ``DiskExporter`` too."""


@dataclass(frozen=True, slots=True)
class Marked:
    """One thing with golden's mark, found by looking at the endpoint rather than at golden's records."""

    kind: str
    """machine | image"""
    name: str
    mark: Mark


class Hypervisor(Protocol):
    """An open connection to one endpoint, for one job (or for looking)."""

    @property
    def abilities(self) -> Abilities:
        """Asked of the endpoint when the connection was opened."""

    def examine(self, origin: Origin) -> Candidate:
        """Look at what a user wants adopted; touches nothing. NotFound where it is not there."""

    def adopt(self, name: str, origin: Origin, mark: Mark, *, in_place: bool) -> Machine:
        """
        A machine of golden's, off, from the user's: a full copy that leaves theirs alone, or, in place, one that
        uses the user's own disk files. Only after ``examine`` named no error.
        """

    def find(self, name: str) -> Machine | None:
        """The machine of golden's with that name as it is now; None where there is none."""

    def list_marked(self) -> tuple[Marked, ...]:
        """Everything with golden's mark on this endpoint, of any installation, half-made things included."""

    def settle(self, machine: Machine) -> Machine | None:
        """Finish, wait out, or take away what an earlier process began; None when it is gone."""

    def clone(self, name: str, source: Snapshot, mark: Mark, options: CloneOptions) -> Machine:
        """
        A new machine, off, from a frozen point: own name, identity and addresses, no media, no host devices,
        no network unless the options name one. NotFound where the snapshot is gone.
        """

    def start(self, machine: Machine) -> Machine:
        """Power on; already on is success. A machine with a snapshot is Conflict."""

    def stop(self, machine: Machine) -> Machine:
        """Cut the power at once; already off is success."""

    def disconnect(self, machine: Machine) -> Machine:
        """
        Take every network away from the machine for good, at once where it runs, and without its guest's help; one
        without is success. Conflict for a machine with a snapshot.
        """

    def freeze(self, machine: Machine, name: str) -> Snapshot:
        """Make the machine's present state immutable; it must be off (else Conflict). Again = the same snapshot."""

    def mark(self, machine: Machine, mark: Mark) -> Machine:
        """Replace golden's mark on the machine."""

    def destroy(self, machine: Machine) -> None:
        """
        Power off and take away the machine with all its own files, never its parents' and never a disk that was
        adopted in place. Conflict while it has snapshots.
        """

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        """Let go of a frozen point, so that its machine may be destroyed. Conflict while a linked clone needs it."""

    def capture(self, name: str, machine: Machine, mark: Mark) -> Artifact:
        """A standalone image (no parent, no free ride on another file) of a machine that is off."""

    def find_image(self, name: str) -> Artifact | None:
        """The finished or half-made artifact with that name; a half-made one has no forms."""

    def discard_image(self, artifact: Artifact) -> None:
        """Take the artifact away, whatever state it is in."""

    def identity(self, snapshot: Snapshot) -> tuple[FileStamp, ...]:
        """Cheap identity of every frozen file, parents in the chain not included. NotFound where one is missing."""

    def digest(self, snapshot: Snapshot) -> tuple[DiskFile, ...]:
        """Every frozen file with the SHA-256 of its bytes; slow."""

    def free_space(self) -> int | None:
        """Bytes free where versions are kept; None where the endpoint does not tell."""

    def console_picture(self, machine: Machine) -> bytes:
        """A picture of the machine's screen (PNG or PPM). NotAble where there is none."""

    def communicator(self, machine: Machine) -> Communicator:
        """The hypervisor's own way into the running guest."""

    def open_disk(self, thing: Machine | Snapshot | Artifact | Origin) -> AbstractContextManager[BlockSource]:
        """
        The system disk of something that is off, read-only, whatever its format and chain. An origin is opened
        before anything of it is copied, so that a guest that cannot be adopted is refused at once.
        """

    def close(self) -> None:
        """Let go of the connection. Machines go on."""


class FormKeeper(Protocol):
    """What a hypervisor whose abilities say ``keeps_forms`` promises beside."""

    def add_form(self, artifact: Artifact, form: str, make: Callable[[Path], Path]) -> Artifact:
        """
        Have ``make`` write a form of a finished image into an empty folder (it says which file), and keep it with the
        image: its last form from then on, never a half one, and taken away with it. One that is there stays as it is.
        """


@runtime_checkable
class DiskExporter(Protocol):
    """What a hypervisor whose abilities say ``export_disk`` promises beside."""

    def export_disk(self, machine: Machine, target: Path) -> None:
        """
        The system disk of a machine that is off as a stream-optimized VMDK: ``target``, which is not there yet, holds
        all of it when the call is over. Conflict for a machine that is on; Refused, with the numbers, where this
        computer has too little room; EndpointError where less arrived than was sent, or something else.
        """


@runtime_checkable
class PowerWitness(Protocol):
    """What a Hypervisor may be besides, where its endpoint keeps a record of what was done to a machine's power."""

    def power_events(self, machine: Machine) -> tuple[str, ...]:
        """
        ``on``, ``shut down`` (by the guest, before it is off), ``off``, ``reset``, ``reboot`` (asked of the guest) and
        ``resumed`` of this machine since it was made, oldest first. Every power-on is in it; what else is missing
        tells nothing.
        """


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One management address, as configured."""

    name: str
    url: str
    options: dict[str, str] = field(default_factory=dict)
    """Further keys of its table in golden.toml. Secrets are never here, only where to read them."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Who opens a connection and what it may use of this computer."""

    job: str
    """Id of the job, or "look" for commands that only look."""
    state: Path
    """golden's state folder; a provider keeps its things below ``state / <provider name>``."""
    watcher: Watcher = field(default_factory=Silent)
    endpoint: Callable[[str], Endpoint] | None = None
    """An endpoint of the project's by its name, for libraries that lie on one; NotFound says which there are."""

    @property
    def scratch(self) -> Path:
        """A folder for what this job alone needs meanwhile, made when needed; golden clears up after a killed job."""
        return self.state / "scratch" / self.job


class Provider(Protocol):
    """What a provider package offers under the entry-point group ``golden.providers``."""

    name: str
    schemes: tuple[str, ...]
    """URL schemes it opens, e.g. ("qemu", "qemu+ssh")."""

    def open(self, endpoint: Endpoint, scope: Scope) -> Hypervisor:
        """Connect. Unreachable or Refused with the other side's words, BadConfig for a URL that cannot be."""

    def diagnose(self, endpoint: Endpoint, scope: Scope) -> tuple[Finding, ...]:
        """What is wrong or slow there, for ``golden doctor`` and ``golden endpoint check``; opens nothing for good."""
