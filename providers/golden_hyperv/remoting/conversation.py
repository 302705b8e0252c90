"""
The protocol (MS-PSRP) without any input or output: what is to be sent, and what came in, as our own happenings.

psrpcore does the protocol. Here is what it leaves to others: plain values, records of PowerShell 2 hosts, answers
nobody waits for, and calls of a host that wants to show or ask something.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import psrpcore
from psrpcore import types as ps

from golden_hyperv.remoting import events
from golden_hyperv.remoting.losses import Failure
from golden_hyperv.remoting.wire import failure, from_wire, to_wire

OVER = (ps.PSInvocationState.Completed, ps.PSInvocationState.Failed, ps.PSInvocationState.Stopped)
_SPEECH = {
    ps.PSRPMessageType.DebugRecord: events.Debug,
    ps.PSRPMessageType.VerboseRecord: events.Verbose,
    ps.PSRPMessageType.WarningRecord: events.Warned,
}


class Unreadable(Exception):
    """What came in is no PSRP, or no value of it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A command or a constant script, with its named parameters."""

    text: str
    parameters: Mapping[str, Any]
    is_script: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """An object a pipeline gave."""

    value: Any


@dataclass(frozen=True, slots=True)
class Error:
    """A non-terminating error."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Over:
    """A pipeline has ended; with the error that ended it, if one did."""

    stopped: bool
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Key:
    """The session key is there."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The pool's state has changed."""

    state: str
    failure: Failure | None


Happening = Output | Error | Over | Key | Pool | events.Event


class _Pool(psrpcore.ClientRunspacePool):
    """psrpcore's, for records and answers it stumbles over."""

    def _process_message(self, message: Any) -> Any:
        try:
            return super()._process_message(message)
        except KeyError:
            return None  # About a pipeline or a request that is over, or never was ours.
        except AttributeError:
            # PowerShell 2 leaves properties out of its records that later ones always send.
            kind = _SPEECH.get(message.message_type)
            if kind is None:
                raise
            return kind(_said(message.data))


