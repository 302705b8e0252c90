"""``golden jobs``, ``logs``, ``resume`` and ``cancel``."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golden.app import reading
from golden.cli import open_project
from golden.cli.human import age, columns, moment, seconds, size
from golden.cli.overview import job_line
from golden.cli.talk import Talk, fields_of
from golden.errors import GoldenError, Interrupted, UsageError

if TYPE_CHECKING:
    from golden.app.project import Project
    from golden.cli.options import All, Job


def jobs(talk: Talk, every: All = False) -> None:
    """
    Jobs that are not over, and what to type about them; all there ever were with --all.

    Example: golden jobs --all
    """
    with open_project.reading() as project:
        if not project.exists():
            found: list[dict[str, Any]] = []
        elif every:
            from golden.app import moves

            found = moves.jobs(project)
        else:
            found = reading.open_jobs(project)
    if not found:
        talk.say("No job was ever run here." if every else "No job is waiting or running.")
    talk.tell("jobs", {"jobs": found}, _table(talk, found) if every else _open(talk, found))


def logs(talk: Talk, job: Job = None) -> None:
    """
    What a job did, when, and the logs it kept; the newest job where none is named.

    Example: golden logs
    """
    from golden.app import moves

    with open_project.reading() as project:
        data = moves.job_log(open_project.existing(project), job)
    talk.tell("job", data, _record(talk, data))


def resume(talk: Talk, job: Job = None, every: All = False) -> None:
    """
    Go on with a job that was cut off; with the only one there is where none is named. Nothing to do is success.

    Example: golden resume
    """
    _each(talk, job, "resume", every=every)


def cancel(talk: Talk, job: Job = None, every: All = False) -> None:
    """
    Give a job up that was cut off, and take away what it made. Nothing to do is success.

    Example: golden cancel j7x2mnp
    """
    _each(talk, job, "cancel", every=every)


def _each(talk: Talk, job: str | None, act: str, *, every: bool) -> None:
    with open_project.reading() as project:
        if not project.exists() and job is None:
            _nothing(talk, act)
            return
    with open_project.writing() as project:
        chosen = _chosen(talk, project, job, act, every=every)
        if act == "cancel" and job is not None and (state := _over(project, job)):
            _nothing(talk, act, f": job {job} is over, it is {state}")
            return
        if not chosen:
            _nothing(talk, act)
            return
        if act == "cancel":
            talk.confirm(f"Give up {', '.join(chosen)} and take away what was made?")
        done, problems = [], []
        for one in chosen:
            try:
                done.append(_one(talk, project, one, act) if len(chosen) == 1 else _apart(talk, one, act))
            except GoldenError as error:
                problems.append((one, error))
    lines = [f"{talk.paint('✓', 'green')} {one['id']}: {one['procedure']} of {one['reference']}" for one in done]
    if len(problems) == 1 and not done:
        raise problems[0][1]
    failed = [name for name, _ in problems]
    talk.tell("jobs", {"jobs": done, "failed": failed, "errors": [fields_of(one) for _, one in problems]}, lines)
    if problems:
        _tell_all(talk, [problem for _, problem in problems])


def _tell_all(talk: Talk, problems: list[GoldenError]) -> None:
    """Programs have them in the one envelope; the exit code is that of the last."""
    import typer

    if not talk.for_programs:
        for problem in problems:
            talk.fail(problem)
    raise typer.Exit(problems[-1].exit_code)


def _one(talk: Talk, project: Project, job: str, act: str) -> dict[str, Any]:
    from golden.app import moves, run
    from golden.cli import work
    from golden.cli.steps import shown

    talk.say(f"{act} {job}")
    with shown(talk) as steps:
        manner = run.Manner(steps, steps)
        if act == "resume":
            work.told(project, lambda: run.resume(project, job, manner))
        else:
            for words in run.staying(project, job, run.cancel(project, job, manner).order):
                talk.say(words)
    told = moves.job_log(project, job)
    return {key: told[key] for key in ("id", "procedure", "reference", "state", "created", "ended")}


def _apart(talk: Talk, job: str, act: str) -> dict[str, Any]:
    """One of several jobs, in its own process: libvirt's embedded driver serves the machines of one job a process."""
    argv = [sys.executable, "-m", "golden", act, job, "--yes", "-o", "json", *(["-q"] if talk.quiet else [])]
    said, code = _heard(argv)
    try:
        envelope = json.loads(said)
    except ValueError:
        raise Interrupted(f"{act} of job {job} ended with exit code {code}", hint=f"golden {act} {job}") from None
    if envelope["kind"] != "error":
        told: dict[str, Any] = envelope["data"]["jobs"][0]
        return told
    told = envelope["error"]
    error = GoldenError(told["brief"], details=told["details"], hint=told["hint"])
    error.id, error.exit_code = told["id"], told["exit_code"]
    error.job = told.get("job", job)  # type: ignore[attr-defined]
    for note in told.get("notes", ()):
        error.add_note(note)
    raise error


