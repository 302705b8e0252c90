"""Stopping in order: the first Ctrl-C or SIGTERM unwinds what runs, the second leaves at once."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import TYPE_CHECKING

from golden import stopping
from golden.errors import GoldenError

if TYPE_CHECKING:
    from golden.cli.talk import Talk

_stopping: list[int] = []


class Stopped(KeyboardInterrupt):
    """A signal asked golden to stop; it unwinds like Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def listen() -> None:
    """Take the signals that ask a program to stop."""
    _stopping.clear()
    signal.signal(signal.SIGINT, _stop)
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _stop)


def told(stop: KeyboardInterrupt, talk: Talk) -> int:
    """Say what the stop came to; 130 or 143."""
    by = "SIGTERM" if isinstance(stop, Stopped) and stop.number != signal.SIGINT else "Ctrl-C"
    problem = _Stop(f"stopped by {by}", hint="golden status tells whether a job waits to be resumed")
    problem.exit_code = code(stop)
    for note in getattr(stop, "__notes__", ()):
        problem.add_note(note)
    talk.fail(problem)
    return problem.exit_code


def code(stop: KeyboardInterrupt) -> int:
    """128 and the signal's number."""
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


class _Stop(GoldenError):
    id = "interrupted"


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    if _stopping:
        os.write(2, b"\ngolden: left at once; what was being made is still there: golden resume, or golden cancel\n")
        os._exit(128 + number)
    _stopping.append(number)
    stopping.ask(Stopped(number))
