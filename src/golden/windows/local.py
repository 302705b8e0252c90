"""
Work that must be the computer's own: as SYSTEM, and not with the token of a logon from outside.

wusa and Windows Update refuse the tokens of remote logons (docs/facts: windows 5.3, 5.7). A way in that runs as SYSTEM,
such as a guest agent, is local already; for any other one golden's launcher is started by a one-time task of SYSTEM.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from golden.errors import GuestError
from golden.guest.dialect import Script
from golden.guest.session import Ran, Session
from golden.waiting import Deadline
from golden.windows.dialect import SCRIPTS, SYSTEM32

TASK = "golden-local"
_START = Script(SCRIPTS / "start_as_system.ps1")
_REMOVED = (0, 1)
"""schtasks /delete: done, or there was none."""


def run_local(session: Session, argv: tuple[str, ...], what: str, deadline: Deadline, *, tail: str = "") -> Ran:
    """As ``Session.run``, but as SYSTEM and as the computer's own work, whatever the way in is."""
    if session.communicator.traits.runs_as_system:
        return session.run(argv, what, deadline, tail=tail)

    def start(launch: tuple[str, ...]) -> None:
        session.script(_START, what, deadline, task=TASK, argv=list(launch))

    ran = session.run_elsewhere(argv, what, deadline, start=start, tail=tail)
    # Where the guest restarted meanwhile, settled.ps1 removes the task.
    gone = session.run((f"{SYSTEM32}\\schtasks.exe", "/delete", "/tn", TASK, "/f"), "removing golden's task", deadline)
    if gone.code not in _REMOVED:
        raise GuestError(f"the task {TASK!r} could not be removed from the guest", details=gone.err or gone.out)
    return ran


def script_local(session: Session, script: Script, what: str, deadline: Deadline, **parameters: object) -> Any:
    """One of golden's scripts as local work, at most once; the JSON it answers with. GuestError with its words."""
    path = session.place(script, deadline)
    stem = session.dialect.join(session.folder, f"{script.path.stem}-{secrets.token_hex(4)}")
    session.put(f"{stem}.in", session.dialect.encode_parameters(parameters), deadline)
    ran = run_local(session, session.dialect.shipped(path, f"{stem}.in", f"{stem}.out"), what, deadline)
    told = session.get(f"{stem}.out", deadline)
    if ran.code or told is None:
        raise GuestError(f"{what}: {script.name} ended with code {ran.code}", details=ran.err or ran.out or None)
    return json.loads(told.decode("utf-8-sig"))
