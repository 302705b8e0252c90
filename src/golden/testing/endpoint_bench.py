"""The bench of a customer's own endpoint, for ``golden selftest``: found by its URL like any other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from golden.errors import UsageError
from golden.guest.dialect import Dialect
from golden.model import Origin
from golden.provider import Endpoint, Hypervisor, Scope
from golden.testing.contract import Bench


@dataclass(frozen=True)
class EndpointBench:
    """An endpoint as configured, and a small machine there that is off and has an agent."""

    endpoint: Endpoint
    state: Path
    small: Origin
    os: str
    """windows | linux | memory: of the guest in the small machine."""
    patience: float = 300

    @property
    def name(self) -> str:
        """The endpoint's."""
        return self.endpoint.name

    @property
    def dialect(self) -> Dialect:
        """Of the guest's family. UsageError for one that golden does not know."""
        if self.os == "windows":
            from golden.windows.dialect import WindowsDialect

            return WindowsDialect()
        if self.os == "linux":
            from golden.linux.dialect import LinuxDialect

            return LinuxDialect()
        if self.os == "memory":
            from golden.testing.memory_family import MemoryDialect

            return MemoryDialect()
        raise UsageError(f"golden does not know guests of the kind {self.os!r}", hint="--os windows or --os linux")

    def open(self) -> Hypervisor:
        """One more connection."""
        from golden.plugins import open_hypervisor

        return open_hypervisor(self.endpoint, Scope("selftest", self.state))

    def origin(self) -> Origin:
        """The small machine."""
        return self.small

    def exits(self, code: int) -> tuple[str, ...]:
        """A program of the family that ends with the code."""
        if self.os == "windows":
            return ("cmd.exe", "/c", "exit", str(code))
        if self.os == "linux":
            return ("/bin/sh", "-c", f"exit {code}")
        return ("exit", str(code))


_fulfils: Bench = EndpointBench(Endpoint("", ""), Path(), Origin("machine", ""), "linux")
