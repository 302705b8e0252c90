"""
``powershell`` as a subsystem of sshd: PSRP in lines of XML on standard streams, as ``pwsh -sshs`` speaks it.

``python -m tests.peers.hyperv.wire.stdio FOLDER``, started by sshd for each session. It ends when its input ends.
"""

from __future__ import annotations

import base64
import os
import sys
import threading
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from tests.peers.hyperv import registry
from tests.peers.hyperv.journal import Request
from tests.peers.hyperv.sessions import Link, scope, versions
from tests.peers.hyperv.wire.shell import PipelineStreams, Shell

NOBODY = uuid.UUID(int=0)


class Stdio:
    """One session; ``out`` is where its answers go."""

    def __init__(self, link: Link, user: str) -> None:
        self._turn = threading.Lock()
        self._out = os.fdopen(os.dup(1), "wb")
        variables: dict[str, Any] = {}

        def scoped(streams: PipelineStreams) -> registry.Scope:
            return scope(link, user, streams, variables)

        self.shell = Shell(versions(link.shape, "ssh"), scoped, link.shape.language)
        self.shell.on_data = self._pass_on
        self.shell.on_cut = lambda: os._exit(1)

    def _put(self, line: str) -> None:
        with self._turn:
            self._out.write(line.encode() + b"\n")
            self._out.flush()

    def _pass_on(self, pipeline: uuid.UUID | None) -> None:
        data = base64.b64encode(self.shell.outbox[pipeline].popleft()).decode()
        self._put(f"<Data Stream='Default' PSGuid='{pipeline or NOBODY}'>{data}</Data>")

    def take(self, line: bytes) -> bool:
        """One packet from the client; False where it was the last."""
        packet = ET.fromstring(line)
        guid = uuid.UUID(packet.get("PSGuid"))
        pipeline = guid if guid.int else None
        if packet.tag == "Data":
            self._put(f"<DataAck PSGuid='{guid}' />")
            self.shell.feed(base64.b64decode(packet.text or ""), pipeline)
            return True
        if packet.tag == "Command" and pipeline is not None:
            self.shell.command(pipeline)
        elif packet.tag == "Signal" and pipeline is not None:
            self.shell.stop(pipeline)
        elif packet.tag == "Close" and pipeline is not None:
            self.shell.forget(pipeline)
        self._put(f"<{packet.tag}Ack PSGuid='{guid}' />")
        return packet.tag != "Close" or pipeline is not None


def main() -> None:
    """Serve one session."""
    link = Link(Path(sys.argv[1]))
    link.transport = "ssh"
    user = link.shape.user
    registry.commands()
    link.note(Request("SSH.powershell", user, "ssh"))
    session = Stdio(link, user)
    for line in sys.stdin.buffer:
        if line.strip() and not session.take(line):
            break
    session.shell.end()
    os._exit(0)


if __name__ == "__main__":
    main()
