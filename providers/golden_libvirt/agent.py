"""The QEMU guest agent as a way into a guest; its coming and going by libvirt's events."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from golden.errors import EndpointError, GuestError, GuestSilent, NotAble, Refused
from golden.guest.communicator import Exit, LineLost, Traits
from golden.waiting import Deadline
from golden_libvirt import faults, kvm
from golden_libvirt.connection import Line
from golden_libvirt.definition import AGENT

PIECE = 64 * 1024
"""
Most bytes of one guest-file-write. Measured with libvirt 9.0 and QEMU 7.2: a command line of more than the socket's
send buffer (208 KiB) gets stuck half-sent and the agent is gone for good; 64 KiB is also the fastest.
"""
READ_PIECE = 512 * 1024
COMMAND_LIMIT = 30
"""Seconds one agent command may take before the line counts as lost."""
LOOK_AGAIN = 15.0
"""Seconds without any event after which libvirt is asked whether the agent is there: an event is told once."""
_ABSENT = (
    "No such file or directory",
    "cannot find the file",
    "cannot find the path",
    "Not a directory",
)
"""What guest-file-open says where there is no such file (qemu-ga passes on strerror and FormatMessage)."""
_LOST_CODES = (
    faults.AGENT_UNRESPONSIVE,
    faults.AGENT_UNSYNCED,
    faults.AGENT_COMMAND_TIMEOUT,
    faults.OPERATION_TIMEOUT,
    faults.OPERATION_INVALID,
    faults.NO_DOMAIN,
    faults.NO_CONNECT,
    faults.RPC,
    faults.SYSTEM_ERROR,
)
STOPPED_HINT = 'virt_type = "qemu" for this endpoint in golden.toml runs guests in software; golden doctor says more'
SILENT_HINT = f"is qemu-guest-agent installed and running in the guest, and its channel {AGENT} there?"


@dataclass(slots=True)
class _Open:
    """A guest's file that is kept open between consecutive pieces."""

    path: str
    handle: int
    at: int
    writing: bool


