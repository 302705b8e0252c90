"""Capture: a clone of a version is generalized, proved sealed from outside, kept as an image, and thrown away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from golden.database import now
from golden.disk.source import BlockSource
from golden.errors import Conflict, PolicyRefused, ProofFailed
from golden.guest.family import SealOrder
from golden.guest.running import Running
from golden.guest.session import Session
from golden.jobs import Job
from golden.model import (
    Artifact,
    CaptureOrder,
    CloneOptions,
    Finding,
    Image,
    Machine,
    Role,
    Sealing,
    SealProof,
    Version,
)
from golden.procedures.checking import ask, look, preflight, refuse_errors
from golden.procedures.exporting import exported
from golden.procedures.forms import further_forms
from golden.procedures.frozen import check_frozen
from golden.procedures.inside import inside
from golden.procedures.kinds import made_by
from golden.procedures.power import SO_FAR, must_be_unstarted, noted, witnessed
from golden.procedures.publish import publish_all, several_disks
from golden.procedures.shop import Shop
from golden.waiting import Deadline

ONE_DISK = {"qcow2", "raw", "vhdx", "vhd", "vmdk"}
"""Formats whose files hold a disk each."""
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
        proved = job.step("proof", prove, shop, machine, order, sealing)
        with job.owning(shop.images, "image", capture_image, shop, machine, order) as captured:
            proof = job.step("proof of the image", prove_image, shop, captured, machine, order, proved)
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
    _, images = made_by(shop.job, shop.catalog, order.reference)
    for image in images:
        if image.number == order.number:
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
        sealing = seal(shop, session, machine, order, deadline)
    if sealing.proof is not None:
        sealing = replace(sealing, proof=witnessed(shop, machine, sealing.proof))
    return replace(sealing, notes=(*fixed, *sealing.notes), findings=found.findings)


def seal(shop: Shop, session: Session, machine: Machine, order: CaptureOrder, deadline: Deadline) -> Sealing:
    """Seal the running guest of a clone that this job made for it."""
    assert_disposable(shop, machine)
    version = shop.catalog.version(order.reference, order.version)
    answers = _answer_file(shop, order)
    wanted = SealOrder(order.seal, answers, shop.account.name, shop.account.password, order.mode_vm)
    shop.watcher.doing("generalizing the clone")
    family = shop.families(version.facts.os)
    sealing = family.generalize(session, wanted, version.facts, deadline)
    if shop.hypervisor.abilities.open_disk:
        return sealing
    so_far = noted(shop, machine, SO_FAR)
    shop.watcher.doing("reading the seal inside the guest, since its disk cannot be read from outside")
    proof = family.prove_sealed(Running(session, deadline), order.seal, order.answer_file)
    return replace(sealing, proof=replace(proof, signals=(*proof.signals, *so_far)))


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


def prove(shop: Shop, machine: Machine, order: CaptureOrder, sealing: Sealing) -> SealProof:
    """
    All signals of the seal, read from a disk that nobody runs, or from a copy of it; where the endpoint gives neither,
    as they were read in the guest before it switched itself off. ProofFailed where none of that could be.
    """
    if shop.hypervisor.abilities.open_disk:
        with shop.hypervisor.open_disk(machine) as disk:
            return _read(shop, disk, order)
    if shop.hypervisor.abilities.export_disk:
        power = noted(shop, machine)
        with exported(shop, machine) as disk:
            proof = _read(shop, disk, order)
        return replace(proof, way="export", signals=(*proof.signals, *power))
    if order.seal == "none":
        facts = shop.catalog.version(order.reference, order.version).facts
        return SealProof(order.seal, "guest", facts, (), now())
    if sealing.proof is None:
        raise ProofFailed(f"nothing was read of the seal of {machine.name} while its guest was on")
    return sealing.proof


def prove_image(shop: Shop, image: Artifact, machine: Machine, order: CaptureOrder, proved: SealProof) -> SealProof:
    """
    The same of the image. Where its bytes cannot be read it is the endpoint's own copy of the clone, and the clone's
    proof is its: ProofFailed where the clone was started again before it was copied.
    """
    if shop.hypervisor.abilities.open_disk:
        with shop.hypervisor.open_disk(image) as disk:
            return _read(shop, disk, order)
    must_be_unstarted(shop, machine, proved)
    return proved


def _read(shop: Shop, disk: BlockSource, order: CaptureOrder) -> SealProof:
    reference = shop.catalog.reference(order.reference)
    return shop.families(reference.os).prove_sealed(disk, order.seal, order.answer_file)


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
        findings=(*sealing.findings, *_missing(shop, order, artifact)),
    )
    return shop.catalog.add_image(image)


def _missing(shop: Shop, order: CaptureOrder, artifact: Artifact) -> tuple[Finding, ...]:
    """A warning where the machine has more disks than the image has files of them; a template is whole by itself."""
    version = shop.catalog.version(order.reference, order.version)
    disks = sum(one.kind == "disk" for one in version.disks)
    kept = sum(form.format in ONE_DISK and form.format == artifact.forms[0].format for form in artifact.forms)
    return (several_disks(disks, "the image"),) if 0 < kept < disks else ()


def _answer_file(shop: Shop, order: CaptureOrder) -> Path | None:
    return shop.payloads.checked(order.answer_file, "the answer file") if order.answer_file else None
