"""Running jobs: new ones, interrupted ones, and giving them up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from golden.app.project import Project
from golden.errors import Conflict, GoldenError, UsageError
from golden.jobs import Job, JobRecord, Journal, Lease, Show, ShowNothing, create, holder, record, records
from golden.model import AdoptOrder
from golden.procedures import adopt, capture, prune, publish, update
from golden.procedures.shop import Shop
from golden.waiting import Deadline, Silent, Watcher

REVISION = 1
"""Raised whenever the steps of a procedure change their names or meaning; resume refuses another one."""

PROCEDURES: dict[str, Callable[[Job, Shop, Any], Any]] = {
    "adopt": adopt.adopt,
    "update": update.update,
    "capture": capture.capture,
    "publish": publish.publish,
    "prune": prune.prune,
}


@dataclass(frozen=True, slots=True)
class Manner:
    """How a job is run and shown."""

    watcher: Watcher = field(default_factory=Silent)
    show: Show = field(default_factory=ShowNothing)
    keep_on_error: Callable[[BaseException], bool] = lambda _: False


def start(project: Project, procedure: str, order: Any, manner: Manner, *, job: str | None = None) -> tuple[str, Any]:
    """
    Run a new job to its end: its id, and what it made. JobBusy where another process writes the reference,
    Conflict where an interrupted job of it waits to be resumed or cancelled.
    """
    for other in unfinished(project):
        if other.reference == order.reference:
            raise Conflict(
                f"job {other.id} ({other.procedure} of {other.reference}) was cut off and is not over",
                hint=f"golden resume {other.id}, or golden cancel {other.id}",
            )
    made = create(project.database, procedure, REVISION, order, job=job)
    try:
        return made.id, _run(project, made, manner, wait=None)
    except Conflict as error:
        if error.id == "job-busy":
            _forget(project, made)
        raise


def resume(project: Project, job: str, manner: Manner) -> Any:
    """Go on with an interrupted job. UsageError where it is over or another golden wrote it."""
    found = record(project.database, job)
    if found.state != "open":
        raise UsageError(f"job {job} is over: it is {found.state}", hint="golden jobs")
    if found.revision != REVISION or found.procedure not in PROCEDURES:
        raise UsageError(
            f"job {job} was begun by another golden (revision {found.revision}; this one has {REVISION})",
            hint=f"golden cancel {job}, then begin it again",
        )
    return _run(project, found, manner, wait=Deadline(20))


def cancel(project: Project, job: str, manner: Manner) -> JobRecord:
    """Take away what an unfinished job made, except what the catalog needs."""
    found = record(project.database, job)
    if found.state == "open":
        with ExitStack() as stack:
            _prepared(stack, project, found, manner, Deadline(20))[0].cancel()
    return record(project.database, job)


def unfinished(project: Project) -> list[JobRecord]:
    """Jobs that are neither over nor run by a live process now."""
    return [job for job in records(project.database, only_open=True) if holder(project.database, job.id) is None]


def _run(project: Project, found: JobRecord, manner: Manner, wait: Deadline | None) -> Any:
    with ExitStack() as stack:
        job, shop = _prepared(stack, project, found, manner, wait)
        try:
            return job.run(partial(PROCEDURES[found.procedure], job, shop, found.order))
        except GoldenError as error:
            error.job = found.id  # type: ignore[attr-defined]
            raise


def _prepared(
    stack: ExitStack, project: Project, found: JobRecord, manner: Manner, wait: Deadline | None
) -> tuple[Job, Shop]:
    lease = Lease.taken(project.database, found.reference, found.id, wait=wait, watcher=manner.watcher)
    stack.enter_context(lease)
    endpoint = _endpoint(project, found)
    shop = stack.enter_context(project.shop(endpoint, found.reference, found.id, manner.watcher))
    journal = Journal(project.database, found.id, lease)
    kinds = (shop.machines, shop.images, shop.publications)
    return Job(found.id, journal, kinds, show=manner.show, keep_on_error=manner.keep_on_error), shop


def _endpoint(project: Project, found: JobRecord) -> str:
    if isinstance(found.order, AdoptOrder):
        return found.order.endpoint
    return project.catalog.reference(found.reference).endpoint


def _forget(project: Project, made: JobRecord) -> None:
    """A job that never got its lease did nothing; it leaves no trace."""
    with project.database.writing(f"forget {made.id}") as execute:
        execute("DELETE FROM job WHERE id = ?", (made.id,))
