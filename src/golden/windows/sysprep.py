"""
Generalizing a running clone: start sysprep, watch it from outside, name the cause where it fails.

Called the same way everywhere: ``/generalize /oobe /quiet /quit [/unattend:FILE]``. ``/quiet`` because a dialog would
hang for ever, ``/quit`` so that the guest can still be asked and is then shut down in order. The exit code proves
nothing; the four signals do. docs/facts: windows 0.1, 0.4 to 0.6, 1.1, 1.4, 1.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from golden.errors import GeneralizeFailed, GuestError, PolicyRefused, TimedOut, UsageError
from golden.guest.communicator import LineLost
from golden.guest.dialect import Script
from golden.guest.family import SealOrder
from golden.guest.session import Session
from golden.model import GuestFacts, GuestState
from golden.waiting import Deadline, Waiting
from golden.windows.dialect import SCRIPTS, SYSTEM32
from golden.windows.state import Evidence, from_probe, has_seal
from golden.windows.sysprep_log import History, history, verdict

FOLDER = f"{SYSTEM32}\\Sysprep"
PROGRAM = f"{FOLDER}\\sysprep.exe"
PANTHER = f"{FOLDER}\\Panther"
ANSWERS = f"{FOLDER}\\unattend.xml"
"""Where the answer file lies: it must outlive the run folder, since the first boot of the image reads it."""
LOGS = ("setupact.log", "setuperr.log")
TASK = "golden-sysprep"
_GRACE = 60.0
"""Seconds a started task may take until sysprep is seen; a process that is known needs none."""
_FOR_LOGS = 60.0


class Launcher(Protocol):
    """How sysprep is started; the one seam between the stand-in and a real Windows."""

    tick: float
    """Seconds between two looks: as seldom as asking costs the guest."""

    def start(self, session: Session, argv: tuple[str, ...], deadline: Deadline) -> None:
        """Start it and return; it goes on by itself."""

    def has_ended(self, session: Session) -> bool | None:
        """Whether it has ended; None where only the guest's list of processes can tell."""

    def clear(self, session: Session, deadline: Deadline) -> None:
        """Take away whatever starting it left in the guest."""


@dataclass(slots=True)
class DirectLauncher:
    """A child of the way in; for the stand-in only, since SYSTEM must not run sysprep on a real Windows."""

    tick: float = 0.1
    _pid: int | None = None

    def start(self, session: Session, argv: tuple[str, ...], deadline: Deadline) -> None:  # noqa: ARG002
        """Start it as a child of the guest's agent."""
        self._pid = session.communicator.start(argv)

    def has_ended(self, session: Session) -> bool | None:
        """By its number."""
        return None if self._pid is None else session.communicator.poll(self._pid) is not None

    def clear(self, session: Session, deadline: Deadline) -> None:
        """Nothing is left."""


@dataclass(slots=True)
class TaskLauncher:
    """A one-time task under a named administrator, which survives the loss of network and agent."""

    account: str
    password: str = field(repr=False)
    tick: float = 3.0

    def start(self, session: Session, argv: tuple[str, ...], deadline: Deadline) -> None:
        """Register the task and start it; the password travels in a file that the script deletes first."""
        code = session.dialect.join(session.folder, "sysprep.code")
        session.script(
            Script(SCRIPTS / "start_as_admin.ps1"),
            f"starting sysprep as {self.account}",
            deadline,
            task=TASK,
            argv=list(argv),
            account=self.account,
            password=self.password,
            code=code,
        )

    def has_ended(self, session: Session) -> bool | None:  # noqa: ARG002
        """A task has no number that golden knows."""
        return None

    def clear(self, session: Session, deadline: Deadline) -> None:
        """Remove the task, and with it the stored password, from what will become an image."""
        argv = (f"{SYSTEM32}\\schtasks.exe", "/delete", "/tn", TASK, "/f")
        ran = session.run(argv, "removing the task that started sysprep", deadline)
        if ran.code:
            raise GeneralizeFailed(
                f"the task {TASK!r}, which holds a password, could not be removed from the guest",
                details=ran.err.strip() or ran.out.strip() or f"exit code {ran.code}",
            )


def launcher(order: SealOrder, facts: GuestFacts) -> Launcher:
    """The way to start sysprep in this guest. UsageError where a real Windows has no administrator named for it."""
    if facts.stand_in:
        return DirectLauncher()
    if not order.account or not order.password:
        missing = "account" if not order.account else "password"
        raise UsageError(
            f"generalizing a Windows needs an administrator's name and password; no {missing} is configured",
            details="sysprep is not supported under SYSTEM, which guest agents run as",
            hint='in golden.toml: [references.NAME.guest] account = "..." and password_file or password_env',
        )
    return TaskLauncher(order.account, order.password)


