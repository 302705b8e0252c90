"""What the libraries of a vCenter have in common: which image is meant, its note, its names, and what forbids it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from golden.errors import NotAble, NotFound, PolicyRefused, ProofFailed
from golden.library import LibraryAbilities
from golden.model import Finding, Form, Image, Publication, Severity
from golden_vsphere import devices, marking
from golden_vsphere.address import Address
from golden_vsphere.line import Line, open_line
from golden_vsphere.machines import Held, Machines
from golden_vsphere.reading import Seen

FORM = "vsphere-template"
"""The form of an image captured on vSphere: a flat template of golden's on the vCenter itself."""
SEALS = ("sysprep", "linux", "none")
MARK = "golden-publication: "
LONGEST = 80
"""Characters of a name of a machine in vSphere (VirtualMachine.name)."""

TWICE = Finding(
    "customization-spec",
    Severity.WARNING,
    "this image is sealed; a customization spec of vCenter's would run sysprep on it again (vSphere facts 8)",
    fix="deploy it without a customization spec, or publish an image with --seal none",
)
UNSEALED = Finding(
    "customization-spec",
    Severity.WARNING,
    "this image is not sealed; every machine deployed from it is the same one until a customization spec with a new "
    "SID has run sysprep on it (vSphere facts 8)",
    fix="deploy it with a customization spec only",
)
WARNINGS = (("sysprep", TWICE), ("none", UNSEALED))
"""By seal."""
ABILITIES = LibraryAbilities(forms=(FORM,), seals=SEALS, versioned=True, on_its_side=(FORM,), warnings=WARNINGS)


@dataclass(frozen=True, slots=True)
class Note:
    """What golden writes beside a publication on vCenter. ``proof`` is a hash of what ``verify`` reads again."""

    publication: Publication
    token: str
    """Random, one for each attempt."""
    whose: str = ""
    """The thing's own id once it is finished, as clones and copies inherit notes."""
    proof: str = ""
    current: bool = False
    """Whether this is the item that always holds a reference's newest image."""

    def but(self, **changes: Any) -> Note:
        """The same with some fields changed."""
        return replace(self, **changes)

    def text(self) -> str:
        """One line."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)

    def tags(self) -> tuple[str, str]:
        """Reference, and image: names and versions as people search for them."""
        return (self.publication.reference, f"{self.publication.reference}@i{self.publication.image}")


def read(text: str) -> Note | None:
    """The note of a text that ``Note.text`` made, or that has one at its end; None for anything else."""
    _, mark, tail = text.rpartition(MARK)
    try:
        raw = json.loads(tail if mark else text)
        return Note(**{**raw, "publication": Publication(**raw["publication"])})
    except (ValueError, KeyError, TypeError):
        return None


def for_people(image: Image) -> str:
    """What a person who meets the thing in vSphere's client should know."""
    warning = dict(WARNINGS).get(image.seal)
    told = f" {warning.sentence[0].upper()}{warning.sentence[1:].partition(' (')[0]}." if warning else ""
    return (
        f"{image.reference} image {image.number} of version {image.version}, seal {image.seal}, captured "
        f"{image.created}; published by golden.{told} Do not change: golden looks after it."
    )


def name_of(image: Image, key: str) -> str:
    """What it is called there: the reference, the image, and what tells keys apart."""
    tail = f"-i{image.number}-{short(key)}"
    return image.reference[: LONGEST - len(tail)] + tail


def short(key: str) -> str:
    """The end of every name under that key."""
    return sha256(key.encode()).hexdigest()[:8]


def uuid_of(note: Note) -> str:
    """The client token of one attempt: the same for its repetitions, and for nothing else."""
    return str(UUID(note.token * 2))


def begun(image: Image, form: Form, library: str, key: str, where: str) -> Publication:
    """The publication that is about to be made; ``where`` is its folder or library."""
    name = name_of(image, key)
    return Publication(
        reference=image.reference,
        image=image.number,
        library=library,
        name=name,
        format=form.format,
        key=key,
        where=f"{where}/{name}",
        sha256=form.sha256,
        size=form.size,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def must_take(image: Image, form: Form, where: str) -> None:
    """PolicyRefused for a form or seal that is not taken."""
    if form.format not in ABILITIES.forms:
        raise PolicyRefused(
            f"{where} takes images that were captured on its own vCenter ({FORM}), not {form.format}",
            hint="golden does not import files into a vCenter yet: govc import.ova there, then adopt and capture",
        )
    if image.seal not in ABILITIES.seals:
        raise PolicyRefused(f"{where} takes the seals {', '.join(SEALS)}, not {image.seal!r}")


def open_vcenter(address: Address) -> Line:
    """A line to a vCenter; NotAble for a single ESXi host."""
    line = open_line(address)
    if not line.is_vcenter:
        line.close()
        raise NotAble(
            f"{address.shown} is a single ESXi host, and those have no templates and no content libraries",
            hint="the URL of the vCenter that manages it",
        )
    return line


def source(machines: Machines, image: Image, form: Form) -> Held:
    """
    The image on the vCenter. NotFound where it is not there, ProofFailed where it is not what was recorded.
    """
    line, uuid = machines.places.line, (form.url or "").removeprefix(f"{FORM}:")
    native = None
    if uuid:
        search = line.content.searchIndex
        native = line.ask(lambda: search.FindByUuid(None, uuid, True, True))  # noqa: FBT003
    held = None if native is None else machines.held(native)
    if held is None or held.record is None or held.record.kind != marking.IMAGE:
        raise NotFound(
            f"{image.reference}@i{image.number} is not on {machines.places.address.shown}",
            details=f"no image of golden's has the instanceUuid {uuid or '(none was recorded)'}",
            hint="publish it into a library of the vCenter that it was captured on; golden doctor",
        )
    size = sum(map(devices.capacity, devices.disks(held.hardware)))
    if not held.is_template or devices.depth(held.hardware) or (form.size, form.sha256) != (size, ""):
        raise ProofFailed(
            f"{image.reference}@i{image.number} is not what was captured",
            details=f"recorded {form.size} bytes on disks, there {size}; template: {held.is_template}; "
            f"linked disks on top of each other: {devices.depth(held.hardware)}",
        )
    return held


def must_be_like(made: list[Any], held: Held, name: str) -> None:
    """ProofFailed where a copy has other disks than its source, or disks that stand on others'."""
    wanted = [devices.capacity(disk) for disk in devices.disks(held.hardware)]
    met = [devices.capacity(disk) for disk in devices.disks(made)]
    if met != wanted or devices.depth(made):
        raise ProofFailed(
            f"{name} is not a whole copy of {held.name}",
            details=f"disks of {wanted} bytes were wanted, {met} are there, linked {devices.depth(made)} deep",
        )


def option(seen: Seen, key: str) -> str:
    """One key of extraConfig, however it was read; later entries win, as older simulators add instead of replacing."""
    found = seen.props.get(f'config.extraConfig["{key}"]')
    if found is not None:
        return str(getattr(found, "value", found))
    listed = seen.props.get("config.extraConfig", ())
    return next((str(one.value) for one in reversed(listed) if one.key == key), "")
