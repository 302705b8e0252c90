"""The only place that sleeps: waits have a name, a limit, and somebody who is told how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from golden.errors import TimedOut

T = TypeVar("T")


class Watcher(Protocol):
    """Somebody who shows what is waited for; the command line implements it."""

    def waiting(self, what: str, elapsed: float, limit: float) -> None:
        """Called about once a second while a wait goes on; seconds."""

    def doing(self, what: str) -> None:
        """A step inside a longer act has begun."""

    def progress(self, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` bytes of a transfer are over."""


class Silent:
    """A watcher that shows nothing."""

    def waiting(self, what: str, elapsed: float, limit: float) -> None:
        """Show nothing."""

    def doing(self, what: str) -> None:
        """Show nothing."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Show nothing."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock; made once, passed down, so that nested waits share one limit."""

    limit: float
    """Seconds it was given in all."""
    start: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since it was set."""
        return time.monotonic() - self.start

    @property
    def left(self) -> float:
        """Seconds until it is reached; never below 0."""
        return max(0.0, self.limit - self.elapsed)

    def within(self, seconds: float) -> Deadline:
        """A deadline for a part: at most ``seconds`` from now, and never later than this one."""
        return Deadline(min(seconds, self.left))


@dataclass(frozen=True, slots=True)
class Waiting:
    """
    Wait for a named condition, looking every ``tick`` seconds, until the deadline.

    With a longer ``rarest`` the looks become rarer while a wait grows, up to so many seconds apart: a look is never
    later by more than a twentieth of what has been waited, and a wait of an hour asks a server little.
    """

    deadline: Deadline
    tick: float = 0.2
    watcher: Watcher = field(default_factory=Silent)
    rarest: float = 0.0

    def until(self, what: str, condition: Callable[[], T | None], *, hint: str | None = None) -> T:
        """
        The first value of ``condition`` that is neither None nor False.

        The condition is looked at once more after the deadline, so that a slow look never turns success into a
        time-out. Raises TimedOut that names ``what`` and both times.
        """
        begun = told = time.monotonic()
        while True:
            last = self.deadline.left <= 0
            value = condition()
            if value is not None and value is not False:
                return value
            if last:
                raise TimedOut(
                    f"waited {self.deadline.elapsed:.0f} s for {what}; the limit was {self.deadline.limit:.0f} s",
                    hint=hint or "a larger limit: --timeout",
                )
            pause = max(self.tick, min(self.rarest, (time.monotonic() - begun) / 20))
            time.sleep(min(pause, max(self.deadline.left, 0.001)))
            if time.monotonic() - told >= 1:
                told = time.monotonic()
                self.watcher.waiting(what, self.deadline.elapsed, self.deadline.limit)
