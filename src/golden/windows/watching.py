"""
Watching sysprep from outside until it has ended one way or the other, and saying what it came to.

The exit code proves nothing; the four signals do, and the last run of its log names the cause. A look costs one
program start in the guest, so looks become rarer the longer it takes. docs/facts: windows 0.1, 0.2, 1.2 to 1.5.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from golden.errors import GeneralizeFailed, GuestError, TimedOut
from golden.guest.communicator import LineLost
from golden.guest.dialect import Script
from golden.guest.session import Session
from golden.waiting import Deadline, Waiting
from golden.windows.dialect import SCRIPTS, SYSTEM32
from golden.windows.launching import LOGON_REFUSED, TASK
from golden.windows.state import Evidence, from_probe, has_seal
from golden.windows.sysprep_log import History, history, lines, verdict
from golden.windows.sysprep_signatures import NOISE

PANTHER = f"{SYSTEM32}\\Sysprep\\Panther"
LOGS = ("setupact.log", "setuperr.log")
LOOK = Script(SCRIPTS / "watch_seal.ps1")
FOR_LOGS = 60.0
GRACE = 60.0
"""Seconds a started task may take until it runs."""
_TICK = 0.1
_SOONEST, _RAREST = 0.3, 5.0
"""Seconds between two looks; the rarest twice over, and a slow guest's answers, stay well within half a minute."""
_TASK_RUNNING = 4
_NEVER_RAN = 0x00041303
"""SCHED_S_TASK_HAS_NOT_RUN"""
_RUNS = 0x00041301
"""SCHED_S_TASK_RUNNING"""


@dataclass(slots=True)
class Watch:
    """Looks at the guest until sysprep has ended."""

    session: Session
    deadline: Deadline
    sealed: bool = False
    seen: Evidence | None = None
    result: int | None = None
    """What the task ended with, unsigned; None while it has not ended, or never ran."""
    trouble: str = ""
    """Why the last look failed, if it did."""
    _met: bool = False
    _gone: int = 0
    _asked: float = 0.0
    _told: str = ""
    _since: Deadline = field(default_factory=lambda: Deadline(GRACE))

    def until_ended(self) -> None:
        """Return when it has ended; TimedOut otherwise. What it came to stands in ``sealed`` and ``seen``."""
        Waiting(self.deadline, tick=_TICK, watcher=self.session.watcher).until("sysprep to end", self._look)

    def _look(self) -> bool:
        """While sysprep resets the network, a look that fails is nothing unusual."""
        if self.deadline.left > 0 and self._since.elapsed - self._asked < self._pace:
            return False
        try:
            answer = self.session.script(LOOK, "asking how far sysprep is", self.deadline.within(GRACE), task=TASK)
        except (GuestError, LineLost, TimedOut) as error:
            self.trouble = str(error)
            return False
        finally:
            self._asked = self._since.elapsed
        self.trouble, self.seen = "", from_probe(answer)
        self._show(answer.get("log"))
        return self._is_over(answer)

    @property
    def _pace(self) -> float:
        return min(_RAREST, max(_SOONEST, self._since.elapsed / 20))

    def _is_over(self, answer: Mapping[str, object]) -> bool:
        assert self.seen is not None
        self.result = _result(answer)
        running = bool(answer.get("sysprep_running"))
        self._met = self._met or running or self.result is not None
        if running or answer.get("task_state") == _TASK_RUNNING:
            self._gone = 0
            return False
        self.sealed = has_seal(self.seen)
        self._gone += 1
        # Twice, since the process is gone a moment before the registry is written back by its services.
        return self.sealed or (self._gone >= 2 and (self._met or self._since.left <= 0))

    def _show(self, tail: object) -> None:
        last = last_words(tail)
        if last and last != self._told:
            self._told = last
            self.session.watcher.doing(f"sysprep: {last}")


def last_words(tail: object) -> str:
    """The last line of a log's end, given in base64, that says something; empty where there is none."""
    if not isinstance(tail, str):
        return ""
    try:
        content = base64.b64decode(tail, validate=True)
    except binascii.Error:
        return ""
    found = ""
    for line in lines(content):
        if line.message.strip("= ") and line.time and not any(row.pattern.search(line.text) for row in NOISE):
            found = line.message.strip()
    return found[:160]


