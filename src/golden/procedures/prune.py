"""Prune: versions and images that nothing needs are taken away, the catalog's record first."""

from __future__ import annotations

from golden.errors import Conflict
from golden.jobs import Job
from golden.library import UseWitness
from golden.model import Image, PruneOrder, Version
from golden.procedures.shop import Shop


def prune(job: Job, shop: Shop, order: PruneOrder) -> PruneOrder:
    """
    Answer for each thing, forget it in the catalog, then take it away. A crash between leaves it either needed, and
    so kept, or owned by this job, and so swept.
    """
    for number in order.images:
        job.step(f"forget i{number}", forget_image, job, shop, order.reference, number)
    for number in sorted(order.versions):  # Oldest first, since what is taken last is swept first.
        answer_for(job, shop, order.reference, number)
    for number in sorted(order.versions, reverse=True):
        job.step(f"forget v{number}", forget_version, shop, order.reference, number)
    job.sweep()
    return order


def forget_image(job: Job, shop: Shop, reference: str, number: int) -> None:
    """From here on this job answers for the artifact and its retired publications."""
    image = next((i for i in shop.catalog.images(reference) if i.number == number), None)
    if image is None:
        return
    if names := users(shop, image):
        raise Conflict(
            f"{reference}@i{number} is not taken away: {', '.join(names)} stand on it",
            hint="give them another disk, or take them away; golden prune leaves it out until then",
        )
    for publication in shop.catalog.publications(reference, number):
        job.take(shop.publications, publication.key)
    job.take(shop.images, image.artifact.name)
    shop.catalog.remove_image(reference, number)


def users(shop: Shop, image: Image) -> tuple[str, ...]:
    """What others made from an image where it is published, by name and library; it stays as long as they need it."""
    found: list[str] = []
    for publication in shop.catalog.publications(image.reference, image.number):
        library = shop.libraries(publication.library)
        if isinstance(library, UseWitness):
            found += (f"{name} in {publication.library}" for name in library.users_of(publication))
    return tuple(found)


def answer_for(job: Job, shop: Shop, reference: str, number: int) -> None:
    """From here on this job answers for the version's machine; while the catalog names it, it stays all the same."""
    version = next((v for v in shop.catalog.versions(reference) if v.number == number), None)
    if version is not None:
        job.take(shop.machines, version.snapshot.machine)


def forget_version(shop: Shop, reference: str, number: int) -> None:
    """Absent is success."""
    if any(version.number == number for version in shop.catalog.versions(reference)):
        shop.catalog.remove_version(reference, number)


def prunable(shop: Shop, reference: str, keep: int) -> tuple[tuple[Version, ...], tuple[Image, ...]]:
    """
    What a prune that keeps the newest ``keep`` images and versions would take: images that no channel and no current
    publication names, then versions that are not the head and on which no kept version or image stands; newest first,
    so that no disk goes before those that stand on it. An image that others stand on where it is published stays, which
    the watcher is told.
    """
    catalog = shop.catalog
    channels = catalog.channels(reference)
    named = {channel.image for channel in channels} | {n for channel in channels for n in channel.history[-1:]}
    named |= {publication.image for publication in catalog.publications(reference) if not publication.retired}
    images = catalog.images(reference)
    old = [image for image in images[: max(0, len(images) - keep)] if image.number not in named]
    for image, names in [(image, users(shop, image)) for image in old]:
        if names:
            shop.watcher.doing(f"warning: {reference}@i{image.number} stays, as others stand on it: {', '.join(names)}")
            old.remove(image)
    kept_images = {image.version for image in images if image not in old}
    versions = catalog.versions(reference)
    head = catalog.reference(reference).head
    staying = {head} | kept_images | {version.number for version in versions[max(0, len(versions) - keep) :]}
    by_number = {version.number: version for version in versions}
    for number in list(staying):
        while (parent := by_number[number].parent) is not None and parent in by_number:
            staying.add(number := parent)
    gone = tuple(version for version in reversed(versions) if version.number not in staying)
    return gone, tuple(old)
