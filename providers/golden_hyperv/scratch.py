"""A folder of a host's for a trial: beside golden's own, of a name nobody has, taken away again when it is empty."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from golden.errors import Conflict
from golden.provider import Endpoint, Scope
from golden_hyperv.address import parse
from golden_hyperv.disks import Disks
from golden_hyperv.faults import translated
from golden_hyperv.line import Line
from golden_hyperv.machines import Machines
from golden_hyperv.places import Places


@contextmanager
def scratch(endpoint: Endpoint, scope: Scope) -> Iterator[Endpoint]:
    """The same endpoint with a folder of its own. It goes with the block's end; Conflict where something lies in it."""
    # Beside golden's folder rather than in it, so that nothing that lies there takes part in the trial.
    folder = f"{parse(endpoint).folder}-selftest-{secrets.token_hex(4)}"
    own = replace(endpoint, options={**endpoint.options, "folder": folder})
    try:
        yield own
    except BaseException:
        with suppress(Exception):  # What ended the trial is what has to be told.
            _take_away(own, scope)
        raise
    _take_away(own, scope)


def _take_away(endpoint: Endpoint, scope: Scope) -> None:
    address = parse(endpoint)
    line = Line(address, scope.job, scope.watcher)
    try:
        places = Places(address.folder)
        with translated(f"taking the folder {address.folder} away"):
            left = Machines(line, places, "").records()
            if left:
                names = "\n".join(record.name for record in left)
                raise Conflict(f"{address.folder} stays: machines or images lie in it", details=names)
            Disks(line, scope.watcher).clear((address.folder,))
    finally:
        line.close()
