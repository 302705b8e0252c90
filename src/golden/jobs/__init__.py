"""Durable jobs: a journal, leases, and a way to write procedures that survive the process that runs them."""

from golden.jobs.job import Job, Kind, Show, ShowNothing
from golden.jobs.journal import Entry, JobRecord, Journal, create, entries, new_id, record, records
from golden.jobs.lease import Lease, Owner, holder, holder_is_alive

__all__ = [
    "Entry",
    "Job",
    "JobRecord",
    "Journal",
    "Kind",
    "Lease",
    "Owner",
    "Show",
    "ShowNothing",
    "create",
    "entries",
    "holder",
    "holder_is_alive",
    "new_id",
    "record",
    "records",
]
