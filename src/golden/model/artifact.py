"""Images, their forms and proof, and where they are published."""

from __future__ import annotations

from dataclasses import dataclass

from golden.model.finding import Finding
from golden.model.guest import GuestFacts
from golden.model.licence import Rearm


@dataclass(frozen=True, slots=True)
class Form:
    """One file (or remote object) an image exists as."""

    format: str
    """qcow2 | vmdk | ova | vhdx | vhd | wim | template"""
    path: str | None
    """Absolute path where golden runs on the same host, else None."""
    size: int
    sha256: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a capture left on the hypervisor's side, before it is an image of the catalog."""

    id: str
    name: str
    forms: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class SealProof:
    """How an image was proved to be what it says, read from outside the guest."""

    seal: str
    """sysprep | linux | none"""
    way: str
    """
    disk: read from the powered-off disk; guest: asked of the guest before power-off; export: read from a copy of the
    clone's powered-off disk that the endpoint let golden download.
    """
    facts: GuestFacts
    signals: tuple[tuple[str, str], ...]
    """(signal, value) pairs that were required and met."""
    proved: str
    """ISO 8601, UTC."""
    findings: tuple[Finding, ...] = ()
    """What was met on the disk beside the seal and is worth knowing; an error would have been no proof."""
    identity: tuple[tuple[str, str], ...] = ()
    """(name, value): machine SID, MachineGuid. Given anew at the first boot: compared between booted machines only."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """What was noted while a clone was generalized."""

    before: Rearm | None = None
    """Read in the clone before: what the version it was made of has left."""
    after: Rearm | None = None
    """Read after sysprep had ended: what the image has left."""
    notes: tuple[str, ...] = ()
    """Sentences worth keeping: what was taken away before, what has to be known of the image."""
    findings: tuple[Finding, ...] = ()
    """What the checks before found; an error would have been no image."""
    proof: SealProof | None = None
    """Read in the guest before it was switched off, where the endpoint cannot show its disk."""


SAME_HARDWARE = "generalized with /mode:vm: for the same hypervisor and the same machine type only"
"""Among the notes of an image whose hardware was not generalized (docs/facts/windows.md 1.1)."""


@dataclass(frozen=True, slots=True)
class Image:
    """The immutable result of a capture: one version, one seal, one or more forms, with proof."""

    reference: str
    number: int
    version: int
    seal: str
    artifact: Artifact
    proof: SealProof
    created: str
    answer_file: str = ""
    """sha256 of the answer file used, or empty."""
    rearm: Rearm | None = None
    """Read after it was generalized; None where nobody could."""
    rearm_before: Rearm | None = None
    """Read in its clone before."""
    notes: tuple[str, ...] = ()
    """What was done to the clone before it was generalized."""
    findings: tuple[Finding, ...] = ()
    """What the checks before it found, all but errors."""

    @property
    def same_hardware(self) -> bool:
        """Whether it starts on the kind of machine only that it was captured on: ``/mode:vm`` was asked for."""
        return SAME_HARDWARE in self.notes


@dataclass(frozen=True, slots=True)
class Publication:
    """One image in one library."""

    reference: str
    image: int
    library: str
    name: str
    """What the library calls it."""
    format: str
    key: str
    """Idempotency key: publishing the same key again is the same publication."""
    where: str
    """Path or URL a consumer can use."""
    sha256: str
    size: int
    created: str
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A movable pointer to an image."""

    reference: str
    name: str
    image: int
    moved: str
    history: tuple[int, ...] = ()
    """Images it pointed at before, oldest first."""
