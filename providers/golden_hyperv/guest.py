"""
PowerShell Direct as a way into a Windows guest: through the host, without any network of the guest's.

Programs are started by the guest's own management service, so that they go on when this session ends. Large pieces
lie on the host for a moment and go over by Copy-VMFile, where the guest's service for that answers; small ones, and
all that is read, go in Base64.
"""

from __future__ import annotations

import base64
import hashlib
import io
import ntpath
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from golden.errors import BadConfig, GuestError, GuestSilent, Refused, TimedOut
from golden.guest.communicator import Exit, LineLost, Traits
from golden.waiting import Deadline, Waiting, Watcher
from golden_hyperv.faults import LostAnswer
from golden_hyperv.line import Line
from golden_hyperv.making import GUEST_SERVICE
from golden_hyperv.remoting import Command, Credential, LinkLost, RemoteError
from golden_hyperv.speaking import Attempts, about, answered, is_refusal, refused

CHUNK = 4 << 20
"""Bytes of one piece: in Base64 it travels twice, so that a host's and a guest's memory for a session hold it."""
SMALL = 128 << 10
"""Bytes up to which a piece goes in the call itself."""
ANSWER = 60.0
"""Seconds a guest may take for one small act; one that hangs or installs updates takes longer, and is asked again."""
TRANSFER = 600.0
PAUSE, BLIND = 5.0, 30.0
"""Seconds between two log-ins when one was refused, and when there is no heartbeat (whose service may be off)."""
SYSTEM32 = "C:\\Windows\\System32"
OFF = ("Off", "Saved", "Stopping", "Saving")
NO_PATH = (9, 8, 21)
"""Win32_Process.Create: path not found, unknown failure, invalid parameter."""
HINT = "does the guest boot, and is it Windows 10 or Server 2016 or later? golden console is the Hyper-V Manager"


@dataclass(frozen=True, slots=True)
class Whose:
    """The machine whose guest it is."""

    id: str
    """Of the virtual machine."""
    name: str
    place: str
    """Its folder on the host."""


