"""Publish: an image goes into libraries; the new publication is made and verified before the old one is retired."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from golden.errors import GoldenError, LeaseLost, NotAble, NotFound, PartlyPublished, PolicyRefused, StateUnusable
from golden.jobs import Job
from golden.library import Library
from golden.model import Finding, Form, Image, Publication, PublishOrder, Severity
from golden.procedures.kinds import publication_key
from golden.procedures.shop import Shop

SEVERAL_DISKS = "several-disks"
WARNINGS = "warnings of "
"""Before a library's name, in the name of the step that keeps what its abilities warn of."""


def publish(job: Job, shop: Shop, order: PublishOrder) -> tuple[Publication, ...]:
    """An image of the catalog goes into libraries."""
    return publish_all(job, shop, shop.catalog.image(order.reference, order.image), order.libraries)


def publish_all(job: Job, shop: Shop, image: Image, libraries: tuple[str, ...]) -> tuple[Publication, ...]:
    """One library after the other; what failed is told at the end, what succeeded stays."""
    done: list[Publication] = []
    failed: list[tuple[str, GoldenError]] = []
    for name in libraries:
        try:
            done.append(publish_to(job, shop, image, name))
        except (LeaseLost, StateUnusable):
            raise  # No library's fault, and nothing can be written down any more.
        except GoldenError as error:
            failed.append((name, error))
    if failed:
        raise told(image, failed, done)
    return tuple(done)


def publish_to(job: Job, shop: Shop, image: Image, name: str) -> Publication:
    """Make it, verify it, record it, and only then retire what it replaces."""
    key = publication_key(shop.catalog.installation, image.reference, image.number, name)
    choose(image, name, shop.libraries(name))  # What cannot work is refused before this job answers for anything.
    with job.holding(shop.publications, key):
        made = job.step(f"publish to {name}", put, shop, image, name, key)
        publication = job.step(f"record in {name}", shop.catalog.put_publication, made)
    gone = job.step(f"retire in {name}", retire_others, shop, publication)
    if found := (*warnings(shop.libraries(name), image), *gone, *behind(shop, image, publication)):
        job.step(f"{WARNINGS}{name}", tuple, found)
    return publication


def warnings(library: Library, image: Image) -> tuple[Finding, ...]:
    """What whoever deploys this image from there has to know."""
    able = library.abilities
    return (*(finding for seal, finding in able.warnings if seal == image.seal), *in_part(image))


def in_part(image: Image) -> tuple[Finding, ...]:
    """A warning where what is published is one disk of several: the captured one, or one of those that are kept."""
    told = tuple(one for one in image.findings if one.id == SEVERAL_DISKS)
    forms = image.artifact.forms
    disks = sum(one.format == forms[0].format for one in forms)
    return told or ((several_disks(disks, "what is published"),) if disks > 1 else ())


def several_disks(disks: int, what: str) -> Finding:
    """That one of them is all there is."""
    return Finding(
        SEVERAL_DISKS,
        Severity.WARNING,
        f"the machine has {disks} disks, and {what} is the first alone",
        fix="what its systems need on the others has to be put there where the image is deployed",
    )


def put(shop: Shop, image: Image, name: str, key: str) -> Publication:
    """The image in a form that the library takes, read back and compared."""
    library = shop.libraries(name)
    publication = library.settle(key)
    if publication is None:
        form = choose(image, name, library)
        publication = library.publish(image, form, content(form), key)
    library.verify(publication)
    return publication


def choose(image: Image, name: str, library: Library) -> Form:
    """The first form the library takes. NotAble or PolicyRefused says what it takes."""
    able = library.abilities
    if image.seal not in able.seals:
        raise PolicyRefused(
            f"{name} takes seals {', '.join(able.seals)}; {image.reference}@i{image.number} is sealed {image.seal!r}"
        )
    if image.same_hardware and able.any_hardware:
        raise PolicyRefused(
            f"{name} deploys to machines of any kind; {image.reference}@i{image.number} was generalized with /mode:vm",
            details="it starts on the same hypervisor and the same machine type only",
            hint=f"golden capture {image.reference} without --mode-vm, and publish that image",
        )
    for wanted in able.forms:
        for form in image.artifact.forms:
            if form.format == wanted and (form.path is not None or wanted in able.on_its_side):
                return form
    has = ", ".join(form.format for form in image.artifact.forms)
    raise NotAble(
        f"{name} takes {', '.join(able.forms)}; {image.reference}@i{image.number} exists as {has}",
        hint=f"golden capture {image.reference} --form wim" if "wim" in able.forms else None,
    )


@contextmanager
def content(form: Form) -> Iterator[BinaryIO]:
    """The form's bytes."""
    if form.path is None:
        raise NotAble("this form of the image is not on this computer")
    try:
        file = open(form.path, "rb")  # noqa: PTH123, SIM115
    except OSError as error:
        words = error.strerror or str(error)
        raise NotFound(f"the image's file {form.path} cannot be read: {words}", hint="golden doctor") from error
    with file:
        yield file


def retire_others(shop: Shop, publication: Publication) -> tuple[Finding, ...]:
    """
    Older images of the reference in the same library are marked as no longer current. A warning of each that somebody
    took away there: it counts as retired all the same, or no later publish would ever come past it.
    """
    library, gone = shop.libraries(publication.library), []
    for other in shop.catalog.publications(publication.reference):
        if other.library == publication.library and not other.retired and other.image < publication.image:
            try:
                retired = library.retire(other)
            except NotFound:
                retired = replace(other, retired=True)
                gone.append(taken_away(other))
            shop.catalog.put_publication(retired)
    return tuple(gone)


def taken_away(publication: Publication) -> Finding:
    """That somebody took a publication out of its library."""
    image = f"{publication.reference}@i{publication.image}"
    return Finding(
        "publication-gone",
        Severity.WARNING,
        f"{image} was published as {publication.name}, and is not there any more; it counts as retired",
        publication.where,
        f"golden publish {image} --to {publication.library} puts it there again",
    )


def behind(shop: Shop, image: Image, publication: Publication) -> tuple[Finding, ...]:
    """
    A warning where the image is not what its library calls current: that is the newest, and no publication takes its
    place back from it. Older images go out of use in order, so going back means capturing the older version anew.
    """
    of_it = shop.catalog.publications(image.reference)
    newer = [one.image for one in of_it if one.library == publication.library and not one.retired]
    newest = max(newer, default=0)
    if not publication.retired and newest <= image.number:
        return ()
    name, library = f"{image.reference}@i{image.number}", publication.library
    sentence = f"{name} is there and retired" if publication.retired else f"{name} is there, and not the current image"
    sentence += f"; {image.reference}@i{newest} is current" if newest > image.number else ""
    fix = f"golden capture {image.reference}@v{image.version} --to {library} makes its version current again"
    return (Finding("not-current", Severity.WARNING, sentence, publication.where, fix),)


def told(image: Image, failed: list[tuple[str, GoldenError]], done: list[Publication]) -> GoldenError:
    """The one error of a single library, or PartlyPublished."""
    if len(failed) == 1 and not done:
        return failed[0][1]
    good = ", ".join(publication.library for publication in done) or "none"
    again = "".join(f" --to {name}" for name, _ in failed)
    return PartlyPublished(
        f"published to {good}; failed: {', '.join(name for name, _ in failed)}",
        details="\n".join(f"{name}: {error.brief}" for name, error in failed),
        hint=f"golden publish {image.reference}@i{image.number}{again}",
    )
