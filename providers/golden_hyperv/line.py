"""
A session with one host that is opened again where it broke.

What only reads is simply asked again. What changes something is not: ``tell`` raises LostAnswer, and whoever sent it
looks first whether it was done (``insisted``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

from golden.errors import EndpointError, TimedOut, Unreachable
from golden.waiting import Deadline, Silent, Waiting, Watcher
from golden_hyperv import credentials
from golden_hyperv.address import Address
from golden_hyperv.faults import LostAnswer, translated, words_of
from golden_hyperv.remoting import (
    Command,
    Event,
    HostTable,
    LinkLost,
    Progress,
    RemoteError,
    Session,
    Warned,
    open_session,
)

T = TypeVar("T")

CALL = 300.0
"""Seconds any one call may take that moves no data."""
BACK = 60.0
"""Seconds a host may take to answer again after a session broke: a restart of WinRM, a short loss of the network."""


class Line:
    """What everything of the provider speaks through."""

    def __init__(self, address: Address, job: str, watcher: Watcher | None = None) -> None:
        """Logs in. Unreachable, Refused, BadConfig."""
        self.address = address
        self._login = credentials.login(address)
        self._side = credentials.side(address)
        self._job = job
        self._watcher = watcher or Silent()
        self._session: Session | None = None
        self.greeting = ""
        """A script without parameters that every session begins with that is opened in another's place."""
        self._session = self._open()
        self.table: HostTable = self._session.table

    @property
    def transport(self) -> str:
        """``wsman`` or ``ssh``."""
        return self.address.transport

    def _open(self) -> Session:
        with translated(f"connecting to {self.address.shown}"):
            return open_session(self._login, run=self._job, sftp=self._side)

    def session(self) -> Session:
        """The open one, or another."""
        if self._session is None:
            self._session = self._again()
            if self.greeting:
                self._session.run(self.greeting, deadline=Deadline(CALL))
        return self._session

    def heard(self, event: Event) -> None:
        """What a pipeline tells while it runs: warnings and progress reach whoever watches the job."""
        if isinstance(event, Warned):
            self._watcher.doing(f"warning from {self.address.shown}: {' '.join(event.message.split())}")
        elif isinstance(event, Progress) and event.percent is not None and event.percent >= 0:
            self._watcher.progress(event.activity, event.percent, 100)

    def _again(self) -> Session:
        """A host that is away for a moment is waited for; one that refuses is not."""
        last: list[Unreachable] = []

        def opened() -> Session | None:
            try:
                return self._open()
            except Unreachable as error:
                last[:] = [error]
                return None

        waiting = Waiting(Deadline(BACK), tick=0.5, watcher=self._watcher)
        try:
            return waiting.until(f"{self.address.shown} to answer again", opened)
        except TimedOut as error:
            raise last[0] if last else error from error

    def drop(self) -> None:
        """Forget a session that broke."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def once(self, act: Callable[[Session], T]) -> T:
        """One try; LinkLost where the session broke, which is forgotten then."""
        try:
            return act(self.session())
        except LinkLost:
            self.drop()
            raise

    def read(self, act: Callable[[Session], T]) -> T:
        """What only reads, or does no harm when it is done twice."""
        try:
            return self.once(act)
        except LinkLost:
            return self.once(act)

    def ask(self, *commands: Command, deadline: Deadline | None = None) -> list[Any]:
        """A pipeline that only reads."""
        return self.read(lambda session: self._sent(session, commands, deadline))

    def run(self, script: str, *, deadline: Deadline | None = None, **parameters: Any) -> list[Any]:
        """A script of the catalogue that may be done twice."""
        return self.read(lambda session: self._ran(session, script, deadline, parameters))

    def tell(self, *commands: Command, deadline: Deadline | None = None) -> list[Any]:
        """A pipeline that changes something; LostAnswer where nobody knows whether it did."""
        try:
            return self.once(lambda session: self._sent(session, commands, deadline))
        except LinkLost as error:
            raise LostAnswer(str(error) or "the session broke") from error

    def run_once(self, script: str, *, deadline: Deadline | None = None, **parameters: Any) -> list[Any]:
        """A script of the catalogue that must not be done twice; LostAnswer as for ``tell``."""
        try:
            return self.once(lambda session: self._ran(session, script, deadline, parameters))
        except LinkLost as error:
            raise LostAnswer(str(error) or "the session broke") from error

    def put(self, stream: BinaryIO, path: str, *, deadline: Deadline) -> None:
        """
        Write a file whole; LinkLost leaves what ``Session.put`` does. A host ends a session that nobody asks anything
        of for an hour, which the bytes may take beside it: the file gets its name by one that lives.
        """
        self.once(lambda session: session.put(stream, path, deadline=deadline, run=self.run))

    def _sent(self, session: Session, commands: tuple[Command, ...], deadline: Deadline | None) -> list[Any]:
        return session.invoke(*_stopping(commands), watch=self.heard, deadline=deadline or Deadline(CALL))

    def _ran(self, session: Session, script: str, deadline: Deadline | None, parameters: dict[str, Any]) -> list[Any]:
        return session.run(script, watch=self.heard, deadline=deadline or Deadline(CALL), **parameters)

    def close(self) -> None:
        """Let go; again is success."""
        self.drop()


def must_be_in_reach(line: Line, path: str) -> None:
    """
    What was not met at a path is absent. EndpointError where its drive or its cluster's volume is, or where golden's
    account may not look: then nothing is known of what lies there.
    """
    try:
        line.run("place_there", Path=path)
    except RemoteError as error:
        raise EndpointError(
            f"{path} on {line.address.shown} cannot be looked at, so that nothing below it counts as gone",
            details=words_of(error),
            hint="is the drive or the cluster's volume online and unlocked there, and may golden's account read it? "
            "Then the same again",
        ) from error


def insisted(act: Callable[[], T]) -> T:
    """Once more where the answer was lost; only for what looks for itself first, or does no harm done twice."""
    try:
        return act()
    except LostAnswer:
        return act()


def _stopping(commands: tuple[Command, ...]) -> tuple[Command, ...]:
    """No command of ours goes on after an error."""
    return tuple(Command(one.name, {"ErrorAction": "Stop", **one.parameters}) for one in commands)
