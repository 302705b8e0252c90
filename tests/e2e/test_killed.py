"""
golden killed with kill -9 while it updates and captures on a real libvirt, then resumed or cancelled.

Each point is named by the last entry of the job's journal, or by the line golden had just said. What must be true
afterwards is the same everywhere: all of it or nothing, once, and not a byte or process too many.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.bench import Desk, before, check, desk, ended, kill_at

pytestmark = pytest.mark.slow

UPDATE = ("update", "--add", "drivers/goldennet.inf")
CAPTURE = ("capture", "--answer-file", "answers.xml", "--to", "images")
LATE = 3
"""So often a kill may come too late before the test gives up."""

# point, what comes before it ("" where the point is a line that is said), power cut
UPDATE_RESUMED = [
    ("own a1-clone", "done number", False),
    ("waiting for the guest to answer", "", False),
    pytest.param("driver goldennet.inf", "", True, marks=pytest.mark.thorough),
    pytest.param("done changes", "waiting for the guest to switch itself off", False, marks=pytest.mark.thorough),
    ("done freeze", "start freeze", False),
]
UPDATE_CANCELLED = [
    ("owned a1-clone", "own a1-clone", False),
    ("waiting for the guest to switch itself off", "", True),
    pytest.param("start record", "done freeze", False, marks=pytest.mark.thorough),
]
CAPTURE_RESUMED = [
    ("generalizing the clone", "", True),
    pytest.param("sysprep is generalizing the clone", "", False, marks=pytest.mark.thorough),
    ("done generalize", "waiting for the guest to switch itself off", False),
    pytest.param("own a1-image", "done proof", False, marks=pytest.mark.thorough),
    pytest.param("start publish to images", "done record", False, marks=pytest.mark.thorough),
]
CAPTURE_CANCELLED = [
    pytest.param("waiting for the guest to switch itself off", "", False, marks=pytest.mark.thorough),
    ("done record", "start record", False),
    pytest.param("start record in images", "done publish to images", False, marks=pytest.mark.thorough),
]


def killed(folder: Path, order: tuple[str, ...], point: str, after: str) -> Desk:
    """A project in which golden was killed at a point of an order."""
    for number in range(LATE):
        place = desk(folder / str(number))
        going = place.begin(*order)
        if after:
            in_time = kill_at(going, place, point, after)
        else:
            going.until_said(f"  {point}")
            going.kill()
            in_time = bool(place.open_jobs())
        if in_time:
            return place
    raise AssertionError(f"golden could not be killed at {point!r}: it was over each time")


@pytest.mark.parametrize(("point", "after", "power_cut"), UPDATE_RESUMED)
def test_a_killed_update_is_resumed(tmp_path: Path, point: str, after: str, power_cut: bool) -> None:
    """Resume makes the version, with the driver in its store exactly once."""
    with ended(killed(tmp_path, UPDATE, point, after)) as place:
        was = before(place)
        if power_cut:
            place.cut_power()
        place.does("resume")
        log = check(place, was, versions=2)
        assert [d["inf"] for d in log["versions"][1]["facts"]["drivers"]].count("goldennet.inf") == 1
        assert [c["name"] for c in log["versions"][1]["changes"]] == ["goldennet.inf"]


@pytest.mark.parametrize(("point", "after", "power_cut"), UPDATE_CANCELLED)
def test_a_killed_update_is_cancelled(tmp_path: Path, point: str, after: str, power_cut: bool) -> None:
    """Cancel leaves the reference as it was, and nothing else."""
    with ended(killed(tmp_path, UPDATE, point, after)) as place:
        was = before(place)
        if power_cut:
            place.cut_power()
        place.does("cancel", "-y")
        check(place, was, versions=1)


@pytest.mark.parametrize(("point", "after", "power_cut"), CAPTURE_RESUMED)
def test_a_killed_capture_is_resumed(tmp_path: Path, point: str, after: str, power_cut: bool) -> None:
    """Resume makes one sealed image and publishes it once."""
    with ended(killed(tmp_path, CAPTURE, point, after)) as place:
        was = before(place)
        if power_cut:
            place.cut_power()
        place.does("resume")
        (image,) = check(place, was, versions=1, images=1)["images"]
        assert image["state"] == "SEALED"
        assert [p["library"] for p in image["publications"]] == ["images"]


@pytest.mark.parametrize(("point", "after", "power_cut"), CAPTURE_CANCELLED)
def test_a_killed_capture_is_cancelled(tmp_path: Path, point: str, after: str, power_cut: bool) -> None:
    """Cancel leaves no image, unless it was recorded already: what is recorded stays, whole."""
    with ended(killed(tmp_path, CAPTURE, point, after)) as place:
        recorded = len(place.rows("SELECT number FROM image"))
        was = before(place)
        if power_cut:
            place.cut_power()
        place.does("cancel", "-y")
        check(place, was, versions=1, images=recorded)
        assert recorded == (1 if "record" in point and point != "start record" else 0)
