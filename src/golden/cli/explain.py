"""``golden explain``: why it failed, from logs alone. Works with no hypervisor and no configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from golden.cli.talk import Talk
from golden.errors import NotFound, UsageError
from golden.windows.explain.explanation import explain as explained

if TYPE_CHECKING:
    from golden.cli.options import Paths
    from golden.windows.explain.nouns import Cause, Explanation

_JOB = re.compile(r"j[2-9a-hjkmnp-z]{6}")
_LOOKS = {"failed": "red", "cut-off": "yellow", "succeeded": "green", "nothing-found": "cyan"}
_WORDS = {"cut-off": "cut off", "nothing-found": "nothing found"}
_PHASES = {
    "done": "done",
    "pre-validation": "before anything was changed",
    "running": "half-way",
    "specialize": "at the first boot",
    "driver": "while a driver was installed",
    "servicing": "in servicing",
    "program": "while a program was installed",
    "unknown": "not told",
}
_MACHINES = {
    "untouched": "as it was before the run: mend the cause and try again, best in a fresh clone",
    "spoiled": "not usable any more: discard it and go back to a version from before",
    "sealed": "generalized: its next boot is a first boot",
    "unknown": "the logs do not tell",
}
_SHOWN = 5
"""Further causes that are told in text; JSON has all of them."""


def explain(talk: Talk, paths: Paths = None) -> None:
    """
    Why sysprep, a first boot, a driver, an update or a program failed, from its logs.

    A PATH is a log (setupact.log, setuperr.log, setupapi.dev.log, CBS.log, dism.log, a log of msiexec), a folder with
    logs anywhere in it (a copied Panther folder, a whole Windows, a support bundle), a .zip of them, or - for standard
    input; a JOB is one of golden's, whose kept logs are read; nothing means the newest job. Told are the last run's
    verdict, the cause, what is to blame, whether the machine can still be used, what to do, and the lines that say so.
    Exit code 0 where the logs could be read, whatever they tell (data.verdict says it); 2 where there is no log, 13
    where there is nothing at all.

    Example: golden explain C:/Windows/System32/Sysprep/Panther
    """
    named: list[str | None] = [paths] if isinstance(paths, str) else [*(paths or ())]  # The short cut knows one only.
    places, jobs = [], []
    for name in named or [None]:
        place, job = _place(name)
        places.append(place)
        jobs += [job] if job else []
    try:
        result = explained(places)
    except UsageError as error:
        raise _without_logs(jobs[0]) if len(jobs) == len(places) == 1 else error from None
    talk.tell("explanation", _data(result), _lines(talk, result))


def _place(name: str | None) -> tuple[str, dict[str, Any] | None]:
    """A path; or the folder of a job's logs, and the job."""
    if name is not None and (name == "-" or not _JOB.fullmatch(name) or os.path.lexists(name)):
        return name, None
    from golden.app import moves
    from golden.cli import open_project

    with open_project.reading() as project:
        if not project.exists() and name is not None:
            raise NotFound(f"there is no file, folder or job {name}")
        data = moves.job_log(open_project.existing(project), name)
        folder = project.logs(data["id"]).absolute()
    if not data["logs"]:
        raise _without_logs(data)
    return str(folder), data


def _without_logs(job: dict[str, Any]) -> UsageError:
    """A job that kept no log of Windows' may still have said itself why it stopped."""
    problem = job.get("problem")
    said = f"it says itself: {problem['brief']}" if problem else f"it is {job['state']}"
    return UsageError(
        f"job {job['id']} ({job['procedure']}) kept no log that golden could explain",
        details=said,
        hint=f"golden logs {job['id']} tells what it did",
    )


def _data(result: Explanation) -> dict[str, Any]:
    return {**_plain(result), "usable": result.usable}


def _plain(value: Any) -> Any:
    """Nouns and tuples for JSON."""
    if hasattr(value, "_asdict"):
        return {name: _plain(one) for name, one in value._asdict().items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _lines(talk: Talk, result: Explanation) -> Iterator[str]:
    verdict = talk.paint(_WORDS.get(result.verdict, result.verdict), _LOOKS[result.verdict], "bold")
    yield f"{verdict}  {result.sentence}"
    rows = [("when", _PHASES[result.phase])] if result.phase not in ("done", "unknown") else []
    cause = result.cause
    if cause is not None:
        rows += [("cause", _named(cause)), ("to blame", cause.blame)]
    if result.machine != "unknown" or result.verdict == "failed":
        rows.append(("machine", _MACHINES[result.machine]))
    if cause is not None:
        rows.append(("do", cause.fix))
    yield from (f"  {talk.paint(f'{name:<9}', 'dim')} {words}" for name, words in rows if words)
    if cause is not None:
        yield from _evidence(talk, cause)
    for one in result.also[:_SHOWN]:
        yield f"{talk.paint('also', 'yellow', 'bold')}  {one.sentence} ({_named(one)})"
        yield from (f"  {line}" for line in ([f"do: {one.fix}"] if one.fix else []))
        yield from _evidence(talk, one)
    if len(result.also) > _SHOWN:
        yield f"and {len(result.also) - _SHOWN} more: golden explain -o json"
    for one in result.warnings:
        yield f"{talk.paint('warning', 'yellow')}  {one.sentence}"
        yield from _evidence(talk, one)
    yield from _read(talk, result)


def _named(cause: Cause) -> str:
    code = " ".join(part for part in (cause.code, cause.code_name) if part)
    unsure = "" if cause.confirmed else ", a meaning not checked on a real Windows"
    return cause.id + (f", {code}" if code else "") + unsure


def _evidence(talk: Talk, cause: Cause) -> Iterator[str]:
    for quote in cause.evidence:
        yield f"  {talk.paint(f'{quote.file}:{quote.line}', 'cyan')}  {quote.text}"


def _read(talk: Talk, result: Explanation) -> Iterator[str]:
    noise = f"; {result.noise} error lines that good runs have as well were passed over" if result.noise else ""
    files = ", ".join(log.file for log in result.logs[:8])
    more = f" and {len(result.logs) - 8} more" if len(result.logs) > 8 else ""
    yield talk.paint(f"read {files}{more}{noise}", "dim")
    yield from (talk.paint(f"not read: {words}", "dim") for words in result.skipped[:_SHOWN])


COMMANDS: dict[str, Callable[..., None]] = {"explain": explain}
