"""One runspace pool on the host: psrpcore's server half, and a thread for each pipeline that runs in it."""

from __future__ import annotations

import threading
import traceback
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

import psrpcore
from psrpcore import PSRPPayload, StreamType
from psrpcore import types as ps
from psrpcore.types import PSInvocationState

from tests.peers.hyperv.failures import Cut, Failure, Stopped
from tests.peers.hyperv.pipeline import Line, execute
from tests.peers.hyperv.registry import Scope
from tests.peers.hyperv.wire.values import error_record, incoming, outgoing

OVER = (PSInvocationState.Completed, PSInvocationState.Failed, PSInvocationState.Stopped)


class PipelineStreams:
    """The streams of one pipeline, written live and under the shell's lock."""

    def __init__(self, shell: Shell, pipe: psrpcore.ServerPipeline) -> None:
        self.shell, self.pipe, self.stopping, self.had_errors = shell, pipe, False, False

    def check(self) -> None:
        """Stopped once the client said so."""
        if self.stopping:
            raise Stopped

    def _write(self, method: str, *given: Any, **more: Any) -> None:
        with self.shell.turn:
            self.check()
            getattr(self.pipe, method)(*given, **more)
            self.shell.flush()

    def output(self, value: Any) -> None:
        """One object of the output."""
        self._write("write_output", outgoing(value))

    def warning(self, text: str) -> None:
        """A warning."""
        self._write("write_warning", text)

    def verbose(self, text: str) -> None:
        """A verbose line."""
        self._write("write_verbose", text)

    def debug(self, text: str) -> None:
        """A debug line."""
        self._write("write_debug", text)

    def information(self, data: Any, tags: list[str]) -> None:
        """An information record."""
        self._write("write_information", outgoing(data), "peer", tags=tags)

    def progress(self, activity: str, status: str, percent: int) -> None:
        """A progress record."""
        done = ps.ProgressRecordType.Completed if percent >= 100 else ps.ProgressRecordType.Processing
        self._write("write_progress", activity, 0, status, percent_complete=percent, record_type=done)

    def error(self, failure: Failure) -> None:
        """An error that ends nothing."""
        self.had_errors = True
        with self.shell.turn:
            self.check()
            self.pipe.prepare_message(
                error_record(failure, self.shell.language), message_type=ps.PSRPMessageType.ErrorRecord
            )
            self.shell.flush()


