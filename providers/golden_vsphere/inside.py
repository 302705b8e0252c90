"""One guest as vCenter's guest operations show it: its account, their managers, and programs in it."""

from __future__ import annotations

import ntpath
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pyVmomi import vim

from golden.guest.communicator import Exit
from golden_vsphere.faults import is_a
from golden_vsphere.line import Line
from golden_vsphere.reading import props
from golden_vsphere.speaking import Speaking

GUEST: Any = vim.vm.guest
SYSTEM32 = "C:\\Windows\\System32"


@dataclass
class Inside:
    """Calls to one guest with one account; ``machine`` and ``auth`` are pyVmomi's."""

    line: Line
    machine: Any
    auth: Any = field(repr=False)
    speaking: Speaking

    @cached_property
    def managers(self) -> dict[str, Any]:
        """The managers of guest operations; their ids are the same everywhere, should the server not tell them."""
        kinds = {
            "authManager": GUEST.AuthManager,
            "fileManager": GUEST.FileManager,
            "processManager": GUEST.ProcessManager,
        }
        told = props(self.line, self.line.content.guestOperationsManager, tuple(kinds))
        ids = {name: f"guestOperations{name[0].upper()}{name[1:]}" for name in kinds}
        return {name: told.get(name) or self.line.object(kind, ids[name]) for name, kind in kinds.items()}

    def start(self, argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: str | None = None) -> int:
        """StartProgramInGuest; the environment is added to the guest's own, which it would replace otherwise."""
        windows = self.is_windows(argv[0])
        program = argv[0]
        if windows and "\\" not in program:
            program = f"{SYSTEM32}\\{program}"
        folder = cwd or (ntpath.dirname(program) if windows else "/")
        arguments = subprocess.list2cmdline(argv[1:]) if windows else shlex.join(argv[1:])
        spec = GUEST.ProcessManager.ProgramSpec(programPath=program, arguments=arguments, workingDirectory=folder)
        if env:
            spec.envVariables = self._environment(env)
        manager = self.managers["processManager"]
        with self.speaking.about(f"starting {program}"):
            return int(self.line.tell(lambda: manager.StartProgramInGuest(self.machine, self.auth, spec)))

    def _environment(self, more: Mapping[str, str]) -> list[str]:
        manager = self.managers["processManager"]
        with self.speaking.about("reading its environment"):
            there = self.line.ask(
                lambda: manager.ReadEnvironmentVariableInGuest(self.machine, self.auth, [])  # all of them
            )
        known = dict(str(line).split("=", 1) for line in there if "=" in str(line)[1:])
        return [f"{key}={value}" for key, value in {**known, **more}.items()]

    def poll(self, pid: int) -> Exit | None:
        """ListProcessesInGuest; a program that ended more than five minutes ago is forgotten."""
        manager = self.managers["processManager"]
        with self.speaking.about(f"asking for the process {pid}"):
            try:
                found = self.line.ask(lambda: manager.ListProcessesInGuest(self.machine, self.auth, [pid]))
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

    @cached_property
    def _guest_is_windows(self) -> bool:
        told = props(self.line, self.machine, ("config.guestId", "guest.guestFamily"))
        by_id, family = str(told.get("config.guestId") or ""), str(told.get("guest.guestFamily") or "")
        return by_id.lower().startswith("win") or family == "windowsGuest"

    def is_windows(self, path: str) -> bool:
        """By the path itself; a bare name is asked of the machine."""
        if re.match(r"[A-Za-z]:[\\/]|\\\\", path):
            return True
        return not path.startswith("/") and (path.lower().endswith(".exe") or self._guest_is_windows)
