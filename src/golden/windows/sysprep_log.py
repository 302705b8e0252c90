"""
Sysprep's own log: which runs there were, how the last one ended, and why it failed.

Only the last run counts for a verdict: Windows sometimes keeps earlier ones in the same file.
docs/facts: windows 0.2, 1.2, 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from golden.windows.log_text import Line, Log, blocks, is_reprint, marked, parsed
from golden.windows.sysprep_signatures import (
    CAUSES,
    NAME_AN_ADMINISTRATOR,
    NOISE,
    PRIVILEGES,
    WARNINGS,
    Signature,
    module,
)

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


class SysprepVerdict(NamedTuple):
    """What the last run came to, and why."""

    succeeded: bool
    phase: str
    """done | pre-validation | running | unknown"""
    cause_id: str
    """Id of a known signature; ``unknown`` where there is an error nobody knows, ``no-log`` without any log."""
    sentence: str
    package_or_dll: str = ""
    usable: bool = False
    """Whether the disk is as it was before the run."""
    fix: str = ""
    evidence_line: str = ""
    evidence: tuple[Line, ...] = ()
    """The lines that say so, in the order of the log."""


def history(log: Log) -> History:
    """Read a setupact.log from its first to its last line."""
    reader = _Reader()
    for number, block in blocks(log):
        reader.take(number, block)
    return reader.told()


def verdict(act: Log | None, err: Log | None = None) -> SysprepVerdict:
    """How the last run ended by ``setupact.log``, or by ``setuperr.log`` where that is all there is."""
    run = history(act).last if act is not None else None
    if run is None and err is not None:
        run = history(err).last
    return judged(run)


def judged(run: Run | None) -> SysprepVerdict:
    """How a run ended; None is a log that tells of none."""
    if run is None:
        return SysprepVerdict(
            succeeded=False,
            phase="unknown",
            cause_id="no-log",
            sentence="sysprep left no log: it was never started, or it was killed at once",
        )
    if run.tag_made:
        return SysprepVerdict(succeeded=True, phase="done", cause_id="", sentence="sysprep succeeded")
    return _failure(run)


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


def _failure(run: Run) -> SysprepVerdict:
    phase = "running" if run.failed_while_running else "pre-validation" if run.failed_before_running else "unknown"
    row, line = _cause(run)
    if run.begun and not run.privileged and (row is None or row.generic):
        return _unprivileged(run, phase)
    if line is None:
        return _cut_off(run)
    met = next(filter(None, (module().search(error.text) for error in run.errors)), None)
    where = f"{met.group(1)} from {met.group(2)}" if met else ""
    usable = phase == "pre-validation"
    if row is None:
        return SysprepVerdict(
            succeeded=False, phase=phase, cause_id="unknown", package_or_dll=where, usable=usable,
            sentence=f"sysprep stopped with an error that golden does not know: {line.message.strip()}",
            evidence_line=line.text, evidence=tuple(_evidence(run, line)),
        )  # fmt: skip
    named = named_by(row, line)
    apps = row.id.startswith("appx")
    missing = "(the log does not name it)" if apps else "unknown"
    return SysprepVerdict(
        succeeded=False,
        phase=phase,
        cause_id=row.id,
        sentence=row.sentence.format(where if row.generic and where else named or missing),
        package_or_dll=(named.split("_")[0] if apps else where) or named or where,
        usable=usable and row.id != "invalid-state",
        fix=row.fix,
        evidence_line="\n".join(one.text for one in _first_coded(run, line)) if row.generic else line.text,
        evidence=tuple(_evidence(run, line)),
    )


def named_by(row: Signature, line: Line) -> str:
    """What a signature's line names: a package, a code, a pass; empty where nothing."""
    met = row.pattern.search(line.text)
    return next((group for group in met.groups() if group), "") if met else ""


def _unprivileged(run: Run, phase: str) -> SysprepVerdict:
    """A run that never said the account has the rights did not get past that test (docs/facts: windows 3.1)."""
    line = run.last_error or run.last
    return SysprepVerdict(
        succeeded=False,
        phase=phase,
        cause_id="privileges",
        sentence=f"{PRIVILEGES}: the log lacks the line that says the user has them",
        usable=phase != "running",
        fix=NAME_AN_ADMINISTRATOR,
        evidence_line=line.text if line else "",
        evidence=(line,) if line else (),
    )


def _cut_off(run: Run) -> SysprepVerdict:
    words = run.last.text.strip() if run.last else ""
    return SysprepVerdict(
        succeeded=False,
        phase="unknown",
        cause_id="cut-off",
        sentence=f"sysprep was cut off; its last words are: {words}",
        evidence_line=words,
        evidence=(run.last,) if run.last else (),
    )


def _first_coded(run: Run, line: Line) -> Iterator[Line]:
    """Where only the failing part is known: the first error with a bracket code as well."""
    first = next((error for error in run.errors if error.code), line)
    if first.number != line.number:
        yield first
    yield line


def _evidence(run: Run, line: Line) -> list[Line]:
    """The cause, the part that failed, and the end."""
    part = next((error for error in run.errors if module().search(error.text)), None)
    found = {one.number: one for one in (*_first_coded(run, line), part, run.last_error) if one is not None}
    return [found[number] for number in sorted(found)]


def _cause(run: Run) -> tuple[Signature | None, Line | None]:
    """The first error line that a specific signature knows, else a generic one, else the first with a bracket code."""
    for generic in (False, True):
        for line in run.errors:
            for row in CAUSES:
                if row.generic is generic and row.pattern.search(line.text):
                    return row, line
    coded = next((line for line in run.errors if line.code), None)
    return None, coded or (run.errors[0] if run.errors else None)
