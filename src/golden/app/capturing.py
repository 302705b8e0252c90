"""From what a user typed of a capture to an order that a job can carry out: looked at whole before anything starts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from golden.app.names import Target, version_of
from golden.app.orders import FIXING, Plan, assert_room
from golden.app.project import Project, family
from golden.app.shelves import abilities
from golden.errors import ChecksFailed, NotFound, UsageError
from golden.guest.family import Family
from golden.model import CaptureOrder, DiskFile, Finding, GuestFacts, PayloadFile, Severity, Version
from golden.procedures.forms import must_keep
from golden.waiting import Watcher


@dataclass(frozen=True, slots=True)
class CaptureWish:
    """What a user wants of a capture."""

    seal: str | None = None
    """None: the family's usual one."""
    answer_file: Path | None = None
    libraries: tuple[str, ...] = ()
    timeout: float = 45 * 60
    mode_vm: bool = False
    """``/mode:vm``; an image for the same hypervisor and machine type only."""
    fix: bool = False
    """Make the fixes marked safe in the clone that is captured."""
    forms: tuple[str, ...] = ()
    """Formats to make beside what the endpoint keeps."""


def capture_order(project: Project, target: Target, wish: CaptureWish, watcher: Watcher) -> tuple[CaptureOrder, Plan]:
    """The same for a capture."""
    catalog = project.catalog
    version = version_of(target, catalog)
    guests = family(catalog.reference(version.reference).os)
    seal = wish.seal or guests.seals[0]
    if seal not in guests.seals:
        known = ", ".join(guests.seals)
        raise UsageError(f"guests of {version.reference} cannot be sealed with {seal!r}; known are {known}")
    if wish.mode_vm and seal != "sysprep":
        raise UsageError(f"--mode-vm belongs to sysprep, and this image is sealed with {seal!r}")
    for name in wish.libraries:
        project.settings.library(name)
    if wish.mode_vm:
        _must_stay_on_its_hardware(project, wish, watcher)
    for form in wish.forms:
        guests.form_maker(form)
    answers = answer_payload(wish.answer_file, seal)
    findings = answer_findings(guests, wish.answer_file, version.facts) if wish.answer_file else ()
    with project.hypervisor(catalog.reference(version.reference).endpoint, "look", watcher) as hypervisor:
        space = sum(disk.size for disk in _below(project, version)) * (1 + 2 * len(wish.forms)) + (256 << 20)
        if wish.forms:
            must_keep(hypervisor.abilities)
        free = hypervisor.free_space()
        assert_room(space, free)
        kind = "linked" if hypervisor.abilities.linked_clone else "full"
    number = catalog.next_image(version.reference)
    digest = answers[0].sha256 if answers else ""
    order = CaptureOrder(
        version.reference,
        version.number,
        number,
        seal,
        digest,
        wish.libraries,
        wish.timeout,
        wish.mode_vm,
        wish.fix,
        wish.forms,
    )
    steps = _steps(wish, seal)
    names = (f"{order.reference}@v{order.version}", f"{order.reference}@i{number}")
    sources = (answers,) if answers else ()
    return order, Plan("capture", order.reference, *names, kind, space, free, steps, findings, sources)


def _must_stay_on_its_hardware(project: Project, wish: CaptureWish, watcher: Watcher) -> None:
    """UsageError where a capture with ``/mode:vm`` is to end on machines of any kind (docs/facts/windows.md 1.1)."""
    hint = "leave --mode-vm out; it saves the first start some minutes, on the same kind of machine only"
    if "wim" in wish.forms:
        raise UsageError("--mode-vm and --form wim exclude each other: a WIM is deployed to any machine", hint=hint)
    for name in wish.libraries:
        if abilities(project, name, watcher).any_hardware:
            raise UsageError(f"--mode-vm and --to {name} exclude each other: it deploys to any machine", hint=hint)


def _steps(wish: CaptureWish, seal: str) -> tuple[str, ...]:
    fixing = (FIXING,) if wish.fix else ()
    sealing = () if seal == "none" else ("check", *fixing, "generalize", "shut down")
    steps = ("clone", *sealing, "prove from outside", "image", "prove the image")
    steps += (*(f"make its {form}" for form in wish.forms), "record")
    return steps + tuple(f"publish to {name}" for name in wish.libraries)


def _below(project: Project, version: Version) -> list[DiskFile]:
    found = list(version.disks)
    while version.depth and version.parent is not None:
        version = project.catalog.version(version.reference, version.parent)
        found += version.disks
    return found


def answer_findings(guests: Family, path: Path, facts: GuestFacts) -> tuple[Finding, ...]:
    """What the family says about an answer file. ChecksFailed with the line where it forbids sealing with it."""
    findings = guests.lint(path, facts)
    wrong = [one for one in findings if one.severity is Severity.ERROR]
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise ChecksFailed(
            f"{wrong[0].evidence}: {wrong[0].sentence}{more}",
            details="\n".join(f"{one.evidence}: {one.sentence}" for one in wrong[1:]) or wrong[0].fix,
            hint=f"golden lint {path}",
        )
    return findings


def answer_payload(path: Path | None, seal: str) -> tuple[PayloadFile, Path] | None:
    """An answer file as a payload. UsageError where the seal takes none, NotFound where it is not there."""
    if path is None:
        return None
    if seal == "none":
        raise UsageError("--answer-file goes with a seal; --seal none generalizes nothing")
    if not path.is_file():
        raise NotFound(f"there is no answer file {path}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return PayloadFile(path.name, digest, path.stat().st_size), path.absolute()
