"""
The runs of sysprep that its log tells of, read quickly from any amount of it. docs/facts: windows 0.2, 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from golden.windows.log_text import Line, Log, blocks, is_reprint, marked, parsed
from golden.windows.sysprep_signatures import NOISE, WARNINGS, Signature

PRE_VALIDATION, RUNNING = "0x0f00d8", "0x0f00a8"
_BEGINNING = "Beginning of a new sysprep run"
_TAG_MADE = "Successfully created tag file"
_PRIVILEGED = "User has required privileges"
_ALWAYS = (
    *(words.encode() for words in (_BEGINNING, _TAG_MADE, _PRIVILEGED)),
    b"command line option",
    b"File operations pending",
)
_ERRORS = (b", Error",)
_REPRINTED = (b"rror", b"ail", b"alting", b"is on for", b"Not running", b" not ", b"turned on if", b"require a reboot")
"""A reprint has no levels, so every line that may tell of a failure is looked at."""
_MOST_ERRORS = 500
_TAIL = 4096
_FIRST = 20
"""Lines of a log by which it is told whether it is a reprint."""
_MOST_READ = 20_000
"""Error lines of one run that are read; of more only each block's last ones, for the end of the run."""


@dataclass(eq=False, repr=False)
class Run:
    """One run of sysprep."""

    started: str = ""
    begun: bool = False
    """The log holds the beginning of this run."""
    switches: set[str] = field(default_factory=set)
    """In upper case: GENERALIZE, OOBE, AUDIT, QUIT, SHUTDOWN, REBOOT, MODE, UNATTEND."""
    privileged: bool = False
    """It said that the account has the rights it wants."""
    tag_made: bool = False
    errors: list[Line] = field(default_factory=list)
    """The first error lines that are no noise."""
    warnings: list[tuple[Signature, Line]] = field(default_factory=list)
    last_error: Line | None = None
    last: Line | None = None
    noise: int = 0
    """How many error lines are such as good runs have, too."""

    @property
    def failed_while_running(self) -> bool:
        """It died half-way: the system is changed and cannot be generalized again (docs/facts: windows 1.4)."""
        if self.tag_made or self.last_error is None:
            return False
        return self.last_error.code == RUNNING or re.search(r"dwRet = (?:31|0x1f)\b", self.last_error.text) is not None

    @property
    def failed_before_running(self) -> bool:
        """It was refused in pre-validation: the system is untouched."""
        return not self.tag_made and self.last_error is not None and self.last_error.code == PRE_VALIDATION


class History(NamedTuple):
    """All runs that a log tells of."""

    runs: int = 0
    generalize_asked: bool = False
    """Any run was asked to generalize."""
    tag_made: bool = False
    """Any run created the tag file of success."""
    last: Run | None = None


def history(log: Log) -> History:
    """Read a setupact.log from its first to its last line."""
    reader = _Reader()
    for number, block in blocks(log):
        reader.take(number, block)
    return reader.told()


def lines(log: Log) -> Iterator[Line]:
    """Every line of a log that says anything, in order."""
    for number, block in blocks(log):
        for offset, raw in enumerate(block.split(b"\n")):
            if raw.strip():
                yield parsed(number + offset, raw)


class _Reader:
    """Takes a log block by block."""

    def __init__(self) -> None:
        self._runs, self._asked, self._made = 0, False, False
        self._run: Run | None = None
        self._reprint, self._looks = False, _FIRST
        self._left = _MOST_READ
        self._end: tuple[int, bytes, int] | None = None

    def take(self, number: int, block: bytes) -> None:
        """Some whole lines, of which the first has this number."""
        if self._looks:
            head = block.removesuffix(b"\n").split(b"\n", self._looks)[: self._looks]
            self._looks -= len(head)
            self._reprint = self._reprint or any(map(is_reprint, head))
        if self._run is None:
            self._cut_at_start(number, block)
        at = block.rfind(_BEGINNING.encode())
        if at < 0:
            self._read(number, block, self._left)
        else:  # A run's errors are read though the one before it, in the same block, had more than anybody reads.
            start = block.rfind(b"\n", 0, at) + 1
            self._read(number, block[:start], self._left)
            self._read(number + block.count(b"\n", 0, start), block[start:], _MOST_READ)
        if self._run is not None and (end := _last_words(block)) is not None:
            self._end = (number, block, end)

    def told(self) -> History:
        """All of it, after the last block."""
        if self._run is not None and self._end is not None:
            number, block, at = self._end
            self._run.last = parsed(number + block.count(b"\n", 0, at), block[at:].partition(b"\n")[0])
        return History(self._runs, self._asked, self._made, self._run)

    def _read(self, number: int, part: bytes, most: int) -> None:
        for at, raw in marked(number, part, _ALWAYS, _REPRINTED if self._reprint else _ERRORS, most):
            self._line(parsed(at, raw))

    def _cut_at_start(self, number: int, block: bytes) -> None:
        """Words before any beginning are of a run whose beginning was cut off."""
        begins = next((at for at, _raw in marked(number, block, (_BEGINNING.encode(),), (), 0)), None)
        for at, raw in enumerate(block.split(b"\n"), number):
            if at == begins:
                return
            line = parsed(at, raw[:1000]) if raw.strip() else None
            if line is not None and line.message.strip("= \r\n"):
                self._run, self._runs = Run(started=line.time), 1
                return

    def _line(self, line: Line) -> None:
        if _BEGINNING in line.text:
            self._run, self._runs = Run(started=line.time, begun=True), self._runs + 1
            self._left = _MOST_READ
        run = self._run = self._run or Run(started=line.time)
        self._runs = self._runs or 1
        if switch := _switch().search(line.message):
            run.switches.add(switch.group(1).upper())
        run.privileged = run.privileged or _PRIVILEGED in line.message
        run.tag_made = run.tag_made or _TAG_MADE in line.message
        if line.level == "Error":
            self._left = max(0, self._left - 1)
            _note_error(run, line)
        elif len(run.warnings) < _MOST_ERRORS:
            run.warnings += [(row, line) for row in WARNINGS if row.pattern.search(line.text)]
        self._asked, self._made = self._asked or "GENERALIZE" in run.switches, self._made or run.tag_made


@cache
def _switch() -> re.Pattern[str]:
    return re.compile(r"ParseCommands:Found supported command line option '(\w+)'", re.IGNORECASE)


def _note_error(run: Run, line: Line) -> None:
    if any(row.pattern.search(line.text) for row in NOISE):
        run.noise += 1
        return
    run.last_error = line
    if len(run.errors) < _MOST_ERRORS:
        run.errors.append(line)


def _last_words(block: bytes) -> int | None:
    """Where the last line that says something begins; frames around a beginning say nothing."""
    end = len(block)
    while end:
        start = max(0, end - _TAIL)
        words = start + len(block[start:end].rstrip(b"\r\n \t="))
        if words == start:
            end = start
            continue
        start = block.rfind(b"\n", 0, words) + 1
        if parsed(0, block[start : start + 1000].partition(b"\n")[0]).message.strip("= \r\n"):
            return start
        end = start
    return None
