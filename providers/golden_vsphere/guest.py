"""
VMware's guest operations as a way into a guest: programs through vCenter, files straight to and from the ESXi host.

There is no standard output and no shell, an exit code is kept for five minutes, and a file is only ever moved whole
(facts 8). So a piece at an offset is moved as a file of its own, and a script of golden's puts it in its place once
its SHA-256 is what it was when it left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import ntpath
import posixpath
import re
import shlex
import subprocess
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pyVmomi import vim

from golden.errors import BadConfig, GuestError, GuestSilent, TimedOut
from golden.guest.communicator import Exit, LineLost, Traits
from golden.guest.placing import PLACERS
from golden.waiting import Deadline, Waiting, Watcher
from golden_vsphere.credentials import GuestAccount
from golden_vsphere.faults import BROKEN, Gone, is_a, of_network
from golden_vsphere.line import Line
from golden_vsphere.observing import QUESTION, Watch
from golden_vsphere.reading import props
from golden_vsphere.speaking import Speaking
from golden_vsphere.transfer import Download, Transfers

GUEST: Any = vim.vm.guest
CHUNK = 16 << 20
"""Bytes of one piece: each piece but the first costs a program start, and long uploads break now and then (facts 8)."""
PLACING = 300
"""Seconds a guest may take to put a piece in its place."""
POWER, READY, RUNNING = "runtime.powerState", "guest.guestOperationsReady", "guest.toolsRunningStatus"
SYSTEM32 = "C:\\Windows\\System32"
_NO_FILE = ("FileNotFound",)
SILENT_HINT = "are VMware Tools or open-vm-tools installed in the guest, and does it boot?"


class GuestLine:
    """One line into one running guest."""

    traits = Traits(
        needs_network=False, needs_credential=True, runs_as_system=False, survives_disconnect=True, chunk=CHUNK
    )

    def __init__(
        self,
        line: Line,
        machine: Any,
        name: str,
        account: GuestAccount | None,
        transfers: Transfers,
        watcher: Watcher,
    ) -> None:
        """``machine`` is pyVmomi's. BadConfig without an account: guest operations always log in."""
        if account is None:
            raise BadConfig(
                f"golden needs an account inside {name}: VMware's guest operations log in",
                hint='[references.NAME.guest] with account = "Administrator" and password_env = or password_file =',
            )
        self._line = line
        self._machine = machine
        self._name = name
        self._speaking = Speaking(name, account.user, self._let_go)
        self._auth = GUEST.NamePasswordAuthentication(
            username=account.user, password=account.password, interactiveSession=False
        )
        self._transfers = transfers
        self._watcher = watcher
        self._download: Download | None = None
        self._placer = ""

    @cached_property
    def _managers(self) -> dict[str, Any]:
        """The managers of guest operations; their ids are the same everywhere, should the server not tell them."""
        kinds = {
            "authManager": GUEST.AuthManager,
            "fileManager": GUEST.FileManager,
            "processManager": GUEST.ProcessManager,
        }
        told = props(self._line, self._line.content.guestOperationsManager, tuple(kinds))
        ids = {name: f"guestOperations{name[0].upper()}{name[1:]}" for name in kinds}
        return {name: told.get(name) or self._line.object(kind, ids[name]) for name, kind in kinds.items()}

    def ready(self, deadline: Deadline) -> None:
        """Wait for guestOperationsReady, then for the first login. Refused where the guest refuses the account."""
        self._let_go()
        self._await_tools(deadline)
        waiting = Waiting(deadline, tick=0.5, watcher=self._watcher)
        try:
            waiting.until(f"the guest of {self._name} to take orders", self._answers)
        except TimedOut as error:
            raise GuestSilent(f"the guest of {self._name} is there and takes no orders", details=error.brief) from error

    def _await_tools(self, deadline: Deadline) -> None:
        moid = str(self._machine._moId)

        def told(states: dict[str, dict[str, Any]]) -> str | None:
            state = states.get(moid, {})
            if str(state.get(POWER, "")) == "poweredOff":
                return "off"
            ready = state.get(READY)
            running = ready is None and str(state.get(RUNNING)) == "guestToolsRunning"
            return "ready" if ready or running else None

        targets = [(self._machine, (POWER, READY, RUNNING, QUESTION))]
        watch = Watch(self._line, targets, self._watcher)
        try:
            state = watch.until(f"VMware Tools in {self._name}", told, deadline)
        except TimedOut as error:
            brief = f"the guest of {self._name} did not answer within {deadline.limit:.0f} s"
            raise GuestSilent(brief, details=error.details, hint=SILENT_HINT) from error
        except Gone as error:
            raise GuestSilent(f"the machine {self._name} is gone, so its guest does not answer") from error
        except BROKEN as error:
            raise of_network(f"waiting for the guest of {self._name}", error) from error
        if state == "off":
            raise GuestSilent(f"the machine {self._name} is off, so its guest does not answer")

    def _answers(self) -> bool:
        manager = self._managers["authManager"]
        try:
            with self._speaking.about("logging in"):
                self._line.ask(lambda: manager.ValidateCredentialsInGuest(self._machine, self._auth))
        except LineLost:
            self._refuse_off()
            return False
        return True

    def _refuse_off(self) -> None:
        try:
            state = props(self._line, self._machine, (POWER,)).get(POWER)
        except Gone:
            state = "poweredOff"
        if str(state) == "poweredOff":
            raise GuestSilent(f"the machine {self._name} is off, so its guest does not answer")

    def start(self, argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: str | None = None) -> int:
        """StartProgramInGuest; the environment is added to the guest's own, which it would replace otherwise."""
        self._let_go()
        windows = self._is_windows(argv[0])
        program = argv[0]
        if windows and "\\" not in program:
            program = f"{SYSTEM32}\\{program}"
        folder = cwd or (ntpath.dirname(program) if windows else "/")
        arguments = subprocess.list2cmdline(argv[1:]) if windows else shlex.join(argv[1:])
        spec = GUEST.ProcessManager.ProgramSpec(programPath=program, arguments=arguments, workingDirectory=folder)
        if env:
            spec.envVariables = self._environment(env)
        manager = self._managers["processManager"]
        with self._speaking.about(f"starting {program}"):
            return int(self._line.tell(lambda: manager.StartProgramInGuest(self._machine, self._auth, spec)))

    def _environment(self, more: Mapping[str, str]) -> list[str]:
        manager = self._managers["processManager"]
        with self._speaking.about("reading its environment"):
            there = self._line.ask(
                lambda: manager.ReadEnvironmentVariableInGuest(self._machine, self._auth, [])  # all of them
            )
        known = dict(str(line).split("=", 1) for line in there if "=" in str(line)[1:])
        return [f"{key}={value}" for key, value in {**known, **more}.items()]

    def poll(self, pid: int) -> Exit | None:
        """ListProcessesInGuest; a program that ended more than five minutes ago is forgotten."""
        manager = self._managers["processManager"]
        with self._speaking.about(f"asking for the process {pid}"):
            try:
                found = self._line.ask(lambda: manager.ListProcessesInGuest(self._machine, self._auth, [pid]))
            except Exception as error:
                if is_a(error, "GuestProcessNotFound"):
                    return Exit(None)
                raise
        if not found:
            return Exit(None)
        if found[0].endTime is None:
            return None
        code = found[0].exitCode
        return Exit(None if code is None else int(code))

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """Pieces that follow each other come from one transfer."""
        held = self._download
        if held is None or (held.path, held.at) != (path, offset) or not offset:
            self._let_go()
            held = self._fetch(path, offset)
            if held is None:
                return None
        with self._speaking.about(f"reading {path}"):
            data = held.take(size)
            short = len(data) < size and held.at < held.size
        if short:
            self._let_go()
            raise LineLost(f"{path} broke off at {held.at} of {held.size} bytes")
        if held.at >= held.size:
            self._let_go()
        else:
            self._download = held
        return data

    def _fetch(self, path: str, offset: int) -> Download | None:
        info = self._information(path)
        if info is None:
            return None
        with self._speaking.about(f"reading {path}"):
            download = self._transfers.get(str(info.url), path, int(info.size), offset, self._machine)
        self._download = download
        return download

    def _information(self, path: str) -> Any:
        manager = self._managers["fileManager"]
        with self._speaking.about(f"opening {path}"):
            try:
                return self._line.ask(lambda: manager.InitiateFileTransferFromGuest(self._machine, self._auth, path))
            except Exception as error:
                if is_a(error, *_NO_FILE):
                    return None
                raise

    def write(self, path: str, offset: int, data: bytes) -> None:
        """A whole file at offset 0; at another one a piece, put in its place by a script of golden's."""
        self._let_go()
        if offset == 0:
            self._put(path, data)
        elif data:
            self._place(path, offset, data)

    def _put(self, path: str, data: bytes) -> None:
        manager, windows = self._managers["fileManager"], self._is_windows(path)
        attributes = GUEST.FileManager.WindowsFileAttributes if windows else GUEST.FileManager.PosixFileAttributes
        with self._speaking.about(f"writing {path}"):
            url = self._line.tell(
                lambda: manager.InitiateFileTransferToGuest(
                    self._machine,
                    self._auth,
                    path,
                    attributes(),
                    len(data),
                    True,  # noqa: FBT003 - overwrite
                )
            )
            self._transfers.put(str(url), data, self._machine)

    def _place(self, path: str, offset: int, data: bytes) -> None:
        family = "windows" if self._is_windows(path) else "linux"
        placer = PLACERS[family]
        paths = ntpath if family == "windows" else posixpath
        folder = paths.dirname(path)
        script = paths.join(folder, placer.script.name)
        piece, order, result = (f"{path}.golden-{part}" for part in ("piece", "order", "placed"))
        if self._placer != script:
            self._put(script, placer.script.content())
            self._placer = script
        wanted = hashlib.sha256(data).hexdigest()
        self._put(piece, data)
        self._put(order, placer.encode({"piece": piece, "target": path, "offset": offset, "sha256": wanted}))
        try:
            pid = self.start(placer.argv(script, order, result))
            waiting = Waiting(Deadline(PLACING), watcher=self._watcher)
            waiting.until(f"a piece of {paths.basename(path)} to be put in its place", lambda: self.poll(pid))
            answer = self.read(result, 0, 1 << 16)
        finally:
            self._delete(piece, order, result)
        met = {} if answer is None else _parsed(answer)
        if met.get("sha256") != wanted:
            raise LineLost(f"a piece of {path} arrived with other bytes than it left with")

    def _delete(self, *paths: str) -> None:
        manager = self._managers["fileManager"]
        for path in paths:
            with contextlib.suppress(LineLost, GuestError), self._speaking.about(f"removing {path}"):
                self._line.tell(lambda path=path: manager.DeleteFileInGuest(self._machine, self._auth, path))  # type: ignore[misc]

    def close(self) -> None:
        """Take the script away, as far as the guest still answers."""
        self._let_go()
        if self._placer:
            self._delete(self._placer)
            self._placer = ""

    def _let_go(self) -> None:
        if self._download is not None:
            self._download.close()
            self._download = None

    @cached_property
    def _guest_is_windows(self) -> bool:
        told = props(self._line, self._machine, ("config.guestId", "guest.guestFamily"))
        by_id, family = str(told.get("config.guestId") or ""), str(told.get("guest.guestFamily") or "")
        return by_id.lower().startswith("win") or family == "windowsGuest"

    def _is_windows(self, path: str) -> bool:
        """By the path itself; a bare name is asked of the machine."""
        if re.match(r"[A-Za-z]:[\\/]|\\\\", path):
            return True
        return not path.startswith("/") and (path.lower().endswith(".exe") or self._guest_is_windows)


def _parsed(answer: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(answer.decode("utf-8-sig")))
    except (ValueError, TypeError):
        return {}
