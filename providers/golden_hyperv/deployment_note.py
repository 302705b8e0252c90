"""What golden writes down on the host of each publication, and what is taken."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from golden.errors import PolicyRefused, ProofFailed
from golden.library import LibraryAbilities
from golden.model import Finding, Form, GuestFacts, Image, Publication, Severity
from golden_hyperv.deployment_places import Place
from golden_hyperv.images import path_of

FORM, MADE_HERE = "wim", "vhdx"
SEALS = ("sysprep", "none")
MAKING, READY = "making", "ready"
UNSEALED = Finding(
    "not-generalized",
    Severity.WARNING,
    "this image is not generalized: every machine deployed from it is the same one",
    fix="publish an image with --seal sysprep",
)
ABILITIES = LibraryAbilities(
    forms=(FORM, MADE_HERE),
    seals=SEALS,
    versioned=True,
    on_its_side=(MADE_HERE,),
    any_hardware=True,
    warnings=(("none", UNSEALED),),
)
"""A WIM is sent; of a VHDX that lies on the host one is made there."""
_ARCHITECTURES = {"0": "x86", "x86": "x86", "9": "x86_64", "x64": "x86_64", "12": "arm64", "arm64": "arm64"}
"""Get-WindowsImage gives PROCESSOR_ARCHITECTURE_* as a number, and shows it as a word."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a WIM says of itself."""

    architecture: str
    edition: str
    version: str

    @classmethod
    def told(cls, one: Any) -> Contents:
        """From what the host's script gives."""
        architecture = str(one["Architecture"]).lower()
        return cls(_ARCHITECTURES.get(architecture, architecture), str(one["Edition"]), str(one["Version"]))

    def must_be(self, facts: GuestFacts, name: str) -> None:
        """ProofFailed where the image was captured from something else; what nobody knows is not compared."""
        wanted = [(facts.architecture, self.architecture), (facts.edition, self.edition)]
        if facts.build:
            wanted.append((facts.build, [*self.version.split("."), "", "", ""][2]))
        if any(known and known != met for known, met in wanted):
            raise ProofFailed(
                f"the WIM of {name} is not of the guest that was captured",
                details=f"captured {facts.architecture} {facts.edition} build {facts.build}; the WIM says "
                f"{self.architecture} {self.edition} version {self.version}",
                hint="golden capture --form wim makes another",
            )


@dataclass(frozen=True, slots=True)
class Note:
    """One publication, as it lies on the host in a file of its own."""

    publication: Publication
    kind: str
    place: str
    """Group, share or site: a host may have several."""
    token: str
    """Random, one for each attempt."""
    staged: str
    """Path of the WIM that golden brought to the host, while it is needed."""
    source: str = ""
    """Path of the VHDX that a WIM is made of; empty where the WIM was sent."""
    state: str = MAKING
    contents: tuple[str, ...] = ()
    """What the WIM says of itself."""
    sha256: str = ""
    """Of the WIM; the publication's is that of the image's form."""

    def text(self) -> str:
        """One line, plain ASCII."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def but(self, **changes: Any) -> Note:
        """The same with some fields changed."""
        return replace(self, **changes)


def parsed(text: str) -> Note | None:
    """None for what is none."""
    try:
        raw = json.loads(text)
        return Note(**{**raw, "publication": Publication(**raw["publication"]), "contents": tuple(raw["contents"])})
    except (ValueError, KeyError, TypeError):
        return None


def read(text: str, place: Place) -> Note | None:
    """None for what is none, or of another place."""
    note = parsed(text)
    if note is None or (note.kind, note.place.casefold()) != (place.kind, place.name.casefold()):
        return None
    return note.but(publication=replace(note.publication, library=place.library))


def description(image: Image) -> str:
    """For people who meet it in a console."""
    label = "NOT GENERALIZED. " if image.seal == "none" else ""
    return f"{label}{image.reference} image {image.number} of version {image.version}; published by golden"


def must_take(image: Image, form: Form, where: str) -> None:
    """PolicyRefused for a form or seal that is not taken."""
    if form.format != FORM and not (form.format == MADE_HERE and path_of(form)):
        raise PolicyRefused(
            f"{where} takes {FORM}, or {MADE_HERE} of an image that was captured on its host, not {form.format}",
            hint="golden capture --form wim",
        )
    if image.seal not in SEALS:
        raise PolicyRefused(f"{where} takes the seals {', '.join(SEALS)}, not {image.seal!r}")
