"""
Where a request to stop may be heeded, and where it has to wait.

A signal is an exception between any two instructions. Where a thing has just been made and not yet been remembered,
or is being taken away, an exception would lose it; such stretches are ``held``, and the request is heeded at their
end. Only the main thread is ever asked to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_holds = False
_pending: KeyboardInterrupt | None = None


def ask(stop: KeyboardInterrupt) -> None:
    """For a signal's handler: raises ``stop`` here and now, or at the end of the held stretch that runs."""
    global _pending
    if not _holds:
        raise stop
    _pending = stop


@contextmanager
def held() -> Iterator[None]:
    """A stretch in which a request to stop waits; it is raised at the end of the outermost one."""
    with _set(held=True):
        yield


@contextmanager
def heeded() -> Iterator[None]:
    """A stretch inside a held one in which a request to stop is heeded at once, one that waited already included."""
    with _set(held=False):
        yield


@contextmanager
def _set(*, held: bool) -> Iterator[None]:
    global _holds
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, _holds = _holds, held
    try:
        _raise_pending()
        yield
    finally:
        _holds = before
    _raise_pending()


def _raise_pending() -> None:
    global _pending
    if _pending is not None and not _holds:
        stop, _pending = _pending, None
        raise stop
