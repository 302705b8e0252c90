"""Check: whether a version could be generalized, found out in a clone that is thrown away. It makes nothing."""

from __future__ import annotations

from dataclasses import replace

from golden.errors import GeneralizeFailed
from golden.jobs import Job
from golden.model import (
    CaptureOrder,
    Checked,
    CheckOrder,
    CheckReport,
    CloneOptions,
    Machine,
    Role,
    Sealing,
    SealProof,
    Severity,
    Version,
)
from golden.procedures import capture
from golden.procedures.checking import ask, keep, look, preflight, with_findings
from golden.procedures.frozen import check_frozen
from golden.procedures.inside import inside
from golden.procedures.shop import Shop
from golden.waiting import Deadline


def check(job: Job, shop: Shop, order: CheckOrder) -> CheckReport:
    """Clone, look at the clone's disk, ask the clone, perhaps generalize it, throw it away."""
    version = shop.catalog.version(order.reference, order.version)
    check_frozen(shop, version)
    with job.owning(shop.machines, "clone", clone, shop, version, order) as machine:
        looked = job.step("disk", look_at, shop, machine, order)
        found, fixed = job.once("guest", ask_guest, shop, machine, order, looked)
        sealing = job.once("rehearsal", rehearse, shop, machine, order, found)
        proof = job.step("proof", prove, shop, machine, order, sealing)
    check_frozen(shop, version)
    return CheckReport(
        f"{version.reference}@v{version.number}",
        found,
        ("offline", "online") if shop.hypervisor.abilities.open_disk else ("online",),
        order.seal,
        fixed,
        proof,
        stand_in=version.facts.stand_in,
    )


def clone(name: str, shop: Shop, version: Version, order: CheckOrder) -> Machine:
    """A disposable machine, cut off from every network; it may be generalized only where that is rehearsed."""
    mark = shop.mark(Role.REHEARSAL if order.rehearse else Role.CLONE, version.reference)
    return shop.hypervisor.clone(
        name, version.snapshot, mark, CloneOptions(linked=shop.hypervisor.abilities.linked_clone)
    )


def look_at(shop: Shop, machine: Machine, order: CheckOrder) -> Checked:
    """The checks that the clone's disk answers before the clone was ever on."""
    return look(shop, machine, preflight(shop, order))


def ask_guest(shop: Shop, machine: Machine, order: CheckOrder, looked: Checked) -> tuple[Checked, tuple[str, ...]]:
    """The checks that the running clone answers, with what is to be said of the answer file; and what was fixed."""
    deadline = Deadline(order.timeout)
    with inside(shop, machine, order.reference, deadline) as session:
        found, fixed = ask(shop, session, preflight(shop, order), looked, deadline)
    found = with_findings(found, order.answers)
    if order.rehearse and not rehearses(order):
        found = replace(found, unmade=(*found.unmade, ("rehearsal", "a capture would refuse the answer file")))
    keep(shop, found, fixed)
    return found, fixed


def rehearse(shop: Shop, machine: Machine, order: CheckOrder, found: Checked) -> Sealing:
    """
    Really generalize the clone, as a capture would, whatever was found in the guest before; nothing unless it was asked
    for, and nothing with an answer file that a capture would refuse. Where it fails, what was found before is said too.
    """
    if not rehearses(order) or order.seal == "none":
        return Sealing()
    deadline = Deadline(order.timeout)
    with inside(shop, machine, order.reference, deadline) as session:
        try:
            return capture.seal(shop, session, machine, as_capture(order), deadline)
        except GeneralizeFailed as error:
            for one in found.findings:
                if one.severity is Severity.ERROR:
                    error.add_note(f"named before it was tried: {one.id}: {one.sentence}")
            raise


def prove(shop: Shop, machine: Machine, order: CheckOrder, sealing: Sealing) -> SealProof | None:
    """The rehearsal's proof."""
    return capture.prove(shop, machine, as_capture(order), sealing) if rehearses(order) else None


def rehearses(order: CheckOrder) -> bool:
    """Whether the clone is generalized in the end."""
    return order.rehearse and not any(one.severity is Severity.ERROR for one in order.answers)


def as_capture(order: CheckOrder) -> CaptureOrder:
    """The capture that is rehearsed; it has no number, since nothing of it is kept."""
    return CaptureOrder(order.reference, order.version, 0, order.seal, order.answer_file, timeout=order.timeout)
