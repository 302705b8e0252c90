"""Capture: a clone of a version is generalized, proved sealed from outside, kept as an image, and thrown away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from golden.database import now
from golden.errors import Conflict, PolicyRefused, ProofFailed
from golden.guest.family import SealOrder
from golden.guest.running import Running
from golden.guest.session import Session
from golden.jobs import Job
from golden.model import (
    Artifact,
    CaptureOrder,
    CloneOptions,
    Image,
    Machine,
    Role,
    Sealing,
    SealProof,
    Version,
)
from golden.procedures.checking import ask, look, preflight, refuse_errors
from golden.procedures.forms import further_forms
from golden.procedures.frozen import check_frozen
from golden.procedures.inside import inside
from golden.procedures.publish import publish_all
from golden.procedures.shop import Shop
from golden.provider import PowerWitness
from golden.waiting import Deadline

STARTS = ("on", "reset", "reboot", "resumed")
"""Events of ``PowerWitness`` after which a guest runs that did not before."""
SO_FAR = "power when it was read"
MAY_BE_GENERALIZED = {Role.CAPTURE, Role.REHEARSAL}


def capture(job: Job, shop: Shop, order: CaptureOrder) -> Image:
    """Make an image, or take the one that an earlier attempt of this job made, and publish it."""
    image = job.step("number", claim, shop, order) or make(job, shop, order)
    publish_all(job, shop, image, order.libraries)
    return image


def make(job: Job, shop: Shop, order: CaptureOrder) -> Image:
    """Clone, generalize the clone, prove it from outside, keep the image, record it, throw the clone away."""
    version = shop.catalog.version(order.reference, order.version)
    check_frozen(shop, version)
    with job.owning(shop.machines, "clone", clone, shop, version) as machine:
        sealing = job.once("generalize", generalize, shop, machine, order, version)
        job.step("proof", prove, shop, machine, order, sealing)
        with job.owning(shop.images, "image", capture_image, shop, machine, order) as captured:
            proof = job.step("proof of the image", prove, shop, captured, order, sealing)
            artifact = job.step("further forms", further_forms, shop, captured, order)
            image = job.step("record", record, shop, order, artifact, proof, sealing)
            job.keep("image")
    check_frozen(shop, version)
    return image


def claim(shop: Shop, order: CaptureOrder) -> Image | None:
    """
    None where the number is still free; the image itself where an earlier attempt of this very job made it and only
    its publishing failed. Conflict where somebody was faster between the order and the lease.
    """
    for image in shop.catalog.images(order.reference):
        if image.number == order.number and image.artifact.name.startswith(f"golden-{shop.job}-"):
            return image
    if shop.catalog.next_image(order.reference) != order.number:
        raise Conflict(
            f"{order.reference}@i{order.number} was made by somebody else meanwhile",
            hint=f"golden log {order.reference}, then the same command again",
        )
    return None


def clone(name: str, shop: Shop, version: Version) -> Machine:
    """A disposable machine that may be generalized, cut off from every network."""
    mark = shop.mark(Role.CAPTURE, version.reference)
    return shop.hypervisor.clone(
        name, version.snapshot, mark, CloneOptions(linked=shop.hypervisor.abilities.linked_clone)
    )


def generalize(shop: Shop, machine: Machine, order: CaptureOrder, version: Version) -> Sealing:
    """
    Check the guest of the clone, seal it, and have it switch itself off; nothing at all for the seal ``none``.

    ChecksFailed, before sysprep is started, where a check finds an error that is not fixed.
    """
    if order.seal == "none":
        return Sealing()
    assert_disposable(shop, machine)
    deadline, wanted = Deadline(order.timeout), preflight(shop, order)
    looked = look(shop, machine, wanted)
    with inside(shop, machine, order.reference, deadline) as session:
        found, fixed = ask(shop, session, wanted, looked, deadline)
        refuse_errors(shop, found, f"{version.reference}@v{version.number}")
        sealing = seal(shop, session, machine, order, version)
    if sealing.proof is not None:
        sealing = replace(sealing, proof=witnessed(shop, machine, sealing.proof))
    return replace(sealing, notes=(*fixed, *sealing.notes), findings=found.findings)


def seal(shop: Shop, session: Session, machine: Machine, order: CaptureOrder, version: Version) -> Sealing:
    """Seal the running guest of a clone that this job made for it."""
    assert_disposable(shop, machine)
    answers = _answer_file(shop, order)
    wanted = SealOrder(order.seal, answers, shop.account.name, shop.account.password, order.mode_vm)
    shop.watcher.doing("generalizing the clone")
    family, deadline = shop.families(version.facts.os), Deadline(order.timeout)
    sealing = family.generalize(session, wanted, version.facts, deadline)
    if shop.hypervisor.abilities.open_disk:
        return sealing
    so_far = _power(shop, machine, SO_FAR)
    shop.watcher.doing("reading the seal inside the guest, since its disk cannot be read from outside")
    proof = family.prove_sealed(Running(session, deadline), order.seal, order.answer_file)
    return replace(sealing, proof=replace(proof, signals=(*proof.signals, *so_far)))


def witnessed(shop: Shop, machine: Machine, proof: SealProof) -> SealProof:
    """
    With the order of the clone's power events, where its endpoint keeps them. ProofFailed where it was started in any
    way after the seal was read: what was read in the guest says nothing of what came after.
    """
    proof = replace(proof, signals=(*proof.signals, *_power(shop, machine, "power")))
    told = dict(proof.signals)
    # The one start that was needed to read it may not have been noted yet when it was read.
    if _starts(told.get("power", "")) > max(1, _starts(told.get(SO_FAR, ""))):
        raise ProofFailed(f"{machine.name} was started again after its seal was read", details=told["power"])
    return proof


def _power(shop: Shop, machine: Machine, name: str) -> tuple[tuple[str, str], ...]:
    """A signal of what was done to its power; none where the endpoint is no witness of it."""
    if not isinstance(shop.hypervisor, PowerWitness):
        return ()
    return ((name, ", ".join(shop.hypervisor.power_events(machine)) or "no event is kept of it"),)


def _starts(told: str) -> int:
    return sum(word in STARTS for word in told.split(", "))


def assert_disposable(shop: Shop, machine: Machine) -> None:
    """
    Asked of the hypervisor, not of our records: only a clone that this very job made for it is ever generalized.
    There is no flag to override it. PolicyRefused otherwise.
    """
    now_there = shop.hypervisor.find(machine.name)
    mark = now_there.mark if now_there else None
    if mark is None or mark.job != shop.job or mark.role not in MAY_BE_GENERALIZED or now_there.snapshots:  # type: ignore[union-attr]
        raise PolicyRefused(
            f"{machine.name} will not be generalized: it does not carry the mark of a capture clone of job {shop.job}",
            details=f"its mark: {mark}",
        )


def prove(shop: Shop, thing: Machine | Artifact, order: CaptureOrder, sealing: Sealing) -> SealProof:
    """
    All signals of the seal, read from a disk that nobody runs; where the endpoint shows none, as they were read in the
    guest before it switched itself off. ProofFailed where neither could be.
    """
    reference = shop.catalog.reference(order.reference)
    if shop.hypervisor.abilities.open_disk:
        with shop.hypervisor.open_disk(thing) as disk:
            return shop.families(reference.os).prove_sealed(disk, order.seal, order.answer_file)
    if order.seal == "none":
        facts = shop.catalog.version(order.reference, order.version).facts
        return SealProof(order.seal, "guest", facts, (), now())
    if sealing.proof is None:
        raise ProofFailed(f"nothing was read of the seal of {thing.name} while its guest was on")
    return sealing.proof


def capture_image(name: str, shop: Shop, machine: Machine, order: CaptureOrder) -> Artifact:
    """A standalone image of the clone."""
    return shop.hypervisor.capture(name, machine, shop.mark(Role.IMAGE, order.reference))


def record(shop: Shop, order: CaptureOrder, artifact: Artifact, proof: SealProof, sealing: Sealing) -> Image:
    """The image with its proof, and what was noted when it was made."""
    if not artifact.forms:
        raise ProofFailed(f"the captured image {artifact.name} has no form")
    image = Image(
        reference=order.reference,
        number=order.number,
        version=order.version,
        seal=order.seal,
        artifact=artifact,
        proof=proof,
        created=now(),
        answer_file=order.answer_file,
        rearm=sealing.after,
        rearm_before=sealing.before,
        notes=sealing.notes,
        findings=sealing.findings,
    )
    return shop.catalog.add_image(image)


def _answer_file(shop: Shop, order: CaptureOrder) -> Path | None:
    return shop.payloads.checked(order.answer_file, "the answer file") if order.answer_file else None
