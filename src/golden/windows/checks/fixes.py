"""The fixes marked safe in the catalogue, made in a clone. docs/facts: windows 3.2, 4.4, 5.8."""

from __future__ import annotations

from collections.abc import Callable

from golden.errors import ChangeFailed
from golden.guest.dialect import Script
from golden.guest.session import Session
from golden.model import Finding
from golden.waiting import Deadline, Waiting
from golden.windows.checks.catalogue import catalogue
from golden.windows.checks.live_rules import listed
from golden.windows.checks.online import ask
from golden.windows.checks.picture import ANSWER_FILES
from golden.windows.checks.rules import Wish
from golden.windows.dialect import SCRIPTS

SETTLING = 900.0
"""Seconds that servicing is given to end."""


def fix(session: Session, findings: tuple[Finding, ...], deadline: Deadline) -> tuple[str, ...]:
    """
    Do once what is safe about these findings: what was done, a sentence each; empty where nothing is safe.

    Restarting comes last, and once for all. ChangeFailed where Windows refuses a fix.
    """
    by_kind: dict[str, list[Finding]] = {}
    for one in findings:
        if kind := (catalogue()[one.id].safe if one.id in catalogue() else ""):
            by_kind.setdefault(kind, []).append(one)
    done: list[str] = []
    for kind, act in FIXES.items():
        if kind in by_kind:
            done += act(session, by_kind[kind], deadline)
    return tuple(done)


def _appx(session: Session, findings: list[Finding], deadline: Deadline) -> list[str]:
    packages = [_package(one) for one in findings]
    told = session.script(Script(SCRIPTS / "fix_appx.ps1"), "removing AppX packages", deadline, packages=packages)
    _assert_done(told, "an AppX package could not be removed")
    return [f"appx.not-provisioned: removed {name} for all users" for name in listed(told.get("done"))]


def _package(finding: Finding) -> str:
    """The full name, which the fix of the finding ends with."""
    return finding.fix.rpartition(" ")[2]


def _answer_files(session: Session, _findings: list[Finding], deadline: Deadline) -> list[str]:
    script = Script(SCRIPTS / "fix_answer_files.ps1")
    told = session.script(script, "removing answer files", deadline, files=list(ANSWER_FILES))
    _assert_done(told, "an answer file could not be removed")
    return [f"answer-file.cached: removed {path}" for path in listed(told.get("done"))]


def _wait(session: Session, findings: list[Finding], deadline: Deadline) -> list[str]:
    def is_idle() -> bool:
        return not listed(ask(session, Wish(), deadline, only=("servicing",)).of("servicing").get("processes"))

    waiting = Waiting(deadline.within(SETTLING), tick=5.0, watcher=session.watcher)
    waiting.until("Windows' servicing to end", is_idle)
    return [f"{findings[0].id}: waited until it had ended"]


def _restart(session: Session, findings: list[Finding], deadline: Deadline) -> list[str]:
    session.watcher.doing("restarting the guest")
    session.restart(deadline)
    return [f"{', '.join(dict.fromkeys(one.id for one in findings))}: restarted the guest"]


def _assert_done(told: dict[str, object], brief: str) -> None:
    failed = told.get("failed")
    if isinstance(failed, dict) and failed:
        raise ChangeFailed(brief, details="\n".join(f"{name}: {why}" for name, why in failed.items()))


FIXES: dict[str, Callable[[Session, list[Finding], Deadline], list[str]]] = {
    "appx": _appx,
    "answer_files": _answer_files,
    "wait": _wait,
    "restart": _restart,
}
"""By ``safe`` of the catalogue, in the order they are made."""
