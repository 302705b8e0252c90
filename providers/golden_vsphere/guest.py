"""
VMware's guest operations as a way into a guest: programs through vCenter, files straight to and from the ESXi host.

There is no standard output and no shell, and an exit code is kept for five minutes (facts 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from golden.errors import BadConfig, GuestSilent, TimedOut
from golden.guest.communicator import Exit, LineLost, Traits
from golden.waiting import Deadline, Waiting, Watcher
from golden_vsphere.credentials import GuestAccount
from golden_vsphere.faults import BROKEN, Gone, of_network
from golden_vsphere.guest_files import Files
from golden_vsphere.inside import GUEST, Inside
from golden_vsphere.line import Line
from golden_vsphere.observing import QUESTION, Watch
from golden_vsphere.reading import props
from golden_vsphere.speaking import Speaking
from golden_vsphere.transfer import Transfers

CHUNK = 16 << 20
"""Bytes of one piece: each piece but the first costs a program start, and long uploads break now and then (facts 5)."""
POWER, READY, RUNNING = "runtime.powerState", "guest.guestOperationsReady", "guest.toolsRunningStatus"
SILENT = {"poweredOff": "off", "suspended": "suspended"}
"""States of power in which no guest answers, for people."""
SILENT_HINT = "are VMware Tools or open-vm-tools installed in the guest, and does it boot?"


class GuestLine:
    """One line into one running guest."""

    traits = Traits(
        needs_network=False, needs_credential=True, runs_as_system=False, survives_disconnect=True, chunk=CHUNK
    )

    def __init__(
        self,
        line: Line,
        machine: Any,
        name: str,
        account: GuestAccount | None,
        transfers: Transfers,
        watcher: Watcher,
    ) -> None:
        """``machine`` is pyVmomi's. BadConfig without an account: guest operations always log in."""
        if account is None:
            raise BadConfig(
                f"golden needs an account inside {name}: VMware's guest operations log in",
                hint='[references.NAME.guest] with account = "Administrator" and password_env = or password_file =',
            )
        self._name = name
        self._watcher = watcher
        auth = GUEST.NamePasswordAuthentication(
            username=account.user, password=account.password, interactiveSession=False
        )
        self._inside = Inside(line, machine, auth, Speaking(name, account.user, self._let_go))
        self._files = Files(self._inside, transfers, watcher)

    def _let_go(self) -> None:
        self._files.let_go()

    def ready(self, deadline: Deadline) -> None:
        """Wait for guestOperationsReady, then for the first login. Refused where the guest refuses the account."""
        self._files.let_go()
        self._await_tools(deadline)
        waiting = Waiting(deadline, tick=0.5, watcher=self._watcher)
        try:
            waiting.until(f"the guest of {self._name} to take orders", self._answers)
        except TimedOut as error:
            raise GuestSilent(f"the guest of {self._name} is there and takes no orders", details=error.brief) from error

    def _await_tools(self, deadline: Deadline) -> None:
        moid = str(self._inside.machine._moId)

        def told(states: dict[str, dict[str, Any]]) -> str | None:
            state = states.get(moid, {})
            if str(state.get(POWER, "")) in SILENT:
                return str(state[POWER])
            ready = state.get(READY)
            running = ready is None and str(state.get(RUNNING)) == "guestToolsRunning"
            return "ready" if ready or running else None

        targets = [(self._inside.machine, (POWER, READY, RUNNING, QUESTION))]
        watch = Watch(self._inside.line, targets, self._watcher)
        try:
            state = watch.until(f"VMware Tools in {self._name}", told, deadline)
        except TimedOut as error:
            brief = f"the guest of {self._name} did not answer within {deadline.limit:.0f} s"
            raise GuestSilent(brief, details=error.details, hint=SILENT_HINT) from error
        except Gone as error:
            raise GuestSilent(f"the machine {self._name} is gone, so its guest does not answer") from error
        except BROKEN as error:
            raise of_network(f"waiting for the guest of {self._name}", error) from error
        self._refuse(state)

    def _answers(self) -> bool:
        manager = self._inside.managers["authManager"]
        try:
            with self._inside.speaking.about("logging in"):
                self._inside.line.ask(
                    lambda: manager.ValidateCredentialsInGuest(self._inside.machine, self._inside.auth)
                )
        except LineLost:
            self._refuse_off()
            return False
        return True

    def _refuse(self, state: str) -> None:
        if (word := SILENT.get(state)) is not None:
            hint = "leave golden's machines on until their job is over" if word == "suspended" else None
            raise GuestSilent(f"the machine {self._name} is {word}, so its guest does not answer", hint=hint)

    def _refuse_off(self) -> None:
        try:
            state = props(self._inside.line, self._inside.machine, (POWER,)).get(POWER)
        except Gone:
            state = "poweredOff"
        self._refuse(str(state))

    def start(self, argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: str | None = None) -> int:
        """StartProgramInGuest; the environment is added to the guest's own, which it would replace otherwise."""
        self._files.let_go()
        return self._inside.start(argv, env, cwd)

    def poll(self, pid: int) -> Exit | None:
        """ListProcessesInGuest; a program that ended more than five minutes ago is forgotten."""
        return self._inside.poll(pid)

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """Pieces that follow each other come from one transfer."""
        return self._files.read(path, offset, size)

    def write(self, path: str, offset: int, data: bytes) -> None:
        """A whole file at offset 0; at another one a piece, put in its place by a script of golden's."""
        self._files.write(path, offset, data)

    def close(self) -> None:
        """Take what golden left in the guest away, as far as the guest still answers."""
        self._files.close()
