"""The kinds of thing jobs make on a hypervisor or in a library, and how each is recognized and taken away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from golden.catalog import Catalog
from golden.library import Library
from golden.model import Artifact, Image, Machine, Publication, Snapshot, Version
from golden.provider import Hypervisor


class Needs(Protocol):
    """Whoever knows what is still referred to; the catalog."""

    def refers_to(self, name: str) -> bool:
        """Whether a version or image is held by the thing of that name."""


@dataclass(frozen=True, slots=True)
class Machines:
    """Machines, by the name a job gave them."""

    hypervisor: Hypervisor
    needs: Needs
    name: str = "machine"

    def find(self, name: str) -> Machine | None:
        """The settled machine, or None."""
        machine = self.hypervisor.find(name)
        if machine is None or machine.settled:
            return machine
        return self.hypervisor.settle(machine)

    def discard(self, thing: Machine) -> None:
        """Let go of its frozen points and take it away."""
        now = self.hypervisor.find(thing.name)
        for snapshot in now.snapshots if now else ():
            self.hypervisor.drop_snapshot(Snapshot(thing.name, snapshot))
        if now is not None:
            self.hypervisor.destroy(now)

    def needed(self, name: str) -> bool:
        """Whether a version lives in it."""
        return self.needs.refers_to(name)


@dataclass(frozen=True, slots=True)
class Images:
    """Captured artifacts, by the name a job gave them."""

    hypervisor: Hypervisor
    needs: Needs
    name: str = "image"

    def find(self, name: str) -> Artifact | None:
        """The finished artifact; a half-made one is taken away first and counts as absent."""
        artifact = self.hypervisor.find_image(name)
        if artifact is not None and not artifact.forms:
            self.hypervisor.discard_image(artifact)
            return None
        return artifact

    def discard(self, thing: Artifact) -> None:
        """Take it away."""
        self.hypervisor.discard_image(thing)

    def needed(self, name: str) -> bool:
        """Whether an image of the catalog is it."""
        return self.needs.refers_to(name)


@dataclass(frozen=True, slots=True)
class Publications:
    """Publications of one library, by their key."""

    open: Callable[[str], Library]
    needs: Needs
    name: str = "publication"

    def find(self, name: str) -> Publication | None:
        """The finished publication, or None after what was cut off has been cleared."""
        return self.open(library_of(name)).settle(name)

    def discard(self, thing: Publication) -> None:
        """Take it out of the library."""
        self.open(thing.library).withdraw(thing)

    def needed(self, name: str) -> bool:
        """Whether the catalog lists it."""
        return self.needs.refers_to(name)


def made_by(job: str, catalog: Catalog, reference: str) -> tuple[tuple[Version, ...], tuple[Image, ...]]:
    """Versions and images of a reference that are held by things this job gave their names."""
    mine = f"golden-{job}-"
    return (
        tuple(one for one in catalog.versions(reference) if one.snapshot.machine.startswith(mine)),
        tuple(one for one in catalog.images(reference) if one.artifact.name.startswith(mine)),
    )


def publication_key(installation: str, reference: str, image: int, library: str) -> str:
    """The idempotency key of one image in one library."""
    return f"{library}/{reference}-i{image}-{installation[:12]}"


def library_of(key: str) -> str:
    """The library a key belongs to."""
    return key.partition("/")[0]
