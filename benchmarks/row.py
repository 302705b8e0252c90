"""One line of the result: two numbers of one run, what they make, and what they may make."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """``value`` is a against b (a / b), or a alone where b is None; over ``limit`` it fails."""

    name: str
    what: str
    """A sentence: what a is, against what."""
    unit: str
    """Of a and b."""
    a: float
    b: float | None
    value: float
    limit: float
    at_least: bool = False
    """The value has to reach the limit rather than stay below it."""
    note: str = ""
    samples: dict[str, list[float]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the limit is kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def told(self) -> dict[str, object]:
        """For programs."""
        keys = ("name", "what", "unit", "a", "b", "value", "limit", "at_least", "note", "samples", "passed")
        return {key: getattr(self, key) for key in keys}

    def line(self) -> str:
        """For people."""
        against = f"{self.a:.4g} {self.unit}" + (f" against {self.b:.4g} {self.unit}" if self.b is not None else "")
        sign = "at least" if self.at_least else "at most"
        verdict = "ok  " if self.passed else "OVER"
        value = f"{self.value:.4g}" + (" times" if self.b is not None else f" {self.unit}")
        return f"{verdict} {self.name:<9} {value:>12}  {sign} {self.limit:g}   {against}; {self.what}{self._note()}"

    def _note(self) -> str:
        return f" ({self.note})" if self.note else ""


def seconds(act: Callable[[], object]) -> float:
    """How long one call takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def in_turns(
    acts: Mapping[str, Callable[[], object]], times: int, before: Callable[[], object] = lambda: None
) -> dict[str, list[float]]:
    """
    Seconds of each act, ``times`` times, by turns, so that drift of the machine meets both alike.

    Every second turn goes backwards: what comes first warms what comes next. ``before`` is called before each act
    and not counted.
    """
    found: dict[str, list[float]] = {name: [] for name in acts}
    for turn in range(times):
        for name in list(acts)[:: -1 if turn % 2 else 1]:
            before()
            found[name].append(seconds(acts[name]))
    return found


def median(samples: list[float]) -> float:
    """The middle one."""
    return statistics.median(samples)