class GuestLine:
    """One line into one running guest."""

    traits = Traits(
        needs_network=False, needs_credential=True, runs_as_system=False, survives_disconnect=True, chunk=CHUNK
    )

    def __init__(
        self, line: Line, whose: Whose, account: Credential | None, attempts: Attempts, watcher: Watcher
    ) -> None:
        """BadConfig without an account: PowerShell Direct always logs in."""
        if account is None:
            raise BadConfig(
                f"golden needs an account inside {whose.name}: PowerShell Direct logs in",
                hint='[references.NAME.guest] with account = "Administrator" and password_env = or password_file =',
            )
        self._line = line
        self._vm, self._name, self._place = whose.id, whose.name, whose.place
        self._account = account
        self._attempts = attempts
        self._watcher = watcher
        self._has_service: bool | None = None
        self._tried = 0.0

    def ready(self, deadline: Deadline) -> None:
        """Wait for the heartbeat, then for the first log-in. Refused where the guest refuses the account twice."""
        waiting = Waiting(deadline, tick=0.5, watcher=self._watcher)
        self._tried = -PAUSE
        try:
            waiting.until(f"the guest of {self._name} to answer", lambda: self._answers(deadline))
        except TimedOut as error:
            brief = f"the guest of {self._name} did not answer within {deadline.limit:.0f} s"
            raise GuestSilent(brief, details=error.brief, hint=HINT) from error

    def _answers(self, deadline: Deadline) -> bool:
        state, heartbeat = self._pulse()
        if state in OFF:
            raise GuestSilent(f"the machine {self._name} is {state.lower()}, so its guest does not answer")
        if not heartbeat.startswith("Ok") and deadline.elapsed - max(self._tried, 0.0) < BLIND:
            return False
        if self._attempts.left(self._vm, self._account.user) <= 0:
            raise refused(self._name, self._account.user, "it was refused before")
        if self._refused_lately() and deadline.elapsed - self._tried < PAUSE:
            return False
        self._tried = deadline.elapsed
        return self._logs_in(deadline)

    def _refused_lately(self) -> bool:
        return bool(self._attempts.refused.get((self._vm, self._account.user)))

    def _logs_in(self, deadline: Deadline) -> bool:
        user = self._account.user
        try:
            self._line.run(
                "guest_probe",
                VMId=self._vm,
                Credential=self._account,
                deadline=Deadline(min(ANSWER, deadline.left + 5)),
            )
        except RemoteError as error:
            if not is_refusal(error):
                return False
            self._attempts.add(self._vm, user)
            if self._attempts.left(self._vm, user) <= 0:
                raise refused(self._name, user, " ".join(error.message.split())) from error
            return False
        except (LinkLost, TimedOut):
            return False
        self._attempts.forget(self._vm, user)
        return True

    def _pulse(self) -> tuple[str, str]:
        """State and heartbeat, as Hyper-V's own members are called; nothing where the host cannot tell just now."""
        select = Command("Select-Object", {"Property": ["Id", "State", "Heartbeat"]})
        told: list[Any] | None
        try:
            told = self._line.ask(Command("Get-VM", {"Id": self._vm}), select)
        except RemoteError:
            told = self._listed(select)  # It is gone, or the management service is down: the list of all tells.
        except LinkLost:
            return "", ""
        if told is None:
            return "", ""
        mine = next((one for one in told if str(one["Id"]).casefold() == self._vm.casefold()), None)
        if mine is None:
            raise GuestSilent(f"the machine {self._name} is gone, so its guest does not answer")
        return str(mine["State"]), str(mine.get("Heartbeat") or "")

    def _listed(self, select: Command) -> list[Any] | None:
        try:
            return self._line.ask(Command("Get-VM"), select)
        except (RemoteError, LinkLost):
            return None

    def _run(self, script: str, wanted: str, limit: float = ANSWER, **parameters: Any) -> Any:
        """One try: what a guest does is not done twice here."""
        if self._attempts.left(self._vm, self._account.user) <= 0:
            raise refused(self._name, self._account.user, "it was refused before")
        try:
            with about(self._name, wanted):
                told = self._line.once(
                    lambda session: session.run(
                        script, deadline=Deadline(limit), VMId=self._vm, Credential=self._account, **parameters
                    )
                )
        except Refused:
            self._attempts.add(self._vm, self._account.user)
            raise
        return answered(told, wanted)

    def start(self, argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: str | None = None) -> int:
        """Win32_Process.Create in the guest; the environment is added to the guest's own."""
        program = argv[0] if "\\" in argv[0] else f"{SYSTEM32}\\{argv[0]}"
        more: dict[str, Any] = {}
        if cwd:
            more["Folder"] = cwd
        if env:
            more["Environment"] = [f"{key}={value}" for key, value in env.items()]
            more["Names"] = list(env)
        line = subprocess.list2cmdline((program, *argv[1:]))
        answer = self._run("guest_start", f"starting {program}", CommandLine=line, **more)
        code = int(answer["Code"])
        if code:
            why = "there is no such program" if code in NO_PATH else "the guest denies it"
            raise GuestError(
                f"the guest cannot start {program}: {why}", details=f"Win32_Process.Create returned {code}"
            )
        return int(answer["Process"])

    def poll(self, pid: int) -> Exit | None:
        """Whether the process is there; its exit code is in golden's own files, Windows forgets it at once."""
        answer = self._run("guest_poll", f"asking for the process {pid}", Process=pid)
        return None if answer["Running"] else Exit(None)

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """In Base64."""
        wanted = min(size, CHUNK)
        answer = self._run("guest_read", f"reading {path}", TRANSFER, Path=path, Offset=offset, Size=wanted)
        return base64.b64decode(str(answer["Data"])) if answer["Exists"] else None

    def write(self, path: str, offset: int, data: bytes) -> None:
        """A small piece in the call itself, a large one by way of the host."""
        if len(data) > SMALL and self._copies() and self._copied(path, offset, data):
            return
        if not data:
            self._put(path, offset, data)
        for at in range(0, len(data), SMALL):
            self._put(path, offset + at, data[at : at + SMALL])

    def _put(self, path: str, offset: int, data: bytes) -> None:
        text = base64.b64encode(data).decode()
        self._run("guest_write", f"writing {path}", TRANSFER, Path=path, Offset=offset, Data=text)

    def _copies(self) -> bool:
        """Whether the guest's service for files is on; by its id, as its name is in the host's language."""
        if self._has_service is None:
            with about(self._name, "asking for its integration services"):
                told = self._line.ask(
                    Command("Get-VM", {"Id": self._vm}),
                    Command("Get-VMIntegrationService"),
                    Command("Where-Object", {"Property": "Id", "Match": True, "Value": GUEST_SERVICE}),
                    Command("Select-Object", {"Property": ["Enabled"]}),
                )
            self._has_service = bool(told and told[0]["Enabled"])
        return self._has_service

    def _copied(self, path: str, offset: int, data: bytes) -> bool:
        """False where Copy-VMFile does not get in; then it is not tried again on this line."""
        token = secrets.token_hex(6)
        here, there = ntpath.join(self._place, f"{token}.piece"), f"{path}.golden-{token}"
        try:
            with about(self._name, f"putting a piece of {path} on the host"):
                self._line.once(lambda session: session.put(io.BytesIO(data), here, deadline=Deadline(TRANSFER)))
            copy = {"SourcePath": here, "DestinationPath": there, "FileSource": "Host", "Force": True}
            try:
                self._line.tell(
                    Command("Get-VM", {"Id": self._vm}), Command("Copy-VMFile", copy), deadline=Deadline(TRANSFER)
                )
            except RemoteError:
                self._has_service = False
                return False
            except (LostAnswer, TimedOut) as error:
                raise LineLost(f"a piece of {path} was lost on its way into {self._name}") from error
        finally:
            self._forget(here)
        digest = hashlib.sha256(data).hexdigest()
        answer = self._run(
            "guest_place", f"writing {path}", TRANSFER, Piece=there, Path=path, Offset=offset, Sha256=digest
        )
        if not answer["Placed"]:
            raise LineLost(f"a piece of {path} arrived with other bytes than it left with")
        return True

    def _forget(self, here: str) -> None:
        """What lies on the host for a moment; it goes with the machine's folder at the latest."""
        try:
            self._line.run("clear_brought", Path=[here])
        except (RemoteError, LinkLost, TimedOut):
            return

    def close(self) -> None:
        """Nothing is held: every call is a session of its own between host and guest."""
