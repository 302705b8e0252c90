"""Storage jobs of the host's process: they go on whatever becomes of the session that asked."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.peers.hyperv.failures import Failure


@dataclass
class Job:
    """
    ``state`` as of CIM_ConcreteJob.JobState: 4 running, 7 completed, 8 terminated, 10 exception.

    ``code`` and ``message`` are of what went wrong; ``failure`` the same as a cmdlet would tell it.
    """

    id: str
    kind: str
    text: str
    begun: float
    state: int = 4
    percent: int = 0
    code: int = 0
    message: str = ""
    failure: Failure | None = None
    ended: float = 0.0


class Forgotten(Exception):
    """The management service restarts: work ends where it is, and nobody remembers the job."""


class Jobs:
    """All of them; one that is over is forgotten after ``memory`` seconds (TimeBeforeRemoval: five minutes)."""

    def __init__(self, memory: float = 300) -> None:
        self.memory = memory
        self._jobs: dict[str, Job] = {}
        self._stops: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def begin(self, kind: str, text: str, work: Callable[[Callable[[int], bool]], None]) -> str:
        """Begin work in a thread; it calls ``step(percent)``, which says whether to go on."""
        made = Job(str(uuid.uuid4()).upper(), kind, text, time.time())
        stop = threading.Event()
        with self._lock:
            self._jobs[made.id], self._stops[made.id] = made, stop

        def step(percent: int) -> bool:
            made.percent = max(made.percent, min(99, percent))
            return not stop.is_set()

        def run() -> None:
            try:
                work(step)
                made.percent, state = 100, 7
            except Forgotten:
                with self._lock:
                    del self._jobs[made.id]
                return
            except InterruptedError:
                state = 8
            except Failure as wrong:
                made.failure, made.code, made.message, state = wrong, 32768, wrong.message, 10
            except OSError as wrong:
                full = wrong.errno == 28
                said = "There is not enough space on the disk. (0x80070070)." if full else str(wrong)
                made.failure = Failure(said, "DiskFull" if full else "OperationFailed", "WriteError", None,
                                       "Microsoft.HyperV.PowerShell.VirtualizationException")  # fmt: skip
                made.code, made.message, state = 0x80070070 if full else 32768, said, 10
            except Exception as bug:
                made.failure = Failure(f"The peer itself broke: {bug!r}", "PeerBroke")
                made.code, made.message, state = 32768, repr(bug), 10
            made.ended = time.time()
            made.state = state

        threading.Thread(target=run, daemon=True).start()
        return made.id

    def get(self, job: str) -> Job | None:
        """A job, as it is now."""
        with self._lock:
            found = self._jobs.get(job.upper())
        if found is None or (found.ended and time.time() - found.ended > self.memory):
            return None
        return replace(found)

    def all(self) -> list[Job]:
        """Those that are remembered."""
        return [each for each in map(self.get, list(self._jobs)) if each is not None]

    def stop(self, job: str) -> None:
        """Cancel it."""
        stop = self._stops.get(job.upper())
        if stop is not None:
            stop.set()


def facts(job: Job) -> dict[str, Any]:
    """What Msvm_StorageJob shows."""
    return {"id": job.id, "state": job.state, "percent": job.percent, "code": job.code, "message": job.message,
            "kind": job.kind, "begun": job.begun, "ended": job.ended}  # fmt: skip
