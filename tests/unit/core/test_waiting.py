"""What waiting promises: a name, a limit, one last look."""

from __future__ import annotations

import time

import pytest

from golden.errors import TimedOut
from golden.waiting import Deadline, Waiting


class Told:
    def __init__(self) -> None:
        self.waits: list[tuple[str, float, float]] = []

    def waiting(self, what: str, elapsed: float, limit: float) -> None:
        self.waits.append((what, elapsed, limit))

    def doing(self, what: str) -> None: ...

    def progress(self, what: str, done: int, total: int) -> None: ...


def test_the_limit_is_in_seconds_and_is_kept() -> None:
    """A wait of 0.3 s ends after 0.3 s with an error that names what was waited for and both times."""
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=r"for the moon; the limit was 0 s") as caught:
        Waiting(Deadline(0.3), tick=0.05).until("the moon", lambda: None)
    assert 0.3 <= time.monotonic() - begun < 1.0
    assert caught.value.exit_code == 11


def test_a_slow_look_that_succeeds_is_a_success() -> None:
    """A condition that takes longer than the whole limit, and then holds, is no time-out."""

    def slow() -> str:
        time.sleep(0.2)
        return "there"

    assert Waiting(Deadline(0.1)).until("something slow", slow) == "there"


def test_there_is_one_look_after_the_deadline() -> None:
    """What becomes true during the last sleep is still seen."""
    deadline = Deadline(0.2)
    assert Waiting(deadline, tick=10).until("the end", lambda: deadline.left == 0)


def test_zero_and_empty_text_are_values() -> None:
    """Only None and False mean "not yet"."""
    assert Waiting(Deadline(1)).until("a number", lambda: 0) == 0
    assert Waiting(Deadline(1)).until("a text", lambda: "") == ""


def test_somebody_is_told_while_it_lasts() -> None:
    """About once a second, with elapsed time and limit."""
    told = Told()
    with pytest.raises(TimedOut):
        Waiting(Deadline(1.4), tick=0.1, watcher=told).until("the bus", lambda: None)
    assert [(what, round(elapsed), limit) for what, elapsed, limit in told.waits] == [("the bus", 1, 1.4)]


def test_a_part_never_outlasts_the_whole() -> None:
    """A deadline within another ends with it at the latest."""
    whole = Deadline(0.2)
    assert whole.within(60).limit <= 0.2
    assert Deadline(60).within(0.2).limit == 0.2


def test_looks_become_rarer_while_a_wait_grows() -> None:
    """With a rarest look, the same wait asks much less, and its end is still seen."""

    def looks(rarest: float) -> int:
        count, end = 0, Deadline(1.0)

        def look() -> bool:
            nonlocal count
            count += 1
            return end.left == 0

        begun = time.monotonic()
        Waiting(Deadline(20), tick=0.005, rarest=rarest).until("a second to pass", look)
        assert time.monotonic() - begun < 5
        return count

    assert looks(0.0) > 1.5 * looks(0.5)
