"""Adopt: a machine that exists becomes version 1 of a reference, and is never generalized."""

from __future__ import annotations

from golden.database import now
from golden.disk.source import BlockSource
from golden.errors import ChecksFailed, Conflict, GuestUnfit, NotAble
from golden.guest.family import Family
from golden.jobs import Job
from golden.model import (
    AdoptOrder,
    Candidate,
    GuestFacts,
    GuestState,
    Machine,
    Reference,
    Role,
    Severity,
    Snapshot,
    Version,
)
from golden.procedures.frozen import lineage_digest
from golden.procedures.seeing import Judging, frozen_and_judged, way
from golden.procedures.shop import Shop

FAMILIES = ("windows", "linux")
"""Whose guests may be adopted; the first where nobody says."""

_WHY = {
    GuestState.SEALED: "it is sealed (generalized and not yet started): a reference is a machine that never was",
    GuestState.SEALED_AUDIT: "it is sealed for audit mode: a reference is a machine that never was generalized",
    GuestState.DEPLOYED: (
        "it was generalized before and went through OOBE since: its rearm count is partly spent and it carries the "
        "scars of that run, which every image made from it would inherit"
    ),
    GuestState.BROKEN: "an earlier generalize died half-way: Microsoft's remedy is to rebuild it",
    GuestState.FAILED_EARLY: "an earlier generalize was refused before it changed anything; its traces are still there",
    GuestState.UNKNOWN: "golden cannot tell whether it was ever generalized",
}


def adopt(job: Job, shop: Shop, order: AdoptOrder) -> Version:
    """Look, copy, read its state, freeze, record."""
    job.step("examine", examine, shop, order)
    with job.owning(shop.machines, "v1", take_over, shop, order) as machine:
        family = family_of(shop, order)
        judging = Judging(family, lambda seen: accept(family.read(seen), order, order.reference), order.timeout)
        snapshot, facts = frozen_and_judged(job, shop, machine, "v1", judging)
        version = job.step("record", record, shop, order, facts, snapshot)
        job.keep("v1")
    return version


def examine(shop: Shop, order: AdoptOrder) -> Candidate:
    """Refuse what cannot be adopted before a byte of it is copied."""
    if any(reference.name == order.reference for reference in shop.catalog.references()):
        hint = f"golden update {order.reference} …, or adopt under another name"
        raise Conflict(f"there is a reference {order.reference} already", hint=hint)
    candidate = shop.hypervisor.examine(order.origin)
    errors = [finding for finding in candidate.problems if finding.severity is Severity.ERROR]
    if errors:
        raise ChecksFailed(
            f"{candidate.name} cannot be adopted: {errors[0].sentence}",
            details="\n".join(f"{f.id}: {f.sentence} {f.evidence}".strip() for f in errors),
            hint=errors[0].fix or None,
        )
    if order.in_place and not shop.hypervisor.abilities.adopt_in_place:
        raise NotAble("this endpoint cannot adopt a machine in place", hint="leave out --in-place: golden copies")
    if shop.hypervisor.abilities.open_disk:
        with shop.hypervisor.open_disk(order.origin) as disk:
            facts = family_of(shop, order).read(disk)
            accept(facts, order, candidate.name, other_family(shop, order, disk) if not facts.os else None)
    return candidate


def take_over(name: str, shop: Shop, order: AdoptOrder) -> Machine:
    """golden's own machine from the user's."""
    mark = shop.mark(Role.VERSION, order.reference)
    return shop.hypervisor.adopt(name, order.origin, mark, in_place=order.in_place)


def family_of(shop: Shop, order: AdoptOrder) -> Family:
    """The family of guests the user named, Windows where nothing was said."""
    return shop.families(order.origin.os or FAMILIES[0])


def other_family(shop: Shop, order: AdoptOrder, disk: BlockSource) -> str | None:
    """What to type where no guest of the named family is on the disk, and one of another is."""
    others = (one for one in FAMILIES if one != (order.origin.os or FAMILIES[0]))
    found = next((one for one in others if shop.families(one).read(disk).os), None)
    return f"a {found.capitalize()} is on its disk: the same again with --os {found}" if found else None


def accept(facts: GuestFacts, order: AdoptOrder, name: str, hint: str | None = None) -> GuestFacts:
    """Only VIRGIN, or DEPLOYED where the user insists. GuestUnfit with every input of the decision otherwise."""
    if facts.state is GuestState.VIRGIN:
        return facts
    if facts.state is GuestState.DEPLOYED and order.accept_deployed:
        return facts
    if facts.state is GuestState.DEPLOYED:
        hint = "golden adopt … --accept-deployed takes it all the same; golden log will say so for ever"
    raise GuestUnfit(
        f"{name} is {facts.state}, not VIRGIN: {_WHY[facts.state]}",
        details="\n".join(f"{key} = {value}" for key, value in facts.evidence),
        hint=hint,
    )


def record(shop: Shop, order: AdoptOrder, facts: GuestFacts, snapshot: Snapshot) -> Version:
    """Version 1 and its reference, in one transaction."""
    created = now()
    version = Version(
        reference=order.reference,
        number=1,
        parent=None,
        digest=lineage_digest("", (), facts),
        snapshot=snapshot,
        facts=facts,
        disks=shop.hypervisor.digest(snapshot),
        stamps=shop.hypervisor.identity(snapshot),
        changes=(),
        message=order.message or f"adopted from {order.origin.where}",
        created=created,
        accepted_deployed=facts.state is GuestState.DEPLOYED,
        way=way(shop),
    )
    reference = Reference(order.reference, facts.os, order.endpoint, created)
    return shop.catalog.add_version(version, reference)