class AgentLine:
    """One line into one running guest; ``lookup`` finds the live domain (it is asked anew after a lost line)."""

    traits = Traits(
        needs_network=False, needs_credential=False, runs_as_system=True, survives_disconnect=True, chunk=1 << 20
    )

    def __init__(self, line: Callable[[], Line], name: str, log: Path | None = None) -> None:
        """``line`` gives the open connection, ``name`` is the machine's, ``log`` its QEMU's, where we may read it."""
        self._line = line
        self._name = name
        self._log = log
        self._file: _Open | None = None

    def ready(self, deadline: Deadline) -> None:
        """Wait for the event that the agent is there, then for its first answer."""
        self._file = None
        while not self._answers(deadline):
            self._refuse_paused()
            if deadline.left <= 0:
                brief = f"the guest of {self._name} did not answer within {deadline.limit:.0f} s"
                raise GuestSilent(brief, hint=SILENT_HINT)

    def _refuse_paused(self) -> None:
        """
        QEMU itself stops a machine whose disk it cannot write, and one whose virtual processor broke: the guest will
        not answer. libvirt names a reason for the first only.
        """
        with contextlib.suppress(LineLost, GuestSilent):
            line = self._line()
            try:
                state, reason = line.domain(self._name).state()[:2]
            except Exception as error:
                if not faults.is_libvirt(error):
                    raise
                return
            libvirt = line.libvirt
            if (state, reason) == (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR):
                brief = f"QEMU stopped {self._name} because it could not write its disk: no room left, most likely"
                raise Refused(brief, hint="free some room, then the same command again")
            if (state, reason) == (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_UNKNOWN):
                brief = f"QEMU stopped the processor of {self._name}: KVM does not work here, most likely"
                raise EndpointError(brief, details=self._words_of_qemu(), hint=STOPPED_HINT)

    def _words_of_qemu(self) -> str | None:
        if self._log is None:
            return None
        try:
            lines = self._log.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return None
        return next((line for line in lines if kvm.FAULT.decode() in line), None)

    def _answers(self, deadline: Deadline) -> bool:
        """Wait until the agent is there, for a while, and ask it once. GuestSilent where it cannot come."""
        uuid, line = self._live_uuid()
        with line.changed:
            line.changed.wait_for(
                lambda: line.lost or line.went_off(uuid) or line.agent_is_there(uuid) or line.was_stopped(uuid),
                timeout=min(LOOK_AGAIN, deadline.left),
            )
        if line.lost:
            raise GuestSilent(f"the connection to libvirt broke while waiting for the guest of {self._name}")
        if line.went_off(uuid):
            if self._is_live(line):  # The event is of its earlier life; that of its new one is still on its way.
                with line.changed:
                    line.changed.wait(timeout=min(0.5, deadline.left))
                return False
            raise GuestSilent(f"the machine {self._name} is off, so its guest does not answer")
        if not line.agent_is_there(uuid):
            self._look_again(uuid, line)
            return False
        try:
            self._ask("guest-ping", limit=max(1, min(10, int(deadline.left) + 1)))
        except LineLost:
            with line.changed:  # an agent that is just going says so by event
                line.changed.wait(timeout=min(0.5, deadline.left))
            return False
        return True

    def start(self, argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: str | None = None) -> int:
        """guest-exec; the agent has no notion of a folder to start in."""
        if cwd is not None:
            raise NotAble("the guest agent cannot start a program in a folder; the launcher does that")
        self._let_go()
        order: dict[str, Any] = {"path": argv[0], "arg": list(argv[1:])}
        if env:
            order["env"] = [f"{key}={value}" for key, value in env.items()]
        return int(self._command("guest-exec", order)["pid"])

    def poll(self, pid: int) -> Exit | None:
        """guest-exec-status; the agent forgets a program once its end was told, and all of them when it restarts."""
        try:
            status = self._ask("guest-exec-status", pid=pid)
        except GuestError as error:
            words = error.details or ""
            if "PID" in words or "pid" in words:
                return Exit(None)
            raise
        if not status["exited"]:
            return None
        if "signal" in status:
            return Exit(128 + int(status["signal"]))
        return Exit(int(status["exitcode"]))

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """Pieces that follow each other come from one open handle."""
        file = self._opened(path, offset, writing=False)
        if file is None:
            return None
        data = b""
        while len(data) < size:
            answer = self._ask("guest-file-read", handle=file.handle, count=min(READ_PIECE, size - len(data)))
            piece = base64.b64decode(answer["buf-b64"])
            data += piece
            file.at += len(piece)
            if answer["eof"] or not piece:
                self._let_go()
                break
        return data

    def write(self, path: str, offset: int, data: bytes) -> None:
        """Pieces that follow each other go to one open handle; it is closed before anything else looks."""
        file = self._opened(path, offset, writing=True)
        if file is None:
            raise GuestError(f"the guest cannot write {path}: there is no such file or folder")
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            done = 0
            while done < len(piece):
                text = base64.b64encode(piece[done:]).decode("ascii")
                answer = self._command("guest-file-write", {"handle": file.handle, "buf-b64": text})
                done += int(answer["count"])
                file.at += int(answer["count"])
                if not answer["count"]:
                    raise GuestError(f"the guest took no more bytes of {path}; its disk may be full")
        if len(data) < self.traits.chunk:
            self._let_go()

    def close(self) -> None:
        """Close what is open in the guest, as far as it still answers."""
        try:
            self._let_go()
        except (LineLost, GuestError):
            self._file = None

    def _opened(self, path: str, offset: int, *, writing: bool) -> _Open | None:
        file = self._file
        if file is not None and (file.path, file.at, file.writing) == (path, offset, writing) and offset:
            return file
        self._let_go()
        mode = ("r+b" if offset else "wb") if writing else "rb"
        try:
            handle = int(self._ask("guest-file-open", path=path, mode=mode))
        except GuestError as error:
            if any(words in (error.details or "") for words in _ABSENT):
                return None
            raise
        self._file = _Open(path, handle, offset, writing)
        if offset:
            self._ask("guest-file-seek", handle=handle, offset=offset, whence="set")
        return self._file

    def _let_go(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            self._ask("guest-file-close", handle=file.handle)

    def _ask(self, command: str, *, limit: int = COMMAND_LIMIT, **arguments: int | str) -> Any:
        return self._command(command, arguments, limit)

    def _command(self, command: str, arguments: Mapping[str, Any], limit: int = COMMAND_LIMIT) -> Any:
        """One command of the agent's. LineLost, or GuestError with the guest's words."""
        import libvirt_qemu

        order: dict[str, Any] = {"execute": command}
        if arguments:
            order["arguments"] = arguments
        try:
            answer = libvirt_qemu.qemuAgentCommand(self._live(), json.dumps(order), limit, 0)
        except Exception as error:
            if not faults.is_libvirt(error):
                raise
            raise self._fault(command, error) from error
        if answer is None:
            self._forget()
            raise LineLost(f"{command}: no answer")
        return json.loads(answer)["return"]

    def _fault(self, command: str, error: Exception) -> Exception:
        words, code = str(error), faults.code_of(error)
        if "unable to execute QEMU agent command" not in words and code in (*_LOST_CODES, faults.INTERNAL_ERROR):
            self._forget()
            return LineLost(words)
        if "unable to execute QEMU agent command" in words or code == faults.AGENT_COMMAND_FAILED:
            return GuestError(f"the guest of {self._name} refused {command}", details=words)
        return faults.of_libvirt(f"asking the guest of {self._name}", error)

    def _forget(self) -> None:
        with contextlib.suppress(LineLost):
            self._line().forget(self._name)
        self._file = None

    def _live(self) -> Any:
        return self._line().domain(self._name)

    def _is_live(self, line: Line) -> bool:
        line.forget(self._name)
        try:
            return bool(line.domain(self._name).isActive())
        except Exception as error:
            if not faults.is_libvirt(error):
                raise
            if faults.code_of(error) != faults.NO_DOMAIN:
                raise faults.of_libvirt(f"looking at the machine {self._name}", error) from error
            return False

    def _look_again(self, uuid: str, line: Line) -> None:
        try:
            line.note_agent(uuid, self._is_connected(), seen=True)
        except Exception as error:  # It is going away, which the next event says.
            if not faults.is_libvirt(error):
                raise

    def _is_connected(self) -> bool:
        """What the live definition says of the agent's channel. Raises libvirt's error."""
        target = ET.fromstring(self._live().XMLDesc(0)).find(f"devices/channel/target[@name='{AGENT}']")  # noqa: S314
        return target is not None and target.get("state") == "connected"

    def _live_uuid(self) -> tuple[str, Line]:
        """The live machine's id; notes whether its agent is there already, as no event tells that again."""
        try:
            line = self._line()
        except LineLost as error:
            raise GuestSilent(f"{error}, so its guest does not answer") from error
        line.forget(self._name)
        try:
            domain = self._live()
            uuid = str(domain.UUIDString())
            if line.agent_is_there(uuid) is None:
                line.note_agent(uuid, self._is_connected())
        except Exception as error:
            if not faults.is_libvirt(error):
                raise
            if faults.code_of(error) not in (faults.NO_DOMAIN, faults.OPERATION_INVALID):
                raise faults.of_libvirt(f"looking at the machine {self._name}", error) from error
            raise GuestSilent(
                f"the machine {self._name} is off, so its guest does not answer", details=str(error)
            ) from error
        return uuid, line
