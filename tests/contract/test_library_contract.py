"""The libraries that golden brings keep every promise of the library contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from golden.image.directory import FACTORY as DIRECTORY
from golden.library import Library
from golden.model import Publication
from golden.provider import Endpoint, Scope
from golden.testing.library_contract import (
    PROMISES,
    LibraryBench,
    LibraryGround,
    LibraryPromise,
    run_library_contract,
)
from golden.testing.memory_library import FACTORY as MEMORY
from golden.testing.memory_library import tamper
from golden.testing.world import World


@dataclass(frozen=True)
class DirectoryBench:
    """A folder."""

    base: Path
    name: str = "directory"

    def open(self) -> Library:
        """One more connection."""
        return DIRECTORY.open(Endpoint("shelf", "dir:./images"), Scope("selftest", self.base), self.base)

    def damage(self, publication: Publication) -> bool:
        """One byte is another one."""
        path = Path(publication.where)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        return True


@dataclass(frozen=True)
class MemoryBench:
    """A world in a file."""

    base: Path
    name: str = "in-memory library"

    def open(self) -> Library:
        """One more connection."""
        if not (self.base / "world").exists():
            World.create(self.base / "world").close()
        return MEMORY.open(Endpoint("shelf", "memory-library:world"), Scope("selftest", self.base), self.base)

    def damage(self, publication: Publication) -> bool:
        """One byte more."""
        tamper(World(self.base / "world"), "shelf", publication)
        return True


BENCHES: tuple[Callable[[Path], LibraryBench], ...] = (DirectoryBench, MemoryBench)


@pytest.fixture(scope="module", params=BENCHES, ids=["directory", "memory"])
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LibraryGround]:
    """The ground all promises of one library are tried on."""
    base = tmp_path_factory.mktemp("library")
    ground = LibraryGround(request.param(base))
    yield ground
    assert ground.clear() == ()
    assert [path.name for path in base.glob("images/*")] == []


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_the_promise_is_kept(promise: LibraryPromise, ground: LibraryGround) -> None:
    """The promise is kept by the library."""
    promise(ground)


@pytest.mark.parametrize("bench", BENCHES, ids=["directory", "memory"])
def test_the_runner_reports_every_promise_and_leaves_nothing(
    bench: Callable[[Path], LibraryBench], tmp_path: Path
) -> None:
    """The runner gives one result a promise, all kept, and nothing stays listed."""
    results = run_library_contract(bench(tmp_path))
    assert [result.words for result in results if not result.kept] == []
    assert len(results) == len(PROMISES) + 1
    assert bench(tmp_path).open().list() == ()
