"""
A library in a world of ``golden.testing.world``: strict, with half-finished publications, crash points and faults.

It may share its world with an in-memory hypervisor. Fault verbs are ``library.find``, ``library.publish`` and so on,
the name is the publication's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from golden.errors import BadConfig, Conflict, NotFound, PolicyRefused, ProofFailed, Unreachable
from golden.library import Follower, Library, LibraryAbilities, LibraryFactory
from golden.model import Finding, Form, Image, Publication, Severity
from golden.provider import Endpoint, Scope
from golden.testing.world import Raw, World
from golden.waiting import Silent, Watcher

UNSEALED = Finding("not-generalized", Severity.WARNING, "every machine made from it is the same one", fix="seal it")
ABILITIES = LibraryAbilities(
    forms=("qcow2",), seals=("sysprep", "linux", "none"), versioned=True, warnings=(("none", UNSEALED),)
)
DEPLOYMENT = "memory-deployment"
PIECE = 1 << 16


class MemoryLibrary:
    """An open connection to the library of a world."""

    def __init__(
        self, name: str, world: World, abilities: LibraryAbilities = ABILITIES, watcher: Watcher | None = None
    ) -> None:
        """Unreachable where the world's file is not there."""
        world.read()
        self._name = name
        self._world = world
        self._abilities = abilities
        self._watcher = watcher or Silent()

    @property
    def abilities(self) -> LibraryAbilities:
        """As given."""
        return self._abilities

    def find(self, key: str) -> Publication | None:
        """Finished ones only."""
        with self._world.faulty("library.find", key):
            raw = self._shelf(self._world.read()).get(key)
            return _publication(raw) if raw is not None and raw["finished"] else None

    def settle(self, key: str) -> Publication | None:
        """Takes away what is half there."""
        with self._world.faulty("library.settle", key):
            raw = self._shelf(self._world.read()).get(key)
            if raw is None or raw["finished"]:
                return None if raw is None else _publication(raw)
            with self._world.change(f"library clears {key}") as world:
                self._shelf(world).pop(key, None)
            return None

    def list(self) -> tuple[Publication, ...]:
        """Finished ones only."""
        with self._world.faulty("library.list", "*"):
            shelf = self._shelf(self._world.read())
            return tuple(_publication(raw) for raw in shelf.values() if raw["finished"])

    def publish(self, image: Image, form: Form, content: AbstractContextManager[BinaryIO], key: str) -> Publication:
        """Half there while it is written. Conflict where another key has the name."""
        name = f"{image.reference}-i{image.number}.{form.format}"
        with self._world.faulty("library.publish", name):
            if form.format not in self._abilities.forms or image.seal not in self._abilities.seals:
                raise PolicyRefused(f"library {self._name} takes no {form.format} sealed as {image.seal}")
            if (found := self.find(key)) is not None:
                return found
            made = Publication(
                reference=image.reference,
                image=image.number,
                library=self._name,
                name=name,
                format=form.format,
                key=key,
                where=f"memory-library:{self._world.path}#{name}",
                sha256=form.sha256,
                size=form.size,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            with self._world.change(f"library begins {name}") as world:
                shelf = self._shelf(world)
                if any(other["name"] == name and other["key"] != key for other in shelf.values()):
                    raise Conflict(f"library {self._name} has a {name} of another key")
                shelf[key] = {**asdict(made), "finished": False, "content": ""}
            try:
                data = self._received(form, content)
            except BaseException:
                self.settle(key)
                raise
            with self._world.change(f"library ends {name}") as world:
                self._shelf(world)[key] |= {"finished": True, "content": data.decode("latin-1")}
            return made

    def verify(self, publication: Publication) -> None:
        """Compare the bytes that are kept with the record."""
        with self._world.faulty("library.verify", publication.name):
            raw = self._there(self._world.read(), publication)
            met = hashlib.sha256(raw["content"].encode("latin-1")).hexdigest()
            if met != publication.sha256:
                raise ProofFailed(f"{publication.name} in library {self._name} has other bytes than were published")

    def retire(self, publication: Publication) -> Publication:
        """Again is the same."""
        with self._world.faulty("library.retire", publication.name):
            with self._world.change(f"library retires {publication.name}") as world:
                self._there(world, publication)["retired"] = True
            return replace(publication, retired=True)

    def withdraw(self, publication: Publication) -> None:
        """Absent is success."""
        with self._world.faulty("library.withdraw", publication.name):
            if publication.key not in self._shelf(self._world.read()):
                return
            if names := self.users_of(publication):
                raise Conflict(f"{', '.join(names)} in library {self._name} stand on {publication.name}")
            with self._world.change(f"library withdraws {publication.name}") as world:
                self._shelf(world).pop(publication.key, None)

    def users_of(self, publication: Publication) -> tuple[str, ...]:
        """As ``use`` has made them."""
        with self._world.faulty("library.users_of", publication.name):
            raw = self._shelf(self._world.read()).get(publication.key, {})
            return tuple(raw.get("users", ()))

    def followers_of(self, publication: Publication) -> tuple[Follower, ...]:
        """As ``follow`` has made them."""
        with self._world.faulty("library.followers_of", publication.name):
            raw = self._shelf(self._world.read()).get(publication.key, {})
            return tuple(Follower(**one) for one in raw.get("followers", ()))

    def close(self) -> None:
        """Let go of the file."""
        self._world.close()

    def _received(self, form: Form, content: AbstractContextManager[BinaryIO]) -> bytes:
        data = b""
        with content as source:
            while piece := source.read(PIECE):
                data += piece
                self._watcher.progress(f"publishing to {self._name}", len(data), form.size)
        if (len(data), hashlib.sha256(data).hexdigest()) != (form.size, form.sha256):
            raise ProofFailed(f"the {form.format} given to library {self._name} is not the one recorded")
        return data

    def _shelf(self, world: Raw) -> dict[str, Raw]:
        shelf: dict[str, Raw] = world.setdefault("libraries", {}).setdefault(self._name, {})
        return shelf

    def _there(self, world: Raw, publication: Publication) -> Raw:
        raw = self._shelf(world).get(publication.key)
        if raw is None or not raw["finished"]:
            raise NotFound(f"{publication.name} is not in library {self._name} any more")
        return raw


@dataclass(slots=True)
class MemoryLibraryFactory:
    """
    Opens ``memory-library:/path/to/world``; the library's name tells several in one world apart. One of
    ``memory-deployment:/path/to/world`` deploys to any hardware.
    """

    name: str = "memory-library"
    schemes: tuple[str, ...] = ("memory-library", DEPLOYMENT)
    checkpoint: Callable[[str], None] = lambda _: None

    def open(self, endpoint: Endpoint, scope: Scope, base: Path) -> Library:
        """Unreachable where no world is at that path."""
        scheme, _, path = endpoint.url.partition(":")
        if scheme not in self.schemes or not path:
            raise BadConfig(f"library {endpoint.name}: {endpoint.url!r} is not memory-library:/path/to/world")
        able = replace(ABILITIES, any_hardware=scheme == DEPLOYMENT)
        return MemoryLibrary(endpoint.name, World(base / path, self.checkpoint), able, scope.watcher)


FACTORY = MemoryLibraryFactory()


def tamper(world: World, library: str, publication: Publication) -> None:
    """Change the bytes that a library keeps, as somebody would who has never heard of golden."""
    shelf = world.read().get("libraries", {}).get(library, {})
    if publication.key not in shelf:
        raise Unreachable(f"library {library} has no {publication.name}")
    with world.change("somebody tampers") as raw:
        raw["libraries"][library][publication.key]["content"] += "!"


def use(world: World, library: str, key: str, *names: str) -> None:
    """Let these stand on a publication, as what somebody made from it; none of them lets it go again."""
    with world.change("somebody uses it") as raw:
        raw["libraries"][library][key]["users"] = list(names)


def follow(world: World, library: str, key: str, *followers: Follower) -> None:
    """Let these libraries follow it, each as far with one publication as it says."""
    with world.change("somebody follows it") as raw:
        raw["libraries"][library][key]["followers"] = [asdict(one) for one in followers]


def _publication(raw: Raw) -> Publication:
    return Publication(**{one.name: raw[one.name] for one in fields(Publication)})


if TYPE_CHECKING:
    _factory: LibraryFactory = FACTORY
