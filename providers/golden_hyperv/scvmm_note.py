"""What golden writes beside a publication in VMM's library: its note, its names, its labels, and what forbids it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from golden.errors import PolicyRefused
from golden.library import LibraryAbilities
from golden.model import Finding, Form, Image, Publication, Severity

FORM = "vhdx"
SEALS = ("sysprep", "linux", "none")
MARK = "golden-publication: "
LONGEST = 80
"""Characters of a name; VMM's own limit is not documented."""
_NOT_IN_FILES = re.compile(r"[^A-Za-z0-9._-]")

UNSEALED = Finding(
    "not-generalized",
    Severity.WARNING,
    "this image is not generalized: every machine deployed from it is the same one, and VMM's customization expects a "
    "disk that sysprep has been run on (New-SCVMTemplate, VMM template requirements)",
    fix="deploy it only where sysprep is run on it afterwards, or publish an image with --seal sysprep",
)
WARNINGS = (("none", UNSEALED),)
"""By seal."""
ABILITIES = LibraryAbilities(forms=(FORM,), seals=SEALS, versioned=True, on_its_side=(FORM,), warnings=WARNINGS)


@dataclass(frozen=True, slots=True)
class Note:
    """
    What stands, as JSON, at the end of the description of a disk and of its template.

    Not which library it is in, as one share may be several of golden's, nor where: people move files in shares.
    """

    publication: Publication
    token: str
    """Random, one for each attempt."""
    disk: str = ""
    """The disk's own id once it is finished: who copies it in the library copies the description too."""
    template: str = ""
    """Its template's id; empty where none was to be made."""
    proof: str = ""
    """Size and time of the file as VMM told them when its bytes had been compared."""

    def but(self, **changes: Any) -> Note:
        """The same with some fields changed."""
        return replace(self, **changes)

    def text(self) -> str:
        """One line, plain ASCII, and short: how long VMM lets a description be is not documented."""
        made = self.publication
        told = [made.reference, made.image, made.key, made.name, made.format, made.sha256, made.size, made.created]
        return json.dumps([*told, self.token, self.disk, self.template, self.proof], separators=(",", ":"))


def read(text: str, where: str = "") -> Note | None:
    """The note at the end of a description of what lies there; None for a text that has none."""
    _, mark, tail = text.rpartition(MARK)
    if not mark:
        return None
    try:
        reference, image, key, name, form, digest, size, created, *rest = json.loads(tail)
        token, disk, template, proof = map(str, rest)
        made = Publication(
            str(reference), int(image), "", str(name), str(form), str(key), where, str(digest), int(size), str(created)
        )
    except (ValueError, TypeError, RecursionError):
        return None
    return Note(made, token, disk, template, proof)


def description(image: Image, note: Note) -> str:
    """For people who meet it in VMM's console, and golden's note behind it."""
    label = "NOT GENERALIZED. " if image.seal == "none" else ""
    return (
        f"{label}{image.reference} image {image.number} of version {image.version}, seal {image.seal}, captured "
        f"{image.created}; published by golden. Do not change: golden looks after it. {MARK}{note.text()}"
    )


def release(image: Image, key: str) -> str:
    """
    VMM holds disks of one family and release for the same thing wherever they lie; so is one image in several shares of
    one installation of golden, and nothing else is.
    """
    label = "-not-generalized" if image.seal == "none" else ""
    return f"i{image.number}-v{image.version}-{short(key.partition('/')[2] or key)}{label}"


def labels(image: Image, key: str) -> list[str]:
    """Words to search for in VMM."""
    told = ["golden", f"golden-{short(key)}", f"seal-{image.seal}"]
    return [*told, "not-generalized"] if image.seal == "none" else told


def short(key: str) -> str:
    """What tells keys apart in names."""
    return sha256(key.encode()).hexdigest()[:8]


def name_of(image: Image, key: str) -> str:
    """What its template is called, and its file where golden chooses that."""
    tail = f"-i{image.number}-{short(key)}"
    return _NOT_IN_FILES.sub("_", image.reference)[: LONGEST - len(tail)] + tail


def begun(image: Image, form: Form, library: str, key: str, where: str) -> Publication:
    """The publication that is about to be made; ``where`` is the path of its file in the share."""
    return Publication(
        reference=image.reference,
        image=image.number,
        library=library,
        name=name_of(image, key),
        format=form.format,
        key=key,
        where=where,
        sha256=form.sha256,
        size=form.size,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def must_take(image: Image, form: Form, where: str) -> None:
    """PolicyRefused for a form or seal that is not taken."""
    if form.format not in ABILITIES.forms:
        raise PolicyRefused(
            f"{where} takes {FORM}, not {form.format}", hint="capture the image on a Hyper-V host, or as vhdx"
        )
    if image.seal not in ABILITIES.seals:
        raise PolicyRefused(f"{where} takes the seals {', '.join(SEALS)}, not {image.seal!r}")
