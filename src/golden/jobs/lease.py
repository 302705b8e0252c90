"""
One writer a reference: a lease in the database, renewed while its process lives.

A lease is 15 s long and renewed every 5 s. On the same host and boot the holder's process id and start time are
evidence: a holder that is evidently dead loses the lease at once; one that is evidently alive keeps it until it was
seen not to renew it (after a computer slept, or its clock was set, the time alone tells nothing); otherwise others wait
until it runs out.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from golden.database import Database, now
from golden.errors import GoldenError, JobBusy, LeaseLost, StateUnusable, TimedOut
from golden.waiting import Deadline, Waiting, Watcher

LENGTH = 15.0
"""Seconds a lease lasts after its last renewal."""
HEARTBEAT = 5.0
"""Seconds between renewals."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from every other one that ever had or will have its number."""

    host: str
    boot: str
    """Text that differs after each boot of the host; no setting of its clock changes it."""
    pid: int
    started: str
    """When the process was started, as text that no setting of the clock changes."""
    user: str
    space: str = ""
    """What process numbers count within, where a host has several (containers); empty elsewhere."""

    @classmethod
    def me(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        user = os.environ.get("USER") or os.environ.get("USERNAME") or _user(pid)
        return cls(platform.node(), _boot(), pid, _started(pid) or "", user, _space())

    def is_evidently_dead(self) -> bool:
        """True only where this host can see that the process is gone; False where nobody can know."""
        return self._is_there() is False

    def is_evidently_alive(self) -> bool:
        """True only where this host can see that very process; False where nobody can know."""
        return self._is_there() is True

    def _is_there(self) -> bool | None:
        if self.host != platform.node():
            return None
        if self.boot != _boot():
            return False
        if self.space != _space():
            return None  # Its number means something else in here.
        started = _started(self.pid)
        return None if started is None else started == self.started

    def told(self) -> str:
        """Who it is, for a message."""
        return f"{self.user} on {self.host}, process {self.pid}"


def _boot() -> str:
    """
    The kernel's random id of this boot where it has one (Linux, random(4)), else nothing: when a host was started is
    told elsewhere only by its clock, and there a reused number is told by the start of its process alone.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _space() -> str:
    """The PID namespace (Linux, namespaces(7)): in another one a number that is not there proves nothing."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """
    When a process was started, in the system's own words; empty when it is dead, None where nobody may know.

    Ticks since boot from /proc/PID/stat (proc(5)) where there is one: psutil adds the boot time to them, which moves
    with every setting of the clock. Windows and macOS note the time itself when they start a process.
    """
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
        except (OSError, IndexError):
            return _hidden(pid)
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    import psutil  # Slow to import.

    try:
        return f"{psutil.Process(pid).create_time():.1f}"
    except psutil.NoSuchProcess:
        return ""
    except psutil.AccessDenied:
        return None


def _hidden(pid: int) -> str | None:
    """Of a process that /proc does not show: dead, or another user's (hidepid= of proc(5)), and nobody may know."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return None
    return None


def _user(pid: int) -> str:
    import psutil

    return str(psutil.Process(pid).username())


class Lease:
    """
    The right to write one reference, held by this process for the length of a ``with`` block.

    Meanwhile nothing is written through this database, be it journal or catalog, once somebody else has taken over.
    """

    def __init__(self, database: Database, reference: str, job: str) -> None:
        self._database = database
        self._reference = reference
        self._job = job
        self._token = secrets.token_hex(16)
        self._seen: tuple[float, float] | None = None
        self._stop = threading.Event()
        self._beat = threading.Thread(target=self._renew_for_ever, daemon=True, name="golden-lease")

    @classmethod
    def taken(cls, database: Database, reference: str, job: str, *, wait: Deadline | None, watcher: Watcher) -> Lease:
        """
        Take the lease. Where another process holds it: JobBusy that says who, where and since when; with ``wait``
        the rest of the lease is waited out first, naming the holder.
        """
        lease = cls(database, reference, job)
        if wait is None:
            if (holder := lease._try()) is not None:
                raise lease._busy(holder)
            return lease
        holders: list[dict[str, Any]] = []

        def free() -> bool:
            holder = lease._try()
            holders[:] = [holder] if holder else []
            return holder is None

        try:
            Waiting(wait, 0.5, watcher).until(f"the other process to let go of {reference}", free)
        except TimedOut as error:
            raise (lease._busy(holders[0]) if holders else error) from None
        return lease

    def __enter__(self) -> Lease:
        self._database.guards.append(self.assert_held)
        self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._beat.join()
        self._database.guards.remove(self.assert_held)
        try:
            with self._database.writing("lease released") as execute:
                execute("DELETE FROM lease WHERE reference = ? AND token = ?", (self._reference, self._token))
        except StateUnusable as problem:
            # What the job came to is not undone by this: the lease runs out, or is taken once this process is gone.
            if error is not None:
                error.add_note(f"the lease of {self._reference} could not be given back: {problem.brief}")

    def assert_held(self, execute: Callable[..., sqlite3.Cursor]) -> None:
        """Inside a transaction: nobody else has taken over. LeaseLost otherwise."""
        row = execute("SELECT token FROM lease WHERE reference = ?", (self._reference,)).fetchone()
        if row is None or row[0] != self._token:
            raise LeaseLost(
                f"another process took {self._reference} over while this one was not heard of for {LENGTH:.0f} s",
                hint=f"golden jobs, then golden logs {self._job}",
            )

    def _try(self) -> dict[str, Any] | None:
        """Take it, or say who has it."""
        sql = "SELECT owner, job, since, expires FROM lease WHERE reference = ?"
        with self._database.writing("lease taken") as execute:
            row = execute(sql, (self._reference,)).fetchone()
            if row is not None and not self._has_run_out(owner := Owner(**json.loads(row[0])), row[3]):
                return {"owner": owner, "job": row[1], "since": row[2], "expires": row[3]}
            values = (self._reference, self._job, self._token, json.dumps(asdict(Owner.me())), now())
            execute("REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?)", (*values, time.time() + LENGTH))
        return None

    def _has_run_out(self, owner: Owner, expires: float) -> bool:
        if owner.is_evidently_dead():
            return True
        left = expires - time.time()
        if 0 < left <= LENGTH:
            return False
        if left <= 0 and not owner.is_evidently_alive():
            return True
        if self._seen is None or self._seen[0] != expires:
            self._seen = (expires, time.monotonic())
        return time.monotonic() - self._seen[1] > (LENGTH if left > 0 else HEARTBEAT + 1)

    def _busy(self, holder: dict[str, Any]) -> JobBusy:
        job = holder["job"]
        hint = f"wait for it, or stop it there; golden logs {job} shows what it does"
        if holder["expires"] <= time.time():
            hint = f"it was not heard of lately; golden resume {job} takes it over if it stays so"
        brief = f"{self._reference} is being written by job {job}: {holder['owner'].told()}, since {holder['since']}"
        return JobBusy(brief, hint=hint)

    def _renew_for_ever(self) -> None:
        while not self._stop.wait(HEARTBEAT):
            try:
                self._renew()
            except GoldenError:
                continue  # assert_held is what decides; a missed beat alone is no reason to stop.

    def _renew(self) -> None:
        database = Database(self._database.path.parent, write=True)  # A thread needs a connection of its own.
        try:
            with database.writing("lease renewed") as execute:
                values = (time.time() + LENGTH, self._reference, self._token)
                execute("UPDATE lease SET expires = ? WHERE reference = ? AND token = ?", values)
        finally:
            database.close()


def holder(database: Database, job: str) -> Owner | None:
    """The live process that runs a job now, as far as anybody can see; None where none does."""
    rows = database.rows("SELECT owner, expires FROM lease WHERE job = ?", job)
    return Owner(**json.loads(rows[0][0])) if rows and holder_is_alive(*rows[0]) else None


def beat(database: Database, job: str) -> float | None:
    """
    What changes whenever the holder of a job's lease is heard of: when that runs out, as the clock has it. None where
    nobody needs to listen: the holder evidently runs, or evidently does not.
    """
    rows = database.rows("SELECT owner, expires FROM lease WHERE job = ?", job)
    if not rows or not holder_is_alive(*rows[0]):
        return None
    expires = float(rows[0][1])
    return None if Owner(**json.loads(rows[0][0])).is_evidently_alive() and expires > time.time() else expires


def holder_is_alive(owner: str, expires: float) -> bool:
    """Whether the holder of a lease, as it is written in the database, may still be running."""
    whose = Owner(**json.loads(owner))
    return whose.is_evidently_alive() or (expires > time.time() and not whose.is_evidently_dead())
