"""
Sysprep's own log: which runs there were, how the last one ended, and why it failed.

Only the last run counts for a verdict: Windows sometimes keeps earlier ones in the same file.
docs/facts: windows 0.2, 1.2, 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from golden.windows.log_text import Line, Log
from golden.windows.sysprep_runs import History, Run, history, lines
from golden.windows.sysprep_signatures import CAUSES, NAME_AN_ADMINISTRATOR, PRIVILEGES, Signature, module

__all__ = ["History", "Run", "SysprepVerdict", "history", "judged", "lines", "named_by", "verdict"]


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


def _failure(run: Run) -> SysprepVerdict:
    phase = "running" if run.failed_while_running else "pre-validation" if run.failed_before_running else "unknown"
    row, line = _cause(run)
    if line is None:
        return _cut_off(run)  # Even before it could say that the user has the rights.
    if run.begun and not run.privileged and (row is None or row.generic or row.id == "privileges"):
        return _unprivileged(run, phase)
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
    """A run that failed, and never said that the account has the rights, did not get past that test (facts 3.1)."""
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
