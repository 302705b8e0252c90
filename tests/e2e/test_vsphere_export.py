"""A capture on vCenter whose seal is read from outside: from an export of the clone's powered-off disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.vsphere_desk import VsphereDesk, vsphere_desk
from tests.peers.vsphere.world import Times

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("vsphere export")]

CAPTURE = ("capture", "win2022", "--answer-file", "answers.xml")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VsphereDesk]:
    """One project whose endpoint says proof = "export"."""
    with vsphere_desk(tmp_path_factory.mktemp("export"), "win2022", times=Times(lease=5)) as made:
        settings = made.path / "golden.toml"
        settings.write_text(settings.read_text().replace("[endpoints.vc]\n", '[endpoints.vc]\nproof = "export"\n'))
        yield made
        assert not (made.path / ".golden/scratch").exists()
        assert made.peer.world.exports.held() == []
        made.assert_clean("win2022")
        made.assert_secret()


def test_the_seal_is_read_from_the_exported_disk(place: VsphereDesk) -> None:
    """Its four signals and the power events; the proof says how it was got, and what has not seen it yet."""
    told = place.does(*CAPTURE)
    assert "read from an export of the powered-off disk, a way that no real vCenter has seen yet" in told.out
    (image,) = place.log()["images"]
    proof = image["proof"]
    signals = dict(proof["signals"])
    assert (proof["way"], proof["facts"]["state"]) == ("export", "SEALED")
    assert signals["power"] == "on, shut down, off"
    assert len(signals) > 4
    assert len(place.peer.requests("ExportVm")) == 1
    shown = place.does("show", "win2022@i1").out
    assert "read from an export of the powered-off disk" in shown


@pytest.mark.thorough  # Its promise is kept in tests/procedures/test_export.py.
def test_what_only_the_export_sees_is_no_image(place: VsphereDesk) -> None:
    """The guest said sealed after /quit; its disk was changed once it was off: no proof, and no image."""
    before = place.names()
    images = len(place.log()["images"])
    place.peer.rule("ExportVm", "delay", seconds=2)
    going = place.begin(*CAPTURE)
    going.until_said("exporting the disk of")
    (clone,) = place.names() - before
    tags = list(place.peer.guest(place.peer.machines()[clone]).rglob("Sysprep_succeeded.tag"))
    assert len(tags) == 1
    tags[0].unlink()
    ran = going.end()
    assert ran.code == 7, ran.said
    assert "reading the seal inside the guest" in ran.err
    assert len(place.log()["images"]) == images
    assert place.names() == before


@pytest.mark.thorough  # Killed at every checkpoint: tests/crash. Here the lease of the dead is still held.
def test_killed_while_the_disk_comes_it_goes_on(place: VsphereDesk) -> None:
    """The lease that nobody renews is waited out, the disk exported anew, and no half of it stays on this computer."""
    images = len(place.log()["images"])
    place.peer.rule("GET /nfc/.*", "delay", seconds=3)
    going = place.begin(*CAPTURE)
    scratch = place.path / ".golden/scratch"
    going.until(lambda: place.called("ExportVm") > 0 and any(scratch.glob("*")), "exporting")
    going.until_said("exporting the disk of")
    going.kill()
    assert list(scratch.glob("*"))
    place.does("resume")
    *_, image = place.log()["images"]
    assert (len(place.log()["images"]), image["proof"]["way"]) == (images + 1, "export")
    assert not scratch.exists()


@pytest.mark.thorough  # Before the proof: tests/e2e/test_vsphere_cli.py.
def test_a_clone_that_was_started_after_its_export_is_no_image(place: VsphereDesk) -> None:
    """The image is copied of the clone later than its disk was read, and vCenter's events are asked once more."""
    before = place.names()
    images = len(place.log()["images"])
    calls = place.called("CloneVM_Task")
    place.peer.rule("CloneVM_Task", "delay", nth=2, seconds=3)
    going = place.begin(*CAPTURE)
    going.until_said("exporting the disk of")
    (clone,) = place.names() - before
    going.until(lambda: place.called("CloneVM_Task") >= calls + 2, "copying the clone")
    place.note(clone, "VmPoweredOnEvent")
    ran = going.end()
    assert ran.code == 7, ran.said
    assert "was started again after its seal was read" in ran.err
    assert len(place.log()["images"]) == images
    assert place.names() == before
