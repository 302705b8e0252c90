"""What the job engine asks of the things that jobs make."""

from __future__ import annotations

from typing import Protocol, TypeVar

Owned = TypeVar("Owned")


class Kind(Protocol[Owned]):
    """A kind of thing jobs make: how one is recognized, taken away, and known to be needed."""

    @property
    def name(self) -> str:
        """Written into the journal; never changes."""

    def find(self, name: str) -> Owned | None:
        """The settled thing with that name, or None; waits out or clears what an earlier process began."""

    def discard(self, thing: Owned) -> None:
        """Take it away; absent is success."""

    def needed(self, name: str) -> bool:
        """Whether the catalog refers to it."""
