"""A project that is moved, reached by another name, copied, or restored is the same project, on a real libvirt."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.bench import Desk, before, check, desk, ended

pytestmark = pytest.mark.slow


def test_a_moved_project_goes_on(tmp_path: Path) -> None:
    """After mv, and through a link, nothing is wrong: paths are told as they are now, and versions are built on."""
    with ended(desk(tmp_path / "here")) as place:
        was = place.log()["versions"][0]["disks"]
    place.path.rename(tmp_path / "there")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    for name in ("there", "link"):
        moved = Desk(tmp_path / name)
        found = moved.golden("doctor")
        assert found.code == 0, found.said
        moved.does("verify", "--deep")
    with ended(Desk(tmp_path / "there")) as place:
        (version,) = place.log()["versions"]
        assert [disk["path"].replace("/there/", "/here/") for disk in version["disks"]] == [d["path"] for d in was]
        assert all(Path(disk["path"]).is_file() for disk in version["disks"])
        place.does("update", "--dry-run", "--add", "drivers/goldennet.inf")
        check(place, before(place), versions=1)


def test_a_copied_project_is_taken_up_again(tmp_path: Path) -> None:
    """A copy has other files: that is told with what to type, and the bytes decide; changed ones stay refused."""
    with ended(desk(tmp_path / "here")) as place:
        shutil.copytree(place.path, tmp_path / "copy", symlinks=True)
        shutil.copytree(place.path, tmp_path / "spoiled", symlinks=True)
    copy, spoiled = Desk(tmp_path / "copy"), Desk(tmp_path / "spoiled")
    copy.fails(9, "verify", saying=("win2022@v1", "golden verify win2022@v1 --deep"))
    assert "taken up again" in copy.does("verify", "win2022@v1", "--deep").out
    assert "taken up again" not in copy.does("verify", "win2022@v1", "--deep").out
    check(copy, before(copy), versions=1)
    disk = Path(spoiled.log()["versions"][0]["disks"][0]["path"])
    disk.chmod(0o644)
    with disk.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")
    spoiled.fails(9, "verify", "--deep", saying=("other bytes", str(disk)))
    assert spoiled.golden("update", "--add", "drivers/goldennet.inf").code == 9
