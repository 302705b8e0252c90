"""Waiting until a Windows has done, after a restart, what it does by itself. docs/facts: windows 5.8."""

from __future__ import annotations

from typing import Any

from golden.errors import GuestError
from golden.guest.communicator import LineLost
from golden.guest.dialect import Script
from golden.guest.family import Pending
from golden.guest.session import Session
from golden.waiting import Deadline, Waiting
from golden.windows.dialect import SCRIPTS
from golden.windows.local import TASK

TICK = 1.0
"""Seconds between two looks; each starts a PowerShell in the guest."""
_LOOK = Script(SCRIPTS / "settled.ps1")


def settle(session: Session, deadline: Deadline, *, looks: int) -> Pending:
    """
    Wait until so many looks in a row show the same signs and servicing at rest; what asks for a restart.

    TimedOut where it never comes to rest.
    """
    seen: list[Any] = []

    def at_rest() -> Pending | None:
        try:
            told = session.script(_LOOK, "looking whether the guest has settled", deadline, task=TASK)
        except (GuestError, LineLost):
            seen.clear()  # it may still be on its way up
            return None
        if told["busy"] or (seen and seen[-1] != told):
            seen.clear()
        seen.append(told)
        if len(seen) < looks or told["busy"]:
            return None
        return Pending(tuple(told["sure"]), tuple(told["likely"]))

    waiting = Waiting(deadline, tick=TICK, watcher=session.watcher)
    return waiting.until("servicing in the guest to come to rest", at_rest)
