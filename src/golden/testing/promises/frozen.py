"""Promises about frozen points and what hangs on them."""

from __future__ import annotations

import re

from golden.errors import Conflict, NotAble
from golden.testing.contract import Ground, must, refused

SHA256 = re.compile(r"[0-9a-f]{64}")


def freezing_again_is_the_same(ground: Ground) -> None:
    """Freezing under the same name again gives the same point, which find shows."""
    machine = ground.clone("again")
    first = ground.hypervisor.freeze(machine, "v1")
    before = ground.hypervisor.identity(first)
    must(ground.hypervisor.freeze(ground.now(machine), "v1") == first, "the second point is another one")
    must(ground.hypervisor.identity(first) == before, "freezing again wrote to it")
    must(ground.now(machine).snapshots == ("v1",), f"find shows {ground.now(machine).snapshots}")
    ground.let_go(first)


def what_is_on_is_not_frozen(ground: Ground) -> None:
    """Freezing a machine that is on is Conflict."""
    machine = ground.hypervisor.start(ground.clone("hot"))
    with refused(Conflict, "freezing a machine that is on"):
        ground.hypervisor.freeze(machine, "v1")
    must(ground.now(machine).snapshots == (), "it was frozen all the same")
    ground.hypervisor.destroy(machine)


def what_is_frozen_is_never_started(ground: Ground) -> None:
    """Starting a machine with a frozen point is Conflict, and its files stay as they are."""
    point = ground.frozen("cold")
    machine = ground.holder(point)
    before = ground.hypervisor.digest(point)
    with refused(Conflict, "starting a frozen machine"):
        ground.hypervisor.start(machine)
    must(ground.hypervisor.digest(point) == before, "it was written to")
    ground.let_go(point)


def a_machine_with_points_is_not_destroyed(ground: Ground) -> None:
    """Destroying a machine with a frozen point is Conflict; once the point is dropped it goes."""
    point = ground.frozen("held")
    machine = ground.holder(point)
    with refused(Conflict, "destroying a machine with a frozen point"):
        ground.hypervisor.destroy(machine)
    must(ground.hypervisor.identity(point), "its files are gone")
    ground.hypervisor.drop_snapshot(point)
    ground.hypervisor.drop_snapshot(point)
    must(ground.now(machine).snapshots == (), "the dropped point is still shown")
    ground.hypervisor.destroy(ground.now(machine))
    must(ground.hypervisor.find(machine.name) is None, "it is still there")


def a_point_that_a_linked_clone_needs_stays(ground: Ground) -> None:
    """Dropping a point that a linked clone needs is Conflict; without the clone it is dropped."""
    if not ground.hypervisor.abilities.linked_clone:
        with refused(NotAble, "a linked clone where there are none"):
            ground.clone("linked", linked=True)
        return
    point = ground.hypervisor.freeze(ground.clone("needed", linked=False), "v1")
    clone = ground.clone("needs", point, linked=True)
    with refused(Conflict, "dropping a point that a linked clone needs"):
        ground.hypervisor.drop_snapshot(point)
    ground.hypervisor.destroy(clone)
    ground.let_go(point)


def a_full_clone_needs_nobody(ground: Ground) -> None:
    """A full clone stays whole when the point it came from is gone."""
    point = ground.frozen("source")
    clone = ground.clone("full", point, linked=False)
    ground.let_go(point)
    must(ground.now(clone) == clone, "the full clone has changed")
    own = ground.hypervisor.freeze(clone, "v1")
    must(ground.hypervisor.digest(own), "its files cannot be read")
    ground.let_go(own)


def linked_clones_stack_to_the_limit(ground: Ground) -> None:
    """Linked clones of linked clones can be made as deep as the endpoint says, and no deeper."""
    limit = ground.hypervisor.abilities.snapshot_depth
    if not ground.hypervisor.abilities.linked_clone or (limit is not None and limit > 5):
        limit = None
    deepest = limit if limit is not None else 3
    points = [ground.hypervisor.freeze(ground.clone("deep", linked=False), "v1")]
    while ground.hypervisor.abilities.linked_clone and len(points) <= deepest:
        points.append(ground.hypervisor.freeze(ground.clone("deep", points[-1], linked=True), "v1"))
    if limit is not None:
        with refused(NotAble, "a linked clone deeper than the limit"):
            ground.clone("deep", points[-1], linked=True)
    for point in reversed(points):
        ground.let_go(point)


def identity_and_digest_are_steady(ground: Ground) -> None:
    """Identity and digest name every frozen file, and are the same each time and on another connection."""
    stamps, files = ground.hypervisor.identity(ground.base), ground.hypervisor.digest(ground.base)
    must(stamps and all(stamp.stamp for stamp in stamps), "a frozen file has no identity")
    must(all(SHA256.fullmatch(file.sha256) for file in files), "a digest is no SHA-256")
    must(any(file.kind == "disk" for file in files), "no disk among the frozen files")
    must({file.path for file in files} == {stamp.path for stamp in stamps}, "identity and digest differ in files")
    other = ground.bench.open()
    try:
        must(other.identity(ground.base) == stamps, "another connection sees another identity")
        must(other.digest(ground.base) == files, "another connection sees another digest")
    finally:
        other.close()


PROMISES = (
    freezing_again_is_the_same,
    what_is_on_is_not_frozen,
    what_is_frozen_is_never_started,
    a_machine_with_points_is_not_destroyed,
    a_point_that_a_linked_clone_needs_stays,
    a_full_clone_needs_nobody,
    linked_clones_stack_to_the_limit,
    identity_and_digest_are_steady,
)