def generalize(session: Session, order: SealOrder, facts: GuestFacts, deadline: Deadline) -> None:
    """
    Seal the running guest with sysprep and leave it running.

    PolicyRefused unless the guest was read as VIRGIN (or as DEPLOYED, which the caller accepted), UsageError where
    sysprep cannot be started properly, GeneralizeFailed with the cause named and the logs pulled into
    ``session.logs``, TimedOut with the log's last line.
    """
    _refuse_unfit(facts)
    way = launcher(order, facts)
    _refuse_sealed(_look(session, deadline))
    argv: tuple[str, ...] = (PROGRAM, "/generalize", "/oobe", "/quiet", "/quit")
    if order.answer_file is not None:
        session.push(_regular(order.answer_file), ANSWERS, deadline)
        argv = (*argv, f"/unattend:{ANSWERS}")
    session.watcher.doing("sysprep is generalizing the clone")
    way.start(session, argv, deadline)
    watch = _Watch(session, way, deadline)
    try:
        Waiting(deadline, tick=way.tick, watcher=session.watcher).until("sysprep to end", watch.look)
    except TimedOut as error:
        raise _timed_out(session, error, watch.trouble) from error
    logs = pull_logs(session, Deadline(_FOR_LOGS))
    if not watch.sealed:
        raise failure(logs, watch.seen)
    way.clear(session, Deadline(_FOR_LOGS))


@dataclass(slots=True)
class _Watch:
    """Looks at the guest until sysprep has ended one way or the other."""

    session: Session
    way: Launcher
    deadline: Deadline
    sealed: bool = False
    seen: Evidence | None = None
    trouble: str = ""
    _met: bool = False
    _gone: int = 0
    _since: Deadline = field(default_factory=lambda: Deadline(_GRACE))

    def look(self) -> bool:
        """Whether it has ended; while sysprep resets the network, a look that fails is nothing unusual."""
        try:
            ended = self.way.has_ended(self.session)
            if ended is False:
                return False
            answer = self.session.script(
                self.session.dialect.probe, "asking how far sysprep is", self.deadline.within(_GRACE)
            )
        except (GuestError, LineLost, TimedOut) as error:
            self.trouble = str(error)
            return False
        self.seen = from_probe(answer)
        running = bool(answer.get("sysprep_running"))
        self._met = self._met or running
        if running:
            self._gone = 0
            return False
        self.sealed = has_seal(self.seen)
        self._gone += 1
        # Twice, since the process is gone a moment before the registry is written back by its services.
        return self.sealed or (self._gone >= 2 and (bool(ended) or self._met or self._since.left <= 0))


def pull_logs(session: Session, deadline: Deadline) -> dict[str, Path]:
    """Sysprep's logs, kept with the session's; those that are there."""
    found = {}
    for name in LOGS:
        target = session.logs / f"sysprep-{name}"
        try:
            if session.pull(f"{PANTHER}\\{name}", target, deadline):
                found[name] = target
        except (GuestError, TimedOut, LineLost):
            continue  # the cause is told without this log rather than not at all
    return found


def failure(logs: dict[str, Path], seen: Evidence | None) -> GeneralizeFailed:
    """The error for a sysprep that did not seal the guest, with the cause that its log names."""
    told = verdict(logs.get("setupact.log"), logs.get("setuperr.log"))
    parts = [told.evidence_line] if told.evidence_line else []
    if seen is not None:
        parts += [f"{name}: {value}" for name, value in seen.listed()[:5]]
    parts += [f"log: {path}" for path in logs.values()]
    if told.succeeded:
        brief = "sysprep's log says it succeeded, but the guest does not have all signs of a sealed system"
    else:
        where = {"pre-validation": " before it changed anything", "running": " half-way"}.get(told.phase, "")
        brief = f"sysprep failed{where}: {told.sentence}"
    return GeneralizeFailed(brief, details="\n".join(parts) or None, hint=told.fix or None)


def _timed_out(session: Session, error: TimedOut, trouble: str) -> TimedOut:
    logs = pull_logs(session, Deadline(_FOR_LOGS))
    run = _history(logs).last
    words = run.last.text.strip() if run and run.last else "sysprep left no log"
    details = f"last log line: {words}" + (f"\nlast trouble: {trouble}" if trouble else "")
    return TimedOut(error.brief, details=details, hint=error.hint)


def _history(logs: dict[str, Path]) -> History:
    return history(logs["setupact.log"]) if "setupact.log" in logs else History()


def _look(session: Session, deadline: Deadline) -> Evidence:
    return from_probe(session.script(session.dialect.probe, "asking for the sysprep signals", deadline))


def _refuse_unfit(facts: GuestFacts) -> None:
    if facts.state not in (GuestState.VIRGIN, GuestState.DEPLOYED):
        raise PolicyRefused(
            f"sysprep is never run on a guest in the state {facts.state.value}",
            details="\n".join(f"{name}: {value}" for name, value in facts.evidence) or None,
        )


def _refuse_sealed(seen: Evidence) -> None:
    if has_seal(seen) or seen.generalization_state == 3:
        raise PolicyRefused(
            "the running guest says it was generalized already, so sysprep is not run on it again",
            details="\n".join(f"{name}: {value}" for name, value in seen.listed()[:5]),
        )


def _regular(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"there is no answer file {path}")
    return path
