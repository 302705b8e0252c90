"""Waiting for a program's result when its number, the line, or the whole guest may be lost meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from golden.errors import ChangeFailed, GuestError
from golden.guest.communicator import Exit

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds a result may take to show up when nobody can tell whether the program still runs."""
CARE = 2.0
"""Seconds between two questions that start a program in the guest (half a second under emulation)."""


class GuestRestarted(ChangeFailed):
    """The guest restarted while a program ran that should have ended first."""

    id = "guest-restarted"


@dataclass(frozen=True, slots=True)
class Begun:
    """A program that was started; ``repeated``: the line broke meanwhile and it was started once more."""

    pid: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the guest says when asked about a program that is no longer known by its number."""

    restarted: bool
    running: bool | None
    """None: the guest cannot tell."""


@dataclass(slots=True)
class Following(Generic[T]):
    """
    Follows one program to its result.

    The usual way costs one poll a look and one reading at the end. Only where the number is forgotten, or the
    program had to be started twice, is the guest asked whether it restarted and the program still runs.
    """

    begun: Begun
    what: str
    poll: Callable[[int], Exit | None]
    result: Callable[[], T | None]
    """Reads the result; None while there is none."""
    vitals: Callable[[], Vitals]
    _lost_since: float = field(default=0.0, init=False)
    _asked: float = field(default=0.0, init=False)

    def look(self) -> T | None:
        """The result, or None while the program may still give one; else GuestRestarted or GuestError."""
        ended = Exit(None) if self._lost_since else self.poll(self.begun.pid)
        if ended is None:
            return None
        found = self.result()
        if found is not None:
            return found
        if ended.code is not None and not self.begun.repeated:
            return self._without_result(ended.code)
        return self._lost()

    def _without_result(self, code: int) -> T | None:
        # A program that the guest's shutdown killed has an exit code too.
        if self.vitals().restarted:
            raise self._restart()
        raise GuestError(f"{self.what}: what golden started in the guest ended with code {code} and left no result")

    def _lost(self) -> T | None:
        now = time.monotonic()
        self._lost_since = self._lost_since or now
        if self._asked and now - self._asked < CARE:
            return None
        vitals = self.vitals()
        self._asked = time.monotonic()
        if vitals.restarted:
            raise self._restart()
        if vitals.running:
            return None
        # It may have ended between the last reading and the question.
        found = self.result()
        if found is not None:
            return found
        if vitals.running is None and now - self._lost_since < PATIENCE:
            return None
        raise GuestError(
            f"{self.what}: the program is gone from the guest and left no result",
            hint="something in the guest killed it; its own logs tell more than golden can",
        )

    def _restart(self) -> GuestRestarted:
        return GuestRestarted(
            f"{self.what}: the guest restarted before it had ended",
            hint="let it end with exit code 3010 instead; golden restarts the guest then",
        )
