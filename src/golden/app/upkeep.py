"""Doctor, gc, verify and prune: keeping what is there right and small."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from golden.app.names import Target, image_of, is_image, version_of
from golden.app.project import Project
from golden.app.run import refuse_unfinished, sweep_scratch, unfinished
from golden.app.shelves import lies_on
from golden.app.ways_in import assert_usable
from golden.catalog.payloads import Payloads
from golden.errors import GoldenError, NotFound, Tampered
from golden.jobs import JobRecord, states
from golden.model import Artifact, DiskFile, Finding, Image, Reference, Severity, Version
from golden.procedures.frozen import check_frozen, deep_check
from golden.procedures.prune import prunable
from golden.procedures.repair import mend, published, survey, unneeded
from golden.provider import Endpoint, Marked, Scope
from golden.waiting import Watcher


def doctor(project: Project, watcher: Watcher) -> list[Finding]:
    """Everything that is not as it must be, golden.toml too, each once and errors first; empty for nothing."""
    found: list[Finding] = []
    if project.exists():
        found += [_interrupted(job) for job in unfinished(project)]
        references = project.catalog.references()
        found += [_homeless(one) for one in references if one.endpoint not in project.settings.endpoints]
    for name in project.settings.endpoints:
        watcher.doing(f"looking at endpoint {name}")
        found += diagnose(project, name, watcher)
        if not project.exists():
            continue
        references = [r for r in project.catalog.references() if r.endpoint == name]
        try:
            with project.shop(name, "", "look", watcher) as shop:
                there = unneeded(shop, partial(states, project.database))
                found += [_leak(thing, name) for thing in there.leaks]
                found += [_stranger(thing, name) for thing in there.strangers]
                for reference in references:
                    watcher.doing(f"looking at {reference.name}")
                    found += survey(shop, reference.name) + published(shop, reference.name)
        except GoldenError as error:
            found += _untold([_trouble(name, error)], found)
    found += _untold(apart(project, watcher), found)
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def diagnose(project: Project, endpoint: str, watcher: Watcher) -> list[Finding]:
    """What an endpoint's own provider says of it, and what is wrong with the libraries that lie on it."""
    from golden import plugins

    place = project.settings.endpoint(endpoint)
    scope = Scope("look", project.settings.state, watcher, project.settings.endpoint)
    try:
        found = list(plugins.provider(place).diagnose(place, scope))
    except GoldenError as error:
        return [_trouble(endpoint, error)]
    for name, library in project.settings.libraries.items():
        if _endpoint_of(library) != endpoint:
            continue
        watcher.doing(f"looking at library {name}")
        try:
            found += plugins.library_findings(library, scope, project.settings.base)
        except GoldenError as error:
            found.append(_trouble(name, error, "library"))
    return found


def apart(project: Project, watcher: Watcher) -> list[Finding]:
    """What is wrong with what golden.toml names and no endpoint's check sees: other libraries, and ways into guests."""
    from golden import plugins

    settings, found = project.settings, list[Finding]()
    scope = Scope("look", settings.state, watcher, settings.endpoint)
    for name, library in settings.libraries.items():
        if _endpoint_of(library) in settings.endpoints:
            continue
        watcher.doing(f"looking at library {name}")
        try:
            found += plugins.library_findings(library, scope, settings.base)
        except GoldenError as error:
            found.append(_trouble(name, error, "library"))
    for reference, guest in settings.guests.items():
        try:
            assert_usable(reference, guest, settings.base)
        except GoldenError as error:
            found.append(_trouble(reference, error, "the guest of"))
    return found


def _endpoint_of(library: Endpoint) -> str:
    """The endpoint it is reached by; empty also where its URL is none, which whoever opens it tells."""
    try:
        return lies_on(library)
    except GoldenError:
        return ""


def _untold(more: list[Finding], told: list[Finding]) -> list[Finding]:
    """Those whose words, behind the name of what they are about, are in no finding yet."""
    words = [one.sentence.partition(": ")[2] or one.sentence for one in more]
    return [one for one, its in zip(more, words, strict=True) if not any(its in other.sentence for other in told)]


