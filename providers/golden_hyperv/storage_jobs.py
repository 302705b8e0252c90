"""The host's own storage jobs: they live in its management service, whatever becomes of the session that began them."""

from __future__ import annotations

from typing import Any

from golden.errors import EndpointError, GoldenError, Refused
from golden.waiting import Deadline, Waiting, Watcher
from golden_hyperv.faults import NO_ROOM, codes_in
from golden_hyperv.line import Line
from golden_hyperv.remoting import Command, RemoteError

TICK = 0.2
VIRTUALIZATION = "root/virtualization/v2"
STARTED = 4096
"""What a method returns that has begun a job."""
GOING = (2, 3, 4, 5, 6)
"""JobState New, Starting, Running, Suspended, ShuttingDown."""
DONE = 7


class JobForgotten(EndpointError):
    """A storage job that the host does not know any more, so that nobody knows how it ended."""


class StorageJobs:
    """Looks at the jobs of one host."""

    def __init__(self, line: Line, watcher: Watcher, limit: float) -> None:
        """For one connection; ``limit`` is the seconds one may take."""
        self._line = line
        self._watcher = watcher
        self._limit = limit

    def wait_for(self, job: str, what: str) -> None:
        """
        Until the host says that a storage job is complete. Raises its error; JobForgotten where the host does not know
        it any more: nothing works on it then, and nobody knows whether it was complete.
        """
        waiting = Waiting(Deadline(self._limit), tick=TICK, watcher=self._watcher)

        def over() -> Any:
            found = next((one for one in self.all() if str(one["InstanceID"]) == job), None)
            if found is None:
                raise JobForgotten(f"{what}: the host does not know its job {job} any more")
            self._watcher.progress(what, int(found.get("PercentComplete") or 0), 100)
            return None if int(found["JobState"]) in GOING else found

        ended = waiting.until(f"{what} to end", over)
        if int(ended["JobState"]) != DONE:
            raise _failed(what, ended)

    def all(self) -> list[Any]:
        """The host's storage jobs, those that ended within the last five minutes included (facts 3.5)."""
        wanted = ["InstanceID", "JobState", "PercentComplete", "ErrorCode", "ErrorDescription"]
        return self._line.ask(
            Command("Get-CimInstance", {"Namespace": VIRTUALIZATION, "ClassName": "Msvm_StorageJob"}),
            Command("Select-Object", {"Property": wanted}),
        )

    def is_any_going(self) -> bool:
        """Whether the host still works on any; no where it does not tell."""
        try:
            return any(int(one["JobState"]) in GOING for one in self.all())
        except RemoteError:
            return False


def _failed(what: str, job: Any) -> GoldenError:
    """
    What to say of a storage job that failed. Its ErrorCode is a uint16 in which no HRESULT has room; that stands in
    the description, as in the texts of Hyper-V's cmdlets (MSDN: Msvm_StorageJob).
    """
    words = str(job.get("ErrorDescription") or f"JobState {job['JobState']}")
    details = f"{words} (error {int(job.get('ErrorCode') or 0)})"
    if codes_in(words) & {*NO_ROOM}:
        return Refused(f"{what} did not work: the disk is full", details=details, hint="golden gc, golden prune")
    return EndpointError(f"{what} did not work", details=details)
