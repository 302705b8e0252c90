"""Update: changes on top of a version, applied in a clone of it and proved from outside, become the next version."""

from __future__ import annotations

from dataclasses import replace

from golden.database import now
from golden.errors import Conflict, GuestUnfit
from golden.guest.family import Family
from golden.guest.running import Seen
from golden.guest.session import Session
from golden.jobs import Job
from golden.model import (
    ChangesDone,
    CloneOptions,
    GuestFacts,
    GuestState,
    Machine,
    Role,
    Snapshot,
    UpdateOrder,
    Version,
)
from golden.procedures import fixing
from golden.procedures.applying import Applying, with_traces
from golden.procedures.frozen import check_frozen, lineage_digest
from golden.procedures.inside import inside
from golden.procedures.seeing import Judging, frozen_and_judged, way
from golden.procedures.shop import Shop
from golden.waiting import Deadline


def update(job: Job, shop: Shop, order: UpdateOrder) -> Version:
    """Clone the parent, change the clone from inside, prove it, freeze it, record it."""
    parent = shop.catalog.version(order.reference, order.parent)
    job.step("number", claim, shop, order)
    check_frozen(shop, parent)
    with job.owning(shop.machines, "clone", clone, shop, parent, order) as machine:
        done = job.once("changes", apply_changes, shop, machine, order)
        family = shop.families(shop.catalog.reference(order.reference).os)
        judging = Judging(family, lambda seen: judge(shop, seen, family, order, parent, done), order.timeout)
        snapshot, (facts, proofs) = frozen_and_judged(job, shop, machine, f"v{order.number}", judging)
        version = job.step("record", record, shop, order, facts, proofs, snapshot, done)
        job.keep("clone")
    check_frozen(shop, parent)
    return version


def claim(shop: Shop, order: UpdateOrder) -> None:
    """The number is still free: nobody was faster between the order and the lease. Conflict otherwise."""
    if shop.catalog.next_version(order.reference) != order.number:
        raise Conflict(
            f"{order.reference}@v{order.number} was made by somebody else meanwhile",
            hint=f"golden log {order.reference}, then the same command again",
        )


def clone(name: str, shop: Shop, parent: Version, order: UpdateOrder) -> Machine:
    """A machine of the parent's state, cut off from the network unless asked otherwise."""
    options = CloneOptions(linked=order.linked, network=order.network)
    return shop.hypervisor.clone(name, parent.snapshot, shop.mark(Role.CLONE, order.reference), options)


def apply_changes(shop: Shop, machine: Machine, order: UpdateOrder) -> ChangesDone:
    """
    Every change in order, with the restarts they ask for; the guest ends switched off.

    Notes worth keeping, what each change was seen to bring, and what only the running guest tells of its licence.
    """
    deadline = Deadline(order.timeout)
    family = shop.families(shop.catalog.reference(order.reference).os)
    with inside(shop, machine, order.reference, deadline) as session:
        done = Applying(shop, session, family, deadline).all(
            order.changes, lambda: _cut_off(shop, machine, order, session)
        )
        fixed, notes = fixing.fix(shop, session, order, deadline)
        done = replace(done, notes=(*done.notes, *notes), fixed=fixed, rearm=family.readings(session, deadline))
    _cut_off(shop, machine, order)
    return done


def _cut_off(shop: Shop, machine: Machine, order: UpdateOrder, session: Session | None = None) -> None:
    """A network that was asked for ends here: at once, or where the way in needs it, when the guest is off."""
    if order.network is None or (session is not None and session.communicator.traits.needs_network):
        return
    shop.watcher.doing(f"taking the network {order.network} away")
    shop.hypervisor.disconnect(machine)


def judge(
    shop: Shop, seen: Seen, family: Family, order: UpdateOrder, parent: Version, done: ChangesDone
) -> tuple[GuestFacts, tuple[tuple[str, str], ...]]:
    """Still un-generalized, and every change is there; the evidence of each. GuestUnfit or ProofFailed otherwise."""
    facts = family.read(seen)
    if facts.state not in {GuestState.VIRGIN, parent.facts.state}:
        raise GuestUnfit(
            f"after the changes the guest is {facts.state}, not {parent.facts.state}: it may not become a version",
            details="\n".join(f"{key} = {value}" for key, value in facts.evidence),
            hint=f"a change that runs sysprep does not belong into a reference; golden logs {shop.job}",
        )
    proofs = family.prove(seen, with_traces(order.changes, done))
    return facts, (*proofs, *fixing.prove(shop, seen, order, done))


def record(
    shop: Shop,
    order: UpdateOrder,
    facts: GuestFacts,
    proofs: tuple[tuple[str, str], ...],
    snapshot: Snapshot,
    done: ChangesDone,
) -> Version:
    """The next version; from here on it is what the next update starts from."""
    parent = shop.catalog.version(order.reference, order.parent)
    changes = (*with_traces(order.changes, done), *fixing.change_of(done))
    version = Version(
        reference=order.reference,
        number=order.number,
        parent=parent.number,
        digest=lineage_digest(parent.digest, changes, facts),
        snapshot=snapshot,
        facts=facts,
        disks=shop.hypervisor.digest(snapshot),
        stamps=shop.hypervisor.identity(snapshot),
        changes=changes,
        proofs=proofs,
        message=order.message or ", ".join(change.name for change in changes),
        created=now(),
        depth=parent.depth + 1 if order.linked else 0,
        accepted_deployed=parent.accepted_deployed,
        rearm=done.rearm,
        way=way(shop),
    )
    return shop.catalog.add_version(version)
