"""
golden killed with kill -9 while it updates and captures on a Hyper-V host, and the host's own process killed.

Each point is named by the last entry of the job's journal, or by a line golden had just said. What must be true
afterwards is the same everywhere: all of it or nothing, once, and not a file or machine too many on the host.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bench import MATERIAL, Desk, kill_at
from tests.peers.hyperv.peer import Peer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv killed")]

UPDATE = ("update", "win2022", "--add", "drivers/goldennet.inf")
CAPTURE = ("capture", "win2022", "--answer-file", "answers.xml")
LATE = 3
"""So often a kill may come too late before the test gives up."""

# point, what comes before it ("" where the point is a line that is said)
UPDATE_RESUMED = [
    ("own a1-clone", "done number"),
    ("waiting for the guest", ""),
    ("driver goldennet.inf", ""),
    pytest.param("done changes", "start changes", marks=pytest.mark.thorough),
    ("start freeze", "done changes"),
    ("done freeze", "start freeze"),
]
UPDATE_CANCELLED = [
    ("owned a1-clone", "own a1-clone"),
    pytest.param("start record", "done freeze", marks=pytest.mark.thorough),
]
CAPTURE_RESUMED = [
    ("sysprep is generalizing the clone", ""),
    ("own a1-image", "done generalize"),
    ("done record", "own a1-image"),
]
CAPTURE_CANCELLED = [
    ("own a1-image", "done generalize"),
]
TOML = """
[endpoints.hv]
url = "{peer.url}"
user = "{peer.user}"
password_file = "password"
ca_file = "{peer.ca}"

[references.win2022.guest]
account = "{peer.guest_user}"
password_file = "guest-password"
"""


@dataclass(frozen=True)
class Lab:
    """A host with a user's machine, and projects that adopted it."""

    peer: Peer
    folder: Path

    def desk(self, name: str) -> Desk:
        """A project with the reference win2022."""
        path = self.folder / name
        (path / "drivers").mkdir(parents=True)
        for one in MATERIAL.glob("goldennet.*"):
            shutil.copyfile(one, path / "drivers" / one.name)
        shutil.copyfile(MATERIAL / "answers.xml", path / "answers.xml")
        for file, secret in (("password", self.peer.password), ("guest-password", self.peer.guest_password)):
            (path / file).write_text(secret)
        (path / "golden.toml").write_text(TOML.format(peer=self.peer))
        place = Desk(path)
        place.does("adopt", "win2022", "--from", "win2022-origin", "--os", "windows")
        return place

    def killed(self, name: str, order: tuple[str, ...], point: str, after: str) -> Desk:
        """A project in which golden was killed at a point of an order."""
        for number in range(LATE):
            place = self.desk(f"{name}-{number}")
            going = place.begin(*order)
            if after:
                in_time = kill_at(going, place, point, after)
            else:
                going.until_said(point)
                going.kill()
                in_time = bool(place.open_jobs())
            if in_time:
                return place
            self.forget(place)
        raise AssertionError(f"golden could not be killed at {point!r}: it was over each time")

    def forget(self, place: Desk) -> None:
        """What a project that is done with has on the host is nobody's any more."""
        for one in self.peer.world.machines():
            if one["name"].startswith("golden-"):
                self.peer.world.stop(one["id"], "off")
                self.peer.world.remove(one["id"])
        for name in ("machines", "images"):
            folder = self.peer.drive(f"C:\\golden\\{name}")
            for path in [*folder.rglob("*"), folder] if folder.exists() else []:
                path.chmod(path.stat().st_mode | 0o200)
            shutil.rmtree(folder, ignore_errors=True)

    def check(self, place: Desk, *, versions: int, images: int = 0) -> Any:
        """So many versions and images, nothing wrong, and nothing else on the host."""
        told = place.golden("doctor", "-o", "json")
        assert told.code == 0, told.said
        assert [one for one in told.data["findings"] if one["severity"] == "error"] == []
        assert place.open_jobs() == []
        log = place.log()
        assert [one["number"] for one in log["versions"]] == list(range(1, versions + 1))
        assert [one["number"] for one in log["images"]] == list(range(1, images + 1))
        assert {one["state"] for one in log["versions"]} == {"VIRGIN"}
        place.does("verify", "win2022", "--deep")
        machines = {one["snapshot"]["machine"] for one in log["versions"]}
        there = self.peer.drive("C:\\golden\\machines")
        assert {path.name.removesuffix(".golden.json") for path in there.iterdir()} == machines
        kept = self.peer.drive("C:\\golden\\images")
        names = {path.name.split(".")[0] for path in kept.iterdir()} if kept.exists() else set()
        assert names == {one["name"] for one in log["images"]}
        assert [one["name"] for one in self.peer.world.machines()] == ["win2022-origin"]
        return log


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One host for the module."""
    with Peer(tmp_path_factory.mktemp("hyperv") / "host") as peer:
        peer.seed("win2022-origin")
        yield peer


@pytest.fixture
def lab(shared: Peer, tmp_path: Path) -> Iterator[Lab]:
    """The host with nothing of golden's, before and after."""
    one = Lab(shared, tmp_path)
    yield one
    shared.clear_rules()
    one.forget(Desk(tmp_path))


