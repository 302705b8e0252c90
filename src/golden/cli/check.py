"""``golden check``: whether sysprep would succeed, found out before it is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from golden.cli import open_project, work
from golden.cli.findings import FAILED
from golden.cli.human import PROVED_FROM, duration
from golden.cli.options import OnError, Timeout
from golden.cli.steps import shown
from golden.cli.talk import Talk
from golden.errors import NotFound, UsageError

_LOOKS = {"error": "red", "warning": "yellow", "info": "cyan"}
_TITLES = {"error": "These stop it", "warning": "Worth mending", "info": "Good to know"}
_MOST_LINES = 6


def check(
    talk: Talk,
    reference: Annotated[str | None, typer.Argument(metavar="[REF[@vN]|DISK]", help="Else the head.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Boot nothing: read the powered-off disk.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Try the safe fixes in the throw-away clone.")] = False,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Really generalize the throw-away clone.")] = False,
    answer_file: Annotated[Path | None, typer.Option("--answer-file", metavar="FILE", help="To be used later.")] = None,
    seal: Annotated[str | None, typer.Option("--seal", metavar="sysprep|linux|none", help="How it is sealed.")] = None,
    timeout: Timeout = None,
    on_error: OnError = "cleanup",
) -> None:
    """
    Find out whether a version could be generalized, in a clone without network that is thrown away. With --offline a
    disk that belongs to no project can be looked at too. Exit code 4 where something stops it.

    Example: golden check win2022 --fix
    """
    from golden.app import checking

    work.keeping(talk, on_error)
    wish = checking.CheckWish(seal, answer_file, fix, rehearse, duration(timeout, 45 * 60))
    if offline and (fix or rehearse):
        raise UsageError("--offline boots nothing, so nothing can be fixed or rehearsed", hint="leave --offline out")
    if checking.is_disk(reference):
        if checking.is_missing(str(reference)):
            raise NotFound(f"there is no disk image {reference}", hint="golden list shows the references there are")
        if not offline:
            hint = f"golden check {reference} --offline, or first: golden adopt NAME --from {reference}"
            raise UsageError(f"{reference} is a disk in no project; golden boots only clones of its own", hint=hint)
        with shown(talk) as steps:
            _tell(talk, checking.disk_offline(Path(str(reference)), wish, steps))
        return
    with open_project.writing() as project:
        target = open_project.target(project, reference)
        if offline:
            with shown(talk) as steps:
                report = checking.version_offline(project, target, wish, steps)
            _tell(talk, report)
            return
        from golden.app import orders

        order, sources = checking.check_order(project, target, wish)
        orders.keep_payloads(project, sources)
        job, report, took = work.do(talk, project, "check", order, on_error)
    _tell(talk, report, job=job, took=took)


def _tell(talk: Talk, report: Any, *, job: str = "", took: float = 0.0) -> None:
    """The report; exit code 4 where a finding is an error."""
    from golden.app.moves import told_plainly

    data = told_plainly(report)
    data |= data.pop("checked")
    data["fit"] = not any(one["severity"] == "error" for one in data["findings"])
    data |= {"job": job, "seconds": round(took, 3)} if job else {}
    talk.tell("check", data, _lines(talk, data))
    if not data["fit"]:
        raise typer.Exit(FAILED)


def _lines(talk: Talk, data: dict[str, Any]) -> Iterator[str]:
    yield talk.paint(data["subject"], "bold") + (" (golden's stand-in, no Windows)" if data["stand_in"] else "")
    for sentence in data["fixed"]:
        yield f"  {talk.paint('✓', 'green')} fixed in the clone: {sentence}"
    for severity, title in _TITLES.items():
        group = [one for one in data["findings"] if one["severity"] == severity]
        if group:
            yield from ("", f"{talk.paint(title, _LOOKS[severity], 'bold')}:")
        for one in group:
            yield from _finding(talk, one)
    yield ""
    yield from _verdict(talk, data)


def _finding(talk: Talk, one: dict[str, Any]) -> Iterator[str]:
    yield f"  {talk.paint(one['severity'], _LOOKS[one['severity']])}  {one['id']}: {one['sentence']}"
    lines = one["evidence"].splitlines()
    yield from (f"      {line}" for line in lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        yield f"      and {len(lines) - _MOST_LINES} more; -o json tells all"
    if one["fix"]:
        yield f"    {talk.paint('fix', 'cyan')}: {one['fix']}"


def _verdict(talk: Talk, data: dict[str, Any]) -> Iterator[str]:
    if data["proof"]:
        yield talk.paint("rehearsed: a clone was generalized and proved sealed, and is gone again", "green", "bold")
        yield f"  {PROVED_FROM[data['proof']['way']]}:"
        yield from (f"  {talk.paint('✓', 'green')} {name} = {value}" for name, value in data["proof"]["signals"])
    what = {"sysprep": "sysprep", "linux": "sealing it"}.get(data["seal"], "generalizing it elsewhere")
    errors = [one["id"] for one in data["findings"] if one["severity"] == "error"]
    answers = [name for name in errors if name.startswith("answer.")]
    stops = [name for name in errors if not name.startswith("disk.") and name not in answers]
    if answers:
        words = "1 finding" if len(answers) == 1 else f"{len(answers)} findings"
        yield talk.paint(f"golden capture would refuse this answer file: {words}", "red", "bold")
    if stops:
        words = "1 finding stops it" if len(stops) == 1 else f"{len(stops)} findings stop it"
        yield talk.paint(f"{what} would fail: {words}", "red", "bold")
    elif len(errors) > len(answers):
        yield talk.paint(f"whether {what} would succeed cannot be told from this disk", "red", "bold")
    elif not answers:
        yield talk.paint("nothing was found that stops it", "green", "bold")
    how = " and ".join(_WAYS[way] for way in data["ways"])
    yield f"{len(data['made'])} {'check' if len(data['made']) == 1 else 'checks'} made, on {how}"
    reasons: dict[str, list[str]] = {}
    for name, why in data["unmade"]:
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        yield f"{len(names)} could not be made ({why}): {', '.join(names)}"


_WAYS = {"offline": "the powered-off disk", "online": "the running clone"}

COMMANDS: dict[str, Callable[..., None]] = {"check": check}
