"""A template or image of golden's that an admin has made a machine of again, to patch it or to work with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pyVmomi import vim

from golden.errors import Conflict
from golden.model import Mark, Origin, Role
from golden.provider import Scope
from golden_vsphere import PROVIDER
from tests.e2e.vsphere_bench import endpoint
from tests.e2e.vsphere_library_bench import Shelf, shelf
from tests.peers.vsphere.client import connected
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.seeding import VM

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("vsphere converted")]

PASS: Any = nullcontext()
KEY = "shelf/win2022-i1-here"
MARK = Mark(Role.IMAGE, "job-1", "win2022", "here")


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One vCenter for a module."""
    with vcenter(tmp_path_factory.mktemp("vsphere") / "vcenter") as made:
        yield made


@pytest.fixture
def bench(peer: Peer, tmp_path: Path) -> Shelf:
    """A folder of templates."""
    return shelf(peer, tmp_path, "template")


def convert(peer: Peer, name: str, *, start: bool) -> None:
    """Convert to Virtual Machine, as vSphere's client does it, and perhaps the first start."""
    with connected(peer) as client:
        machine = client.machine(peer.machines()[name])
        machine.MarkAsVirtualMachine(vim.ResourcePool(peer.world.inventory.pool, client.si._stub), None)
        if start:
            client.wait(machine.PowerOnVM_Task())


def power(peer: Peer, name: str) -> str:
    """Whether it is on; KeyError where it is gone."""
    moid = peer.machines()[name]
    return peer.world.upstream.texts(VM, moid, "runtime.powerState")["runtime.powerState"]


def off_and_away(peer: Peer, name: str) -> None:
    """What a test has left."""
    with connected(peer) as client:
        machine = client.machine(peer.machines()[name])
        if power(peer, name) == "poweredOn":
            client.wait(machine.PowerOffVM_Task())
        client.wait(machine.Destroy_Task())


@pytest.mark.parametrize("state", ["on", "patched", "off"])
def test_a_published_template_that_is_a_machine_now_is_nobodys_to_take_away(
    peer: Peer, bench: Shelf, state: str
) -> None:
    """Publishing again, settling and withdrawing are Conflict, on or off; it runs on as it did, with its tags."""
    library = bench.open()
    image = bench.image(f"conv-{state}", 1)
    made = library.publish(image, image.artifact.forms[0], PASS, KEY)
    convert(peer, made.name, start=state != "off")
    if state == "patched":
        with connected(peer) as client:
            client.wait(client.machine(peer.machines()[made.name]).PowerOffVM_Task())
    was = power(peer, made.name)
    asked = len(peer.requests("Destroy_Task")), len(peer.requests("PowerOffVM_Task"))
    for act in (
        lambda: library.publish(image, image.artifact.forms[0], PASS, KEY),
        lambda: library.settle(KEY),
        lambda: library.withdraw(made),
    ):
        with pytest.raises(Conflict, match="somebody made a machine of it"):
            act()
    assert power(peer, made.name) == was
    assert (len(peer.requests("Destroy_Task")), len(peer.requests("PowerOffVM_Task"))) == asked
    off_and_away(peer, made.name)
    assert library.settle(KEY) is None
    library.close()


def test_a_publish_that_was_cut_off_at_its_last_step_is_cleared(peer: Peer, bench: Shelf) -> None:
    """It has a whole note and is no template yet: golden's own, as it was never published."""
    library = bench.open()
    image = bench.image("conv-cut", 1)
    peer.rule("MarkAsTemplate", "fault", kind="SystemError", detail={"reason": "internal error"})
    with pytest.raises(Exception, match="did not work"):
        library.publish(image, image.artifact.forms[0], PASS, KEY)
    made = library.publish(image, image.artifact.forms[0], PASS, KEY)
    assert [one.name for one in library.list()] == [made.name]
    library.withdraw(made)
    library.close()
    assert made.name not in peer.machines()


def test_a_publish_that_was_cut_off_before_its_last_tag_gets_it(peer: Peer, bench: Shelf) -> None:
    """By the next publish: it is a template, and found; what is lacking is what says that it was published."""
    library = bench.open()
    image = bench.image("conv-tag", 1)
    made = library.publish(image, image.artifact.forms[0], PASS, KEY)
    shown = next(one for one in library._folder.all() if one.held.name == made.name)  # type: ignore[attr-defined]
    library._tags.take(shown.tagged, "golden-state", "current")  # type: ignore[attr-defined]
    assert library.publish(image, image.artifact.forms[0], PASS, KEY) == made
    assert shown.held.seen.moid in library._tags.on("golden-state", "current")  # type: ignore[attr-defined]
    library.withdraw(made)
    library.close()


@pytest.mark.parametrize("start", [True, False], ids=["on", "off"])
def test_an_image_that_is_a_machine_now_is_not_discarded(peer: Peer, tmp_path: Path, start: bool) -> None:
    """Neither switched off nor taken away once it was written to; what only lies there as it was made goes."""
    hypervisor = PROVIDER.open(endpoint(peer, tmp_path / "secrets"), Scope("job-1", tmp_path / "state"))
    theirs = Origin("machine", peer.seed(f"user-{start}", disks=(1,)).name)
    machine = hypervisor.adopt("base", theirs, MARK, in_place=False)
    image = hypervisor.capture("golden-image", machine, MARK)
    convert(peer, image.name, start=start)
    if start:
        asked = len(peer.requests("PowerOffVM_Task"))
        with pytest.raises(Conflict, match="somebody made a machine of it"):
            hypervisor.discard_image(image)
        assert power(peer, image.name) == "poweredOn"
        assert len(peer.requests("PowerOffVM_Task")) == asked
        off_and_away(peer, image.name)
    hypervisor.discard_image(image)
    assert image.name not in peer.machines()
    hypervisor.destroy(machine)
    hypervisor.close()
