"""One engine over either transport: opens, runs pipelines, stops them in time, and always closes them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from psrpcore import PSRPPayload

from golden.errors import TimedOut
from golden.waiting import Deadline
from golden_hyperv.remoting.conversation import Call, Conversation, Error, Key, Output, Over, Pool, Unreadable
from golden_hyperv.remoting.events import Watch
from golden_hyperv.remoting.losses import Failure, LinkLost, RemoteError
from golden_hyperv.remoting.transport import PATIENCE, Transport
from golden_hyperv.remoting.wire import is_secret

OPENING = 60.0
"""Seconds for a host to open a runspace: it starts a process for it."""
STOPPING = 30.0
"""Seconds a pipeline has for its end once it is asked to stop."""
_GONE = ("Broken", "Closed")
_STOPPED = Failure("the host stopped the pipeline", fqid="PipelineStopped", category="OperationStopped")


class Engine:
    """A runspace on a host. Not for two threads at once: ``call`` makes the second one wait."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.conversation = Conversation()
        self.lost = ""
        """Why it is of no use any more; empty while it is."""
        self._has_key = self._is_running = False
        self._turn = threading.RLock()

    def open(self) -> None:
        """LinkLost or RemoteError where the host does not open the runspace."""
        limit = Deadline(OPENING)
        self.conversation.open()
        self._flush(lambda first: self.transport.create(self.conversation.id, first))
        self._until(lambda: self.conversation.is_open and bool(self.conversation.private_data), "the runspace", limit)
        self.transport.grow()

    def call(self, calls: Sequence[Call], watch: Watch | None, deadline: Deadline | None) -> list[Any]:
        """One pipeline: its output. RemoteError, LinkLost, TimedOut."""
        with self._turn:
            if self.lost:
                raise LinkLost(self.lost)
            if self._is_running:
                raise RuntimeError("a watcher asks its own session, which is still busy with what is watched")
            self._is_running = True
            try:
                return self._pipeline(calls, watch, deadline)
            except LinkLost as error:
                self.lost = str(error) or "the session is gone"
                raise
            finally:
                self._is_running = False

    def close(self) -> None:
        """Does not raise."""
        with self._turn:
            if self.lost:
                self.transport.abandon()
            else:
                self.lost = "the session was closed"
                self.transport.close()

    def _pipeline(self, calls: Sequence[Call], watch: Watch | None, deadline: Deadline | None) -> list[Any]:
        if not self._has_key and any(is_secret(value) for call in calls for value in call.parameters.values()):
            self._fetch_key()
        pipeline = self.conversation.start(calls)
        try:
            self._flush(lambda first: self.transport.command(pipeline, first))
            return self._collect(pipeline, watch, deadline)
        except LinkLost as error:
            self.lost = str(error) or "the session is gone"
            raise
        finally:
            self._finish(pipeline)

    def _collect(self, pipeline: uuid.UUID, watch: Watch | None, deadline: Deadline | None) -> list[Any]:
        output: list[Any] = []
        failures: list[Failure] = []
        while True:
            if deadline is not None and deadline.left <= 0:
                self._stop(pipeline)
                raise TimedOut(f"the host did not finish within {deadline.limit:.0f} s", hint="a larger --timeout")
            for happened in self._pump(pipeline, PATIENCE if deadline is None else min(PATIENCE, deadline.left)):
                match happened:
                    case Output():
                        output.append(happened.value)
                    case Error():
                        failures.append(happened.failure)
                    case Over():
                        return _result(output, failures, happened)
                    case Key() | Pool():
                        pass
                    case _ if watch is not None:
                        watch(happened)

    def _stop(self, pipeline: uuid.UUID) -> None:
        """Ask it to stop and see it stopped; where it does not, nothing more is asked of this session."""
        limit = Deadline(STOPPING)
        self.transport.signal(pipeline)
        while limit.left > 0:
            if any(isinstance(one, Over) for one in self._pump(pipeline, min(PATIENCE, limit.left))):
                return
        self.lost = "a pipeline did not stop when it was asked to"

    def _finish(self, pipeline: uuid.UUID) -> None:
        """A pipeline that is not closed keeps one of the shell's 1000 places (pypsrp #148)."""
        self.conversation.forget(pipeline)
        if self.lost:
            return
        try:
            self.transport.finish(pipeline)
        except (LinkLost, RemoteError) as error:
            self.lost = str(error) or "the session is gone"  # What the pipeline gave is known; the next call will tell.

    def _fetch_key(self) -> None:
        self.conversation.ask_key()
        self._flush()
        self._until(lambda: self._has_key, "the session key", Deadline(OPENING))

    def _until(self, is_met: Callable[[], bool], what: str, limit: Deadline) -> None:
        while not is_met():
            if limit.left <= 0:
                raise LinkLost(f"the host did not give {what} within {limit.limit:.0f} s")
            for _ in self._pump(None, min(5.0, limit.left)):
                pass

    def _pump(self, pipeline: uuid.UUID | None, patience: float) -> Iterator[Any]:
        for payload in self.transport.receive(pipeline, patience):
            try:
                for happened in self.conversation.incoming(payload):
                    self._note(happened)
                    yield happened
            except Unreadable as error:
                raise LinkLost(f"the host sent what golden cannot read: {error}") from error
        self._flush()

    def _note(self, happened: object) -> None:
        if isinstance(happened, Key):
            self._has_key = True
        if isinstance(happened, Pool) and happened.state in _GONE:
            raise LinkLost(
                happened.failure.message if happened.failure else f"the runspace is {happened.state.lower()}"
            )

    def _flush(self, first: Callable[[PSRPPayload], None] | None = None) -> None:
        for payload in self.conversation.outgoing(self.transport.limit):
            (first or self.transport.send)(payload)
            first = None


def _result(output: list[Any], failures: list[Failure], over: Over) -> list[Any]:
    if over.failure is not None:
        # The error that ended the pipeline says most; a host may have told it among the others too.
        failures = [over.failure, *(one for one in failures if one.message != over.failure.message)]
    elif over.stopped:
        failures = [*failures, _STOPPED]
    if failures:
        raise RemoteError(*failures)
    return output
