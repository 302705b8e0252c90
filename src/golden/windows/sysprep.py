"""
Generalizing a running clone with sysprep; this module is the order of acts, the others do them.

Called the same way everywhere: ``/generalize /oobe /quiet /quit [/mode:vm] [/unattend:FILE]``. ``/quiet`` because a
dialog would hang for ever, ``/quit`` so that the guest can still be asked and is then shut down in order.
docs/facts: windows 0.1, 0.4 to 0.6, 1.1, 1.4, 1.5, 4.4.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from golden.errors import (
    GeneralizeFailed,
    GoldenError,
    GuestError,
    GuestSilent,
    PolicyRefused,
    TimedOut,
    UsageError,
)
from golden.guest.communicator import LineLost
from golden.guest.dialect import Script
from golden.guest.family import SealOrder
from golden.guest.session import Session
from golden.model import SAME_HARDWARE, GuestFacts, GuestState, Sealing
from golden.waiting import Deadline
from golden.windows.account import runner
from golden.windows.dialect import SCRIPTS, SYSTEM32
from golden.windows.launching import Launcher
from golden.windows.licence import was_rearmed
from golden.windows.rearm import read_rearm
from golden.windows.state import Evidence, from_probe, has_seal
from golden.windows.watching import FOR_LOGS, Watch, earlier_runs, failure, pull_logs, timed_out

FOLDER = f"{SYSTEM32}\\Sysprep"
PROGRAM = f"{FOLDER}\\sysprep.exe"
ANSWERS = f"{FOLDER}\\unattend.xml"
"""Where the answer file lies: it must outlive the run folder, since the first boot of the image reads it."""
PREPARE = Script(SCRIPTS / "prepare_seal.ps1")
FOR_CLEAN_UP = 180.0


def generalize(session: Session, order: SealOrder, facts: GuestFacts, deadline: Deadline) -> Sealing:
    """
    Seal the running guest with sysprep, take away what that needed, and leave the guest running.

    Once the session is closed the guest switches itself off. PolicyRefused unless the guest was read as VIRGIN (or
    as DEPLOYED, which the caller accepted), UsageError where sysprep cannot be started properly, GeneralizeFailed
    with the cause named and the logs pulled into ``session.logs``, TimedOut with the log's last line.
    """
    _refuse_unfit(facts)
    way = Launcher(runner(order))
    _refuse_sealed(_look(session, deadline))
    rearm = read_rearm(session, deadline)
    notes = prepare(session, order, deadline)
    argv = command_line(order)
    if order.answer_file is not None:
        session.push(_regular(order.answer_file), ANSWERS, deadline)
    before = earlier_runs(session, deadline)
    session.watcher.doing(f"sysprep is generalizing the clone as {way.runner.name}")
    watch = Watch(session, deadline)
    try:
        way.start(session, argv, deadline)
        watch.until_ended()
        logs = pull_logs(session, Deadline(FOR_LOGS))
        if not watch.sealed:
            raise failure(watch, logs, before)
    except TimedOut as error:
        problem = timed_out(session, error, watch)
        _clear_anyway(session, way, problem)
        raise problem from error
    except GoldenError as error:
        _clear_anyway(session, way, error)
        raise
    after = read_rearm(session, Deadline(FOR_LOGS))
    clear(session, way)
    if was_rearmed(rearm, after) is False:
        notes = (
            *notes,
            "sysprep did not rearm it: the counter is what it was before (golden show says what that means)",
        )
    return Sealing(rearm, after, notes)


def command_line(order: SealOrder) -> tuple[str, ...]:
    """How sysprep is called; ``/mode:vm`` only where it was asked for (docs/facts: windows 1.1)."""
    argv: tuple[str, ...] = (PROGRAM, "/generalize", "/oobe", "/quiet", "/quit")
    if order.mode_vm:
        argv = (*argv, "/mode:vm")
    if order.answer_file is not None:
        argv = (*argv, f"/unattend:{ANSWERS}")
    return argv


def prepare(session: Session, order: SealOrder, deadline: Deadline) -> tuple[str, ...]:
    """
    Take cached answer files away and rearm Office, in the clone; notes on what was met.

    GeneralizeFailed where an attached medium holds an answer file that sysprep would take for want of a better one.
    """
    session.watcher.doing("clearing the clone of earlier answer files")
    told: dict[str, Any] = session.script(PREPARE, "preparing the clone for sysprep", deadline)
    media = [str(path) for path in told["media"]]
    if media and order.answer_file is None:
        raise GeneralizeFailed(
            f"an attached medium holds an answer file, which sysprep would use: {', '.join(media)}",
            hint="golden capture --answer-file FILE, or take the medium out of the machine's definition",
        )
    notes = [f"taken away before sysprep: {path}" for path in told["removed"]]
    notes += [f"an attached medium holds an answer file: {path}" for path in media]
    for office in told["office"]:
        ended = "rearmed" if office["code"] == 0 else f"NOT rearmed, exit code {office['code']}"
        notes.append(f"Office {ended}: {office['path']}")
    if order.mode_vm:
        notes.append(SAME_HARDWARE)
    return tuple(notes)


def clear(session: Session, way: Launcher) -> None:
    """
    Take away what starting sysprep left, as local work of the guest; GeneralizeFailed where something stays.

    A line that breaks here is no failure: the way in may have been the account that is gone now, and the disk
    proves what came of it.
    """
    session.watcher.doing("clearing the clone of what sysprep was started with")
    try:
        left = way.clear(session, Deadline(FOR_CLEAN_UP), shut_down=True)
    except (LineLost, GuestSilent):
        return
    except (GuestError, TimedOut) as error:
        raise GeneralizeFailed(
            "what sysprep was started with, a stored password among it, could not be taken out of the guest",
            details=f"{error.brief}\n{error.details or ''}".strip(),
        ) from error
    if left:
        raise GeneralizeFailed(
            "not everything that sysprep was started with could be taken out of the guest", details="\n".join(left)
        )


def _clear_anyway(session: Session, way: Launcher, problem: GoldenError) -> None:
    """After a failure: the clone may be kept to be looked at, and no stored password should be in it."""
    try:
        left = way.clear(session, Deadline(FOR_LOGS), shut_down=False)
    except (GoldenError, LineLost) as error:
        problem.add_note(f"the task that started sysprep may still be in the clone: {error}")
        return
    for one in left:
        problem.add_note(f"still in the clone: {one}")


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