class Conversation:
    """One runspace pool, from its opening on."""

    def __init__(self, pool_id: uuid.UUID | None = None) -> None:
        self._pool = _Pool(runspace_pool_id=pool_id or uuid.uuid4())

    @property
    def id(self) -> uuid.UUID:
        """Of the pool; over WSMan of the shell too."""
        return self._pool.runspace_pool_id

    @property
    def is_open(self) -> bool:
        """Whether pipelines can be started."""
        return self._pool.state == ps.RunspacePoolState.Opened

    @property
    def private_data(self) -> dict[str, Any]:
        """What the host told at opening (ApplicationPrivateData); empty until it did."""
        told = from_wire(self._pool.application_private_data)
        return told if isinstance(told, dict) else {}

    def open(self) -> None:
        """Ask for the pool."""
        self._pool.open()

    def ask_key(self) -> None:
        """Ask for the session key; ``Key`` happens when it came."""
        self._pool.exchange_key()

    def start(self, calls: Sequence[Call]) -> uuid.UUID:
        """One pipeline of these calls. TypeError or ValueError for a value that cannot be sent."""
        pipeline = psrpcore.ClientPowerShell(self._pool)
        try:
            for call in calls:
                # A script's own settings must not outlive it in the runspace.
                scope = True if call.is_script else None
                pipeline.add_command(psrpcore.Command(call.text, call.is_script, use_local_scope=scope))
                for name, value in call.parameters.items():
                    pipeline.add_parameter(name, to_wire(value))
            pipeline.start()
        except BaseException:
            self.forget(pipeline.pipeline_id)
            raise
        return pipeline.pipeline_id

    def expect(self, pipeline_id: uuid.UUID) -> None:
        """Listen to a pipeline that something else has started."""
        psrpcore.ClientPowerShell(self._pool, pipeline_id=pipeline_id)

    def forget(self, pipeline_id: uuid.UUID) -> None:
        """A pipeline is closed; whatever else comes from it is of no interest."""
        self._pool.pipeline_table.pop(pipeline_id, None)

    def outgoing(self, limit: int) -> Iterator[psrpcore.PSRPPayload]:
        """What is to be sent now, in pieces of at most ``limit`` bytes."""
        while payload := self._pool.data_to_send(limit):
            yield payload

    def incoming(self, payload: psrpcore.PSRPPayload) -> Iterator[Happening]:
        """What came in, in order. Unreadable where it is no PSRP."""
        self._pool.receive_data(payload)
        while True:
            try:
                event = self._pool.next_event()
                happened = [] if event is None else list(self._happenings(event))
            except (struct.error, ValueError, AttributeError, psrpcore.PSRPCoreError, ElementTree.ParseError) as error:
                raise Unreadable(f"{type(error).__name__}: {error}") from error
            yield from happened
            if event is None and not self._is_more():
                return

    def _is_more(self) -> bool:
        return bool(self._pool._incoming_messages)

    def _happenings(self, event: Any) -> Iterator[Happening]:
        match event:
            case events.Debug() | events.Verbose() | events.Warned():
                yield event
            case psrpcore.PipelineOutputEvent():
                yield Output(from_wire(event.data))
            case psrpcore.ErrorRecordEvent():
                yield Error(failure(event.record, terminating=False))
            case psrpcore.PipelineStateEvent() if event.state in OVER:
                cause = failure(event.reason, terminating=True) if event.reason is not None else None
                yield Over(event.state == ps.PSInvocationState.Stopped, cause)
            case psrpcore.RunspacePoolStateEvent():
                cause = failure(event.reason, terminating=True) if event.reason is not None else None
                yield Pool(event.state.name, cause)
            case psrpcore.EncryptedSessionKeyEvent():
                yield Key()
            case psrpcore.PipelineHostCallEvent() | psrpcore.RunspacePoolHostCallEvent():
                yield from self._answer(event)
            case _:
                yield from _told(event)

    def _answer(self, event: Any) -> Iterator[Happening]:
        """What is shown is information; what is asked is refused, so that nothing waits for an answer for ever."""
        name = event.method_identifier.name
        if name.startswith("Write") and name != "WriteProgress":
            words = [one for one in map(from_wire, event.method_parameters) if isinstance(one, str)]
            if words:
                yield events.Information(words[-1], "host")
        elif event.ci in self._pool._ci_events:
            self._pool.host_response(event.ci, error_record=_refusal(name))


def _told(event: Any) -> Iterator[events.Event]:
    match event:
        case psrpcore.ProgressRecordEvent():
            record = event.record
            percent = int(record.PercentComplete)
            yield events.Progress(
                str(record.Activity),
                str(record.StatusDescription or ""),
                percent if 0 <= percent <= 100 else None,
                finished=record.RecordType == ps.ProgressRecordType.Completed,
            )
        case psrpcore.WarningRecordEvent():
            yield events.Warned(str(event.record.Message))
        case psrpcore.VerboseRecordEvent():
            yield events.Verbose(str(event.record.Message))
        case psrpcore.DebugRecordEvent():
            yield events.Debug(str(event.record.Message))
        case psrpcore.InformationRecordEvent():
            data = from_wire(event.record.MessageData)
            yield events.Information(str(data), str(event.record.Source or ""))


def _said(data: bytes) -> str:
    record = ElementTree.fromstring(data)  # noqa: S314 - psrpcore parsed it before
    element = record.find("MS/S[@N='InformationalRecord_Message']")
    return (element.text or "") if element is not None else ""


def _refusal(name: str) -> ps.ErrorRecord:
    return ps.ErrorRecord(
        Exception=ps.NETException(Message=f"Nobody is there to answer {name}."),
        CategoryInfo=ps.ErrorCategoryInfo(Category=ps.ErrorCategory.NotImplemented),
        FullyQualifiedErrorId="GoldenAnswersNoPrompt",
    )
