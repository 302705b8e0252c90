"""The fixes marked safe in the catalogue, made in a clone. docs/facts: windows 3.2, 4.4, 5.8."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from golden.errors import ChangeFailed, GoldenError, TimedOut
from golden.guest.dialect import Script
from golden.guest.family import Mended
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
WAIT = "wait"


def fix(session: Session, findings: tuple[Finding, ...], deadline: Deadline, settling: float = SETTLING) -> Mended:
    """
    Do once what is safe about these findings; what was done, a sentence each, and what was tried in vain.

    Restarting comes last, and once for all. GuestSilent or TimedOut where the guest does not come back from it.
    """
    by_kind: dict[str, list[Finding]] = {}
    for one in findings:
        if kind := (catalogue()[one.id].safe if one.id in catalogue() else ""):
            by_kind.setdefault(kind, []).append(one)
    done: list[str] = []
    failed: list[tuple[str, GoldenError]] = []
    for kind, act in FIXES.items():
        if kind in by_kind:
            came = act(session, by_kind[kind], deadline.within(settling) if kind == WAIT else deadline)
            done += came.done
            failed += came.failed
    return Mended(tuple(done), tuple(failed))


def _appx(session: Session, findings: list[Finding], deadline: Deadline) -> Mended:
    packages = [_package(one) for one in findings]
    told = session.script(Script(SCRIPTS / "fix_appx.ps1"), "removing AppX packages", deadline, packages=packages)
    done = tuple(f"appx.not-provisioned: removed {name} for all users" for name in listed(told.get("done")))
    return Mended(done, _failed(findings[0].id, told, "an AppX package could not be removed"))


def _package(finding: Finding) -> str:
    """The full name, which stands in the fix of the finding."""
    return finding.fix.partition(" -Package ")[2].partition(";")[0]


def _answer_files(session: Session, findings: list[Finding], deadline: Deadline) -> Mended:
    script = Script(SCRIPTS / "fix_answer_files.ps1")
    told = session.script(script, "removing answer files", deadline, files=list(ANSWER_FILES))
    done = tuple(f"answer-file.cached: removed {path}" for path in listed(told.get("done")))
    return Mended(done, _failed(findings[0].id, told, "an answer file could not be removed"))


def _wait(session: Session, findings: list[Finding], deadline: Deadline) -> Mended:
    def is_idle() -> bool:
        return not listed(ask(session, Wish(), deadline, only=("servicing",)).of("servicing").get("processes"))

    waiting = Waiting(deadline, tick=5.0, watcher=session.watcher)
    try:
        waiting.until("Windows' servicing to end", is_idle)
    except TimedOut as error:
        return Mended(failed=((findings[0].id, error),))
    return Mended((f"{findings[0].id}: waited until it had ended",))


def _restart(session: Session, findings: list[Finding], deadline: Deadline) -> Mended:
    session.watcher.doing("restarting the guest")
    session.restart(deadline)
    return Mended((f"{', '.join(dict.fromkeys(one.id for one in findings))}: restarted the guest",))


def _failed(name: str, told: Mapping[str, object], brief: str) -> tuple[tuple[str, GoldenError], ...]:
    """What a script says it could not do, with Windows' words for each."""
    failed = told.get("failed")
    if not isinstance(failed, dict) or not failed:
        return ()
    return ((name, ChangeFailed(brief, details="\n".join(f"{one}: {why}" for one, why in failed.items()))),)


FIXES: dict[str, Callable[[Session, list[Finding], Deadline], Mended]] = {
    "appx": _appx,
    "answer_files": _answer_files,
    WAIT: _wait,
    "restart": _restart,
}
"""By ``safe`` of the catalogue, in the order they are made."""
