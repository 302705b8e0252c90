"""Promote and roll back: one transaction each, on the catalog alone."""

from __future__ import annotations

from golden.catalog import Catalog
from golden.errors import NotFound, PolicyRefused, UsageError
from golden.model import Channel, Reference


def promote(catalog: Catalog, reference: str, image: int, channel: str) -> Channel:
    """Point the channel at the image. PolicyRefused for one whose seal is ``none``: nobody can deploy it as it is."""
    if catalog.image(reference, image).seal == "none":
        raise PolicyRefused(
            f"{reference}@i{image} is not generalized (seal none); a channel hands out images that are",
            hint=f"golden capture {reference}",
        )
    return catalog.move_channel(reference, channel, image)


def roll_back_channel(catalog: Catalog, reference: str, channel: str) -> Channel:
    """Point the channel at the image it named before."""
    now = catalog.channel(reference, channel)
    there = {image.number for image in catalog.images(reference)}
    other = f"golden promote {reference}@iN --channel {channel} points it at any image"
    if not now.history:
        raise NotFound(f"channel {channel} of {reference} is i{now.image}, and goes back no further", hint=other)
    if now.history[-1] not in there:
        raise NotFound(f"the image that {channel} named before, i{now.history[-1]}, was pruned", hint=other)
    return catalog.move_channel(reference, channel, now.history[-1], back=True)


def roll_back_head(catalog: Catalog, reference: str, number: int | None) -> Reference:
    """The next update starts from an earlier version; nothing is taken away."""
    now = catalog.reference(reference)
    target = number if number is not None else catalog.version(reference, now.head).parent
    if target is None:
        raise UsageError(f"{reference} stands at v{now.head}, its first version; there is none before it")
    return catalog.move_head(reference, target)
