"""
A guest that is a folder on this computer: real processes and real files behind the waist, with faults as data.

For tests of everything that is built on the waist, on Linux only. A program in it may ask for a restart of its
guest by writing the file ``restart`` in the guest's folder.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from golden.errors import GuestError, GuestSilent
from golden.guest.communicator import Exit, LineLost, Traits
from golden.guest.dialect import Script
from golden.linux.dialect import LinuxDialect
from golden.waiting import Deadline

RESTART = ("local-guest", "restart")
SHUT_DOWN = ("local-guest", "shut-down")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong at the ``nth`` call (from 1) of one verb of the waist."""

    verb: str
    """start | poll | read | write"""
    nth: int
    kind: str
    """
    lose: the line breaks before the call does anything; lose-after: after it has done all; cut: a write gets half of
    its bytes through first; forget: the guest forgets all process numbers; restart: the guest restarts.
    """


class LocalDialect(LinuxDialect):
    """The Linux dialect with a restart that this computer survives."""

    @property
    def probe(self) -> Script:
        """A probe whose boot mark belongs to the folder."""
        return Script(Path(__file__).parent / "scripts" / "local_probe.sh")

    def shut_down(self) -> tuple[str, ...]:
        """Switch the local guest off."""
        return SHUT_DOWN

    def restart(self) -> tuple[str, ...]:
        """Restart the local guest."""
        return RESTART


@dataclass
class LocalCommunicator:
    """The waist over processes of this computer; paths outside ``folder`` are refused for writing."""

    folder: Path
    faults: tuple[Fault, ...] = ()
    chunk: int = 1 << 20
    calls: Counter[str] = field(default_factory=Counter)
    """How often each verb was called, ``ready`` included."""
    started: list[tuple[str, ...]] = field(default_factory=list)
    """Every argument list that was really started."""
    mute: bool = False
    """It answers no greeting any more; what is under way goes on."""
    _processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    _forgotten: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _lost: bool = False
    _off: bool = False

    def __post_init__(self) -> None:
        """Boot for the first time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._boot()

    @property
    def dialect(self) -> LocalDialect:
        """How to speak to this guest."""
        return LocalDialect(work_folder=str(self.folder / "work"))

    @property
    def traits(self) -> Traits:
        """A local guest needs nothing."""
        return Traits(
            needs_network=False,
            needs_credential=False,
            runs_as_system=os.geteuid() == 0,
            survives_disconnect=True,
            chunk=self.chunk,
        )

    def ready(self, deadline: Deadline) -> None:  # noqa: ARG002 - answers at once or never
        """Answer, unless switched off or mute."""
        self.calls["ready"] += 1
        if self.mute:
            raise GuestSilent("the local guest says nothing")
        if self._off:
            raise GuestSilent("the local guest is switched off")
        self._lost = False

    def start(self, argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: str | None = None) -> int:
        """Start a process of its own session."""
        fault = self._enter("start")
        if argv in (RESTART, SHUT_DOWN):
            self._end_all()
            self._boot()
            self._lost, self._off = True, argv == SHUT_DOWN
            pid = 0
        else:
            pid = self._spawn(argv, env, cwd)
        self._leave(fault)
        return pid

    def poll(self, pid: int) -> Exit | None:
        """As the process table of this guest has it; numbers may have been forgotten."""
        fault = self._enter("poll")
        process = self._processes.get(pid)
        ended = Exit(None) if process is None else None if process.poll() is None else Exit(process.returncode)
        self._leave(fault)
        return ended

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """A piece of a file."""
        fault = self._enter("read")
        try:
            with Path(path).open("rb") as file:
                file.seek(offset)
                data = file.read(min(size, self.chunk))
        except FileNotFoundError:
            data = None
        except OSError as error:
            raise GuestError(f"the guest cannot read {path}", details=str(error)) from None
        self._leave(fault)
        return data

    def write(self, path: str, offset: int, data: bytes) -> None:
        """A piece of a file."""
        fault = self._enter("write")
        place = Path(path)
        if self.folder.resolve() not in place.resolve().parents:
            raise GuestError(f"{path} is outside the local guest")
        try:
            with place.open("r+b" if offset else "wb") as file:
                file.seek(offset)
                file.write(data[: len(data) // 2] if fault and fault.kind == "cut" else data)
        except OSError as error:
            raise GuestError(f"the guest cannot write {path}", details=str(error)) from None
        self._leave(fault)

    def close(self) -> None:
        """Let go of the line; processes go on."""
        self._lost = True

    def stop(self) -> None:
        """Cut the guest's power: end every process it ever started."""
        self._end_all()
        self._off = self._lost = True

    def _enter(self, verb: str) -> Fault | None:
        if (self.folder / "restart").exists():
            (self.folder / "restart").unlink()
            self._end_all()
            self._boot()
            self._lost = True
        if self._lost:
            raise LineLost(f"{verb}: the line is down")
        self.calls[verb] += 1
        for fault in self.faults:
            if fault.verb == verb and fault.nth == self.calls[verb]:
                self._before(fault)
                return fault
        return None

    def _before(self, fault: Fault) -> None:
        if fault.kind == "forget":
            self._forgotten += self._processes.values()
            self._processes.clear()
        elif fault.kind == "restart":
            self._end_all()
            self._boot()
        if fault.kind in ("lose", "restart"):
            self._lost = True
            raise LineLost(f"{fault.verb}: {fault.kind}")

    def _leave(self, fault: Fault | None) -> None:
        if fault and fault.kind in ("lose-after", "cut"):
            self._lost = True
            raise LineLost(f"{fault.verb}: {fault.kind}")

    def _spawn(self, argv: tuple[str, ...], env: Mapping[str, str] | None, cwd: str | None) -> int:
        environment = {**os.environ, "LOCAL_GUEST": str(self.folder), **(env or {})}
        null = subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                argv, env=environment, cwd=cwd, stdin=null, stdout=null, stderr=null, start_new_session=True
            )
        except OSError as error:
            raise GuestError(f"the guest cannot start {argv[0]}", details=str(error)) from None
        self.started.append(argv)
        self._processes[process.pid] = process
        return process.pid

    def _boot(self) -> None:
        (self.folder / "boot_mark").write_text(f"{uuid.uuid4()}\n", encoding="ascii")

    def _end_all(self) -> None:
        for process in (*self._processes.values(), *self._forgotten):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes.clear()
        self._forgotten.clear()