def gc(project: Project, watcher: Watcher, *, dry_run: bool, strangers: bool = False) -> tuple[list[Marked], list[str]]:
    """
    Things of golden's that nothing needs and no unfinished job owns: those found, and those that would not go.

    ``strangers``: also what carries this installation's mark and was made by jobs that its journal does not know.
    """
    found: list[Marked] = []
    left: list[str] = []
    for name in project.settings.endpoints:
        with project.shop(name, "", "look", watcher) as shop:
            there = unneeded(shop, partial(states, project.database))
            leaked = there.leaks + (there.strangers if strangers else ())
            found += leaked
            if not dry_run:
                left += mend(shop, leaked)
    if not dry_run:
        Payloads(project.settings.state / "payloads").sweep_unfinished()
        sweep_scratch(project)
    return found, left


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verify looked at."""

    name: str
    files: tuple[DiskFile, ...]
    deep: bool
    hashed: int = 0
    """So many of the files were read whole and hashed."""
    read_back: tuple[str, ...] = ()
    """The libraries whose publications of it were read back."""
    taken_up: bool = False
    """Its files were copied or restored; every byte is what it was, so their new identity was kept."""


def verify(project: Project, target: Target, watcher: Watcher, *, deep: bool) -> list[Verified]:
    """
    A version (or every version of a reference) and its images are what they were: cheaply, or by hashing every byte
    that can be read from here. Tampered or ProofFailed otherwise.
    """
    catalog = project.catalog
    reference = catalog.reference(target.reference)
    with project.shop(reference.endpoint, reference.name, "look", watcher) as shop:
        done: list[Verified] = []
        for version in _versions(project, target):
            watcher.doing(f"verifying {version.reference}@v{version.number}")
            files, taken_up = deep_check(shop, version) if deep else (version.disks, False)
            version = catalog.version(version.reference, version.number)
            check_frozen(shop, version)
            name = f"{version.reference}@v{version.number}"
            done.append(Verified(name, files, deep, len(files) if deep else 0, taken_up=taken_up))
        for image in _images(project, target):
            name = f"{image.reference}@i{image.number}"
            anew = f"golden capture {image.reference}@v{image.version} makes one anew"
            watcher.doing(f"verifying {name}")
            artifact = shop.hypervisor.find_image(image.artifact.name)
            if artifact is None:
                raise NotFound(f"{name} is not there any more: {image.artifact.name}", hint=anew)
            if artifact.forms != image.artifact.forms:
                raise Tampered(f"{name} was changed after it was captured", hint=anew)
            read_back = []
            for publication in catalog.publications(image.reference, image.number):
                if deep and not publication.retired:
                    shop.libraries(publication.library).verify(publication)
                    read_back.append(publication.library)
            hashed = _hash(name, artifact, anew) if deep else 0
            files = tuple(DiskFile(f.path or f.url or "", "disk", f.format, f.size, f.sha256) for f in artifact.forms)
            done.append(Verified(name, files, deep, hashed, tuple(read_back)))
    return done


def _hash(name: str, artifact: Artifact, hint: str) -> int:
    """Hash every form that lies on this computer; how many. Tampered names those that differ or cannot be read."""
    bad = []
    here = [form for form in artifact.forms if form.path is not None]
    for form in here:
        try:
            with Path(form.path or "").open("rb") as file:
                met = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            met = error.strerror or str(error)
        if met != form.sha256:
            bad.append(f"{form.path}\n  was {form.sha256}\n  is  {met}")
    if bad:
        raise Tampered(f"{name} has other bytes than when it was captured", details="\n".join(bad), hint=hint)
    return len(here)


def prune_plan(
    project: Project, reference: str, keep: int, watcher: Watcher
) -> tuple[tuple[Version, ...], tuple[Image, ...]]:
    """What a prune that keeps the newest ``keep`` of each would take. Conflict where a job of it was cut off."""
    found = project.catalog.reference(reference)
    refuse_unfinished(project, reference)
    with project.shop(found.endpoint, reference, "look", watcher) as shop:
        return prunable(shop, reference, keep)


def _versions(project: Project, target: Target) -> list[Version]:
    if not target.selector:
        return project.catalog.versions(target.reference)
    return [] if is_image(target) else [version_of(target, project.catalog)]


def _images(project: Project, target: Target) -> list[Image]:
    if not target.selector:
        return project.catalog.images(target.reference)
    return [image_of(target, project.catalog)] if is_image(target) else []


def _interrupted(job: JobRecord) -> Finding:
    sentence = f"job {job.id} ({job.procedure} of {job.reference}) was cut off and is not over."
    fix = f"golden resume {job.id}, or golden cancel {job.id}"
    return Finding("job-interrupted", Severity.ERROR, sentence, "", fix)


def _homeless(reference: Reference) -> Finding:
    sentence = f"{reference.name} lives on the endpoint {reference.endpoint}, which golden.toml does not name any more."
    fix = f"golden endpoint add {reference.endpoint} URL"
    return Finding("endpoint-missing", Severity.ERROR, sentence, "", fix)


def _leak(thing: Marked, endpoint: str) -> Finding:
    sentence = f"{thing.kind} {thing.name} on {endpoint} is golden's, and nothing needs or owns it."
    return Finding("leak", Severity.ERROR, sentence, f"made by job {thing.mark.job}", "golden gc")


def _stranger(thing: Marked, endpoint: str) -> Finding:
    sentence = (
        f"{thing.kind} {thing.name} on {endpoint} was made by job {thing.mark.job}, which this project does not know:"
        " by another copy of it, or after the backup it was restored from."
    )
    fix = "look where else the project lies; golden gc --strangers takes such things away, versions of a copy too"
    return Finding("stranger", Severity.WARNING, sentence, f"of reference {thing.mark.reference}", fix)


def _trouble(name: str, error: GoldenError, noun: str = "endpoint") -> Finding:
    whose = f"{noun} {name}"
    sentence = error.brief if error.brief.startswith(whose) else f"{whose}: {error.brief}"
    return Finding(error.id, Severity.ERROR, sentence, error.details or "", error.hint or "")
