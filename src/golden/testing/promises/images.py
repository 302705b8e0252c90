"""Promises about captured images."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from golden.errors import Conflict, NotAble, NotFound
from golden.model import Artifact, Machine, Role
from golden.testing.contract import BrokenPromise, Ground, must, refused


def capturing_is_able_or_says_so(ground: Ground) -> None:
    """An endpoint without forms refuses to capture with NotAble; one with forms makes the first of them."""
    machine = ground.clone("able")
    if not ground.hypervisor.abilities.forms:
        with refused(NotAble, "capturing where nothing can be captured"):
            _capture(ground, machine)
    else:
        artifact = _capture(ground, machine)
        must(artifact.forms, "a finished image has no forms")
        must(artifact.forms[0].format in ground.hypervisor.abilities.forms, "a form that was never promised")
        ground.hypervisor.discard_image(artifact)
    ground.hypervisor.destroy(machine)


def an_image_stands_alone(ground: Ground) -> None:
    """An image is whole without its machine, is what its record says, and is marked until it is discarded."""
    if not ground.hypervisor.abilities.forms:
        return
    machine = ground.clone("alone")
    artifact = _capture(ground, machine)
    ground.hypervisor.destroy(machine)
    must(ground.hypervisor.find_image(artifact.name) == artifact, "what capture returns is not what is found")
    marks = [item.mark for item in ground.hypervisor.list_marked() if item.name == artifact.name]
    must(marks == [ground.mark(Role.IMAGE)], f"its marks are {marks}")
    paths = [Path(form.path) for form in artifact.forms if form.path]
    for form in artifact.forms:
        if form.path:
            content = Path(form.path).read_bytes()
            must(len(content) == form.size, "its size is not what is recorded")
            must(hashlib.sha256(content).hexdigest() == form.sha256, "its hash is not what is recorded")
    _disks_agree(ground, artifact)
    for _ in range(2):
        ground.hypervisor.discard_image(artifact)
    must(ground.hypervisor.find_image(artifact.name) is None, "a discarded image is found")
    must(not any(path.exists() for path in paths), "a discarded image's file is left")


def what_is_on_is_not_captured(ground: Ground) -> None:
    """Capturing a machine that is on is Conflict, and nothing is left of it."""
    if not ground.hypervisor.abilities.forms:
        return
    machine, name = ground.hypervisor.start(ground.clone("hot")), ground.name("image")
    with refused(Conflict, "capturing a machine that is on"):
        ground.hypervisor.capture(name, machine, ground.mark(Role.IMAGE))
    must(ground.hypervisor.find_image(name) is None, "a refused image is left")
    ground.hypervisor.destroy(machine)
    with refused(NotFound, "capturing a machine that is gone"):
        ground.hypervisor.capture(name, machine, ground.mark(Role.IMAGE))


def an_image_name_is_taken_once(ground: Ground) -> None:
    """Capturing under a name that is taken is Conflict, and the image that has it stays."""
    if not ground.hypervisor.abilities.forms:
        return
    machine = ground.clone("twice")
    artifact = _capture(ground, machine)
    with refused(Conflict, "capturing under a name that is taken"):
        ground.hypervisor.capture(artifact.name, machine, ground.mark(Role.IMAGE))
    must(ground.hypervisor.find_image(artifact.name) == artifact, "the image that had the name has changed")
    ground.hypervisor.discard_image(artifact)
    ground.hypervisor.destroy(machine)


def a_captured_machine_stays_as_it_is(ground: Ground) -> None:
    """Capturing leaves the machine as it was, and changes nothing that is frozen."""
    if not ground.hypervisor.abilities.forms:
        return
    machine, before = ground.clone("same"), ground.hypervisor.identity(ground.base)
    artifact = _capture(ground, machine)
    must(ground.now(machine) == replace(machine), "the machine has changed")
    must(ground.hypervisor.identity(ground.base) == before, "the frozen point below it has changed")
    ground.hypervisor.discard_image(artifact)
    ground.hypervisor.destroy(machine)


def _capture(ground: Ground, machine: Machine) -> Artifact:
    return ground.hypervisor.capture(ground.name("image"), machine, ground.mark(Role.IMAGE))


def _disks_agree(ground: Ground, artifact: Artifact) -> None:
    if not ground.hypervisor.abilities.open_disk:
        return
    with ground.hypervisor.open_disk(artifact) as image, ground.hypervisor.open_disk(ground.base) as base:
        size = min(1 << 20, base.size)
        if image.read_at(0, size) != base.read_at(0, size):
            raise BrokenPromise("the image of an untouched clone is not what the clone was made from")


PROMISES = (
    capturing_is_able_or_says_so,
    an_image_stands_alone,
    what_is_on_is_not_captured,
    an_image_name_is_taken_once,
    a_captured_machine_stays_as_it_is,
)
