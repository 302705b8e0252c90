"""The in-memory hypervisor keeps every promise of the provider contract, whatever it is able to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from golden.provider import Abilities
from golden.testing.contract import Ground, Promise, promises, run_contract
from golden.testing.memory import ABLE, World
from golden.testing.memory_bench import MemoryBench

WORLDS = {
    "able": ABLE,
    "its work dies with the client": replace(ABLE, work_outlives_client=False),
    "two links deep": replace(ABLE, snapshot_depth=2),
    "exports what it does not open": replace(ABLE, open_disk=False, export_disk=True),
    "able to do nothing": Abilities(),
}


@pytest.fixture(scope="module", params=WORLDS.values(), ids=WORLDS.keys())
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The ground all promises of one kind of world are tried on."""
    ground = Ground(MemoryBench.create(tmp_path_factory.mktemp("world") / "world", request.param))
    yield ground
    assert ground.clear() == ()


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.__name__)
def test_the_promise_is_kept(promise: Promise, ground: Ground) -> None:
    """The promise is kept by the in-memory hypervisor."""
    promise(ground)


def test_the_runner_reports_every_promise_and_leaves_nothing(tmp_path: Path) -> None:
    """The runner gives one result a promise, all kept, and the world is as empty as before."""
    bench = MemoryBench.create(tmp_path / "world")
    results = run_contract(bench)
    assert [result.words for result in results if not result.kept] == []
    assert len(results) == len(promises()) + 1
    assert all(result.sentence for result in results)
    world = World(bench.path).read()
    assert (world["machines"], world["images"]) == ({}, {})
