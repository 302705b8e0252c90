"""Being inside a clone: the conditions "it is on" and "it answers", established anew by every step that needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from golden.errors import GoldenError, GuestSilent, TimedOut
from golden.guest.family import Family
from golden.guest.session import Session
from golden.model import Machine, Power
from golden.procedures.shop import Shop
from golden.waiting import Deadline, Waiting

SHUTDOWN_LIMIT = 600.0
"""Seconds a guest is given to switch itself off; servicing at shutdown takes minutes."""


@contextmanager
def inside(
    shop: Shop, machine: Machine, reference: str, deadline: Deadline, family: Family | None = None
) -> Iterator[Session]:
    """
    Have the machine on and its guest answering for the length of the block; at its end the guest switches itself
    off in order. A guest that does not answer or end in time leaves a picture of its screen with the job's logs.

    ``family`` is needed only for a reference that is not in the catalog yet.
    """
    family = family or shop.families(shop.catalog.reference(reference).os)
    try:
        shop.hypervisor.start(machine)
        shop.watcher.doing("waiting for the guest to answer")
        session = _session(shop, machine, reference, family).open(deadline)
        yield session
        session.close(deadline, shut_down=True)
        shop.watcher.doing("waiting for the guest to switch itself off")
        _wait_until_off(shop, machine, deadline)
    except (TimedOut, GuestSilent) as error:
        _keep_picture(shop, machine, error)
        raise


def _session(shop: Shop, machine: Machine, reference: str, family: Family) -> Session:
    communicator = shop.ways_in(reference, machine)
    return Session(communicator, family.dialect, machine.name, logs=shop.logs, watcher=shop.watcher)


def _wait_until_off(shop: Shop, machine: Machine, deadline: Deadline) -> None:
    def off() -> bool:
        now = shop.hypervisor.find(machine.name)
        return now is None or now.power is Power.OFF

    waiting = Waiting(deadline.within(SHUTDOWN_LIMIT), tick=0.2, watcher=shop.watcher, rarest=1.0)
    hint = (
        "golden never cuts the power of a guest it wants to freeze; look at the picture with: golden logs " + shop.job
    )
    waiting.until("the guest to switch itself off", off, hint=hint)


def _keep_picture(shop: Shop, machine: Machine, error: GoldenError) -> None:
    if not shop.hypervisor.abilities.console_picture:
        return
    try:
        picture = shop.hypervisor.console_picture(machine)
        path = shop.logs / ("screen.png" if picture.startswith(b"\x89PNG") else "screen.ppm")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    except (GoldenError, OSError) as problem:
        error.add_note(f"no picture of the screen: {problem}")
        return
    error.add_note(f"a picture of the screen: {path}")
