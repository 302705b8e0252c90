"""Processes of the peer end with the one that started them: the child's standard input is its parent's life."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def follow_parent(at_end: Callable[[], None] = lambda: None) -> None:
    """In the child: leave when standard input closes, ``at_end`` first."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        at_end()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def tell(**facts: Any) -> None:
    """In the child: it is ready."""
    print(json.dumps(facts), flush=True)


def dies_with_parent() -> None:
    """For a program that is not ours: the kernel ends it when the thread that started it is gone (prctl(2))."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Child:
    """A process of ours. Several may start at once: nobody waits until ``facts`` are asked for."""

    def __init__(self, module: str, *arguments: str, log: Path) -> None:
        path = os.pathsep.join([str(ROOT), str(ROOT / "src"), str(ROOT / "providers")])
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": path},
                cwd=ROOT,
                start_new_session=True,
            )
        self._module, self._log = module, log

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Wait for what it tells when it is ready; AssertionError with its log where it does not get there."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            said = self._log.read_text(errors="replace")[-3000:]
            raise AssertionError(f"{self._module} did not start:\n{said}")
        told: dict[str, Any] = json.loads(line)
        return told

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        if self.is_alive():
            self.process.kill()
        self._gone()

    def end(self) -> None:
        """Let it go in order."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._gone()

    def _gone(self) -> None:
        self.process.wait(10)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
