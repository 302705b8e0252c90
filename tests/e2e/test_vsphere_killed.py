"""
golden killed with kill -9 while it updates and captures on vCenter, then resumed or cancelled; and two jobs at once.

Points are an entry of the job's journal, a line that golden had just said, or a call that vCenter is carrying out. One
project sees them all, one after the other, so that what one leaves behind is met by the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.e2e.bench import before, kill_at
from tests.e2e.vsphere_desk import VsphereDesk, check, vsphere_desk
from tests.peers.vsphere.rules import Rule
from tests.peers.vsphere.world import Times

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("vsphere killed")]

UPDATE = ("update", "win2022", "--add", "drivers/goldennet.inf")
CAPTURE = ("capture", "win2022", "--answer-file", "answers.xml", "--to", "templates")
THOROUGH = pytest.mark.thorough

# point, what comes before it ("said" and "call" name the kind of other points), power cut
UPDATE_RESUMED = [
    ("own a1-clone", "done number", False),
    pytest.param("CloneVM_Task", "call", False, marks=THOROUGH),
    pytest.param("waiting for the guest to answer", "said", True, marks=THOROUGH),
    ("driver goldennet.inf", "said", True),
    pytest.param("CreateSnapshot_Task", "call", False, marks=THOROUGH),
    pytest.param("start record", "owned a1-looking", False, marks=THOROUGH),
]
UPDATE_CANCELLED = [
    pytest.param("owned a1-looking", "own a1-looking", False, marks=THOROUGH),
    ("reading the guest's state inside it", "said", True),
]
CAPTURE_RESUMED = [
    pytest.param("sysprep is generalizing the clone", "said", False, marks=THOROUGH),
    ("CloneVM_Task 2", "call", False),
    pytest.param("start publish to templates", "done record", False, marks=THOROUGH),
    pytest.param("CloneVM_Task 3", "call", False, marks=THOROUGH),
]
CAPTURE_CANCELLED = [
    ("waiting for the guest to switch itself off", "said", True),
    pytest.param("MarkAsTemplate", "call", False, marks=THOROUGH),
]


@pytest.fixture(scope="module")
def only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VsphereDesk]:
    """One project on one vCenter whose tasks take half a second, so that a kill finds them on their way."""
    with vsphere_desk(tmp_path_factory.mktemp("killed"), "win2022", times=Times(task=0.5)) as place:
        yield place
        place.assert_secret()


@pytest.fixture
def place(only: VsphereDesk) -> VsphereDesk:
    """The same, with no job open, and the first version as the head: chains stay short."""
    only.golden("cancel", "--all", "-y")
    if len(only.log()["versions"]) > 1:
        only.does("rollback", "win2022@v1", "-y")
    return only


def kill(place: VsphereDesk, order: tuple[str, ...], point: str, after: str) -> None:
    """golden, killed at a point of an order."""
    number = len(place.log()["versions"]) + 1
    inf = place.path / "drivers/goldennet.inf"
    inf.write_text(re.sub(r"1\.0\.0\.\d+", f"1.0.0.{number}", inf.read_text()))  # a change that is none is refused
    going = place.begin(*order)
    if after == "call":
        call, _, nth = point.partition(" ")
        place.kill_in(going, call, int(nth or 1))
    elif after == "said":
        going.until_said(f"  {point}")
        going.kill()
    else:
        assert kill_at(going, place, point, after), f"golden could not be killed at {point!r}: it was over"
    assert place.open_jobs(), f"golden was over before {point!r}"


@pytest.mark.parametrize(("point", "after", "power_cut"), UPDATE_RESUMED)
def test_a_killed_update_is_resumed(place: VsphereDesk, point: str, after: str, power_cut: bool) -> None:
    """Resume makes the version, with its change applied once."""
    was = before(place)
    kill(place, UPDATE, point, after)
    if power_cut:
        place.cut_power()
    place.does("resume")
    newest = check(place, was, versions=1)["versions"][-1]
    assert [d["inf"] for d in newest["facts"]["drivers"]].count("goldennet.inf") == 1
    assert [c["name"] for c in newest["changes"]] == ["goldennet.inf"]


@pytest.mark.parametrize(("point", "after", "power_cut"), UPDATE_CANCELLED)
def test_a_killed_update_is_cancelled(place: VsphereDesk, point: str, after: str, power_cut: bool) -> None:
    """Cancel leaves the reference as it was, and nothing else."""
    was = before(place)
    kill(place, UPDATE, point, after)
    if power_cut:
        place.cut_power()
    place.does("cancel", "-y")
    check(place, was)


@pytest.mark.parametrize(("point", "after", "power_cut"), CAPTURE_RESUMED)
def test_a_killed_capture_is_resumed(place: VsphereDesk, point: str, after: str, power_cut: bool) -> None:
    """Resume makes one sealed image and publishes it once."""
    was = before(place)
    kill(place, CAPTURE, point, after)
    if power_cut:
        place.cut_power()
    place.does("resume")
    image = check(place, was, images=1)["images"][-1]
    assert image["state"] == "SEALED"
    assert [p["library"] for p in image["publications"]] == ["templates"]


@pytest.mark.parametrize("late", [2, 8], ids=["while it is looked for", "when it is asked for again"])
def test_a_clone_that_vcenter_makes_after_its_asker_died(place: VsphereDesk, late: float) -> None:
    """
    The image that the killed process had asked for is there only once the resumed one looks, or has looked: that one
    takes it for its own, which it is, and there is one image in the end.
    """
    was = before(place)
    rules = place.peer.world.rules
    rules.extend([Rule("CloneVM_Task", "delay", nth=nth, seconds=late) for nth in (2, 3)])
    kill(place, CAPTURE, "CloneVM_Task 2", "call")
    place.does("resume")
    assert rules.unmet() == []
    rules.clear()
    check(place, was, images=1)


@pytest.mark.parametrize(("point", "after", "power_cut"), CAPTURE_CANCELLED)
def test_a_killed_capture_is_cancelled(place: VsphereDesk, point: str, after: str, power_cut: bool) -> None:
    """Cancel leaves no image."""
    was = before(place)
    kill(place, CAPTURE, point, after)
    if power_cut:
        place.cut_power()
    place.does("cancel", "-y")
    check(place, was)
