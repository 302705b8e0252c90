"""The stand-in guest, booted by QEMU alone: what golden relies on inside it."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from golden.demo.standin.build import StandIn
from golden.waiting import Deadline, Waiting

pytestmark = pytest.mark.slow


class Rig:
    """One QEMU with the stand-in in it, and the line to its guest agent."""

    def __init__(self, standin: StandIn, folder: Path) -> None:
        self.disk = folder / "disk.qcow2"
        if not self.disk.exists():
            backing = ["-b", str(standin.disk), "-F", "qcow2"]
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(self.disk)], check=True)
        self.path = folder / "agent"
        self.console = folder / "console"
        self.qmp = folder / "qmp"
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-m", str(standin.memory_mib),
             "-kernel", str(standin.kernel), "-initrd", str(standin.initrd), "-append", standin.cmdline,
             "-drive", f"file={self.disk},if=virtio,format=qcow2", "-device", "virtio-serial", "-display", "none",
             "-chardev", f"socket,path={self.path},server=on,wait=off,id=a",
             "-device", "virtserialport,chardev=a,name=org.qemu.guest_agent.0", "-nic", "none",
             "-qmp", f"unix:{self.qmp},server=on,wait=off", "-serial", f"file:{self.console}"],
        )  # fmt: skip
        self.line = socket.socket(socket.AF_UNIX)
        self.rest = b""
        Waiting(Deadline(10)).until("QEMU", self.path.exists)
        self.line.connect(str(self.path))

    def ask(self, command: str, seconds: float = 5, **arguments: Any) -> Any:
        """One order to the agent and its answer."""
        order = {"execute": command, "arguments": arguments} if arguments else {"execute": command}
        self.line.settimeout(seconds)
        self.line.sendall(json.dumps(order).encode() + b"\n")
        answer = json.loads(self.read_line())
        while answer.get("return", "") != "" and isinstance(answer["return"], int) and command != "guest-file-open":
            answer = json.loads(self.read_line())  # late answers to guest-sync
        assert "error" not in answer, answer
        return answer["return"]

    def read_line(self) -> bytes:
        """The next whole line from the agent."""
        while b"\n" not in self.rest:
            piece = self.line.recv(1 << 20)
            assert piece, "the agent's line ended"
            self.rest += piece
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def ready(self, seconds: float = 60) -> None:
        """Return when the agent answers."""

        token = time.monotonic_ns() & 0x7FFFFFFF
        order = json.dumps({"execute": "guest-sync", "arguments": {"id": token}}).encode() + b"\n"
        self.line.settimeout(0.5)

        def answered() -> bool:
            try:
                self.line.sendall(order)
                while json.loads(self.read_line()).get("return") != token:
                    pass  # an answer to somebody who has given up
            except (TimeoutError, ValueError):
                return False
            return True

        Waiting(Deadline(seconds), tick=0.05).until("the agent", answered)

    def run(self, *argv: str, seconds: float = 30) -> tuple[int, str, str]:
        """Exit code, output and errors of a program in the guest."""
        pid = self.ask("guest-exec", path=argv[0], arg=list(argv[1:]), **{"capture-output": True})["pid"]

        def ended() -> Any:
            status = self.ask("guest-exec-status", pid=pid)
            return status if status["exited"] else None

        status = Waiting(Deadline(seconds), tick=0.02).until(argv[0], ended)
        out, err = (base64.b64decode(status.get(k, "")).decode() for k in ("out-data", "err-data"))
        return status["exitcode"], out, err

    def write(self, path: str, data: bytes) -> None:
        """A file in the guest, by its Windows path."""
        handle = self.ask("guest-file-open", path=path, mode="wb")
        for at in range(0, len(data), 1 << 20):
            piece = base64.b64encode(data[at : at + (1 << 20)]).decode()
            self.ask("guest-file-write", handle=handle, **{"buf-b64": piece})
        self.ask("guest-file-close", handle=handle)

    def read(self, path: str) -> bytes:
        """A file of the guest."""
        handle = self.ask("guest-file-open", path=path, mode="rb")
        data = base64.b64decode(self.ask("guest-file-read", handle=handle, count=1 << 20)["buf-b64"])
        self.ask("guest-file-close", handle=handle)
        return data

    def off(self, seconds: float = 20) -> None:
        """Return when QEMU has ended by itself."""
        self.process.wait(seconds)


@contextmanager
def running(standin: StandIn, folder: Path) -> Iterator[Rig]:
    """A booted guest; its QEMU never outlives the test."""
    folder.mkdir(exist_ok=True)
    rig = Rig(standin, folder)
    try:
        rig.ready()
        yield rig
    finally:
        rig.line.close()
        if rig.process.poll() is None:
            rig.process.kill()
        rig.process.wait()
