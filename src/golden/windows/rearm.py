"""
The rearm ledger: how often a Windows may still be generalized, read inside and never from slmgr's words.

The counter lies in the licensing store and cannot be read from a powered-off disk, and a sealed image is never booted
to read it: so it is read before each freeze and after sysprep's ``/quit``. docs/facts: windows 2.1, 2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from golden.errors import GuestError, TimedOut
from golden.guest.communicator import LineLost
from golden.guest.dialect import Script
from golden.guest.session import Session
from golden.model import Rearm
from golden.waiting import Deadline
from golden.windows.dialect import SCRIPTS

READ = Script(SCRIPTS / "rearm.ps1")
_LIMIT = 120.0
"""Seconds; the licensing service takes its time to start."""
_NOT_APPLICABLE = 0xFFFFFFFF


def read_rearm(session: Session, deadline: Deadline) -> Rearm | None:
    """What the guest tells now; None where it does not, which is told and no failure."""
    try:
        answer = session.script(READ, "reading the rearm counters", deadline.within(_LIMIT))
    except (GuestError, TimedOut, LineLost) as error:
        session.watcher.doing(f"the rearm counters could not be read: {error}")
        return None
    return from_answer(answer)


def from_answer(answer: Mapping[str, object]) -> Rearm:
    """The answer of rearm.ps1 as a reading."""
    return Rearm(
        windows=_count(answer.get("windows")),
        sku=_count(answer.get("sku")),
        status=_number(answer.get("status")),
        reason=_number(answer.get("reason")),
        channel=_text(answer.get("channel")),
        product=_text(answer.get("product")),
        description=_text(answer.get("description")),
        grace=_number(answer.get("grace")),
        read=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _count(value: object) -> int | None:
    number = _number(value)
    return None if number == _NOT_APPLICABLE else number


def _number(value: object) -> int | None:
    return value & 0xFFFFFFFF if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
