"""
A project that is moved, reached by another name, copied, or restored is the same project, on a real libvirt; of one
that was removed nothing stays.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.bench import Desk, before, check, desk, empty, ended

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
    copy.fails(9, "verify", saying=("win2022@v1", "golden verify win2022 --deep"))
    assert "taken up again" in copy.does("verify", "win2022", "--deep").out
    assert "taken up again" not in copy.does("verify", "win2022@v1", "--deep").out
    check(copy, before(copy), versions=1)
    disk = Path(spoiled.log()["versions"][0]["disks"][0]["path"])
    disk.chmod(0o644)
    with disk.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")
    spoiled.fails(9, "verify", "--deep", saying=("other bytes", str(disk)))
    assert spoiled.golden("update", "--add", "drivers/goldennet.inf").code == 9


def base(place: Desk) -> Path:
    """The short folder that this project's roots lie below."""
    return Path((place.state / "libvirt/base").read_text().strip())


@pytest.mark.thorough
def test_what_a_removed_project_left_running_is_taken_away(tmp_path: Path) -> None:
    """golden killed, its folder removed: the next golden of this user ends the machine and clears the short folder."""
    with ended(desk(tmp_path / "gone")) as place, ended(desk(tmp_path / "moved")) as other:
        bases = {}
        for one in (place, other):
            going = one.begin("update", "--add", "drivers/goldennet.inf")
            going.until(lambda one=one: bool(one.processes()), "its machine runs")  # type: ignore[misc]
            going.until_said("driver goldennet.inf")
            going.kill()
            assert one.processes()
            bases[one.path.name] = base(one)
        machine = place.processes()[0]
        shutil.rmtree(place.path)
        other.path.rename(tmp_path / "there")
        another = empty(tmp_path / "another")
        assert another.golden("doctor").code == 0
        with suppress(FileNotFoundError):  # One that nobody reaps has no command line.
            assert Path(f"/proc/{machine}/cmdline").read_bytes() == b""
        assert not list(bases["gone"].glob("*"))
        os.utime(bases["gone"], (0, 0))  # An empty one might have been made this moment.
        another.does("doctor")
        assert not bases["gone"].exists()
        moved = Desk(tmp_path / "there")
        with ended(moved):
            assert bases["moved"].exists(), "its disks are still there: only the folder was moved"
            assert moved.processes()
            moved.does("resume")
            check(moved, before(moved), versions=2)
