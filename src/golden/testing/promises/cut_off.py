"""The promise about work that was cut off: a child process clones and is killed."""

from __future__ import annotations

import multiprocessing
import threading
import time

from golden.model import CloneOptions, Mark, Power, Snapshot
from golden.testing.contract import Bench, Ground, must

FRACTIONS = (0.0, 0.3, 0.7)
"""Of the time a whole clone takes, when the child is killed."""


def a_clone_cut_off_is_nothing_or_settles(ground: Ground) -> None:
    """
    A clone whose client was killed is nothing, or the whole, or unsettled with its mark; settled, it is nothing
    or the whole, and its name is free once it is gone.
    """
    source, start = ground.base, time.monotonic()
    ground.hypervisor.destroy(ground.clone("whole", linked=False))
    takes = time.monotonic() - start
    for fraction in FRACTIONS:
        name = ground.name("cut")
        ground.reopen()
        _cut_off(ground.bench, name, source, ground.mark(), takes * fraction)
        found = ground.hypervisor.find(name)
        listed = [item.name for item in ground.hypervisor.list_marked()]
        must(found is None or name in listed, "a machine that was cut off is not among the marked")
        settled = None if found is None else ground.hypervisor.settle(found)
        must(ground.hypervisor.find(name) == settled, "what settle returns is not what find shows")
        if settled is not None:
            must(settled.settled, "settled, it is not settled")
            must(settled.power is Power.OFF, "settled, it is on")
            ground.hypervisor.destroy(settled)
        again = ground.hypervisor.clone(name, source, ground.mark(), CloneOptions(linked=False))
        ground.hypervisor.destroy(again)


def _cut_off(bench: Bench, name: str, source: Snapshot, mark: Mark, seconds: float) -> None:
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    child = context.Process(target=_clone, args=(bench, name, source, mark, begun))
    child.start()
    begun.wait(60)
    threading.Event().wait(seconds)
    child.kill()
    child.join()


def _clone(bench: Bench, name: str, source: Snapshot, mark: Mark, begun: threading.Event) -> None:
    hypervisor = bench.open()
    begun.set()
    hypervisor.clone(name, source, mark, CloneOptions(linked=False))
    threading.Event().wait()
