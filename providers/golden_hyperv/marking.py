"""
golden's records of its own machines and images: a small file beside each, and a note on the machine itself.

The file is the record; it is there before anything else of the thing is, and goes last. The note (in the machine's
Notes) says whose it is to people, and to golden where somebody took the file away.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from golden.model import Mark, Role

MACHINE, IMAGE = "machine", "image"
BEGIN = "golden "
NOTE = "Made by golden for {reference} ({role}, job {job}). Do not change: golden looks after it."


class State(StrEnum):
    """How far a thing is; all but READY and FROZEN are half-made."""

    MAKING = "making"
    READY = "ready"
    FREEZING = "freezing"
    FROZEN = "frozen"
    REMOVING = "removing"


LATER = ("dynamic", "minimum", "maximum", "buffer")
"""Fields of Hardware that the first versions' records do not have."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a machine is made from, besides its disks; part of every version."""

    generation: int
    memory: int
    """Bytes."""
    processors: int
    secure_boot: bool = False
    secure_boot_template: str = ""
    tpm: bool = False
    """A virtual TPM; each clone gets a new, empty one with a key protector of its own."""
    dynamic: bool = False
    """Dynamic memory: it starts with ``memory`` and moves between these."""
    minimum: int = 0
    maximum: int = 0
    """Bytes; of dynamic memory only, as is the buffer."""
    buffer: int = 0
    """Per cent."""

    def definition(self) -> dict[str, Any]:
        """
        What of it is frozen with a version. What came later and says nothing is left out, so that versions that were
        frozen before it was known stay what they are.
        """
        told = asdict(self)
        return told if self.dynamic else {key: value for key, value in told.items() if key not in LATER}


@dataclass(frozen=True, slots=True)
class Record:
    """What golden wrote down of one thing."""

    kind: str
    """machine | image"""
    name: str
    token: str
    """Random, one for each attempt to make it: what core knows the thing by."""
    state: State
    mark: Mark
    node: str
    """The host it was made on."""
    hardware: Hardware
    disks: tuple[str, ...]
    """Paths on the host, the system's first."""
    vm: str = ""
    """Id of the virtual machine; empty while there is none, as for what is frozen."""
    point: str = ""
    """Name of its frozen point."""
    parent: str = ""
    """Token of the machine whose frozen point it was made from."""
    linked: bool = False
    depth: int = 0
    """Disks below its own."""
    job: str = ""
    """Id of the host's storage job that works for it."""
    size: int = 0
    sha256: str = ""

    @property
    def settled(self) -> bool:
        """Whether it is finished."""
        return self.state in (State.READY, State.FROZEN)

    @property
    def points(self) -> tuple[str, ...]:
        """Its frozen point, if it has one."""
        return (self.point,) if self.state is State.FROZEN else ()

    def but(self, **changes: Any) -> Record:
        """The same with some fields changed."""
        return replace(self, **changes)

    def text(self) -> str:
        """As it is written; plain ASCII, whatever the host takes for its own encoding."""
        return json.dumps(asdict(self), indent=1)

    def note(self) -> str:
        """What stands in the machine's Notes."""
        mark = self.mark
        told = {"name": self.name, "token": self.token, "mark": asdict(mark)}
        line = NOTE.format(reference=mark.reference, role=mark.role.value, job=mark.job)
        return f"{BEGIN}{json.dumps(told)}\n{line}"


@dataclass(frozen=True, slots=True)
class Note:
    """What the Notes of a machine say."""

    name: str
    token: str
    mark: Mark = field()


def parsed(text: str) -> Record | None:
    """A record as it was written; None for what is none."""
    try:
        raw = json.loads(text)
        return Record(
            **{
                **raw,
                "state": State(raw["state"]),
                "mark": _mark(raw["mark"]),
                "hardware": Hardware(**raw["hardware"]),
                "disks": tuple(map(str, raw["disks"])),
            }
        )
    except (ValueError, KeyError, TypeError):
        return None


def noted(text: str | None) -> Note | None:
    """What golden wrote into the Notes of a machine; None where it did not."""
    first = (text or "").split("\n", 1)[0]
    if not first.startswith(BEGIN):
        return None
    try:
        raw = json.loads(first.removeprefix(BEGIN))
        return Note(str(raw["name"]), str(raw["token"]), _mark(raw["mark"]))
    except (ValueError, KeyError, TypeError):
        return None


def _mark(raw: dict[str, Any]) -> Mark:
    return Mark(**{**raw, "role": Role(raw["role"])})
