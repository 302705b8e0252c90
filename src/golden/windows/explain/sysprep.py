"""What sysprep's log tells, as a part of an explanation. docs/facts: windows 3.1."""

from __future__ import annotations

import re

from golden.windows.explain.nouns import Cause, Machine, Told, quote, shown
from golden.windows.log_text import Log
from golden.windows.sysprep_log import Run, SysprepVerdict, history, judged
from golden.windows.sysprep_signatures import CAUSES

_CODE = re.compile(r"(?:hr|dwRet) = (0x[0-9a-f]+|-?\d{1,12})", re.IGNORECASE)


def read(log: Log, file: str) -> Told:
    """The last run."""
    run = history(log).last
    told = judged(run)
    if run is None:
        return Told("nothing-found")
    warnings = tuple(
        Cause(row.id, row.sentence, "sysprep", fix=row.fix, time=line.time, evidence=(quote(file, line),))
        for row, line in run.warnings[:1]
    )
    if told.succeeded:
        return Told("succeeded", "done", "sealed", (), warnings, run.started, run.noise)
    verdict = "cut-off" if told.cause_id == "cut-off" else "failed"
    return Told(
        "cut-off" if verdict == "cut-off" else "failed",
        told.phase,
        _machine(told),
        (_cause(run, told, file),),
        warnings,
        run.started,
        run.noise,
    )


def _machine(told: SysprepVerdict) -> Machine:
    if told.usable:
        return "untouched"
    return "spoiled" if told.phase == "running" or told.cause_id == "invalid-state" else "unknown"


def _cause(run: Run, told: SysprepVerdict, file: str) -> Cause:
    others = _packages(run) if told.cause_id == "appx-not-provisioned" else []
    more = f", and so {'are' if len(others) > 2 else 'is'} {', '.join(others[1:])}" if len(others) > 1 else ""
    code = next((met.group(1).lower() for line in told.evidence if (met := _CODE.search(line.text))), "")
    return Cause(
        id=told.cause_id,
        sentence=shown(told.sentence + more),
        log="sysprep",
        blame=shown(", ".join(dict.fromkeys(name.split("_")[0] for name in others)) or told.package_or_dll),
        code=code,
        fix=told.fix,
        time=told.evidence[0].time if told.evidence else "",
        evidence=tuple(quote(file, line) for line in told.evidence),
    )


def _packages(run: Run) -> list[str]:
    """All packages that are not provisioned, in the order of the log."""
    row = next(row for row in CAUSES if row.id == "appx-not-provisioned")
    found = (met.group(1) for line in run.errors if (met := row.pattern.search(line.text)))
    return list(dict.fromkeys(name for name in found if name))[:20]
