"""Durable jobs: a journal, leases, and a way to write procedures that survive the process that runs them."""

from golden.jobs.job import Job
from golden.jobs.journal import OPEN, Entry, JobRecord, Journal, create, entries, new_id, record, records, states
from golden.jobs.kind import Kind
from golden.jobs.lease import HEARTBEAT, LENGTH, Lease, Owner, beat, holder, holder_is_alive
from golden.jobs.showing import Show, ShowNothing

__all__ = [
    "HEARTBEAT",
    "LENGTH",
    "OPEN",
    "Entry",
    "Job",
    "JobRecord",
    "Journal",
    "Kind",
    "Lease",
    "Owner",
    "Show",
    "ShowNothing",
    "beat",
    "create",
    "entries",
    "holder",
    "holder_is_alive",
    "new_id",
    "record",
    "records",
    "states",
]