def pull_logs(session: Session, deadline: Deadline, prefix: str = "sysprep") -> dict[str, Path]:
    """Sysprep's logs, kept with the session's; those that are there."""
    found = {}
    for name in LOGS:
        target = session.logs / f"{prefix}-{name}"
        try:
            if session.pull(f"{PANTHER}\\{name}", target, deadline):
                found[name] = target
        except (GuestError, TimedOut, LineLost):
            continue  # the cause is told without this log rather than not at all
    return found


def earlier_runs(session: Session, deadline: Deadline) -> History:
    """The runs that the guest's log tells of before sysprep is started; its copy is not kept, to be no cause later."""
    logs = pull_logs(session, deadline, "before-sysprep")
    told = told_runs(logs)
    for path in logs.values():
        path.unlink()
    return told


def told_runs(logs: Mapping[str, Path]) -> History:
    """The runs that a pulled setupact.log tells of; none without one."""
    return history(logs["setupact.log"]) if "setupact.log" in logs else History()


def failure(watch: Watch, logs: Mapping[str, Path], before: History) -> GeneralizeFailed:
    """The error for a sysprep that did not seal the guest, with the cause that its log names."""
    now = told_runs(logs)
    is_new = now.last is not None and (before.last is None or now.last.started != before.last.started)
    shown = list(watch.seen.listed()[:5]) if watch.seen is not None else []
    parts = [f"{name}: {value}" for name, value in shown] + [f"log: {path}" for path in logs.values()]
    if not is_new and not ("setuperr.log" in logs and "setupact.log" not in logs):
        brief, hint = _unstarted(watch.result)
        return GeneralizeFailed(brief, details="\n".join(parts) or None, hint=hint)
    told = verdict(logs.get("setupact.log"), logs.get("setuperr.log"))
    if told.evidence_line:
        parts.insert(0, told.evidence_line)
    if told.succeeded:
        brief = "sysprep's log says it succeeded, but the guest does not have all signs of a sealed system"
    else:
        where = {"pre-validation": " before it changed anything", "running": " half-way"}.get(told.phase, "")
        brief = f"sysprep failed{where}: {told.sentence}"
    hint = told.fix
    if not hint and "msdtc" in told.evidence_line.lower():
        hint = "some administrators run msdtc -uninstall and msdtc -install in the reference first (unconfirmed)"
    return GeneralizeFailed(brief, details="\n".join(parts) or None, hint=hint or None)


def timed_out(session: Session, error: TimedOut, watch: Watch) -> TimedOut:
    """The error for a sysprep that was still at work at the deadline, with its last words."""
    run = told_runs(pull_logs(session, Deadline(FOR_LOGS))).last
    words = run.last.text.strip() if run and run.last else "sysprep left no log"
    details = f"last log line: {words}" + (f"\nlast trouble: {watch.trouble}" if watch.trouble else "")
    return TimedOut(error.brief, details=details, hint=error.hint)


def _result(answer: Mapping[str, object]) -> int | None:
    code = answer.get("task_result")
    if not isinstance(code, int) or isinstance(code, bool):
        return None
    code &= 0xFFFFFFFF
    return None if code in (_NEVER_RAN, _RUNS) else code


def _unstarted(result: int | None) -> tuple[str, str | None]:
    """What is known where sysprep wrote no log at all."""
    if result is None:
        return (
            f"sysprep was never started: its task {TASK!r} did not run within {GRACE:.0f} s, and there is no log",
            "is the Task Scheduler service of the guest running?",
        )
    if result in LOGON_REFUSED:
        return (
            f"sysprep was not started: its account cannot log on ({LOGON_REFUSED[result]}, {result:#010x})",
            "in golden.toml: [references.NAME.guest] account and password_file or password_env",
        )
    shown = str(result) if result < 0x10000 else f"{result:#010x}"
    return (
        f"sysprep ended with exit code {shown}, but left neither the signs of a sealed system nor a log of this run",
        "something keeps sysprep.exe from working: another instance, a policy, or security software",
    )
