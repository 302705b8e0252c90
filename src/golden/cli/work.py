"""Running a job for a command: shown live, stopped in order, and what it left told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from golden.app import run
from golden.app.project import Project
from golden.cli.human import seconds, size
from golden.cli.steps import shown
from golden.cli.talk import Talk
from golden.errors import GoldenError, UsageError
from golden.model import Severity

ON_ERROR = ("cleanup", "keep", "ask")


def do(talk: Talk, project: Project, procedure: str, order: Any, on_error: str = "cleanup") -> tuple[str, Any, float]:
    """Run a new job: its id, what it made, and how many seconds it took."""
    begun = time.monotonic()
    keep = keeping(talk, on_error)
    with shown(talk) as steps:
        job, made = told(project, lambda: run.start(project, procedure, order, run.Manner(steps, steps, keep)))
    return job, made, time.monotonic() - begun


def told(project: Project, act: Callable[[], Any]) -> Any:
    """Do it; an error that leaves its job open says how to go on."""
    try:
        return act()
    except GoldenError as error:
        job = getattr(error, "job", None)
        if job and any(one.id == job for one in run.unfinished(project)):
            error.add_note(f"job {job} is not over: golden resume {job} goes on, golden cancel {job} gives it up")
        raise


def keeping(talk: Talk, on_error: str) -> Callable[[BaseException], bool]:
    """Whether what a failed job made is to stay, as ``--on-error`` says. UsageError for what it cannot be."""
    if on_error not in ON_ERROR:
        raise UsageError(f"--on-error is one of {', '.join(ON_ERROR)}, not {on_error!r}")
    if on_error == "ask" and not talk.may_ask:
        raise UsageError("--on-error ask needs a terminal", hint="--on-error cleanup or --on-error keep")

    def keep(error: BaseException) -> bool:
        if on_error != "ask":
            return on_error == "keep"
        try:
            talk.confirm(f"{error}\nKeep what was made, to look at it?")
        except UsageError:
            return False
        return True

    return keep


def show_plan(talk: Talk, plan: Any, *, data: bool) -> None:
    """Warnings of a plan; with ``data`` the plan itself with its numbers is the result."""
    from golden.codec import plain

    for finding in plan.findings:
        if finding.severity is not Severity.INFO or data or talk.verbose:
            words = finding.sentence + (f" ({finding.evidence})" if finding.evidence else "")
            talk.warn(words) if finding.severity is not Severity.INFO else talk.say(words)
    if data:
        told_plan = {key: value for key, value in plain(plan).items() if key != "sources"}
        talk.tell("plan", told_plan, _plan(talk, plan))


def _plan(talk: Talk, plan: Any) -> list[str]:
    free = "unknown" if plan.free is None else size(plan.free)
    lines = [
        talk.paint(f"{plan.procedure} {plan.base} → {plan.result}", "bold"),
        f"  clone   {plan.clone}",
        f"  space   about {size(plan.space)}, free {free}",
        "  steps",
    ]
    return [*lines, *(f"    {at}. {step}" for at, step in enumerate(plan.steps, start=1)), "Nothing was done."]


def took(value: float) -> str:
    """How long a job took."""
    return seconds(value)