def _heard(argv: list[str]) -> tuple[bytes, int]:
    """
    What a process of golden's says on stdout, and its exit code. It is waited for while it unwinds: Ctrl-C at a
    terminal reaches it too, any other signal to this one is handed on.
    """
    import subprocess

    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    try:
        return process.communicate()[0], process.returncode
    except KeyboardInterrupt as stop:
        if os.name != "nt" and not (_is_ctrl_c(stop) and sys.stderr.isatty()):
            process.terminate()
        process.communicate()
        raise


def _is_ctrl_c(stop: KeyboardInterrupt) -> bool:
    return getattr(stop, "number", signal.SIGINT) == signal.SIGINT


def _chosen(talk: Talk, project: Project, job: str | None, act: str, *, every: bool) -> list[str]:
    from golden.app import run
    from golden.cli.steps import shown

    if job is not None:
        if every:
            raise UsageError(f"{job} or --all, not both")
        return [job]
    with shown(talk) as steps:
        waiting = [one.id for one in run.cut_off(project, steps)]
    if len(waiting) > 1 and not every:
        raise UsageError(
            f"{len(waiting)} jobs were cut off: {', '.join(waiting)}", hint=f"golden {act} JOB, or golden {act} --all"
        )
    return waiting


def _over(project: Project, job: str) -> str:
    from golden.app import run

    return run.over(project, job)


def _nothing(talk: Talk, act: str, because: str = "") -> None:
    talk.say(f"Nothing to {act}{because}.")
    talk.tell("jobs", {"jobs": [], "failed": [], "errors": []}, [])


def _open(talk: Talk, found: list[dict[str, Any]]) -> Iterator[str]:
    for job in found:
        yield from job_line(talk, job)


def _table(talk: Talk, found: list[dict[str, Any]]) -> Iterator[str]:
    colors = {"done": "green", "failed": "red", "open": "yellow"}
    rows = [("JOB", "WHAT", "REFERENCE", "STATE", "BEGUN", "TOOK", "PROBLEM")]
    for job in found:
        state = talk.paint(job["state"], *([colors[job["state"]]] if job["state"] in colors else []))
        problem = job["problem"]["brief"][:60] if job["problem"] else ""
        rows.append((job["id"], job["procedure"], job["reference"], state, age(job["created"]), _took(job), problem))
    if found:
        yield from columns(rows)


def _took(job: dict[str, Any]) -> str:
    from datetime import datetime

    if not job["ended"]:
        return "runs" if job["running"] else "-"
    begun, ended = (datetime.fromisoformat(job[key]) for key in ("created", "ended"))
    return seconds((ended - begun).total_seconds())


def _record(talk: Talk, data: dict[str, Any]) -> Iterator[str]:
    yield f"{talk.paint(data['id'], 'bold')}  {data['procedure']} of {data['reference']}: {data['state']}"
    yield f"begun {moment(data['created'])}, ended {moment(data['ended'])}"
    if problem := data["problem"]:
        yield talk.paint(f"{problem['id']} (exit code {problem['exit_code']}): {problem['brief']}", "red")
        yield from (f"  {line}" for line in (problem["details"] or "").splitlines())
        if problem["hint"]:
            yield f"hint: {problem['hint']}"
    yield from data["notes"]
    yield ""
    for line in columns([(moment(e["at"]), f"#{e['attempt']}", e["kind"], e["name"]) for e in data["entries"]]):
        yield f"  {line}"
    for log in data["logs"]:
        yield from _log(talk, log)


def _log(talk: Talk, log: dict[str, Any]) -> Iterator[str]:
    from golden.app import moves

    yield ""
    yield talk.paint(f"{log['path']}  {size(log['size'])}", "bold")
    text = moves.log_text(Path(log["path"]))
    if text is not None and (talk.verbose or log["size"] <= 20_000):
        yield from (f"  {line}" for line in text.splitlines())


COMMANDS: dict[str, Callable[..., None]] = {"jobs": jobs, "logs": logs, "resume": resume, "cancel": cancel}
