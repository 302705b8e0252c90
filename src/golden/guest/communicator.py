"""The narrow waist: what every way into a guest can do. Everything richer is built on it once, in session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from golden.waiting import Deadline


@dataclass(frozen=True, slots=True)
class Traits:
    """What a way into a guest needs and is."""

    needs_network: bool
    needs_credential: bool
    runs_as_system: bool
    """Started programs belong to SYSTEM or root; sysprep must not be one of them on a real Windows."""
    survives_disconnect: bool
    """Programs go on when the line is lost."""
    chunk: int = 1 << 20
    """Most bytes of one read or write."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A program has ended. ``code`` is None where the way in has forgotten it (restarted, time-out)."""

    code: int | None


class LineLost(Exception):
    """The line to the guest broke; a normal event: what was started may still run. Never reaches a user."""


class Communicator(Protocol):
    """
    One line into one running guest.

    Every call either ends or raises: LineLost when the line broke (reconnecting is tried by the next call),
    GuestSilent when ``ready`` was never reached, GuestError with the guest's words when the guest refused.
    Paths are the guest's own (``C:\\...`` on Windows).
    """

    @property
    def traits(self) -> Traits:
        """What this way in needs and is."""

    def ready(self, deadline: Deadline) -> None:
        """Return when the guest answers; TimedOut or GuestSilent otherwise."""

    def start(self, argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: str | None = None) -> int:
        """Start a program, not through any shell; its number as the guest counts."""

    def poll(self, pid: int) -> Exit | None:
        """None while it runs; Exit(None) when the guest no longer knows the number."""

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """At most ``size`` bytes from ``offset``; b"" at the end; None when there is no such file."""

    def write(self, path: str, offset: int, data: bytes) -> None:
        """Put ``data`` at ``offset``; offset 0 makes the file anew. The folder must exist."""

    def close(self) -> None:
        """Let go of the line; the guest goes on."""
