"""Machines whose files vCenter cannot reach: they have no configuration then, and are not taken for half-made ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from golden.errors import Conflict, Unreachable
from golden.model import Artifact, CloneOptions, Origin, Snapshot
from golden_vsphere.marking import Record
from tests.e2e.vsphere_library_bench import shelf
from tests.peers.vsphere.peer import Peer
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.upstream import value
from tests.unit.vsphere.conftest import Opening
from tests.unit.vsphere.stage import MARK, Stage, made

pytestmark = pytest.mark.slow

POINT = Snapshot("base", "v1")
STATE, UUID, OPTIONS = "runtime.connectionState", "config.instanceUuid", "config.extraConfig"
NONE = '<val xsi:type="ArrayOfOptionValue"></val>'


@pytest.fixture(scope="module")
def bare(shared: Peer) -> str:
    """A user's machine without a guest."""
    return shared.seed("bare", state=None, disks=(1,)).name


def hide(peer: Peer, moid: str, state: str) -> dict[str, str]:
    """Its files are out of reach (``connected``: not there yet); what it was like, to be put back."""
    up = peer.world.upstream
    was = up.properties(VM, moid, UUID, OPTIONS)
    peer.world.upstream.change(VM, moid, {UUID: value(""), OPTIONS: NONE, STATE: connection(state)})
    return {**{path: ET.tostring(one, encoding="unicode") for path, one in was.items()}, STATE: connection("connected")}


def connection(state: str) -> str:
    """As a property."""
    return value(state, "VirtualMachineConnectionState")


@contextmanager
def hidden(peer: Peer, moid: str, state: str = "inaccessible") -> Iterator[None]:
    """For a while."""
    was = hide(peer, moid, state)
    try:
        yield
    finally:
        peer.world.upstream.change(VM, moid, was)


@pytest.mark.parametrize("state", ["inaccessible", "invalid", "disconnected", "orphaned"])
def test_what_vcenter_cannot_read_is_left_alone(peer: Peer, opening: Opening, bare: str, state: str) -> None:
    """At once, by every verb that looks for it: neither gone nor half-made; with its files it is what it was."""
    stage = Stage(opening(), bare)
    point, there = stage.point(), made(peer)
    machine, was = stage.base(), stage.hypervisor.identity(point)
    one = stage.hypervisor
    destroyed = len(peer.requests("Destroy_Task"))
    try:
        with hidden(peer, machine.id.partition(":")[0], state):
            begun = time.monotonic()
            for act in (
                lambda: one.find("base"),
                lambda: one.find("another"),
                one.list_marked,
                lambda: one.settle(machine),
                lambda: one.destroy(machine),
                lambda: one.start(machine),
                lambda: one.identity(point),
                lambda: one.drop_snapshot(point),
                lambda: one.clone("clone", point, MARK, CloneOptions()),
            ):
                with pytest.raises(Unreachable, match="cannot read what the machine base is") as caught:
                    act()
                assert state in (caught.value.details or "")
            assert time.monotonic() - begun < 20
        assert (one.find("base"), one.identity(point)) == (machine, was)
        assert (made(peer), len(peer.requests("Destroy_Task"))) == (there, destroyed)
    finally:
        stage.clear()


def test_others_are_made_meanwhile(peer: Peer, opening: Opening, bare: str) -> None:
    """One machine out of reach keeps nobody from adopting another."""
    stage = Stage(opening(), bare)
    machine = stage.base()
    try:
        with hidden(peer, machine.id.partition(":")[0]):
            stage.hypervisor.destroy(stage.hypervisor.adopt("other", Origin("machine", bare), MARK, in_place=False))
            with pytest.raises(Conflict, match="base is there already"):
                stage.adopt()
    finally:
        stage.clear()


def test_what_was_whole_and_has_no_configuration_is_not_gone(peer: Peer, opening: Opening, bare: str) -> None:
    """vCenter is connected to it again and has not read it yet: what was remembered with its id is no success."""
    stage = Stage(opening(), bare)
    machine = stage.base()
    try:
        with hidden(peer, machine.id.partition(":")[0], "connected"), pytest.raises(Unreachable):
            stage.hypervisor.destroy(machine)
    finally:
        stage.clear()


def test_who_waits_for_a_machine_to_be_made_hears_of_it(peer: Peer, opening: Opening, bare: str) -> None:
    """Its datastore went away while vCenter made it: that ends the wait, which would take hours."""
    stage = Stage(opening(), bare)
    moid = stage.base().id.partition(":")[0]
    parts = vars(stage.hypervisor)
    try:
        with hidden(peer, moid, "connected"):
            native = parts["machines"].find("base").native
            peer_lost = {STATE: connection("inaccessible")}
            lost = threading.Timer(0.5, peer.world.upstream.change, (VM, moid, peer_lost))
            lost.start()
            with pytest.raises(Unreachable, match="cannot read"):
                parts["maker"].wait_out(native, "base")
            lost.join()
    finally:
        stage.clear()


def test_an_image_that_was_waited_for_is_judged_as_it_is_then(peer: Peer, opening: Opening, bare: str) -> None:
    """Whole by then, and a machine that somebody made of it and wrote to: it stays."""
    stage = Stage(opening(), bare)
    image = stage.hypervisor.capture("image", stage.base(), MARK)
    moid, parts = image.id.partition(":")[0], vars(stage.hypervisor)
    held = parts["machines"].find("image", "image")
    record: Record = held.record
    peer.world.upstream.change(VM, moid, {"config.template": value("false", "xsd:boolean")})
    parts["maker"].change(held.native, "image", extraConfig=record.but(proof="another").options())
    try:
        was = hide(peer, moid, "connected")
        back = threading.Timer(0.5, peer.world.upstream.change, (VM, moid, was))
        back.start()
        with pytest.raises(Conflict, match="somebody made a machine of it"):
            stage.hypervisor.discard_image(Artifact(f"{moid}:", "image", ()))
        back.join()
    finally:
        peer.world.upstream.change(VM, moid, {"config.template": value("true", "xsd:boolean")})
        stage.clear()


@pytest.mark.slow
def test_a_template_out_of_reach_is_not_withdrawn(peer: Peer, opening: Opening, tmp_path: Path) -> None:
    """A library does not call it gone, and finds it again when its files are there."""
    bench = shelf(peer, tmp_path, "template")
    image = bench.image("away", 1)
    library = bench.open()
    published = library.publish(image, image.artifact.forms[0], None, "shelf/away")  # type: ignore[arg-type]
    with hidden(peer, peer.machines()[published.name]):
        for act in (lambda: library.withdraw(published), lambda: library.find("shelf/away")):
            with pytest.raises(Unreachable, match="cannot read"):
                act()
    assert library.find("shelf/away") == published
    library.withdraw(published)
    library.close()
    opening().discard_image(image.artifact)
