"""Programs that were started in guests: real processes, with the numbers, times and exit codes that Tools tells."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.peers.vsphere.guests import PYTHON, Guests
from tests.peers.vsphere.windows_line import arguments, command, locate
from tests.peers.vsphere.wire import Fault

HERE = Path(__file__).with_name("guest_program.py")
SHELL = "C:\\Windows\\System32"


@dataclass
class Program:
    """One program; ``code`` is None while it runs."""

    pid: int
    name: str
    line: str
    owner: str
    process: subprocess.Popen[bytes]
    begun: float
    ended: float = 0.0
    code: int | None = None


class Programs:
    """All programs of a peer by machine; Tools forgets them ``memory`` seconds after their end."""

    def __init__(self, guests: Guests, folder: Path, memory: float = 300) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._guests, self._folder, self.memory = guests, folder, memory
        self._lock = threading.Lock()
        self._next = 2000
        self._of: dict[str, dict[int, Program]] = {}

    def start(self, moid: str, path: str, line: str, env: dict[str, str], cwd: str, owner: str) -> int:
        """Start a program; FileNotFound where it or its folder is not there."""
        root = self._guests.of(moid) / "c"
        exe, folder = locate(root, path.strip('"')), locate(root, cwd or "C:\\Windows\\System32")
        if exe is None or not exe.is_file():
            raise Fault("FileNotFound", {"file": path})
        if folder is None or not folder.is_dir():
            raise Fault("FileNotFound", {"file": cwd})
        words = command(line) if exe.name.lower() == "cmd.exe" else arguments(line)
        with self._lock:
            self._next += 4
            pid = self._next
        code = self._folder / f"{moid}-{pid}"
        order = self._guests.order(moid, [path.strip('"'), *words], env=env, cwd=cwd or SHELL, code=str(code))
        process = subprocess.Popen(
            [PYTHON, str(HERE)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "GOLDEN_GUEST": str(self._guests.of(moid)) + "/"}, start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(order).encode())
            process.stdin.close()
        made = Program(pid, path.rsplit("\\", 1)[-1], f'"{path}" {line}'.strip(), owner, process, time.time())
        with self._lock:
            self._of.setdefault(moid, {})[pid] = made
        threading.Thread(target=self._follow, args=(made, code), daemon=True).start()
        return pid

    def _follow(self, program: Program, code: Path) -> None:
        program.process.wait()
        try:
            told = int(code.read_text())
            code.unlink()
        except (OSError, ValueError):
            told = 1  # what a process that was terminated ends with
        program.code = told - (1 << 32) if told >= 1 << 31 else told
        program.ended = time.time()

    def list(self, moid: str) -> list[Program]:
        """What runs, and what ended not too long ago."""
        now = time.time()
        with self._lock:
            known = list(self._of.get(moid, {}).values())
        return [each for each in known if not each.ended or now - each.ended < self.memory]

    def terminate(self, moid: str, pid: int) -> None:
        """Kill one; GuestProcessNotFound where it does not run."""
        found = next((each for each in self.list(moid) if each.pid == pid and not each.ended), None)
        if found is None:
            raise Fault("GuestProcessNotFound", {"pid": pid})
        found.process.kill()
        found.process.wait(5)

    def forget(self, moid: str) -> None:
        """The machine went off or restarted: Tools knows nothing of what was before."""
        with self._lock:
            gone = self._of.pop(moid, {})
        for each in gone.values():
            with suppress(ProcessLookupError):
                each.process.kill()
            each.process.wait()
        self._guests.end_programs(moid)
