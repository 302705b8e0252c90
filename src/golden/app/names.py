"""How people address things: ``win2022``, ``win2022@v4``, ``win2022@i2``, ``win2022@latest``, ``win2022@stable``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from golden.catalog import Catalog
from golden.errors import BadName, NotFound, UsageError
from golden.model import Image, Version
from golden.settings import Settings, check_name


@dataclass(frozen=True, slots=True)
class Target:
    """An address, taken apart but not looked up."""

    reference: str
    selector: str
    """"", "latest", "v4", "i2" or a channel's name."""


def parse(text: str | None, settings: Settings, catalog: Catalog | None = None) -> Target:
    """Take an address apart; nothing at all means the only reference there is. BadName or UsageError."""
    if not text:
        return Target(only_reference(settings, catalog), "")
    name, at, selector = text.partition("@")
    if at and not selector:
        raise UsageError(f"{text!r} ends with an @", hint=f"{name}@v1, {name}@i1, {name}@latest or {name}@CHANNEL")
    check_name(name, "reference")
    if selector and not re.fullmatch(r"[vi]\d{1,9}", selector, re.ASCII):
        check_name(selector, "channel")
    return Target(name, selector)


def only_reference(settings: Settings, catalog: Catalog | None) -> str:
    """The configured default, or the one there is."""
    if default := settings.defaults.get("reference"):
        return default
    names = [reference.name for reference in catalog.references()] if catalog else []
    if len(names) == 1:
        return names[0]
    if names:
        raise UsageError("which reference? There are: " + ", ".join(names), hint="name it: golden … " + names[0])
    raise NotFound("there is no reference here yet", hint="golden adopt NAME --from disk.qcow2")


def is_image(target: Target) -> bool:
    """Whether an address means an image: by number, or by a channel."""
    return not (target.selector in ("", "latest") or re.fullmatch(r"v\d{1,9}", target.selector, re.ASCII))


def version_of(target: Target, catalog: Catalog) -> Version:
    """The version an address means: the head where it names none, an image's version where it names an image."""
    selector = target.selector
    if selector in ("", "latest"):
        return catalog.version(target.reference, catalog.reference(target.reference).head)
    if re.fullmatch(r"v\d{1,9}", selector, re.ASCII):
        return catalog.version(target.reference, int(selector[1:]))
    return catalog.version(target.reference, image_of(target, catalog).version)


def image_of(target: Target, catalog: Catalog) -> Image:
    """The image an address means: the newest where it names none."""
    selector = target.selector
    if selector in ("", "latest"):
        images = catalog.images(target.reference)
        if not images:
            catalog.reference(target.reference)
            raise NotFound(f"{target.reference} has no image yet", hint=f"golden capture {target.reference}")
        return images[-1]
    if re.fullmatch(r"i\d{1,9}", selector, re.ASCII):
        return catalog.image(target.reference, int(selector[1:]))
    if re.fullmatch(r"v\d{1,9}", selector, re.ASCII):
        number = int(selector[1:])
        catalog.version(target.reference, number)
        made = [image for image in catalog.images(target.reference) if image.version == number]
        if not made:
            hint = f"golden capture {target.reference}@{selector}"
            raise NotFound(f"no image was captured from {target.reference}@{selector}", hint=hint)
        return made[-1]
    return catalog.image(target.reference, catalog.channel(target.reference, selector).image)


def new_channel(name: str) -> str:
    """A name that a channel may have: not one that means something else."""
    if name == "latest" or re.fullmatch(r"[vi]\d+", name):
        raise BadName(f"{name!r} cannot be a channel: {name} already means something", hint="dev, stable, prod …")
    return check_name(name, "channel")
