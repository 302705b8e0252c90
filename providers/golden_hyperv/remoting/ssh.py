"""PSRP over SSH: one XML packet a line on the subsystem's channel, each acknowledged (out-of-process framing)."""

from __future__ import annotations

import base64
import binascii
import queue
import threading
import uuid
from contextlib import suppress
from xml.etree import ElementTree

import paramiko
from psrpcore import PSRPPayload, StreamType

from golden.waiting import Deadline
from golden_hyperv.remoting.losses import LinkLost
from golden_hyperv.remoting.transport import ANSWER

ZERO = uuid.UUID(int=0)
LIMIT = 32768
"""Bytes of PSRP in a packet. PowerShell's own limit for a fragment over this framing (32 KB)."""
CHUNK = 1 << 18
LINE = 64 << 20
"""Characters after which a line is no packet of anybody's."""


class SshTransport:
    """A process behind the subsystem ``powershell``; it ends when the channel does. Fulfils ``Transport``."""

    name = "ssh"
    limit = LIMIT

    def __init__(self, client: paramiko.SSHClient, subsystem: str) -> None:
        """LinkLost where the server has no such subsystem."""
        self._client = client
        line = client.get_transport()
        if line is None:
            raise LinkLost("the line is closed")
        try:
            self._channel = line.open_session(timeout=ANSWER)
            self._channel.settimeout(ANSWER)
            self._channel.invoke_subsystem(subsystem)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise LinkLost(f"the host has no subsystem {subsystem!r}: {error or type(error).__name__}") from error
        self._channel.settimeout(None)
        self._data: queue.Queue[PSRPPayload | LinkLost] = queue.Queue()
        self._acks: queue.Queue[tuple[str, uuid.UUID] | None] = queue.Queue()
        self._why = "the channel was closed"
        threading.Thread(target=self._listen, name="golden psrp", daemon=True).start()

    def create(self, pool: uuid.UUID, first: PSRPPayload) -> None:  # noqa: ARG002 - the channel is the pool
        """The pool needs no making."""
        self.send(first)

    def grow(self) -> None:
        """Packets have one size here."""

    def command(self, pipeline: uuid.UUID, first: PSRPPayload) -> None:
        """A pipeline, and its first packet."""
        self._packet("Command", pipeline)
        self.send(first)

    def send(self, payload: PSRPPayload) -> None:
        """One packet of data."""
        stream = "Default" if payload.stream_type == StreamType.default else "PromptResponse"
        text = base64.b64encode(payload.data).decode("ascii")
        self._packet("Data", payload.pipeline_id or ZERO, f" Stream='{stream}'", text)

    def receive(self, pipeline: uuid.UUID | None, patience: float) -> list[PSRPPayload]:  # noqa: ARG002 - one channel
        """Whatever came; packets of all pipelines share the channel."""
        try:
            got = self._data.get(timeout=patience)
        except queue.Empty:
            return []
        if isinstance(got, LinkLost):
            self._data.put(got)
            raise LinkLost(str(got))
        return [got]

    def signal(self, pipeline: uuid.UUID) -> None:
        """Stop."""
        self._packet("Signal", pipeline)

    def finish(self, pipeline: uuid.UUID) -> None:
        """Close the pipeline; it stops where it still runs."""
        self._packet("Close", pipeline)

    def close(self) -> None:
        """Close the pool, the channel and the line."""
        with suppress(LinkLost):
            if not self._channel.closed:
                self._packet("Close", ZERO)
        self.abandon()

    def abandon(self) -> None:
        """The process on the host ends when its channel does."""
        for one in (self._channel, self._client):
            with suppress(paramiko.SSHException, EOFError, OSError):
                one.close()

    def _packet(self, tag: str, about: uuid.UUID, attributes: str = "", text: str = "") -> None:
        body = f">{text}</{tag}>" if text else " />"
        try:
            self._channel.sendall(f"<{tag}{attributes} PSGuid='{about}'{body}\n".encode("ascii"))
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise LinkLost(f"{self._why}: {error or type(error).__name__}") from error
        self._acknowledged(f"{tag}Ack", about)

    def _acknowledged(self, tag: str, about: uuid.UUID) -> None:
        """Acknowledgements of what a signal cut off may still come; they are passed over."""
        limit = Deadline(ANSWER)
        while True:
            try:
                got = self._acks.get(timeout=limit.left)
            except queue.Empty:
                raise LinkLost(f"the host did not answer within {ANSWER:.0f} s") from None
            if got is None:
                self._acks.put(None)
                raise LinkLost(self._why)
            if got == (tag, about):
                return

    def _listen(self) -> None:
        held = bytearray()
        try:
            while (data := self._channel.recv(CHUNK)) and len(held) < LINE:
                held += data
                if b"\n" in data:
                    *lines, held = held.split(b"\n")
                    for line in filter(bytes.strip, map(bytes, lines)):
                        self._take(line)
        except (LinkLost, paramiko.SSHException, EOFError, OSError) as error:
            self._why = str(error) or type(error).__name__
        if self._channel.recv_stderr_ready():
            words = self._channel.recv_stderr(4096).decode("utf-8", "replace").strip()
            self._why = f"{self._why}: {words}" if words else self._why
        self._data.put(LinkLost(self._why))
        self._acks.put(None)

    def _take(self, line: bytes) -> None:
        try:
            element = ElementTree.fromstring(line)  # noqa: S314 - from a host that is logged in to; expat has limits
            about = uuid.UUID(element.get("PSGuid") or "")
            if element.tag == "Data":
                data = base64.b64decode(element.text or "", validate=True)
                self._data.put(PSRPPayload(data, StreamType.default, about if about.int else None))
            else:
                self._acks.put((element.tag, about))
        except (ElementTree.ParseError, ValueError, binascii.Error) as error:
            shown = line[:200].decode("utf-8", "replace")
            raise LinkLost(f"the host sent what is no packet ({error}): {shown}") from error
