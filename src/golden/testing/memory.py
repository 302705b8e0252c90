"""The in-memory hypervisor as a provider, and everything of it that tests use, in one place to import from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from golden.errors import BadConfig, Unreachable
from golden.model import Finding, Severity
from golden.provider import Endpoint, Hypervisor, Provider, Scope
from golden.testing.memory_family import MemoryDialect, MemoryFamily
from golden.testing.memory_guest import MemoryCommunicator
from golden.testing.memory_hypervisor import MemoryHypervisor
from golden.testing.world import ABLE, VIRGIN, Fault, World

__all__ = [
    "ABLE",
    "PROVIDER",
    "VIRGIN",
    "Fault",
    "MemoryCommunicator",
    "MemoryDialect",
    "MemoryFamily",
    "MemoryHypervisor",
    "MemoryProvider",
    "World",
]


@dataclass(slots=True)
class MemoryProvider:
    """Opens ``memory:/path/to/world`` (``World.create`` makes one)."""

    name: str = "memory"
    schemes: tuple[str, ...] = ("memory",)
    checkpoint: Callable[[str], None] = lambda _: None

    def open(self, endpoint: Endpoint, scope: Scope) -> Hypervisor:
        """Unreachable where no world is at that path."""
        scheme, _, path = endpoint.url.partition(":")
        if scheme != "memory" or not path:
            raise BadConfig(f"endpoint {endpoint.name}: {endpoint.url!r} is not memory:/path/to/world")
        return MemoryHypervisor(World(Path(path), self.checkpoint), scope.watcher)

    def diagnose(self, endpoint: Endpoint, scope: Scope) -> tuple[Finding, ...]:  # noqa: ARG002
        """Whether it opens, and half-made things that nobody has settled."""
        try:
            place = World(Path(endpoint.url.partition(":")[2]))
            world = place.read()
            place.close()
        except Unreachable as error:
            return (Finding("endpoint-unreachable", Severity.ERROR, error.brief),)
        half = [name for kind in ("machines", "images") for name, raw in world[kind].items() if not raw["settled"]]
        return tuple(Finding("half-made", Severity.WARNING, f"{name} is half made") for name in half)


PROVIDER = MemoryProvider()


if TYPE_CHECKING:
    _provider: Provider = PROVIDER
