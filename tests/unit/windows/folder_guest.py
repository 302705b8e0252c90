"""A Windows that is a folder: the stand-in's own programs, run as real processes on real files and hives."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import golden
from golden.errors import GuestError
from golden.guest.communicator import Exit, Traits
from golden.waiting import Deadline

PROGRAMS = Path(golden.__file__).parent / "demo" / "standin"


class FolderGuest:
    """A way into it; fulfils ``golden.guest.communicator.Communicator``."""

    traits = Traits(needs_network=False, needs_credential=False, runs_as_system=True, survives_disconnect=True)

    def __init__(self, folder: Path, faults: Mapping[str, object] | None = None) -> None:
        """A freshly installed Windows below ``folder``, with faults of its programs switched on."""
        self.tree, self.machine = folder / "tree", folder / "machine"
        order = {
            "tree": str(self.tree),
            "machine": str(self.machine),
            "state": "VIRGIN",
            "mbr_id": 1,
            "offset": 1 << 20,
            "faults": dict(faults or {}),
        }
        folder.mkdir(parents=True)
        (folder / "order.json").write_text(json.dumps(order))
        seeding = ["/usr/bin/python3", "-m", "programs.seed", str(folder / "order.json")]
        subprocess.run(seeding, cwd=PROGRAMS, check=True, env=self._env())
        self._program("--boot", wait=True)
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self.started: list[tuple[str, ...]] = []

    def ready(self, deadline: Deadline) -> None:
        """It always answers."""

    def start(self, argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: str | None = None) -> int:
        """Start one of the stand-in's programs."""
        self.started.append(argv)
        process = self._program("--", *argv, wait=False)
        self._running[process.pid] = process
        return process.pid

    def poll(self, pid: int) -> Exit | None:
        """Whether it has ended."""
        code = self._running[pid].poll()
        return None if code is None else Exit(code)

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """Part of a file."""
        try:
            with self.host(path).open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except FileNotFoundError:
            return None

    def write(self, path: str, offset: int, data: bytes) -> None:
        """Put data into a file."""
        try:
            with self.host(path).open("wb" if offset == 0 else "r+b") as file:
                file.seek(offset)
                file.write(data)
        except FileNotFoundError as error:
            raise GuestError(f"no folder for {path}") from error

    def running(self) -> list[subprocess.Popen[bytes]]:
        """Programs that have not ended."""
        return [process for process in self._running.values() if process.poll() is None]

    def close(self) -> None:
        """Nothing to let go of."""

    def host(self, path: str) -> Path:
        """Where a path of the guest lies on this computer."""
        return self.tree / path[3:].replace("\\", "/")

    def _program(self, *words: str, wait: bool) -> subprocess.Popen[bytes]:
        argv = ["/usr/bin/python3", "-m", "programs", "--root", str(self.tree), "--machine", str(self.machine), *words]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(argv, cwd=PROGRAMS, env=self._env(), stdout=quiet, stderr=None, stdin=quiet)
        if wait:
            assert process.wait() == 0
        return process

    def _env(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(PROGRAMS)}
