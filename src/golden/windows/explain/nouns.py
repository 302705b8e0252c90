"""What an explanation is made of: named tuples, which load several times faster than dataclasses."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, NamedTuple

from golden.windows.log_text import Line

Verdict = Literal["failed", "succeeded", "cut-off", "nothing-found"]
Machine = Literal["untouched", "spoiled", "sealed", "unknown"]

_LONGEST = 400


class Quote(NamedTuple):
    """One line of a log, as evidence."""

    file: str
    line: int
    text: str
    """Without what no terminal should be sent, without passwords, and cut where it is very long."""


class Cause(NamedTuple):
    """One thing that went wrong."""

    id: str
    """A signature's id (facts 3.1), or ``driver``, ``update``, ``dism``, ``program``, ``unknown``…"""
    sentence: str
    log: str
    """The kind of log that tells it: sysprep, setup, setupapi, cbs, dism, msi."""
    blame: str = ""
    """The package, DLL, INF or product."""
    code: str = ""
    """As it stands in the log, e.g. ``0x800f0922``."""
    code_name: str = ""
    fix: str = ""
    confirmed: bool = True
    """False where what it means has not been checked on a real Windows; then it is a hint and no more."""
    time: str = ""
    """``2026-03-20 15:17:23`` where the log has one."""
    evidence: tuple[Quote, ...] = ()


class Told(NamedTuple):
    """What one log tells."""

    verdict: Verdict
    phase: str = "unknown"
    machine: Machine = "unknown"
    causes: tuple[Cause, ...] = ()
    """The one that matters first."""
    warnings: tuple[Cause, ...] = ()
    time: str = ""
    """When what it judges began, where it says so."""
    noise: int = 0
    """How many error lines were passed over because good runs have them, too."""


class ReadLog(NamedTuple):
    """A log that was read."""

    file: str
    kind: str
    size: int
    verdict: Verdict


class Explanation(NamedTuple):
    """The whole answer."""

    verdict: Verdict
    phase: str
    """done | pre-validation | running | specialize | driver | servicing | program | unknown"""
    sentence: str
    cause: Cause | None
    also: tuple[Cause, ...]
    """Other things that went wrong, in other logs."""
    warnings: tuple[Cause, ...]
    machine: Machine
    logs: tuple[ReadLog, ...]
    skipped: tuple[str, ...]
    """What could not be read, each a sentence."""
    noise: int

    @property
    def usable(self) -> bool | None:
        """Whether the machine can still be used; None where the logs do not tell."""
        return {"untouched": True, "spoiled": False}.get(self.machine)


def quote(file: str, line: Line) -> Quote:
    """A line as evidence."""
    return Quote(file, line.number, shown(line.text))


def shown(text: str) -> str:
    """Words of a log as they may be printed."""
    text = _secret().sub(r"\1***", text[: 4 * _LONGEST].strip())
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text.replace("\t", " "))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


@cache
def _secret() -> re.Pattern[str]:
    """What follows a word like a password's name, or a switch called so: dism.log keeps whole command lines."""
    name = r"(\w{0,40}(?:password|passwd|pwd|secret)\w{0,40}[\"']?\s*[=:]\s*|[-/]\w{0,40}(?:password|passwd|pwd)\s+)"
    return re.compile(name + r"(?:\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE)
