"""One HttpNfcLease from ExportVm to its end: waited for, renewed from a thread of its own, completed or aborted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from golden.errors import EndpointError
from golden.waiting import Deadline, Watcher
from golden_vsphere.faults import LostAnswer
from golden_vsphere.line import Line
from golden_vsphere.observing import State, Watch
from golden_vsphere.reading import props

PREPARING = 600
"""Seconds vCenter may take until a lease is ready."""
RENEWED = 30
"""Seconds between two renewals of a lease at most; a quarter of its time-out where that is shorter."""
LAST = 5
"""Seconds that a renewal which is on its way is waited for."""
INFO = ("info.deviceUrl", "info.leaseTimeout")


class Lease:
    """A lease that is ready. ``urls`` are what it offers; its renewals go on until it is let go of."""

    def __init__(self, line: Line, native: Any, urls: Sequence[Any], timeout: float) -> None:
        """``leased`` makes one; ``timeout`` in seconds is the server's."""
        self.native = native
        self.urls = urls
        self._line = line
        self._every = min(RENEWED, max(0.1, timeout / 4))
        self._percent = 0
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._renew, daemon=True, name="golden-nfc-lease")
        self._thread.start()

    def passed(self, done: int, total: int) -> None:
        """So many of about so many bytes have come. Raises what a renewal was refused with: the lease is over then."""
        self._percent = min(99, done * 100 // max(1, total))
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        """Renew it no more."""
        self._over.set()
        self._thread.join(LAST)

    def _renew(self) -> None:
        while not self._over.wait(self._every):
            try:
                self._line.tell(lambda: self.native.HttpNfcLeaseProgress(self._percent))
            except LostAnswer:
                continue  # The next may come through in time.
            except Exception as error:  # noqa: BLE001 - raised where the stream is read
                self._failure = error
                return


@contextmanager
def leased(line: Line, machine: Any, name: str, watcher: Watcher) -> Iterator[Lease]:
    """
    A machine's disks for the length of the block, which nothing else is done with meanwhile. Raises the fault with
    which the server gave it up, whatever was met of that: a stream that broke, or a file that is not there any more.
    """
    native = line.tell(machine.ExportVm)
    lease = None
    try:
        _await(line, native, name, watcher)
        told = props(line, native, INFO)
        lease = Lease(line, native, list(told.get(INFO[0], ())), float(told.get(INFO[1]) or 0))
        yield lease
        lease.end()
        with suppress(LostAnswer):  # What was asked for is here, and a lease that nobody renews ends by itself.
            line.tell(native.HttpNfcLeaseComplete)
    except BaseException as error:
        if lease is not None:
            lease.end()
        why = _given_up(line, native) if isinstance(error, Exception) else None
        with suppress(Exception):  # It is over already, or runs out by itself.
            line.tell(lambda: native.HttpNfcLeaseAbort(None))
        if why is not None:
            raise why from error
        raise


def _await(line: Line, native: Any, name: str, watcher: Watcher) -> None:
    moid = str(native._moId)

    def settled(states: dict[str, State]) -> str | None:
        state = str(states.get(moid, {}).get("state"))
        return state if state in ("ready", "done", "error") else None

    what = f"vCenter to prepare the export of {name}"
    state = Watch(line, [(native, ("state",))], watcher).until(what, settled, Deadline(PREPARING))
    if state != "ready":
        raise _given_up(line, native) or EndpointError(f"the export of {name} is {state} before it began")


def _given_up(line: Line, native: Any) -> Exception | None:
    """The fault that a lease ended with, by the server's own words; None where it did not, or nobody can tell."""
    with suppress(Exception):
        found = props(line, native, ("error",)).get("error")
        return found if isinstance(found, Exception) else None
    return None
