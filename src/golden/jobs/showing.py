"""Who is told of a job's steps while it runs."""

from __future__ import annotations

from typing import Protocol


class Show(Protocol):
    """Somebody who shows the steps of a job."""

    def step_begins(self, name: str) -> None:
        """A step begins."""

    def step_ends(self, name: str, seconds: float, *, recorded: bool) -> None:
        """A step is over; ``recorded`` when an earlier process had done it."""


class ShowNothing:
    """Shows nothing."""

    def step_begins(self, name: str) -> None:
        """Show nothing."""

    def step_ends(self, name: str, seconds: float, *, recorded: bool) -> None:
        """Show nothing."""
