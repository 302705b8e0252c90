"""The contract of the places images are published to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from golden.model import Finding, Form, Image, Publication
from golden.provider import Endpoint, Scope


@dataclass(frozen=True, slots=True)
class LibraryAbilities:
    """What a library takes. Absent means no."""

    forms: tuple[str, ...] = ()
    """Formats it takes, best first."""
    seals: tuple[str, ...] = ()
    versioned: bool = False
    """Holds several publications of one reference at a time."""
    on_its_side: tuple[str, ...] = ()
    """Formats it copies from where they lie, on its own side: no byte of them comes through golden."""
    any_hardware: bool = False
    """It deploys to machines of any kind: an image whose hardware was not generalized has no place in it."""
    warnings: tuple[tuple[str, Finding], ...] = ()
    """(seal, finding): what whoever deploys an image with that seal from here has to know."""


class Library(Protocol):
    """An open connection to one library."""

    @property
    def abilities(self) -> LibraryAbilities:
        """What it takes."""

    def find(self, key: str) -> Publication | None:
        """The finished publication made with that idempotency key."""

    def settle(self, key: str) -> Publication | None:
        """Clear what a cut-off publish of that key left; the finished publication if there is one."""

    def list(self) -> tuple[Publication, ...]:
        """Every finished publication of golden's here, retired ones included."""

    def publish(self, image: Image, form: Form, content: AbstractContextManager[BinaryIO], key: str) -> Publication:
        """
        Put the form there under ``key`` and return when the whole of it is there. The same key again is the same
        publication. A publish that was cut off leaves nothing that looks finished; the next one replaces it.
        Refused with PolicyRefused where the seal or form is not taken.
        """

    def verify(self, publication: Publication) -> None:
        """Read it back; ProofFailed where its bytes are not the published ones, NotFound where it is gone."""

    def retire(self, publication: Publication) -> Publication:
        """Keep it, and mark it as no longer current. NotFound where it is gone."""

    def withdraw(self, publication: Publication) -> None:
        """Take it away; absent is success."""

    def close(self) -> None:
        """Let go of the connection."""


@runtime_checkable
class UseWitness(Protocol):
    """A library whose publications others make things from that need them on."""

    def users_of(self, publication: Publication) -> tuple[str, ...]:
        """Names of what stands on it that is not golden's: withdrawing it would be a Conflict. Absent: nothing."""


@dataclass(frozen=True, slots=True)
class Follower:
    """Another library that takes its publications from this one."""

    name: str
    synced: str
    """When it last asked, ISO 8601; empty for never."""
    on_demand: bool
    """It keeps the descriptions, and takes the bytes when they are used."""
    state: str
    """Of one publication there: ``synced``, ``behind``, or ``absent``."""


@runtime_checkable
class Followed(Protocol):
    """A library that others follow, as far as they are seen from it."""

    def followers_of(self, publication: Publication) -> Sequence[Follower]:
        """The libraries that follow this one, and whether they have this publication. Empty where it is gone."""


class LibraryFactory(Protocol):
    """What a package offers under the entry-point group ``golden.libraries``."""

    name: str
    schemes: tuple[str, ...]

    def open(self, endpoint: Endpoint, scope: Scope, base: Path) -> Library:
        """Connect to the library at ``endpoint.url``; relative paths count from ``base`` (golden.toml's folder)."""
