"""
A folder of a host's for a trial: in golden's own, of a name nobody has, taken away again when it is empty.

It lies in golden's folder because that is where the account has its rights (facts 4); what golden looks for lies in
``machines`` and ``images`` there, so ordinary use never sees a trial. Each is written down in golden's state folder
first, so that the next one takes away what one that was killed has left.
"""

from __future__ import annotations

import json
import ntpath
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from golden.errors import Conflict, NotFound
from golden.model import Snapshot
from golden.provider import Endpoint, Marked, Scope
from golden_hyperv.address import parse
from golden_hyperv.disks import Disks
from golden_hyperv.faults import translated
from golden_hyperv.hypervisor import HyperV
from golden_hyperv.line import Line
from golden_hyperv.machines import Machines
from golden_hyperv.places import Places

NAME = "selftest-"
ROUNDS = 20
"""A linked clone goes before what it stands on: the longest chain of a trial is much shorter."""
SAME = 1.0
"""Seconds by which the start of one process may seem to differ: it is told in fractions."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is written down of one, on this computer."""

    host: str
    """The endpoint's URL."""
    folder: str
    pid: int
    started: float
    """When that process was started, in seconds since 1970: numbers of processes are used again."""

    @property
    def is_over(self) -> bool:
        """Whether the process that makes it has ended."""
        import psutil  # Slow to import.

        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) > SAME
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


@contextmanager
def scratch(endpoint: Endpoint, scope: Scope) -> Iterator[Endpoint]:
    """
    The same endpoint with a folder of its own. It goes with the block's end; Conflict where something lies in it. What
    trials from this computer that were killed have left on the host is taken away first.
    """
    import psutil

    notes = scope.state / "hyperv" / "trials"
    sweep(endpoint, scope, notes)
    token = secrets.token_hex(4)
    folder = ntpath.join(parse(endpoint).folder, f"{NAME}{token}")
    own, note = _in(endpoint, folder), notes / f"{token}.json"
    notes.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(asdict(Trial(endpoint.url, folder, os.getpid(), psutil.Process().create_time()))))
    try:
        yield own
    except BaseException:
        with suppress(Exception):  # What ended the trial is what has to be told.
            _take_away(own, scope)
            note.unlink()
        raise
    _take_away(own, scope)
    note.unlink()


def sweep(endpoint: Endpoint, scope: Scope, notes: Path) -> None:
    """Take away what trials on that host have left whose process has ended; notes of other hosts stay."""
    for note in sorted(notes.glob("*.json")):
        try:
            trial = Trial(**json.loads(note.read_text(encoding="utf-8")))
        except (ValueError, TypeError, OSError):
            continue
        if trial.host != endpoint.url or not trial.is_over:
            continue
        scope.watcher.doing(f"taking away what a trial that was cut off left in {trial.folder}")
        own = _in(endpoint, trial.folder)
        _empty(own, scope)
        _take_away(own, scope)
        note.unlink(missing_ok=True)


def _in(endpoint: Endpoint, folder: str) -> Endpoint:
    return replace(endpoint, options={**endpoint.options, "folder": folder})


def _empty(endpoint: Endpoint, scope: Scope) -> None:
    """Everything with golden's mark in the endpoint's folder goes, clones before what they stand on."""
    hypervisor = HyperV.connect(parse(endpoint), scope)
    try:
        left = hypervisor.list_marked()
        for _ in range(ROUNDS):
            for one in left:
                with suppress(Conflict, NotFound):  # A clone needs it: the next round takes it.
                    _discard(hypervisor, one)
            if not (left := hypervisor.list_marked()):
                return
    finally:
        hypervisor.close()


def _discard(hypervisor: HyperV, one: Marked) -> None:
    if one.kind == "image":
        if (image := hypervisor.find_image(one.name)) is not None:
            hypervisor.discard_image(image)
        return
    machine = hypervisor.find(one.name)
    if machine is not None and not machine.settled:
        machine = hypervisor.settle(machine)
    if machine is None:
        return
    for snapshot in machine.snapshots:
        hypervisor.drop_snapshot(Snapshot(one.name, snapshot))
    hypervisor.destroy(machine)


def _take_away(endpoint: Endpoint, scope: Scope) -> None:
    address = parse(endpoint)
    line = Line(address, scope.job, scope.watcher)
    try:
        places = Places(address.folder)
        with translated(f"taking the folder {address.folder} away"):
            left = Machines(line, places, "").records(every=True)
            if left:
                names = "\n".join(record.name for record in left)
                raise Conflict(f"{address.folder} stays: machines or images lie in it", details=names)
            Disks(line, scope.watcher).clear((address.folder,))
    finally:
        line.close()
