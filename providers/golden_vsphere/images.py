"""Captured images: full clones in the folder of images, flat, which become templates last."""

from __future__ import annotations

from golden.errors import Conflict
from golden.model import Artifact, Form, Mark
from golden_vsphere import devices, marking
from golden_vsphere.machines import Held, Machines
from golden_vsphere.making import Maker
from golden_vsphere.orders import Order
from golden_vsphere.placement import place_of_copy

FORM, HOST_FORM = "vsphere-template", "vsphere-machine"
"""A template of vCenter's; on a single ESXi host a machine that is never started."""


class Images:
    """Makes, finds and takes them away, over one connection."""

    def __init__(self, machines: Machines, maker: Maker) -> None:
        """Asks nothing yet."""
        self._machines = machines
        self._places = machines.places
        self._maker = maker

    def made(self, name: str, held: Held, mark: Mark) -> Artifact:
        """Of a machine that is off; never a linked clone marked as a template."""
        place = place_of_copy(self._places, held.seen, held.hardware, f"the image {name}")
        order = Order(
            marking.IMAGE,
            name,
            mark,
            held.native,
            held.hardware,
            place,
            parent=held.uuid,
            encrypted=held.is_encrypted,
        )
        return self._artifact(self._maker.make(order))

    def find(self, name: str) -> Artifact | None:
        """By its name in the folder of images."""
        held = self._machines.find_late(name, marking.IMAGE)
        return None if held is None else self._artifact(held)

    def discard(self, artifact: Artifact) -> None:
        """Absent, or another one under its name, is success."""
        held = self._named(artifact)
        if held is not None and held.record is None:
            self._maker.wait_out(held.native, artifact.name)
            held = self._named(artifact)  # What it became meanwhile says what may be done with it.
        if held is None:
            return
        self._must_be_an_image(held)
        self._maker.take_away(held, whole=held.record is not None and held.record.settled)
        self._machines.intents.remove(artifact.name)

    def _named(self, artifact: Artifact) -> Held | None:
        """The very image, if it is there."""
        held = self._machines.find(artifact.name, marking.IMAGE)
        return held if held is not None and held.id.split(":")[0] == artifact.id.split(":")[0] else None

    @staticmethod
    def _must_be_an_image(held: Held) -> None:
        """Conflict for a machine that somebody made of an image and has written to; what was cut off never ran."""
        settled = held.record is not None and held.record.settled
        if not settled or held.is_template or held.record.proof == devices.proof(held.hardware):  # type: ignore[union-attr]
            return
        raise Conflict(
            f"{held.name} was an image of golden's, and somebody made a machine of it, which golden does not touch",
            hint="take it away in vSphere's client, or move it out of golden's folder; then the same command again",
        )

    def _artifact(self, held: Held) -> Artifact:
        """Whole once it is a template; on a host, which has none, once its record is finished."""
        on_vcenter = self._places.line.is_vcenter
        whole = bool(held.record and held.record.settled and (held.is_template or not on_vcenter))
        size = sum(map(devices.capacity, devices.disks(held.hardware)))
        name = FORM if on_vcenter else HOST_FORM
        return Artifact(held.id, held.name, (Form(name, None, size, "", url=f"{name}:{held.uuid}"),) if whole else ())
