"""What a job was asked to do, written down whole before it begins, so that resuming needs nobody to say it again."""

from __future__ import annotations

from dataclasses import dataclass

from golden.model.finding import Finding
from golden.model.lineage import Change
from golden.model.machine import Origin


@dataclass(frozen=True, slots=True)
class AdoptOrder:
    """Take a user's machine as version 1 of a new reference."""

    reference: str
    origin: Origin
    endpoint: str
    in_place: bool = False
    accept_deployed: bool = False
    message: str = ""
    timeout: float = 3600


@dataclass(frozen=True, slots=True)
class UpdateOrder:
    """Apply changes to a clone of a version and freeze it as the next one."""

    reference: str
    parent: int
    number: int
    changes: tuple[Change, ...]
    message: str = ""
    linked: bool = True
    network: str | None = None
    timeout: float = 3600
    apply_fixes: bool = False
    """After the changes, make the fixes that golden check calls safe."""


@dataclass(frozen=True, slots=True)
class CaptureOrder:
    """Generalize a clone of a version and keep it as an image."""

    reference: str
    version: int
    number: int
    seal: str
    answer_file: str = ""
    """sha256 of the answer file in the payload store, or empty."""
    libraries: tuple[str, ...] = ()
    """Where the image is published as soon as it is recorded."""
    timeout: float = 45 * 60
    """Seconds; facts/windows.md 1.5."""
    mode_vm: bool = False
    """``/mode:vm``: an image for the same hypervisor and machine type only."""
    fix: bool = False
    """Make the fixes marked safe in the clone that is captured."""
    forms: tuple[str, ...] = ()
    """Formats that are made of the image beside what the endpoint keeps."""


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """Look whether a clone of a version could be generalized, and throw the clone away."""

    reference: str
    version: int
    seal: str
    answer_file: str = ""
    """sha256 of the answer file in the payload store, or empty."""
    fix: bool = False
    """Try the fixes marked safe in the clone and tell what would remain."""
    rehearse: bool = False
    """Really generalize the clone."""
    timeout: float = 45 * 60
    answers: tuple[Finding, ...] = ()
    """What is to be said against the answer file; an error forbids to seal with it."""


@dataclass(frozen=True, slots=True)
class PublishOrder:
    """Put an image into libraries."""

    reference: str
    image: int
    libraries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PruneOrder:
    """Take away versions and images that nothing needs."""

    reference: str
    versions: tuple[int, ...]
    images: tuple[int, ...]
