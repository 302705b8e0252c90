"""
The contract every provider keeps, as promises that run unchanged against any of them.

A promise is a function with a sentence as its docstring. It is given the ground to stand on: an open hypervisor with
a small machine adopted and frozen once. Tests run each promise by itself; ``run_contract`` runs all of them against
a real endpoint and leaves nothing there.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from golden.errors import Conflict, GoldenError, NotFound
from golden.guest.communicator import Communicator
from golden.guest.dialect import Dialect
from golden.model import CloneOptions, Machine, Mark, Origin, Power, Role, Snapshot
from golden.provider import Hypervisor
from golden.waiting import Deadline, Silent, Waiting, Watcher

G = TypeVar("G")


class Bench(Protocol):
    """What differs between the endpoints the contract runs against. Must be picklable: one promise kills a child."""

    @property
    def name(self) -> str:
        """Shown with the results."""

    @property
    def dialect(self) -> Dialect:
        """Of the guest in the origin."""

    @property
    def patience(self) -> float:
        """Seconds a guest may take to answer after power-on, or to switch off."""

    def open(self) -> Hypervisor:
        """One more connection to the endpoint."""

    def origin(self) -> Origin:
        """A small machine of the user's that is off and whose guest, when started, has an agent that answers."""

    def exits(self, code: int) -> tuple[str, ...]:
        """A program in that guest that ends at once with the code."""


class BrokenPromise(AssertionError):
    """The provider did not do what the contract says."""


def must(condition: object, sentence: str) -> None:
    """BrokenPromise with the sentence unless the condition holds; unlike assert it is never compiled away."""
    if not condition:
        raise BrokenPromise(sentence)


@contextmanager
def refused(kind: type[GoldenError], what: str) -> Iterator[None]:
    """What is done inside must be refused with this error, or one below it."""
    try:
        yield
    except kind as error:
        must(error.brief.strip() and "\n" not in error.brief, f"{what}: refused without a one-line sentence")
        return
    except GoldenError as error:
        raise BrokenPromise(f"{what}: {type(error).__name__} instead of {kind.__name__}: {error.brief}") from error
    raise BrokenPromise(f"{what} was not refused; it should be {kind.__name__}")


