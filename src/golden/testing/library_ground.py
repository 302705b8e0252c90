"""What the promises of the library contract stand on: a library to try, images to publish, and their bytes."""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, runtime_checkable

from golden.library import Library
from golden.model import Artifact, Form, GuestFacts, GuestState, Image, Publication, SealProof
from golden.waiting import Silent, Watcher

LONG_AGO = "2026-01-01T00:00:00+00:00"


class LibraryBench(Protocol):
    """What differs between the libraries the contract runs against. Must be picklable: one promise kills a child."""

    @property
    def name(self) -> str:
        """Shown with the results."""

    def open(self) -> Library:
        """One more connection to the library."""

    def damage(self, publication: Publication) -> bool:
        """Change the published bytes behind the library's back; False where that cannot be done."""


@runtime_checkable
class OnItsSide(Protocol):
    """What a bench has too whose library copies images where they lie: no byte comes through golden."""

    def image(self, reference: str, number: int) -> Image:
        """A real image on the library's side, told apart by its number."""

    def underway(self, key: str) -> bool:
        """Whether a publish under that key, begun in another process, has asked for something and is not finished."""


@runtime_checkable
class OfItsKind(Protocol):
    """What a bench has too whose library looks into what it is given, and refuses text in the place of an image."""

    def content(self, reference: str, number: int) -> bytes:
        """A real file of the library's first form, told apart by its number; the same each time."""


@dataclass(slots=True)
class LibraryGround:
    """Where promises are tried: one connection, and images nobody else has."""

    bench: LibraryBench
    watcher: Watcher = field(default_factory=Silent)
    reference: str = field(default_factory=lambda: f"selftest-{secrets.token_hex(3)}")
    _library: Library | None = None
    _serial: int = 0

    @property
    def library(self) -> Library:
        """The connection."""
        if self._library is None:
            self._library = self.bench.open()
        return self._library

    def image(self) -> Image:
        """An image with a number nobody has used."""
        self._serial += 1
        if isinstance(self.bench, OnItsSide):
            return self.bench.image(self.reference, self._serial)
        able = self.library.abilities
        return sample(self.reference, self._serial, able.forms[0], able.seals[0], self.bench)

    def key(self, image: Image) -> str:
        """Its idempotency key."""
        return f"{self.reference}/{image.number}"

    def published(self) -> tuple[Image, Publication]:
        """A new image, published."""
        image = self.image()
        return image, self.publish(image)

    def publish(self, image: Image) -> Publication:
        """Publish an image under its key."""
        return self.library.publish(image, image.artifact.forms[0], self.bytes_of(image), self.key(image))

    def bytes_of(self, image: Image) -> AbstractContextManager[BinaryIO]:
        """What is in it, to read."""
        return bytes_of(image, self.bench)

    def ours(self) -> tuple[Publication, ...]:
        """What the library lists of this run."""
        return tuple(item for item in self.library.list() if item.reference == self.reference)

    def clear(self) -> tuple[str, ...]:
        """Withdraw everything; what is left, by name."""
        for publication in self.ours():
            self.library.withdraw(publication)
        left = tuple(item.name for item in self.ours())
        self.leave()
        return left

    def leave(self) -> None:
        """Close the connection; the next use opens another."""
        self.library.close()
        self._library = None


def sample(reference: str, number: int, format: str, seal: str, bench: object = None) -> Image:
    """An image of a few hundred kilobytes, or of the bench's own content, that is told apart by its number."""
    content = content_of(reference, number, bench)
    form = Form(format, None, len(content), hashlib.sha256(content).hexdigest())
    facts = GuestFacts("linux", GuestState.SEALED, stand_in=True)
    proof = SealProof(seal, "disk", facts, (("state", "SEALED"),), LONG_AGO)
    artifact = Artifact(f"{reference}-{number}", f"{reference}-i{number}", (form,))
    return Image(reference, number, 1, seal, artifact, proof, LONG_AGO)


def content_of(reference: str, number: int, bench: object = None) -> bytes:
    """The bytes of a sample."""
    if isinstance(bench, OfItsKind):
        return bench.content(reference, number)
    return f"{reference} {number}\n".encode() * 20_000


@contextmanager
def bytes_of(image: Image, bench: object = None) -> Iterator[BinaryIO]:
    """The content of a sample, to read."""
    yield io.BytesIO(content_of(image.reference, image.number, bench))
