"""From a disk to a WIM in a folder, by golden's own command line; no guest is booted for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from golden.windows import wim
from tests.e2e import bench
from tests.e2e.bench import Desk
from tests.unit.disk.disks import Windows

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A project whose reference is a real NTFS disk with a Windows that was never booted, and a folder for WIMs."""
    place = bench.empty(tmp_path / "project")
    settings = place.path / "golden.toml"
    settings.write_text(settings.read_text("utf-8") + '\n[libraries.wims]\nurl = "dir:wims"\nform = "wim"\n', "utf-8")
    disk = Windows(files={"Users/Public/kept.txt": b"kept"}).disk(tmp_path)
    place.does("adopt", "win2022", "--from", str(disk), "--os", "windows")
    return place


def test_a_wim_is_captured_published_and_verified(desk: Desk) -> None:
    """The image exists as qcow2 and as WIM; the folder gets the WIM; what is said of both holds."""
    image = desk.does("capture", "win2022", "--seal", "none", "--form", "wim", "--to", "wims", "-o", "json").data
    assert [form["format"] for form in image["forms"]] == ["qcow2", "wim"]
    published = desk.path / "wims" / "win2022-i1.wim"
    assert wim.contents(published) == wim.Contents("win2022-i1", "x86_64", "ServerStandard", "20348")
    kept = subprocess.run(["wimextract", published, "1", "/Users/Public/kept.txt", "--to-stdout"], capture_output=True,
                          check=True)  # fmt: skip
    assert kept.stdout == b"kept"
    desk.does("verify", "win2022", "--deep")
    desk.does("doctor")
    again = desk.does("capture", "win2022", "--seal", "none", "--form", "wim", "--to", "wims", "-o", "json").data
    assert again["number"] == 2
    assert sorted(path.name for path in (desk.path / "wims").glob("*.wim")) == ["win2022-i1.wim", "win2022-i2.wim"]
    desk.does("doctor")


def test_a_form_that_cannot_be_made_is_refused_before_anything_starts(desk: Desk) -> None:
    """A word that is no form is the user's mistake, and nothing was cloned for it."""
    desk.fails(2, "capture", "win2022", "--seal", "none", "--form", "iso", saying=("'iso'", "--form wim"))
    assert desk.log()["images"] == []


@pytest.mark.slow
def test_kill_while_the_wim_is_made_leaves_nothing(desk: Desk) -> None:
    """kill -9 in the middle; resume makes it whole, and no piece of the volume stays."""
    going = desk.begin("capture", "win2022", "--seal", "none", "--form", "wim", "-o", "json")
    images = desk.state / "libvirt/images"
    going.until(lambda: any(images.glob("*/.making/volume")), "the volume to be copied")
    going.kill()
    desk.does("resume")
    forms = desk.does("show", "win2022@i1", "-o", "json").data["forms"]
    assert [form["format"] for form in forms] == ["qcow2", "wim"]
    assert not list(images.glob("*/.making"))
    bench.assert_nothing_left(desk)