@dataclass(slots=True)
class Ground:
    """Where promises are tried: one connection, one frozen machine, one running guest, made when first needed."""

    bench: Bench
    watcher: Watcher = field(default_factory=Silent)
    job: str = field(default_factory=lambda: f"selftest-{secrets.token_hex(3)}")
    _hypervisor: Hypervisor | None = None
    _base: Snapshot | None = None
    _running: Machine | None = None
    _serial: int = 0

    @property
    def hypervisor(self) -> Hypervisor:
        """The connection."""
        if self._hypervisor is None:
            self._hypervisor = self.bench.open()
        return self._hypervisor

    @property
    def base(self) -> Snapshot:
        """A frozen copy of the origin; promises leave it as it is."""
        if self._base is None:
            self.watcher.doing("adopting the machine the promises are tried on")
            machine = self.hypervisor.adopt(
                self.name("base"), self.bench.origin(), self.mark(Role.VERSION), in_place=False
            )
            self._base = self.hypervisor.freeze(machine, "v1")
        return self._base

    def name(self, stem: str) -> str:
        """A name nobody has used."""
        self._serial += 1
        return f"{self.job}-{stem}{self._serial}"

    def mark(self, role: Role = Role.CLONE) -> Mark:
        """The mark of everything made here."""
        return Mark(role, self.job, "selftest", self.job)

    def clone(self, stem: str, source: Snapshot | None = None, *, linked: bool | None = None) -> Machine:
        """A new machine from the base; linked where the endpoint is able unless said otherwise."""
        wanted = self.hypervisor.abilities.linked_clone if linked is None else linked
        options = CloneOptions(linked=wanted)
        return self.hypervisor.clone(self.name(stem), source or self.base, self.mark(), options)

    def frozen(self, stem: str) -> Snapshot:
        """A machine of its own, frozen."""
        return self.hypervisor.freeze(self.clone(stem), "v1")

    def now(self, machine: Machine) -> Machine:
        """The machine as it is now, which must be there."""
        found = self.hypervisor.find(machine.name)
        if found is None:
            raise BrokenPromise(f"{machine.name} is not found")
        return found

    def holder(self, snapshot: Snapshot) -> Machine:
        """The machine that holds a frozen point, which must be there."""
        found = self.hypervisor.find(snapshot.machine)
        if found is None:
            raise BrokenPromise(f"{snapshot.machine}, which is frozen, is not found")
        return found

    def let_go(self, snapshot: Snapshot) -> None:
        """Drop the snapshot and destroy its machine."""
        self.hypervisor.drop_snapshot(snapshot)
        machine = self.hypervisor.find(snapshot.machine)
        if machine is not None:
            self.hypervisor.destroy(machine)

    @property
    def running(self) -> Machine:
        """A clone whose guest answers; shared by promises that only look or write their own files."""
        if self._running is None or (now := self.hypervisor.find(self._running.name)) is None:
            now = self.clone("guest")
        if now.power is not Power.ON:
            self.watcher.doing("starting the guest the promises are tried in")
            now = self.hypervisor.start(now)
        self._running = now
        self.hypervisor.communicator(now).ready(self.deadline())
        return now

    @contextmanager
    def line(self) -> Iterator[Communicator]:
        """A line into the running guest with a folder of its own for files."""
        line = self.hypervisor.communicator(self.running)
        line.ready(self.deadline())
        self.end_of(line, line.start(self.bench.dialect.make_folder(self.folder)))
        yield line
        line.close()

    @property
    def folder(self) -> str:
        """A folder in the running guest."""
        return self.bench.dialect.join(self.bench.dialect.work_folder, self.job)

    def deadline(self) -> Deadline:
        """As long as this guest may take."""
        return Deadline(self.bench.patience)

    def end_of(self, line: Communicator, pid: int) -> int | None:
        """The exit code of a started program, waited for."""
        waiting = Waiting(self.deadline(), watcher=self.watcher)
        return waiting.until("a program in the guest", lambda: line.poll(pid)).code

    def off(self, machine: Machine) -> Machine:
        """The machine once the hypervisor says it is off, waited for."""
        waiting = Waiting(self.deadline(), watcher=self.watcher)
        waiting.until("the guest to switch off", lambda: self.now(machine).power is Power.OFF)
        return self.now(machine)

    def reopen(self) -> None:
        """Close the connection; the next use opens another."""
        if self._hypervisor is not None:
            self._hypervisor.close()
        self._hypervisor = None

    def clear(self) -> tuple[str, ...]:
        """Take away everything made here; what could not be taken away, by name."""
        self._base = self._running = None
        left = self.ours()
        for _ in range(20):
            for kind, name in left:
                self._take_away(kind, name)
            before, left = left, self.ours()
            if not left or left == before:
                break
        self.reopen()
        return tuple(name for _, name in left)

    def ours(self, hypervisor: Hypervisor | None = None) -> tuple[tuple[str, str], ...]:
        """Kind and name of everything there with this run's mark; others may work on the endpoint meanwhile."""
        marked = (hypervisor or self.hypervisor).list_marked()
        return tuple(sorted((item.kind, item.name) for item in marked if item.mark.job == self.job))

    def _take_away(self, kind: str, name: str) -> None:
        if kind == "image":
            if (image := self.hypervisor.find_image(name)) is not None:
                self.hypervisor.discard_image(image)
            return
        machine = self.hypervisor.find(name)
        if machine is not None and not machine.settled:
            machine = self.hypervisor.settle(machine)
        if machine is None:
            return
        try:
            for snapshot in machine.snapshots:
                self.hypervisor.drop_snapshot(Snapshot(name, snapshot))
            self.hypervisor.destroy(machine)
        except (Conflict, NotFound):
            return  # A linked clone needs it; the next round takes it.


Promise = Callable[[Ground], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What one promise came to."""

    name: str
    sentence: str
    kept: bool
    seconds: float
    words: str = ""
    """Why not, in one line."""


def promises() -> tuple[Promise, ...]:
    """All of them; those that need a running guest come last."""
    from golden.testing.promises import disks, frozen, guest, images, machines

    modules = (machines, frozen, disks, images, guest)
    return tuple(promise for module in modules for promise in module.PROMISES)


def run_contract(bench: Bench, watcher: Watcher | None = None) -> tuple[Result, ...]:
    """Try every promise against the endpoint of the bench, one after another, and leave nothing there."""
    ground = Ground(bench, watcher or Silent())
    try:
        results = [tried(promise, ground, ground.watcher) for promise in promises()]
    finally:
        left = ground.clear()
    sentence = "Everything that was made can be taken away."
    return (*results, Result("everything_is_taken_away", sentence, not left, 0.0, ", ".join(left)))


def tried(promise: Callable[[G], None], ground: G, watcher: Watcher) -> Result:
    """What came of one promise; every error becomes a sentence."""
    name, sentence = promise.__name__, " ".join((promise.__doc__ or "").split())
    watcher.doing(sentence)
    start = time.monotonic()
    words = ""
    try:
        promise(ground)
    except GoldenError as error:
        words = f"{error.id}: {error.brief}"
    except Exception as error:  # noqa: BLE001  a provider's native error that came out is a broken promise too
        words = f"{type(error).__name__}: {error}"
    return Result(name, sentence, not words, time.monotonic() - start, " ".join(words.split()))
