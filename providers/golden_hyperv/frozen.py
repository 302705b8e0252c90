"""
Frozen points: disks that nobody may write to any more, without a virtual machine that could.

A machine that is frozen loses its virtual machine; what a clone needs of it stands in its record. Its disks get the
read-only attribute and their final names. Cut off half-way, the record says so, and the same acts finish it.
"""

from __future__ import annotations

import hashlib
import json

from golden.errors import Conflict
from golden.model import DiskFile, FileStamp
from golden_hyperv.disks import Disks
from golden_hyperv.faults import translated
from golden_hyperv.machines import Held
from golden_hyperv.making import Maker
from golden_hyperv.marking import Record, State
from golden_hyperv.places import final


def freeze(maker: Maker, held: Held, point: str) -> Record:
    """The machine's present state for good. Conflict where it is no longer golden's own disks."""
    record = held.record
    if record is None:
        raise Conflict(f"{held.name} is half-made and cannot be frozen")
    if record.points:
        raise Conflict(f"{held.name} is frozen already, as {record.point}")
    if held.vm is not None:
        maker.must_be_attached(held)
    with translated(f"freezing {held.name}"):
        maker.disks.must_be_whole(record.disks, f"freezing {held.name}")
        return finish(maker, maker.machines.rewrite(record.but(state=State.FREEZING, point=point)))


def finish(maker: Maker, record: Record) -> Record:
    """From wherever it was cut off."""
    maker.without_vm(record.name, maker.machines.vms(record.name))
    for path in record.disks:
        maker.disks.freeze(path, final(path), read_only=True)
    disks = tuple(map(final, record.disks))
    maker.disks.must_be_whole(disks, f"freezing {record.name}")
    return maker.machines.rewrite(record.but(state=State.FROZEN, disks=disks, vm=""))


def let_go(maker: Maker, record: Record) -> None:
    """The disks may be written to again, or go."""
    for path in record.disks:
        maker.disks.freeze(path, path, read_only=False)
    maker.machines.rewrite(record.but(state=State.READY, point="", vm=""))


def stamps(disks: Disks, record: Record) -> tuple[FileStamp, ...]:
    """Of each disk the data-write GUID of its header, its length and its last write; and what the machine is."""
    known = tuple(FileStamp(one.path, one.stamp) for one in disks.known(record.disks))
    return (*known, FileStamp(_where(record), hashlib.sha256(_definition(record)).hexdigest()[:16]))


def hashed(disks: Disks, record: Record) -> tuple[DiskFile, ...]:
    """Every disk hashed on the host, and the definition."""
    known = disks.known(record.disks)
    found = [DiskFile(one.path, "disk", "vhdx", one.length, disks.sha256(one.path), local=False) for one in known]
    text = _definition(record)
    digest = hashlib.sha256(text).hexdigest()
    return (*found, DiskFile(_where(record), "definition", "json", len(text), digest, local=False))


def _where(record: Record) -> str:
    return f"{record.name}@{record.point}"


def _definition(record: Record) -> bytes:
    return json.dumps(record.hardware.definition(), sort_keys=True).encode()
