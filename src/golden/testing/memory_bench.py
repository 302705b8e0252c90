"""The bench of the in-memory hypervisor for the provider contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from golden.guest.dialect import Dialect
from golden.model import Origin
from golden.provider import Abilities, Endpoint, Hypervisor, Scope
from golden.testing.contract import Bench
from golden.testing.memory import ABLE, PROVIDER, MemoryDialect, World


@dataclass(frozen=True)
class MemoryBench:
    """A world in a file, with a machine ``theirs`` to adopt."""

    path: Path
    name: str = "in-memory hypervisor"
    patience: float = 5
    dialect: Dialect = field(default_factory=MemoryDialect)

    @classmethod
    def create(cls, path: Path, abilities: Abilities = ABLE) -> MemoryBench:
        """With a new world."""
        world = World.create(path, abilities)
        world.add_user_machine("theirs")
        world.close()
        return cls(path)

    def open(self) -> Hypervisor:
        """One more connection."""
        return PROVIDER.open(Endpoint("memory", f"memory:{self.path}"), Scope("selftest", self.path.parent))

    def origin(self) -> Origin:
        """The one machine that is there."""
        return Origin("machine", "theirs")

    def exits(self, code: int) -> tuple[str, ...]:
        """The instruction for it."""
        return ("exit", str(code))


_fulfils: Bench = MemoryBench(Path())
