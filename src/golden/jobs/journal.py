"""The journal: what every job was asked and has done, on disk before the next thing happens."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from golden import stopping
from golden.codec import decode, encode
from golden.database import Database, now
from golden.errors import GoldenError, NotFound

OPEN, DONE, FAILED, CANCELLED = "open", "done", "failed", "cancelled"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a job's record."""

    attempt: int
    kind: str
    """start | done | own | owned | over (its block ended well) | kept | released | failed"""
    name: str
    value: Any = None
    at: str = ""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the journal knows it."""

    id: str
    procedure: str
    revision: int
    reference: str
    order: Any
    state: str
    """open | done | failed | cancelled"""
    created: str
    ended: str | None
    problem: dict[str, Any] | None
    """The error that ended or interrupted it, as in JSON output."""


class Journal:
    """The records of one job: read once, appended to under the lease of its reference (LeaseLost where it is lost)."""

    def __init__(self, database: Database, job: str) -> None:
        self._database = database
        self._job = job
        self.entries = entries(database, job)

    def append(self, entry: Entry) -> None:
        """Write one line. Raises LeaseLost where somebody else has taken the reference over: nothing is written."""
        text = self._database.places.text(encode(entry.value))
        with stopping.held():  # A signal may come just after the commit.
            with self._database.writing(f"journal {entry.kind} {entry.name}") as execute:
                row = (self._job, len(self.entries), entry.attempt, entry.kind, entry.name, text, now())
                execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self.entries.append(entry)

    def end(self, state: str, problem: GoldenError | None = None) -> None:
        """The job is over; what it was asked and did stays readable."""
        with self._database.writing(f"job {state}") as execute:
            values = (state, now(), told(problem), self._job)
            execute("UPDATE job SET state = ?, ended = ?, problem = ? WHERE id = ?", values)

    def note_problem(self, problem: GoldenError) -> None:
        """Remember why an open job stopped."""
        with self._database.writing("job problem") as execute:
            execute("UPDATE job SET problem = ? WHERE id = ?", (told(problem), self._job))


def told(problem: GoldenError | None) -> str | None:
    """An error as it is written down."""
    if problem is None:
        return None
    fields = {"id": problem.id, "brief": problem.brief, "details": problem.details, "hint": problem.hint}
    return json.dumps({**fields, "exit_code": problem.exit_code})


def entries(database: Database, job: str) -> list[Entry]:
    """Every line of a job, oldest first."""
    sql = "SELECT attempt, kind, name, value, at FROM entry WHERE job = ? ORDER BY serial"
    value = database.places.value
    return [Entry(a, k, n, decode(value(v)), at) for a, k, n, v, at in database.rows(sql, job)]


def new_id() -> str:
    """A job's id: short enough to type, random enough that two installations do not meet on one endpoint."""
    return "j" + "".join(secrets.choice("23456789abcdefghjkmnpqrstvwxyz") for _ in range(6))


_COLUMNS = "id, procedure, revision, reference, instructions, state, created, ended, problem"


def create(database: Database, procedure: str, revision: int, order: Any, *, job: str | None = None) -> JobRecord:
    """Write down a new job before anything of it happens."""
    job = job or new_id()
    row = (job, procedure, revision, order.reference, database.places.text(encode(order)), OPEN, now(), None, None)
    with database.writing(f"job {procedure}") as execute:
        execute(f"INSERT INTO job ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608
    return record(database, job)


def record(database: Database, job: str) -> JobRecord:
    """One job. NotFound names those that are open."""
    rows = database.rows(f"SELECT {_COLUMNS} FROM job WHERE id = ?", job)  # noqa: S608
    if not rows:
        raise NotFound(f"there is no job {job!r}", hint="golden jobs")
    return _record(database, rows[0])


def records(database: Database, *, only_open: bool = False) -> list[JobRecord]:
    """Every job, oldest first."""
    where = "WHERE state = 'open'" if only_open else ""
    rows = database.rows(f"SELECT {_COLUMNS} FROM job {where} ORDER BY created, rowid")  # noqa: S608
    return [_record(database, row) for row in rows]


def states(database: Database) -> dict[str, str]:
    """Every job's state by its id, without what it was asked for."""
    return dict(database.rows("SELECT id, state FROM job"))


def _record(database: Database, row: tuple[Any, ...]) -> JobRecord:
    id_, procedure, revision, reference, order, state, created, ended, problem = row
    problem = json.loads(problem) if problem else None
    order = decode(database.places.value(order))
    return JobRecord(id_, procedure, revision, reference, order, state, created, ended, problem)
