"""golden check on the stand-in with states that are really there: named before, mended where that is safe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.demo.standin.disk import DiskOrder
from tests.e2e import bench
from tests.e2e.bench import Desk

pytestmark = pytest.mark.slow

UNFIT = {"appx.not-provisioned": 2, "reboot.windows-update": 3, "answer-file.cached": 2, "role.unsupported": 2}
BY_HAND = ["bitlocker.encrypted", "provider.external"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Desk]:
    """A reference with four states of which golden mends three."""
    with bench.ended(bench.desk(tmp_path / "desk", {"unfit": UNFIT})) as made:
        yield made


def severities(data: object) -> dict[str, str]:
    assert isinstance(data, dict)
    return {one["id"]: one["severity"] for one in data["findings"]}


def test_what_is_wrong_is_named_mended_in_a_clone_and_captured(place: Desk) -> None:
    """The disk and the clone name it, a capture refuses it, --fix mends it in clones alone, and the version stays."""
    was = bench.before(place)
    offline = place.golden("check", "win2022", "--offline", "-o", "json")
    assert (offline.code, severities(offline.data)) == (4, {
        "appx.not-provisioned": "warning", "reboot.windows-update": "error", "answer-file.cached": "warning",
        "role.unsupported": "warning",
    })  # fmt: skip
    asked = place.golden("check", "win2022", "-o", "json")
    assert (asked.code, severities(asked.data)) == (4, {
        "appx.not-provisioned": "error", "reboot.windows-update": "error", "answer-file.cached": "warning",
        "role.unsupported": "warning",
    })  # fmt: skip
    assert asked.data["unmade"] == []
    place.fails(4, "capture", "win2022", saying=("appx.not-provisioned", "golden check win2022@v1 --fix"))
    place.does("capture", "win2022", "--fix")
    log = bench.check(place, was, versions=1, images=1)
    assert [one["id"] for one in log["images"][0]["findings"]] == ["role.unsupported"]
    assert any("removed Microsoft.Widgets" in note for note in log["images"][0]["notes"])


@pytest.mark.thorough  # Its twin on a plain folder is in tests/unit/windows.
def test_fixes_last_as_a_version_that_can_be_rehearsed(place: Desk) -> None:
    """golden update --apply-fixes proves what it mended from the disk; a rehearsal of it is sealed and gone again."""
    was = bench.before(place)
    version = place.golden("update", "--apply-fixes", "-o", "json")
    assert version.code == 0, version.said
    evidence = [text for _change, text in version.data["proofs"]]
    assert {text.partition(":")[0] for text in evidence} == set(UNFIT) - {"role.unsupported"}
    rehearsed = place.golden("check", "--rehearse", "-o", "json")
    assert rehearsed.code == 0, rehearsed.said
    assert severities(rehearsed.data) == {"role.unsupported": "warning"}
    assert rehearsed.data["proof"]["facts"]["state"] == "SEALED"
    bench.check(place, was, versions=2)


@pytest.mark.thorough  # Its twin on a plain folder is in tests/unit/windows.
def test_what_golden_cannot_mend_fails_a_rehearsal_for_the_same_reason(tmp_path: Path) -> None:
    """What the check names before, sysprep's own log names after; nothing is left of the rehearsal."""
    with bench.ended(bench.desk(tmp_path / "desk", {"unfit": BY_HAND})) as place:
        was = bench.before(place)
        ran = place.golden("check", "--fix", "-o", "json")
        assert (ran.code, severities(ran.data)) == (4, {"bitlocker.encrypted": "error", "provider.external": "info"})
        assert ran.data["fixed"] == []
        place.fails(6, "check", "--rehearse", saying=("BitLocker",))
        bench.check(place, was, versions=1)


def test_a_powered_off_disk_is_read_without_a_project(tmp_path: Path) -> None:
    """Somebody's qcow2 is looked at in a folder that is no project, and nothing is left there."""
    disk = bench.guest(DiskOrder(faults={"unfit": ["domain.joined", "disk.hive-dirty"]})).disk
    place = Desk(tmp_path)
    ran = place.golden("check", str(disk), "--offline", "-o", "json")
    assert ran.code == 4
    assert severities(ran.data) == {"disk.hive-dirty": "error", "domain.joined": "warning"}
    assert ran.data["stand_in"]
    assert list(tmp_path.iterdir()) == []
