"""PowerShell Direct and what it does in guests: logons with their lock-out, programs."""

from __future__ import annotations

import hmac
import threading
from typing import Any

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.host.machines import Machines
from tests.peers.hyperv.shape import Shape
from tests.peers.vsphere.windows_line import command
from tests.peers.vsphere.wire import Fault

DIRECT = "System.Management.Automation.Remoting.PSDirectException"
TRANSPORT = "System.Management.Automation.Remoting.PSRemotingTransportException"
NO_PATH = 9


class Direct:
    """Logons to guests. Wrong passwords are counted by machine; ``shape.lockout`` of them lock the account."""

    def __init__(self, shape: Shape, machines: Machines) -> None:
        self._shape, self._machines = shape, machines
        self._lock = threading.Lock()
        self._wrong: dict[str, int] = {}

    def login(self, vm: str, user: str, password: str) -> str:
        """The guest's tree; PSDirectException where it does not let in, in the words of the real one."""
        machine = self._machines.of(vm)
        if machine["state"] != "Running":
            raise Failure(f"The virtual machine {machine['name']} is not in running state.", "PSSessionStateBroken",
                          "OpenError", vm, DIRECT, terminating=True)  # fmt: skip
        if machine["shielded"]:
            raise Failure("The operation is not allowed on a shielded virtual machine.", "PSSessionStateBroken",
                          "OpenError", vm, DIRECT, terminating=True)  # fmt: skip
        if not self._machines.is_ready(vm):
            raise broken(vm, "An error has occurred which Windows PowerShell cannot handle. A remote session might "
                         "have ended.")  # fmt: skip
        name = user.removeprefix(".\\").rsplit("\\", 1)[-1].lower()
        with self._lock:
            wrong = self._wrong.get(vm, 0)
            right = hmac.compare_digest(password.encode(), self._shape.guest_password.encode())
            known = name == self._shape.guest_user.lower()
            if known and right and wrong < self._shape.lockout:
                self._wrong[vm] = 0
                return str(self._machines.guests.of(vm) / "c")
            self._wrong[vm] = wrong + known
        raise Failure("The credential is invalid.", "PSSessionStateBroken", "OpenError", vm, DIRECT, terminating=True)

    def start(self, vm: str, line: str, folder: str, env: dict[str, str], user: str) -> int:
        """Win32_Process.Create; its return value, negative, where it refuses."""
        path, rest = split(line)
        if not path.lower().endswith((".exe", ".com", ".cmd", ".bat")):
            path += ".exe"
        if "\\" not in path:
            path = f"C:\\Windows\\System32\\{path}"
        if path.lower().endswith((".cmd", ".bat")):  # CreateProcess starts cmd.exe for them
            path, rest = "C:\\Windows\\System32\\cmd.exe", f'/c "{line}"'
        assert isinstance(command(rest), list)
        try:
            return self._machines.programs.start(vm, path, rest, env, folder, user)
        except Fault:
            return -NO_PATH

    def processes(self, vm: str) -> list[dict[str, Any]]:
        """Pid, name, line, code (None: it runs)."""
        return [{"pid": each.pid, "name": each.name, "line": each.line, "code": each.code, "begun": each.begun}
                for each in self._machines.programs.list(vm)]  # fmt: skip

    def kill(self, vm: str, pid: int) -> bool:
        """End one; False where it does not run."""
        try:
            self._machines.programs.terminate(vm, pid)
        except Fault:
            return False
        return True


def broken(vm: str, message: str) -> Failure:
    """The line to the guest is down; the id is what reports of real hosts show."""
    return Failure(message, "2100,PSSessionStateBroken", "OpenError", vm, TRANSPORT, terminating=True)


def split(line: str) -> tuple[str, str]:
    """A command line's program and the rest, as CreateProcess takes them apart."""
    line = line.strip()
    if line.startswith('"'):
        path, _, rest = line[1:].partition('"')
        return path, rest.strip()
    path, _, rest = line.partition(" ")
    return path, rest.strip()
