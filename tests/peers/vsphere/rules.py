"""Faults by rule, as data: which call, how often, and what happens to it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

DEEDS = (
    "fault", "task", "http", "drop-before", "drop-after", "gateway", "delay", "expire", "question", "unsucceeded",
)  # fmt: skip


STREAMS = ("break", "spoil")
"""What may happen to a stream besides: it ends half-way; a byte of it (of an export) is another than was sent."""


@dataclass(frozen=True)
class Rule:
    """
    One misfortune. ``call`` is a regular expression that must match the whole method (``CloneVM_Task``) or the
    whole ``VERB /path`` of a REST, file or datastore request; ``named`` one that is searched in the machine's name
    and in the new thing's (each a line of its own). It acts from the ``nth`` such call on, ``times`` times (0: for
    ever).

    ``do``: ``fault`` (``kind``, ``detail``), ``task`` (the task ends in that fault, nothing done), ``http``
    (``status``), ``drop-before`` (nothing is done), ``drop-after`` (it is done and nobody is told), ``gateway``
    (a gateway answers ``status`` at once; it is done all the same, a REST request ``seconds`` later), ``delay``
    (``seconds``), ``expire`` (the session is over), ``question`` (the task waits until the machine's question
    ``text`` is answered), ``unsucceeded`` (an OVF capture or deploy says ``succeeded: false`` with ``text``).
    """

    call: str
    do: str
    named: str = ""
    nth: int = 1
    times: int = 1
    kind: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    status: int = 503
    seconds: float = 0.0
    text: str = ""

    def __post_init__(self) -> None:
        """Refuse what would never act."""
        assert self.do in DEEDS + STREAMS, f"a rule does one of {', '.join(DEEDS + STREAMS)}, not {self.do!r}"
        assert self.kind or self.do not in ("fault", "task"), "which fault?"
        re.compile(self.call), re.compile(self.named)


class Rules:
    """The rules of a peer and how often each was met."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._lock = threading.Lock()
        self._rules = [(rule, [0]) for rule in rules]

    def add(self, rule: Rule) -> None:
        """One more."""
        with self._lock:
            self._rules.append((rule, [0]))

    def extend(self, rules: Iterable[Rule]) -> None:
        """More of them."""
        for rule in rules:
            self.add(rule)

    def clear(self) -> None:
        """No misfortune any more."""
        with self._lock:
            self._rules.clear()

    def unmet(self) -> list[Rule]:
        """Rules that have not acted as often as they should: a test that sees one proved nothing by it."""
        with self._lock:
            return [rule for rule, met in self._rules if met[0] < rule.nth - 1 + max(rule.times, 1)]

    def acting(self, call: str, name: str) -> list[Rule]:
        """The rules that act on this call; counting is done here."""
        found = []
        with self._lock:
            for rule, met in self._rules:
                if re.fullmatch(rule.call, call) and re.search(rule.named, name, re.MULTILINE):
                    met[0] += 1
                    if met[0] >= rule.nth and (not rule.times or met[0] < rule.nth + rule.times):
                        found.append(rule)
        return found