@pytest.mark.parametrize(("point", "after"), UPDATE_RESUMED)
def test_a_killed_update_is_resumed(lab: Lab, point: str, after: str) -> None:
    """Resume makes the version, with the driver in its store exactly once."""
    place = lab.killed("update", UPDATE, point, after)
    place.does("resume")
    log = lab.check(place, versions=2)
    assert [one["inf"] for one in log["versions"][1]["facts"]["drivers"]].count("goldennet.inf") == 1


@pytest.mark.parametrize(("point", "after"), UPDATE_CANCELLED)
def test_a_killed_update_is_cancelled(lab: Lab, point: str, after: str) -> None:
    """Cancel leaves the reference as it was, and nothing else."""
    place = lab.killed("update", UPDATE, point, after)
    place.does("cancel", "-y")
    lab.check(place, versions=1)


@pytest.mark.parametrize(("point", "after"), CAPTURE_RESUMED)
def test_a_killed_capture_is_resumed(lab: Lab, point: str, after: str) -> None:
    """Resume makes one sealed image."""
    place = lab.killed("capture", CAPTURE, point, after)
    place.does("resume")
    (image,) = lab.check(place, versions=1, images=1)["images"]
    assert image["state"] == "SEALED"


@pytest.mark.parametrize(("point", "after"), CAPTURE_CANCELLED)
def test_a_killed_capture_is_cancelled(lab: Lab, point: str, after: str) -> None:
    """Cancel leaves no image."""
    place = lab.killed("capture", CAPTURE, point, after)
    place.does("cancel", "-y")
    lab.check(place, versions=1)


@pytest.mark.parametrize(
    "call",
    ["New-VHD", "New-VM", "Set-VM", "Start-VM", "Remove-VM", "Test-VHD", "Get-FileHash", "Invoke-Command"],
)
def test_the_hosts_remoting_is_killed_during_an_update(lab: Lab, call: str) -> None:
    """The server's process goes with every session and comes back; golden goes on, or resume does."""
    place = lab.desk("update")
    lab.peer.rule(call, "kill-after")
    going = place.begin(*UPDATE)
    going.until(lambda: not lab.peer.unmet(), f"{call} to kill the server")
    lab.peer.restart_server()
    ran = going.end()
    if ran.code:
        assert place.open_jobs(), ran.said
        place.does("resume")
    lab.check(place, versions=2)


@pytest.mark.parametrize("call", ["New-VHD", "New-VM", "Invoke-CimMethod", "Get-FileHash"])
def test_the_hosts_remoting_is_killed_during_a_capture(lab: Lab, call: str) -> None:
    """The same for an image."""
    place = lab.desk("capture")
    lab.peer.rule(call, "kill-after")
    going = place.begin(*CAPTURE)
    going.until(lambda: not lab.peer.unmet(), f"{call} to kill the server")
    lab.peer.restart_server()
    ran = going.end()
    if ran.code:
        assert place.open_jobs(), ran.said
        place.does("resume")
    lab.check(place, versions=1, images=1)