class Shell:
    """
    A runspace pool, whatever the transport.

    ``outbox`` holds what waits to be fetched, by pipeline (None: the pool's own); ``turn`` guards all of it and is
    notified of each change. ``on_data`` is called, under ``turn``, when something waits.
    """

    def __init__(
        self, about: dict[str, Any], scope: Callable[[PipelineStreams], Scope], language: str = "en-US"
    ) -> None:
        table = ps.PSPrimitiveDictionary({key: ps.PSVersion(value) if key.endswith("Version") and value.count(".")
                                          else value for key, value in about.items()})  # fmt: skip
        self.pool = psrpcore.ServerRunspacePool(application_private_data={"PSVersionTable": table})
        self.turn = threading.Condition(threading.RLock())
        self.outbox: dict[uuid.UUID | None, deque[bytes]] = defaultdict(deque)
        self.running: dict[uuid.UUID, PipelineStreams] = {}
        self.on_data: Callable[[uuid.UUID | None], None] = lambda pipeline: None
        self.on_cut: Callable[[], None] = lambda: None
        self.state, self.name, self.user, self.id = "Connected", "", "", ""
        self._scope, self.language = scope, language
        self.memory = 1 << 40
        """Bytes that the input of one pipeline may take; MemoryError beyond."""
        self._taken: dict[uuid.UUID | None, int] = defaultdict(int)

    def flush(self) -> None:
        """Put what psrpcore has to say into the boxes."""
        while payload := self.pool.data_to_send():
            self.outbox[payload.pipeline_id].append(payload.data)
            self.on_data(payload.pipeline_id)
        self.turn.notify_all()

    def command(self, pipeline: uuid.UUID) -> None:
        """A pipeline is announced."""
        with self.turn:
            psrpcore.ServerPipeline(self.pool, pipeline)

    def feed(self, data: bytes, pipeline: uuid.UUID | None = None) -> None:
        """Fragments from the client."""
        with self.turn:
            self._taken[pipeline] += len(data)
            if self._taken[pipeline] > self.memory:
                raise MemoryError
            self.pool.receive_data(PSRPPayload(data, StreamType.default, pipeline))
            while event := self.pool.next_event():
                if isinstance(event, psrpcore.CreatePipelineEvent):
                    self._begin(event.pipeline_id)
                elif isinstance(event, psrpcore.GetAvailableRunspacesEvent):
                    self.pool.runspace_availability_response(event.ci, 1)
                elif isinstance(event, psrpcore.SetMaxRunspacesEvent | psrpcore.SetMinRunspacesEvent):
                    self.pool.runspace_availability_response(event.ci, True)
            self.flush()

    def _begin(self, pipeline: uuid.UUID) -> None:
        pipe = self.pool.pipeline_table[pipeline]
        pipe.start()
        streams = self.running[pipeline] = PipelineStreams(self, pipe)
        assert pipe.metadata is not None
        lines = [
            Line(
                str(each.command_text), bool(each.is_script), bool(each.end_of_statement),
                [(str(name) if name else None, incoming(value)) for name, value in each.parameters],
            )
            for each in pipe.metadata.commands
        ]  # fmt: skip
        threading.Thread(target=self._run, args=(streams, lines), daemon=True).start()

    def _run(self, streams: PipelineStreams, lines: list[Line]) -> None:
        failed: Failure | None = None
        try:
            for each in execute(self._scope(streams), lines):
                streams.output(each)
        except Stopped:
            self._stopped(streams)
            return
        except Cut:
            self.on_cut()
            return
        except Failure as wrong:
            failed = wrong
        except Exception as bug:
            said = f"{bug!r}\n{traceback.format_exc()}"
            failed = Failure(f"The peer itself broke: {said}", "PeerBroke", "NotSpecified", None, "System.Exception")
        with self.turn:
            if streams.stopping:
                self._stopped(streams)
                return
            if failed is not None:
                # psrpcore has no public way to fail a pipeline.
                streams.pipe._change_state(PSInvocationState.Failed, error=error_record(failed, self.language))
            else:
                streams.pipe.complete()
            self.flush()

    def _stopped(self, streams: PipelineStreams) -> None:
        with self.turn:
            if streams.pipe.state not in OVER:
                streams.pipe.stop()
                self.flush()

    def stop(self, pipeline: uuid.UUID) -> None:
        """Ctrl+C: the pipeline ends at the next thing it writes or waits for."""
        with self.turn:
            streams = self.running.get(pipeline)
            if streams is not None and streams.pipe.state == PSInvocationState.Running:
                streams.stopping = True
                self.turn.notify_all()
            self._stop_soon(streams)

    def _stop_soon(self, streams: PipelineStreams | None) -> None:
        if streams is None or streams.pipe.state in OVER:
            return

        def late() -> None:
            with self.turn:
                self.turn.wait_for(lambda: streams.pipe.state in OVER, 5)
            self._stopped(streams)  # a command that never looks up

        threading.Thread(target=late, daemon=True).start()

    def forget(self, pipeline: uuid.UUID) -> None:
        """The client closed its command."""
        with self.turn:
            self.stop(pipeline)
            self.pool.pipeline_table.pop(pipeline, None)
            self.running.pop(pipeline, None)
            self.outbox.pop(pipeline, None)
            self._taken.pop(pipeline, None)

    def end(self) -> None:
        """The shell is deleted: whatever runs in it stops."""
        with self.turn:
            for pipeline in list(self.running):
                self.stop(pipeline)
            self.state = "Closed"
            self.turn.notify_all()

    def is_over(self, pipeline: uuid.UUID) -> bool:
        """Whether a pipeline has ended."""
        streams = self.running.get(pipeline)
        return streams is not None and streams.pipe.state in OVER
