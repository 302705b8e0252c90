"""
Features and capabilities of Windows, turned on by name. docs/facts: windows 5.6.

No place on the disk tells for certain that one is on, so the guest is asked before it is switched off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from golden.disk.source import Files
from golden.errors import ChangeFailed, UsageError
from golden.guest import changes
from golden.guest.dialect import Script
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, GuestFacts
from golden.waiting import Deadline
from golden.windows.dialect import SCRIPTS
from golden.windows.local import script_local

_SCRIPT = Script(SCRIPTS / "feature.ps1")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,199}")
_WHY = {
    0x800F0954: "a policy sends this guest to a WSUS server for it; its source must be there",
    0x800F081F: "its source files are not in this Windows and could not be fetched; it may need --network",
    0x800F080C: "this Windows has no feature of that name",
}
"""What codes likely mean; unconfirmed but for the first, and only ever words beside the guest's own."""


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:  # noqa: ARG001 - the guest has the last word
    """A name that can be one."""
    if not _NAME.fullmatch(wanted.name):
        example = "NetFx3" if wanted.kind == "feature" else "OpenSSH.Server~~~~0.0.1.0"
        raise UsageError(f"{wanted.name!r} is no name of a {wanted.kind}", hint=f"--{wanted.kind} {example}")
    return changes.prepared(wanted.kind, wanted.name, (), ())


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:  # noqa: ARG001
    """Turn it on as local work; on already is success."""
    what = f"turning on the {change.kind} {change.name}"
    told = script_local(session, _SCRIPT, what, deadline, action="enable", kind=change.kind, name=change.name)
    if not told["ok"] or not told["on"]:
        code = int(told["code"])
        why = _WHY.get(code & 0xFFFFFFFF)
        raise ChangeFailed(
            f"the {change.kind} {change.name} could not be turned on" + (f": {why}" if why else ""),
            details=f"{told['why'] or 'its state is ' + str(told['state'])} ({changes.shown_code(code)})",
        )
    return Applied(reboot=bool(told["restart"]))


def look(session: Session, change: Change, deadline: Deadline) -> Standing:
    """Its state as Windows tells it."""
    told: Any = session.script(
        _SCRIPT, f"looking for {change.name}", deadline, action="ask", kind=change.kind, name=change.name
    )
    return Standing(bool(told["on"]), f"{told['way']}: {told['state']}")


def prove(volume: Files, change: Change) -> str:  # noqa: ARG001
    """What the guest told before it was switched off."""
    return f"{dict(change.traces).get('asked', 'turned on')} (asked before it was switched off)"
