"""Live steps of long work: a line that counts on a terminal, plain lines in a pipe, JSON lines for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from golden.cli.human import seconds, size
from golden.cli.talk import Talk

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text


def awaited(what: str) -> str:
    """``waiting for the guest to answer``, but ``still copying a file``."""
    return f"still {what}" if what.partition(" ")[0].endswith("ing") else f"waiting for {what}"


class Steps(Protocol):
    """Both of what shows a job: the steps of its procedure, and what is waited for inside one."""

    def waiting(self, what: str, elapsed: float, limit: float) -> None:
        """Seconds."""

    def doing(self, what: str) -> None:
        """A part of a step begins."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Bytes."""

    def step_begins(self, name: str) -> None:
        """A step begins."""

    def step_ends(self, name: str, seconds: float, *, recorded: bool) -> None:
        """A step is over; ``recorded`` when an earlier process had done it."""

    def rest(self) -> None:
        """Nothing goes on now: leave the terminal to others."""


@contextmanager
def shown(talk: Talk) -> Iterator[Steps]:
    """
    Steps shown as the command was told to talk, until the block ends.

    Work goes on when nothing can be shown any more: whoever read along has gone, or the log's disk is full.
    """
    steps = _fitting(talk)
    try:
        yield Unhurt(steps)
    finally:
        with suppress(OSError):
            steps.rest()


def _fitting(talk: Talk) -> Steps:
    if talk.output == "jsonl":
        return JsonSteps(talk)
    if talk.quiet:
        return QuietSteps()
    return LiveSteps() if sys.stderr.isatty() and not talk.plain else PlainSteps(talk)


class Unhurt:
    """The steps given, whose failing to write harms nobody."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def waiting(self, what: str, elapsed: float, limit: float) -> None:
        """As the steps do."""
        with suppress(OSError):
            self._steps.waiting(what, elapsed, limit)

    def doing(self, what: str) -> None:
        """As the steps do."""
        with suppress(OSError):
            self._steps.doing(what)

    def progress(self, what: str, done: int, total: int) -> None:
        """As the steps do."""
        with suppress(OSError):
            self._steps.progress(what, done, total)

    def step_begins(self, name: str) -> None:
        """As the steps do."""
        with suppress(OSError):
            self._steps.step_begins(name)

    def step_ends(self, name: str, seconds: float, *, recorded: bool) -> None:
        """As the steps do."""
        with suppress(OSError):
            self._steps.step_ends(name, seconds, recorded=recorded)

    def rest(self) -> None:
        """As the steps do."""
        with suppress(OSError):
            self._steps.rest()


class QuietSteps:
    """Shows nothing."""

    def waiting(self, what: str, elapsed: float, limit: float) -> None:
        """Show nothing."""

    def doing(self, what: str) -> None:
        """Show nothing."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Show nothing."""

    def step_begins(self, name: str) -> None:
        """Show nothing."""

    def step_ends(self, name: str, seconds: float, *, recorded: bool) -> None:
        """Show nothing."""

    def rest(self) -> None:
        """Nothing to leave."""


class PlainSteps:
    """A line a step, and one for each thing that is waited for; nothing is said twice."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._said = ""

    def waiting(self, what: str, elapsed: float, limit: float) -> None:
        """Said once, when the wait is long enough to wonder."""
        if elapsed >= 5:
            self._once(f"  {awaited(what)} (at most {seconds(round(limit))})")

    def doing(self, what: str) -> None:
        """A part of a step begins."""
        self._once(f"  {what}")

    def progress(self, what: str, done: int, total: int) -> None:
        """Nothing: a log is no place for a bar."""

    def step_begins(self, name: str) -> None:
        """Nothing: it is told when it is over."""

    def step_ends(self, name: str, seconds: float, *, recorded: bool) -> None:
        """The step with its time."""
        self._talk.say(_ended(name, seconds, recorded=recorded))

    def rest(self) -> None:
        """Nothing to leave: lines are whole."""

    def _once(self, line: str) -> None:
        if line != self._said:
            self._said = line
            self._talk.say(line)


class JsonSteps:
    """An envelope an event, on stdout."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._told: dict[str, float] = {}

    def waiting(self, what: str, elapsed: float, limit: float) -> None:
        """Kind ``waiting``; seconds."""
        self._event("waiting", what=what, elapsed=round(elapsed, 3), limit=round(limit, 3))

    def doing(self, what: str) -> None:
        """Kind ``doing``."""
        self._event("doing", what=what)

    def progress(self, what: str, done: int, total: int) -> None:
        """Kind ``progress``, bytes; at most once a second for each thing, and at its end."""
        if done >= total or time.monotonic() - self._told.get(what, 0) >= 1:
            self._told[what] = time.monotonic()
            self._event("progress", what=what, done=done, total=total)

    def step_begins(self, name: str) -> None:
        """Kind ``step.begun``."""
        self._event("step.begun", step=name)

    def step_ends(self, name: str, seconds: float, *, recorded: bool) -> None:
        """Kind ``step.ended``; seconds."""
        self._event("step.ended", step=name, seconds=round(seconds, 3), recorded=recorded)

    def rest(self) -> None:
        """Nothing to leave: lines are whole."""

    def _event(self, kind: str, **data: Any) -> None:
        self._talk.event(kind, data)


class LiveSteps:
    """On a terminal: finished steps stay as lines, the present one counts its seconds."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._step = ""
        self._part = ""
        self._begun = 0.0

    def waiting(self, what: str, elapsed: float, limit: float) -> None:
        """``waiting for X  12 s of 60 min``."""
        self._show(f"{awaited(what)}  {seconds(round(elapsed))} of {seconds(round(limit))}")

    def doing(self, what: str) -> None:
        """A part of a step begins."""
        self._show(what)

    def progress(self, what: str, done: int, total: int) -> None:
        """Bytes, of how many."""
        percent = f"  {100 * done // total} %" if total else ""
        self._show(f"{what}  {size(done)} of {size(total)}{percent}")

    def step_begins(self, name: str) -> None:
        """Begin to count."""
        self._step, self._part, self._begun = name, "", time.monotonic()
        self._start()

    def step_ends(self, name: str, seconds: float, *, recorded: bool) -> None:
        """Leave a line with a check mark."""
        self.rest()
        line = _ended(name, seconds, recorded=recorded)
        self._console.print(f"[green]✓[/green] {_escaped(line)}")

    def __rich__(self) -> Text:
        """The present line; asked for several times a second."""
        from rich.text import Text

        spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[int(time.monotonic() * 10) % 10]
        line = Text.assemble((spinner, "cyan"), " ", (self._step or self._part, "bold"))
        line.append(f"  {seconds(time.monotonic() - self._begun)}", "dim")
        if self._part and self._step:
            line.append(f"  {self._part}", "dim")
        line.no_wrap, line.overflow = True, "ellipsis"
        return line

    def _show(self, part: str) -> None:
        self._part = part
        if self._live is None:
            self._begun = time.monotonic()
            self._start()

    def _start(self) -> None:
        from rich.live import Live

        if self._live is None:
            self._live = Live(self, console=self._console, refresh_per_second=8, transient=True)
            self._live.start()

    def rest(self) -> None:
        """Take the live line away."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _ended(name: str, took: float, *, recorded: bool) -> str:
    return f"{name}  " + ("done before" if recorded else seconds(took))


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
