"""The host's process: what vmms is on Windows. Sessions come and go; this stays."""

from __future__ import annotations

import os
from pathlib import Path

from tests.peers.hyperv.journal import Journal, Request
from tests.peers.hyperv.rules import Rule, Rules
from tests.peers.hyperv.shape import Shape


class Host:
    """Everything a session can ask of the host. Arguments and answers are pickled: plain values only."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shape = folder, Shape.load(folder)
        self._rules = Rules()
        self._journal = Journal(folder / "requests.jsonl")

    def end(self) -> None:
        """The host goes down in order."""

    def pid(self) -> int:
        """Its process."""
        return os.getpid()

    def acting(self, call: str, named: str) -> list[Rule]:
        """Rules that act on a call."""
        return self._rules.acting(call, named)

    def rule(self, rule: Rule) -> None:
        """One more rule."""
        self._rules.add(rule)

    def unmet(self) -> list[Rule]:
        """Rules that never acted."""
        return self._rules.unmet()

    def clear_rules(self) -> None:
        """No misfortune any more."""
        self._rules.clear()

    def note(self, entry: Request) -> None:
        """A line of the request log."""
        self._journal.add(entry)
