"""Doctor and gc: the sentences that must always be true, checked against the endpoint, and mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from golden.errors import GoldenError, NotFound, Tampered
from golden.model import Finding, Severity, Version
from golden.procedures.frozen import check_own
from golden.procedures.shop import Shop
from golden.provider import Marked


@dataclass(frozen=True, slots=True)
class Unneeded:
    """What carries this installation's mark on an endpoint while neither catalog nor unfinished job knows it."""

    leaks: tuple[Marked, ...]
    """Made by jobs of this journal, which are over."""
    strangers: tuple[Marked, ...]
    """
    Made by jobs this journal never heard of: by another copy of this project, or after the backup it was restored
    from. They may be somebody's versions.
    """


def unneeded(shop: Shop, jobs: Callable[[], dict[str, str]]) -> Unneeded:
    """
    Look at the endpoint for what nothing here needs; ``jobs`` gives the journal's jobs, id to state.

    The endpoint is asked first, then the journal, then the catalog: a job is written down before it makes anything,
    and is over only after the catalog has what it made. So what another process makes meanwhile is never a leak.
    """
    there = shop.hypervisor.list_marked()
    known = jobs()
    mine = shop.catalog.installation
    found = [
        thing
        for thing in there
        if thing.mark.installation == mine
        and known.get(thing.mark.job) != "open"
        and not shop.catalog.refers_to(thing.name)
    ]
    return Unneeded(
        tuple(thing for thing in found if thing.mark.job in known),
        tuple(thing for thing in found if thing.mark.job not in known),
    )


def mend(shop: Shop, leaked: tuple[Marked, ...]) -> tuple[str, ...]:
    """Take leaks away, again while that frees others, since clones go before what they stand on; what stayed."""
    waiting = sorted(leaked, key=lambda marked: marked.name, reverse=True)
    while True:
        left = [(thing, problem) for thing in waiting if (problem := _taken(shop, thing))]
        if not left or len(left) == len(waiting):
            return tuple(f"{thing.name}: {problem}" for thing, problem in left)
        waiting = [thing for thing, _ in left]


def _taken(shop: Shop, thing: Marked) -> str:
    """Take it away; why that could not be, or nothing."""
    kind = shop.machines if thing.kind == "machine" else shop.images
    try:
        if (found := kind.find(thing.name)) is not None:
            kind.discard(found)  # type: ignore[arg-type]
    except GoldenError as error:
        return error.brief
    return ""


def survey(shop: Shop, reference: str) -> list[Finding]:
    """Every version, image and channel of one reference is what the catalog says."""
    found = [finding for version in shop.catalog.versions(reference) for finding in _version(shop, version)]
    numbers = set()
    for image in shop.catalog.images(reference):
        numbers.add(image.number)
        try:
            artifact = shop.hypervisor.find_image(image.artifact.name)
        except Tampered as error:
            found.append(_damaged(error))
            continue
        if artifact is None or artifact.forms != image.artifact.forms:
            name = f"{reference}@i{image.number}"
            sentence = f"{name} is not there, or not as long as it was." if artifact is None else f"{name} has changed."
            fix = f"golden capture {reference}@v{image.version} makes it anew"
            found.append(Finding("image-gone", Severity.ERROR, sentence, image.artifact.name, fix))
    for channel in shop.catalog.channels(reference):
        if channel.image not in numbers:
            sentence = f"channel {channel.name} of {reference} names i{channel.image}, which is not there."
            found.append(Finding("channel-dangles", Severity.ERROR, sentence, "", f"golden promote {reference}@iN"))
    return found


def published(shop: Shop, reference: str) -> list[Finding]:
    """
    Every publication of one reference is in its library still, as far as that sees without reading all of it. A
    retired one that is not is a warning only: nobody is sent there any more.
    """
    found = []
    for one in shop.catalog.publications(reference):
        image = f"{reference}@i{one.image}"
        try:
            if shop.libraries(one.library).find(one.key) is None:
                sentence = f"{image} was published to {one.library} as {one.name}, and is not there, or not whole."
                severity, fix = Severity.ERROR, f"golden publish {image} --to {one.library}"
                if one.retired:
                    severity = Severity.WARNING
                    fix += " puts it there again; golden prune lets go of old images"
                found.append(Finding("publication-gone", severity, sentence, one.where, fix))
        except GoldenError as error:
            sentence = f"{image} was published to {one.library}, which cannot be asked: {error.brief}"
            found.append(Finding("library-unknown", Severity.ERROR, sentence, error.details or "", error.hint or ""))
    return found


def _version(shop: Shop, version: Version) -> list[Finding]:
    """Of its own files: what it stands on is looked at for itself, so that each fault is told once."""
    try:
        check_own(shop, version)
    except (Tampered, NotFound) as error:
        return [_damaged(error)]
    return []


def _damaged(error: GoldenError) -> Finding:
    return Finding(error.id, Severity.ERROR, error.brief + ".", error.details or "", error.hint or "")
