"""
The logs of a first boot: Panther's setupact.log and setuperr.log, and those of UnattendGC.

Their error lines are many in good installations as well, those of sysprep's providers among them, so only known
sentences count as a failure. docs/facts: windows 1.2, 3.1.
"""

from __future__ import annotations

import re

from golden.windows.explain.nouns import Cause, Told, quote, shown
from golden.windows.log_text import Line, Log, blocks, marked, parsed
from golden.windows.sysprep_log import named_by
from golden.windows.sysprep_signatures import CAUSES

_PARSE = next(row for row in CAUSES if row.id == "specialize-parse")
_PART = re.compile(
    r"LaunchModule: Failure occurred while executing '(Sysprep_Specialize\w*)' from ([^;\s]+)", re.IGNORECASE
)
"""The end of a specialize pass, with the provider to blame (unattend-generator#453, rufus#432)."""
_MARKS = (b"could not parse or process", b"CopyProfile", b"Failure occurred while executing")
_COPY_FAILED = re.compile(r"CopyProfile\b.*\bfail", re.IGNORECASE)
_MOST = 500


def read(log: Log, file: str) -> Told:
    """The last failure that a known sentence tells."""
    cause: Cause | None = None
    warning: Cause | None = None
    for number, block in blocks(log):
        for at, raw in marked(number, block, (), _MARKS, _MOST):
            line = parsed(at, raw)
            if _PARSE.pattern.search(line.text):
                cause = _parse(file, line)
            elif met := _PART.search(line.text):
                cause = _part(file, line, met)
            elif _COPY_FAILED.search(line.text):
                warning = _copy(file, line)
    warnings = (warning,) if warning else ()
    if cause is None:
        return Told("nothing-found", warnings=warnings)
    return Told("failed", "specialize", "spoiled", (cause,), warnings, cause.time)


def _parse(file: str, line: Line) -> Cause:
    named = named_by(_PARSE, line)
    sentence = shown(_PARSE.sentence.format(named or "unknown"))
    return Cause(
        _PARSE.id, sentence, "setup", f"answer file, pass {named}", fix=_PARSE.fix, time=line.time,
        evidence=(quote(file, line),),
    )  # fmt: skip


def _part(file: str, line: Line, met: re.Match[str]) -> Cause:
    part = shown(f"{met.group(1)} from {met.group(2)}")
    return Cause(
        "specialize-part", f"a part of the first boot's specialize pass failed: {part}", "setup", part,
        fix="the part's name says what it could not set up; the lines before it say why", time=line.time,
        evidence=(quote(file, line),),
    )  # fmt: skip


def _copy(file: str, line: Line) -> Cause:
    return Cause(
        "copy-profile", "CopyProfile did not copy the profile", "setup", "answer file, CopyProfile",
        fix="keep one profile only, that of the built-in Administrator", confirmed=False, time=line.time,
        evidence=(quote(file, line),),
    )  # fmt: skip
