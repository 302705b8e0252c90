"""All that the logs tell, put together: sysprep leads, others add causes. docs/facts: windows 0.2, 3.1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from golden.errors import GoldenError, UsageError
from golden.windows.explain.kinds import LOOKED_FOR, by_content, by_name, pieces_after, read
from golden.windows.explain.nouns import Explanation, ReadLog, Told
from golden.windows.explain.sources import Found, Source, found, nothing_in

_PLACES = ("setup", "cbs", "dism", "setupapi", "msi")
"""Without sysprep's log, and where times do not tell: what names a package comes before what only repeats its code."""
_MOST_ALSO = 20
_SUCCEEDED = {
    "sysprep": "sysprep succeeded: the machine was generalized and shut down or left running as asked",
    "servicing": "the last servicing session ended well",
    "driver": "no driver that was installed failed",
    "program": "the installation ended well",
}


class _Reading(NamedTuple):
    source: Source
    kind: str
    told: Told


def explain(paths: Sequence[str]) -> Explanation:
    """
    What happened, by all logs at these paths.

    NotFound where a path leads to nothing, UsageError where nothing there is a log that golden knows.
    """
    readings: list[_Reading] = []
    skipped: list[str] = []
    for path in paths:
        place = found(path)
        new = [reading for source in place.sources if (reading := _reading(source, place, skipped))]
        skipped += place.skipped
        if not new:
            raise nothing_in(path, skipped)
        readings += new
    return _together(_without_copies(readings), skipped)


def _reading(source: Source, place: Found, skipped: list[str]) -> _Reading | None:
    """A log, or None for what is none; a file that somebody named has to be one."""
    try:
        rest = source.pieces()
        first = next(rest, b"")
        kind = by_content(source.name, first)
        if kind:
            return _Reading(source, kind, read(kind, pieces_after(first, rest), source.name))
    except GoldenError as error:
        if place.named:
            raise
        skipped.append(error.brief)
        return None
    if place.named:
        what = "is empty" if not first.strip(b"\xff\xfe\xef\xbb\xbf\0\r\n\t ") else "is no log that golden knows"
        raise UsageError(f"{source.name} {what}", details=f"known are: {LOOKED_FOR}")
    if by_name(source.name) and first:
        skipped.append(f"{source.name} is not what it is called")
    return None


def _without_copies(readings: list[_Reading]) -> list[_Reading]:
    """setuperr.log repeats the errors of the setupact.log beside it, without the words that judge a run."""
    acts = {_beside(one, "setupact"): one for one in readings if "setupact" in one.source.name.lower()}
    kept = [
        one for one in readings if "setuperr" not in one.source.name.lower() or _beside(one, "setuperr") not in acts
    ]
    return kept or readings


def _beside(reading: _Reading, name: str) -> str:
    return reading.source.name.lower().replace(name, "")


def _together(readings: list[_Reading], skipped: list[str]) -> Explanation:
    lead = _lead(readings)
    causes = list(lead.told.causes) + [
        cause for one in readings if one is not lead for cause in one.told.causes if one.told.verdict == "failed"
    ]
    cause = causes[0] if lead.told.causes else None
    return Explanation(
        verdict=lead.told.verdict,
        phase=lead.told.phase,
        sentence=cause.sentence if cause else _plainly(lead),
        cause=cause,
        also=tuple(causes[1 if cause else 0 :][:_MOST_ALSO]),
        warnings=tuple(warning for one in readings for warning in one.told.warnings),
        machine=lead.told.machine,
        logs=tuple(ReadLog(one.source.name, one.kind, one.source.size, one.told.verdict) for one in readings),
        skipped=tuple(skipped),
        noise=lead.told.noise,
    )


def _lead(readings: list[_Reading]) -> _Reading:
    """The log whose verdict is the whole's: the newest run of sysprep, unless a first boot failed after it."""
    runs = [one for one in readings if one.kind == "sysprep" and one.told.verdict != "nothing-found"]
    failed = [one for one in readings if one.told.verdict == "failed" and one.kind != "sysprep"]
    if runs:
        lead = max(runs, key=lambda one: one.told.time)
        boots = [one for one in failed if one.kind == "setup" and one.told.time >= lead.told.time]
        return boots[-1] if boots and lead.told.verdict == "succeeded" else lead
    if failed:
        return min(failed, key=lambda one: (_PLACES.index(one.kind), [-ord(char) for char in one.told.time]))
    return next((one for one in readings if one.told.verdict == "succeeded"), readings[0])


def _plainly(lead: _Reading) -> str:
    if lead.told.verdict == "succeeded":
        return _SUCCEEDED["sysprep" if lead.kind == "sysprep" else lead.told.phase]
    return "nothing in these logs is known to be a failure"
