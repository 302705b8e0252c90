"""
Reading a guest's state: from its powered-off disk, and where the endpoint cannot show one, inside a throw-away clone.

A frozen snapshot is never started, and neither is a sealed guest; so the second way is a clone of the snapshot, which
is cut off from every network, asked, and thrown away. The proof says which way it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from golden.guest.family import Family
from golden.guest.running import Running, Seen
from golden.jobs import Job
from golden.model import CloneOptions, Machine, Role, Snapshot
from golden.procedures.inside import inside
from golden.procedures.shop import Shop
from golden.waiting import Deadline

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Judging(Generic[T]):
    """How a guest is judged."""

    family: Family
    judge: Callable[[Seen], T]
    limit: float
    """Seconds for a start, a look and a shutdown, where it takes those."""


def frozen_and_judged(job: Job, shop: Shop, machine: Machine, name: str, judging: Judging[T]) -> tuple[Snapshot, T]:
    """
    The machine frozen, and what is said of its disk; an error of the judging is for the caller to clean up.

    Judged before it is frozen where its disk can be opened, else afterwards, in a clone of the snapshot.
    """
    if shop.hypervisor.abilities.open_disk:
        judged = job.step("proof", on_disk, shop, machine, judging.judge)
        return job.step("freeze", shop.hypervisor.freeze, machine, name), judged
    snapshot = job.step("freeze", shop.hypervisor.freeze, machine, name)
    with job.owning(shop.machines, "looking", clone_to_look, shop, snapshot, reference_of(machine)) as clone:
        judged = job.step("proof", in_guest, shop, clone, judging)
    return snapshot, judged


def way(shop: Shop) -> str:
    """How it is judged on this endpoint: disk or guest."""
    return "disk" if shop.hypervisor.abilities.open_disk else "guest"


def reference_of(machine: Machine) -> str:
    """The reference whose mark it carries; every machine of a job's carries one."""
    return machine.mark.reference if machine.mark else ""


def clone_to_look(name: str, shop: Shop, snapshot: Snapshot, reference: str) -> Machine:
    """A machine of the snapshot's state that nobody keeps."""
    options = CloneOptions(linked=shop.hypervisor.abilities.linked_clone)
    return shop.hypervisor.clone(name, snapshot, shop.mark(Role.CLONE, reference), options)


def on_disk(shop: Shop, machine: Machine, judge: Callable[[Seen], T]) -> T:
    """From outside."""
    with shop.hypervisor.open_disk(machine) as disk:
        return judge(disk)


def in_guest(shop: Shop, machine: Machine, judging: Judging[T]) -> T:
    """From inside."""
    deadline = Deadline(judging.limit)
    with inside(shop, machine, reference_of(machine), deadline, judging.family) as session:
        shop.watcher.doing("reading the guest's state inside it, since its disk cannot be read from outside")
        return judging.judge(Running(session, deadline))
