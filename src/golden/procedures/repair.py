"""Doctor and gc: the sentences that must always be true, checked against the endpoint, and mended."""

from __future__ import annotations

from golden.errors import GoldenError, NotFound, Tampered
from golden.jobs import JobRecord
from golden.model import Finding, Severity, Version
from golden.procedures.frozen import check_frozen
from golden.procedures.shop import Shop
from golden.provider import Marked


def leaks(shop: Shop, open_jobs: list[JobRecord]) -> tuple[Marked, ...]:
    """Things with this installation's mark that neither the catalog needs nor an unfinished job owns."""
    unfinished = {job.id for job in open_jobs}
    mine = shop.catalog.installation
    return tuple(
        thing
        for thing in shop.hypervisor.list_marked()
        if thing.mark.installation == mine
        and thing.mark.job not in unfinished
        and not shop.catalog.refers_to(thing.name)
    )


def mend(shop: Shop, leaked: tuple[Marked, ...]) -> tuple[str, ...]:
    """Take leaks away, newest name first, so that clones go before what they stand on; what could not be taken."""
    left = []
    for thing in sorted(leaked, key=lambda marked: marked.name, reverse=True):
        kind = shop.machines if thing.kind == "machine" else shop.images
        try:
            if (found := kind.find(thing.name)) is not None:
                kind.discard(found)  # type: ignore[arg-type]
        except GoldenError as error:
            left.append(f"{thing.name}: {error.brief}")
    return tuple(left)


def survey(shop: Shop, reference: str) -> list[Finding]:
    """Every version, image and channel of one reference is what the catalog says."""
    found = [finding for version in shop.catalog.versions(reference) for finding in _version(shop, version)]
    numbers = set()
    for image in shop.catalog.images(reference):
        numbers.add(image.number)
        artifact = shop.hypervisor.find_image(image.artifact.name)
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


def _version(shop: Shop, version: Version) -> list[Finding]:
    try:
        check_frozen(shop, version)
    except (Tampered, NotFound) as error:
        return [Finding(error.id, Severity.ERROR, error.brief + ".", error.details or "", error.hint or "")]
    return []
