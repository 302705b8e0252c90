"""Faults by rule, as data: which command or message, how often, and what happens to it."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

DEEDS = ("error", "fault", "delay", "drop-before", "drop-after", "kill-before", "kill-after", "disk-full",
         "forget", "vanish", "half", "warn")  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """
    One misfortune. ``call`` is a regular expression for the whole of a command's name (``Start-VM``), of a message's
    (``WSMan.Receive``), of a file operation's (``SFTP.write``) or of a job's (``Job.convert``); ``named`` one that is
    searched in the values given, a line each. It acts from the ``nth`` such call on, ``times`` times (0: for ever).

    ``do``: ``error`` (the command fails with ``text``, ``kind`` as FullyQualifiedErrorId, ``category``, ``exception``;
    nothing is done), ``warn`` (it warns of ``text`` and works), ``fault`` (a WSMan fault ``code``), ``delay``
    (``seconds``), ``drop-before`` and ``drop-after`` (the session is gone; the work is not done, or it is),
    ``kill-before`` and ``kill-after`` (the server's process is killed), ``disk-full`` (writes fail with 0x80070070),
    ``forget`` (of a job: the management service restarts under it, so that it ends half-way and is remembered by
    nobody), ``vanish`` (of ``File.ReadAllText`` and ``File.Replace`` in a script: the file goes just before, for
    ``seconds`` or for good; ``delay`` there and of ``File.Delete``: somebody has it open so long), ``half`` (of
    ``File.Replace``: it stops where the old file has its name for the way, ERROR_UNABLE_TO_MOVE_REPLACEMENT_2).

    What happens to ``Job.convert`` happens when half of its file is there. ``Scanner`` is what opens the disks of a
    machine that was just removed, for ``seconds``.
    """

    call: str
    do: str
    named: str = ""
    nth: int = 1
    times: int = 1
    kind: str = "InjectedFault"
    category: str = "NotSpecified"
    exception: str = "System.Management.Automation.RuntimeException"
    text: str = ""
    code: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what would never act."""
        assert self.do in DEEDS, f"a rule does one of {', '.join(DEEDS)}, not {self.do!r}"
        re.compile(self.call), re.compile(self.named)


class Rules:
    """The rules of a host and how often each was met; they live in the host's process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[Rule, list[int]]] = []

    def add(self, rule: Rule) -> None:
        """One more."""
        with self._lock:
            self._rules.append((rule, [0]))

    def clear(self) -> None:
        """No misfortune any more."""
        with self._lock:
            self._rules.clear()

    def unmet(self) -> list[Rule]:
        """Rules that have not acted as often as they should: a test that sees one proved nothing by it."""
        with self._lock:
            return [rule for rule, met in self._rules if met[0] < rule.nth - 1 + max(rule.times, 1)]

    def acting(self, call: str, named: str) -> list[Rule]:
        """The rules that act on this call; counting is done here."""
        found = []
        with self._lock:
            for rule, met in self._rules:
                if re.fullmatch(rule.call, call) and re.search(rule.named, named, re.MULTILINE):
                    met[0] += 1
                    if met[0] >= rule.nth and (not rule.times or met[0] < rule.nth + rule.times):
                        found.append(rule)
        return found
