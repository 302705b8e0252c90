"""
Sysprep as local work of the guest: a one-time task under an administrator starts it, another one clears up after it.

Never as SYSTEM and never as a child of the connection (docs/facts: windows 0.4, 0.5). The account cannot take itself
away while it runs sysprep, and the way in may be logged on with it, so a one-shot task of SYSTEM does that after
sysprep has ended; the powered-off disk proves that it did. That this order holds on a real Windows is unconfirmed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from golden.errors import GeneralizeFailed, GuestError
from golden.guest.dialect import Script
from golden.guest.session import Session
from golden.waiting import Deadline, Waiting
from golden.windows.account import Runner
from golden.windows.dialect import POWERSHELL, SCRIPTS

TASK = "golden-sysprep"
CLEAN_UP_TASK = "golden-clean-up"
SYSTEM = "SYSTEM"
LOGON_REFUSED = {
    0x8007052E: "its name or password is wrong",
    0x80070569: "it may not log on as a batch job",
    0x8007052F: "an account restriction keeps it from logging on",
    0x80070532: "its password has expired",
    0x80070533: "it is disabled",
}
"""Win32 error codes as HRESULT; [K] as the result of a task."""
_NO_STORED_PASSWORDS = 0x80070520
"""ERROR_NO_SUCH_LOGON_SESSION: the answer where a policy lets Windows keep no password. docs/facts: windows 3.2."""
START = Script(SCRIPTS / "start_task.ps1")
CLEAN_UP = Script(SCRIPTS / "clean_up.ps1")


@dataclass(frozen=True, slots=True)
class Launcher:
    """What starts sysprep in a guest and takes away whatever that left there."""

    runner: Runner

    def start(self, session: Session, argv: tuple[str, ...], deadline: Deadline) -> None:
        """
        Register the task and start it; it goes on by itself.

        The password travels in the script's parameter file, which the script overwrites and deletes first.
        GeneralizeFailed with the guest's words where the account or the task could not be made.
        """
        told = session.script(
            START,
            f"starting sysprep as {self.runner.name}",
            deadline,
            task=TASK,
            argv=list(argv),
            account=self.runner.name,
            password=self.runner.password,
            make=self.runner.made,
        )
        if not told["started"]:
            raise self._refused(str(told.get("why", "")), told.get("code"))

    def _refused(self, why: str, code: object) -> GeneralizeFailed:
        met = code & 0xFFFFFFFF if isinstance(code, int) else 0
        cause, hint = (
            LOGON_REFUSED.get(met, ""),
            "the way into the guest needs an administrator's full rights; a named account must be a local "
            "administrator whose password is right",
        )
        if met == _NO_STORED_PASSWORDS or f"{_NO_STORED_PASSWORDS:#x}" in why.lower():
            cause = "a policy keeps the Task Scheduler from storing its password"
            hint = (
                "switch the policy off in the reference and restart it; it may come again after deployment: Network "
                "access: Do not allow storage of passwords and credentials for network authentication "
                r"(HKLM\SYSTEM\CurrentControlSet\Control\Lsa!DisableDomainCreds = 0)"
            )
        brief = f"sysprep could not be started as {self.runner.name}" + (f": {cause}" if cause else "")
        return GeneralizeFailed(brief, details=why or None, hint=hint)

    def clear(self, session: Session, deadline: Deadline, *, shut_down: bool) -> tuple[str, ...]:
        """
        Take task, stored password, account and profile away; what could not be taken away, and why.

        With ``shut_down`` the task waits until the run folder is gone and then switches the guest off, should
        nobody else have done so.
        """
        folder, result = session.folder, session.dialect.join(session.folder, "clean_up.out")
        parameters = session.dialect.join(folder, "clean_up.in")
        wanted = {
            "task": TASK,
            "own": CLEAN_UP_TASK,
            "account": self.runner.name if self.runner.made else "",
            "work": session.dialect.work_folder,
            "shut_down": shut_down,
        }
        session.put(parameters, session.dialect.encode_parameters(wanted), deadline)
        script = session.place(CLEAN_UP, deadline)
        argv = (*POWERSHELL, script, "-Parameters", parameters, "-Result", result)
        told = session.script(
            START, "starting the clean-up", deadline, task=CLEAN_UP_TASK, argv=list(argv), account=SYSTEM, make=False
        )
        if not told["started"]:
            raise GuestError("the clean-up could not be started in the guest", details=str(told.get("why", "")) or None)
        waiting = Waiting(deadline, tick=0.2, watcher=session.watcher)
        return waiting.until("the clean-up in the guest", lambda: _left(session.get(result, deadline)))


def _left(answer: bytes | None) -> tuple[str, ...] | None:
    """What the clean-up answered; None while it has not written all of it."""
    try:
        return tuple(str(one) for one in json.loads(answer or b"")["left"])
    except ValueError:
        return None
