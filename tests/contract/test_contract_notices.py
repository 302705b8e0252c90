"""The provider contract notices a provider that breaks it; a suite that cannot fail proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from golden.errors import GoldenError
from golden.model import Artifact, Machine, Power, Snapshot
from golden.testing.contract import Ground, promises
from golden.testing.memory import MemoryCommunicator, MemoryHypervisor, World
from golden.testing.memory_bench import MemoryBench

Hands = MemoryHypervisor


class Overwrites(Hands):
    """Takes a name that is taken."""

    def clone(self, name: str, *args: Any) -> Machine:
        if (old := self.find(name)) is not None:
            super().destroy(old)
        return super().clone(name, *args)


class WritesToTheParent(Hands):
    """A started clone writes to the point it came from."""

    def start(self, machine: Machine) -> Machine:
        parent = self.world()["machines"][machine.name]["parent"]
        if parent:
            self._world.tamper(parent[0])
        return super().start(machine)


class StopsNothing(Hands):
    """Says a machine is off that is on."""

    def stop(self, machine: Machine) -> Machine:
        return replace(machine, power=Power.OFF)


class FindsNoImage(Hands):
    """Has forgotten its images."""

    def find_image(self, name: str) -> Artifact | None:
        return None


class DropsWhatIsNeeded(Hands):
    """Lets a point go that a linked clone needs."""

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        with self._world.change("breaking the promise") as raw:
            if (machine := raw["machines"].get(snapshot.machine)) is not None:
                machine["snapshots"].pop(snapshot.name, None)


class LetsNativeErrorsOut(Hands):
    """A missing machine is a KeyError."""

    def start(self, machine: Machine) -> Machine:
        return super().start(machine) if self.find(machine.name) else {}[machine.name]


class KeepsOldEnds(MemoryCommunicator):
    """A write at 0 leaves what was behind it."""

    def write(self, path: str, offset: int, data: bytes) -> None:
        old = self.read(path, 0, 1 << 16) or b""
        super().write(path, 0, old[:offset] + data + old[offset + len(data) :])


class TalksWrong(Hands):
    """Its way in keeps old ends of files."""

    def communicator(self, machine: Machine) -> MemoryCommunicator:
        super().communicator(machine)
        return KeepsOldEnds(self._world, machine.name, machine.id)


BROKEN: dict[type[Hands], str] = {
    Overwrites: "an_existing_name_is_conflict",
    WritesToTheParent: "what_a_clone_writes_stays_in_it",
    StopsNothing: "power_is_idempotent",
    FindsNoImage: "an_image_stands_alone",
    DropsWhatIsNeeded: "a_point_that_a_linked_clone_needs_stays",
    LetsNativeErrorsOut: "what_is_gone_is_not_found",
    TalksWrong: "writes_go_where_they_are_told",
}


@pytest.mark.parametrize(("kind", "promise"), BROKEN.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_broken_promise_is_noticed(tmp_path: Path, kind: type[Hands], promise: str) -> None:
    """The promise that this provider breaks fails, and names what went wrong."""
    bench = MemoryBench.create(tmp_path / "world")
    ground = Ground(Broken(bench, kind))
    tried: Callable[[Ground], None] = {entry.__name__: entry for entry in promises()}[promise]
    with pytest.raises((AssertionError, GoldenError, KeyError)) as caught:
        tried(ground)
    assert str(caught.value)


class Broken(MemoryBench):
    """A bench whose connections break one promise."""

    def __init__(self, bench: MemoryBench, kind: type[Hands]) -> None:
        super().__init__(bench.path)
        object.__setattr__(self, "kind", kind)

    def open(self) -> Any:
        """A connection of that kind."""
        kind: type[Hands] = self.__dict__["kind"]
        return kind(World(self.path))
