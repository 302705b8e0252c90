"""Running jobs: new ones, interrupted ones, and giving them up."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from golden import stopping
from golden.app.project import Project
from golden.errors import Conflict, GoldenError, TimedOut, UsageError
from golden.jobs import (
    HEARTBEAT,
    LENGTH,
    OPEN,
    Job,
    JobRecord,
    Journal,
    Lease,
    Show,
    ShowNothing,
    beat,
    create,
    holder,
    new_id,
    record,
    records,
)
from golden.model import AdoptOrder, CaptureOrder
from golden.procedures import adopt, capture, check, prune, publish, update
from golden.procedures.kinds import made_by
from golden.procedures.shop import Shop
from golden.waiting import Deadline, Silent, Waiting, Watcher

REVISION = 3
"""Raised whenever the steps of a procedure change their names or meaning; resume refuses another one."""

DAY = 86_400.0
PATIENCE = 20.0
"""Seconds that resume and cancel wait for another process to let go."""

PROCEDURES: dict[str, Callable[[Job, Shop, Any], Any]] = {
    "adopt": adopt.adopt,
    "update": update.update,
    "capture": capture.capture,
    "check": check.check,
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
    job = job or new_id()
    refuse_unfinished(project, order.reference)  # Before a lease is taken that somebody may still hold.
    with _telling(project, job, order), ExitStack() as stack:
        _lease(stack, project, order.reference, job, manner, wait=None)
        refuse_unfinished(project, order.reference, leased=True)
        shop = stack.enter_context(project.shop(_endpoint(project, order), order.reference, job, manner.watcher))
        with stopping.held():  # Until the job's own hand is on it, nobody would end a job that is written down.
            # Written down only now: a job that could not begin would block the next one of its reference.
            made = create(project.database, procedure, REVISION, order, job=job)
            return job, _run(project, made, manner, shop)


def resume(project: Project, job: str, manner: Manner) -> Any:
    """Go on with an interrupted job. UsageError where it is over or another golden wrote it."""
    found = _open_record(project, job)
    if found.revision != REVISION or found.procedure not in PROCEDURES:
        raise UsageError(
            f"job {job} was begun by another golden (revision {found.revision}; this one has {REVISION})",
            hint=f"golden cancel {job}, then begin it again",
        )
    with _telling(project, job, found.order), ExitStack() as stack:
        _lease(stack, project, found.reference, job, manner, wait=PATIENCE)
        found = _open_record(project, job)  # The process that was waited for may have ended it.
        shop = _shop(stack, project, found, manner)
        return _run(project, found, manner, shop)


def cancel(project: Project, job: str, manner: Manner) -> JobRecord:
    """Take away what an unfinished job made, except what the catalog needs."""
    found = record(project.database, job)
    if found.state == "open":
        with ExitStack() as stack:
            _lease(stack, project, found.reference, job, manner, wait=PATIENCE)
            if record(project.database, job).state == "open":
                _job(project, found, manner, _shop(stack, project, found, manner)).cancel()
    return record(project.database, job)


def over(project: Project, job: str) -> str:
    """How a job ended, "" where it did not. NotFound where there is none."""
    state = record(project.database, job).state
    return "" if state == OPEN else state


def unfinished(project: Project) -> list[JobRecord]:
    """Jobs that are neither over nor run by a live process now."""
    return [job for job in records(project.database, only_open=True) if holder(project.database, job.id) is None]


def cut_off(project: Project, watcher: Watcher) -> list[JobRecord]:
    """
    The same, and those whose process was not heard of while it had to be: one of another computer or container may
    have died, one of this computer may be stopped.
    """
    database = project.database
    heard = {job.id: at for job in records(database, only_open=True) if (at := beat(database, job.id)) is not None}
    length = max((LENGTH if at > time.time() else HEARTBEAT for at in heard.values()), default=0.0) + 1

    def are_settled() -> bool:
        return all(beat(database, job) != at for job, at in heard.items())

    with suppress(TimedOut):
        Waiting(Deadline(length), 0.5, watcher).until("word of processes that may have died", are_settled)
    silent = {job for job, at in heard.items() if beat(database, job) == at}
    return [job for job in records(database, only_open=True) if job.id in silent or holder(database, job.id) is None]


def refuse_unfinished(project: Project, reference: str, *, leased: bool = False) -> None:
    """
    Conflict where a job of the reference was cut off: before it is resumed or cancelled no other one begins. Under the
    lease (``leased``) whatever is open is run by nobody.
    """
    for other in records(project.database, only_open=True):
        if other.reference == reference and (leased or holder(project.database, other.id) is None):
            raise Conflict(
                f"job {other.id} ({other.procedure} of {other.reference}) was cut off and is not over",
                hint=f"golden resume {other.id}, or golden cancel {other.id}",
            )


def staying(project: Project, job: str, order: Any) -> Iterator[str]:
    """What a job made that the catalog has: it stays however the job ends, and need not be made again."""
    versions, images = made_by(job, project.catalog, order.reference)
    for version in versions:
        yield f"{version.reference}@v{version.number} is made and stays"
    for image in images:
        name = f"{image.reference}@i{image.number}"
        there = {one.library for one in project.catalog.publications(image.reference, image.number)}
        wanted = order.libraries if isinstance(order, CaptureOrder) else ()
        missing = "".join(f" --to {library}" for library in wanted if library not in there)
        yield f"{name} is captured and stays" + (f"; golden publish {name}{missing}" if missing else "")


def sweep_scratch(project: Project) -> None:
    """
    Take away what jobs that nobody runs any more left of what goes with them: a killed one's copies of disks. What is
    no job (a selftest) has no lease to tell that it is at work, so what is its is left alone for a day.
    """
    for folder in project.scratch.glob("*"):
        is_due = folder.name.startswith("j") or time.time() - folder.stat().st_mtime > DAY
        if is_due and holder(project.database, folder.name) is None:
            shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # It is not there, or a job that runs has its folder in it.
        project.scratch.rmdir()


def _open_record(project: Project, job: str) -> JobRecord:
    found = record(project.database, job)
    if found.state != "open":
        raise UsageError(f"job {job} is over: it is {found.state}", hint="golden jobs")
    return found


def _run(project: Project, found: JobRecord, manner: Manner, shop: Shop) -> Any:
    job = _job(project, found, manner, shop)
    try:
        return job.run(partial(PROCEDURES[found.procedure], job, shop, found.order))
    except GoldenError as error:
        error.job = found.id  # type: ignore[attr-defined]
        raise


@contextmanager
def _telling(project: Project, job: str, order: Any) -> Iterator[None]:
    """However the block fails: what its job has in the catalog by then stays, and the error says so."""
    try:
        yield
    except BaseException as error:
        with suppress(GoldenError):  # It is told beside the error, never in its place.
            for words in staying(project, job, order):
                error.add_note(words)
        raise


def _job(project: Project, found: JobRecord, manner: Manner, shop: Shop) -> Job:
    journal = Journal(project.database, found.id)
    kinds = (shop.machines, shop.images, shop.publications)
    return Job(found.id, journal, kinds, show=manner.show, keep_on_error=manner.keep_on_error)


def _lease(stack: ExitStack, project: Project, reference: str, job: str, manner: Manner, *, wait: float | None) -> None:
    deadline = None if wait is None else Deadline(wait)
    sweep_scratch(project)
    stack.enter_context(Lease.taken(project.database, reference, job, wait=deadline, watcher=manner.watcher))


def _shop(stack: ExitStack, project: Project, found: JobRecord, manner: Manner) -> Shop:
    endpoint = _endpoint(project, found.order)
    return stack.enter_context(project.shop(endpoint, found.reference, found.id, manner.watcher))


def _endpoint(project: Project, order: Any) -> str:
    if isinstance(order, AdoptOrder):
        return order.endpoint
    return project.catalog.reference(order.reference).endpoint
