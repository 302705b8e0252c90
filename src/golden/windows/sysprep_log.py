"""
Sysprep's own log: which runs there were, how the last one ended, and why it failed.

Logs are read in pieces of any size and in any of the encodings Windows writes (UTF-16, UTF-8, 8-bit). Only the last
run counts for a verdict: Windows sometimes keeps earlier ones in the same file. docs/facts: windows 0.2, 1.2, 3.1.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from golden.disk.ntfs import NtfsFile
from golden.errors import NotFound, UsageError
from golden.windows.sysprep_signatures import CAUSES, MODULE, NOISE, Signature

PRE_VALIDATION, RUNNING = "0x0f00d8", "0x0f00a8"
_LINE = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d), (Info|Warning|Error)\s+(?:\[(0x[0-9a-f]+)\]\s+)?(\w+)?\s?(.*)$", re.IGNORECASE
)
_BEGINNING = "Beginning of a new sysprep run"
_SWITCH = re.compile(r"ParseCommands:Found supported command line option '(\w+)'")
_TAG_MADE = "Successfully created tag file"
_LONGEST = 64 * 1024
_MOST_ERRORS = 500

Log = bytes | Path | NtfsFile | Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log."""

    number: int
    time: str
    level: str
    """Info | Warning | Error, or empty where the line has no head of its own."""
    code: str
    """The bracket code in lower case, e.g. ``0x0f00d8``; empty where there is none."""
    message: str
    text: str
    """The whole line."""


@dataclass(slots=True)
class Run:
    """One run of sysprep."""

    started: str = ""
    switches: set[str] = field(default_factory=set)
    """In upper case: GENERALIZE, OOBE, AUDIT, QUIT, SHUTDOWN, REBOOT, MODE, UNATTEND."""
    tag_made: bool = False
    errors: list[Line] = field(default_factory=list)
    """The first error lines that are no noise."""
    last_error: Line | None = None
    last: Line | None = None
    lines: int = 0

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


@dataclass(frozen=True, slots=True)
class History:
    """All runs that a log tells of."""

    runs: int = 0
    generalize_asked: bool = False
    """Any run was asked to generalize."""
    tag_made: bool = False
    """Any run created the tag file of success."""
    last: Run | None = None


@dataclass(frozen=True, slots=True)
class SysprepVerdict:
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


def history(log: Log) -> History:
    """Read a setupact.log from its first to its last line."""
    runs, asked, made = 0, False, False
    run: Run | None = None
    for line in lines(log):
        if _BEGINNING in line.text:
            run, runs = Run(started=line.time), runs + 1
        elif not line.message.strip("= "):
            continue  # the frame around the words above, whose first line belongs to no run
        elif run is None:
            run, runs = Run(started=line.time), 1  # a log that was cut at its start
        _note(run, line)
        asked, made = asked or "GENERALIZE" in run.switches, made or run.tag_made
    return History(runs, asked, made, run)


def verdict(act: Log | None, err: Log | None = None) -> SysprepVerdict:
    """How the last run ended by ``setupact.log``, or by ``setuperr.log`` where that is all there is."""
    told = history(act) if act is not None else History()
    run = told.last
    if run is None and err is not None:
        run = history(err).last
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
    """The lines of a log in order; lines longer than 64 KiB are cut."""
    for number, text in enumerate(_texts(log), 1):
        if not text.strip():
            continue
        met = _LINE.match(text)
        if met:
            time, level, code, _component, message = met.groups()
            yield Line(number, time, level.capitalize(), (code or "").lower(), message, text)
        else:
            yield Line(number, "", "", "", text, text)


def _note(run: Run, line: Line) -> None:
    run.last, run.lines = line, run.lines + 1
    if switch := _SWITCH.search(line.message):
        run.switches.add(switch.group(1).upper())
    if _TAG_MADE in line.message:
        run.tag_made = True
    if line.level == "Error" and not any(row.pattern.search(line.text) for row in NOISE):
        run.last_error = line
        if len(run.errors) < _MOST_ERRORS:
            run.errors.append(line)


def _failure(run: Run) -> SysprepVerdict:
    phase = "running" if run.failed_while_running else "pre-validation" if run.failed_before_running else "unknown"
    row, line = _cause(run)
    if line is None:
        words = run.last.text.strip() if run.last else ""
        sentence = f"sysprep was cut off; its last words are: {words}"
        return SysprepVerdict(
            succeeded=False, phase="unknown", cause_id="cut-off", sentence=sentence, evidence_line=words
        )
    module = next((met for met in (MODULE.search(error.text) for error in run.errors) if met), None)
    where = f"{module.group(1)} from {module.group(2)}" if module else ""
    usable = phase == "pre-validation"
    if row is None:
        sentence = f"sysprep stopped with an error that golden does not know: {line.message.strip()}"
        return SysprepVerdict(
            succeeded=False, phase=phase, cause_id="unknown", sentence=sentence, package_or_dll=where, usable=usable,
            evidence_line=line.text,
        )  # fmt: skip
    met = row.pattern.search(line.text)
    named = next((group for group in met.groups() if group), "") if met else ""
    return SysprepVerdict(
        succeeded=False,
        phase=phase,
        cause_id=row.id,
        sentence=row.sentence.format(where if row.generic and where else named or "unknown"),
        package_or_dll=named.split("_")[0] if row.id.startswith("appx") else where or named,
        usable=usable and row.id != "invalid-state",
        fix=row.fix,
        evidence_line=_evidence(run, line) if row.generic else line.text,
    )


def _evidence(run: Run, line: Line) -> str:
    """Where only the failing part is known: the first error with a bracket code as well."""
    first = next((error for error in run.errors if error.code), line)
    return line.text if first is line else f"{first.text}\n{line.text}"


def _cause(run: Run) -> tuple[Signature | None, Line | None]:
    """The first error line that a specific signature knows, else a generic one, else the first with a bracket code."""
    for generic in (False, True):
        for line in run.errors:
            for row in CAUSES:
                if row.generic is generic and row.pattern.search(line.text):
                    return row, line
    coded = next((line for line in run.errors if line.code), None)
    return None, coded or (run.errors[0] if run.errors else None)


def _texts(log: Log) -> Iterator[str]:
    kept = b""
    for piece in _narrow(_pieces(log)):
        *whole, kept = (kept + piece).split(b"\n")
        yield from map(_decoded, whole)
        kept = kept[:_LONGEST]
    if kept:
        yield _decoded(kept)


def _narrow(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces without byte order mark, and UTF-16 turned into UTF-8."""
    first = next(pieces, b"")
    wide = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(first[:2], "")
    if not wide and first[1:2] == b"\0":
        wide, first = "utf-16-le", b"\xff\xfe" + first
    if not wide:
        yield first.removeprefix(b"\xef\xbb\xbf")
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(wide)("replace")
    yield decoder.decode(first[2:]).encode("utf-8", "replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")


def _decoded(raw: bytes) -> str:
    raw = raw[:_LONGEST].rstrip(b"\r")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _pieces(log: Log) -> Iterator[bytes]:
    if isinstance(log, bytes):
        yield log
    elif isinstance(log, NtfsFile):
        yield from log.pieces()
    elif isinstance(log, Path):
        try:
            with log.open("rb") as file:
                yield from iter(lambda: file.read(1 << 20), b"")
        except FileNotFoundError as error:
            raise NotFound(f"there is no log {log}") from error
        except OSError as error:
            raise UsageError(f"the log {log} cannot be read", details=str(error)) from error
    else:
        yield from log
