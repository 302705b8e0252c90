"""
golden killed with kill -9 while it updates and captures on a Hyper-V host, and the host's own process killed.

Each point is an entry of the job's journal, a line golden had just said, or a command that the host is carrying out.
One project sees them all, one after the other, so that what one leaves behind is met by the next. What must be true
afterwards is the same everywhere: all of it or nothing, once, and not a file or machine too many on the host.

Each takes as long as several boots. ``make test`` has one of each kind, beside the cheap ones of single verbs, in the
contract and in test_hyperv_bad_luck, and of publishing, in test_hyperv_scvmm_faults; the others are thorough.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.bench import MATERIAL, Before, Desk, before, kill_at
from tests.peers.hyperv.peer import Peer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv killed")]

UPDATE = ("update", "win2022", "--add", "drivers/goldennet.inf")
CAPTURE = ("capture", "win2022", "--answer-file", "answers.xml")
THOROUGH = pytest.mark.thorough

# point, what comes before it ("said" and "call" name the kind of other points)
UPDATE_RESUMED = [
    pytest.param("own a1-clone", "done number", marks=THOROUGH),
    ("New-VM", "call"),
    pytest.param("waiting for the guest", "said", marks=THOROUGH),
    pytest.param("driver goldennet.inf", "said", marks=THOROUGH),
    pytest.param("Remove-VM", "call", marks=THOROUGH),
    pytest.param("start record", "owned a1-looking", marks=THOROUGH),
]
UPDATE_CANCELLED = [
    pytest.param("owned a1-clone", "own a1-clone", marks=THOROUGH),
    ("reading the guest's state inside it", "said"),
]
CAPTURE_RESUMED = [
    pytest.param("sysprep is generalizing the clone", "said", marks=THOROUGH),
    pytest.param("Invoke-CimMethod", "call", marks=THOROUGH),
    pytest.param("done record", "owned a1-image", marks=THOROUGH),
]
CAPTURE_CANCELLED = [
    pytest.param("own a1-image", "done generalize", marks=THOROUGH),
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
class HyperVDesk(Desk):
    """A project with the reference win2022, and the host it works on."""

    peer: Peer

    def called(self, call: str) -> int:
        """How often golden has run a command there."""
        return len(self.peer.requests(call))

    def assert_clean(self) -> None:
        """Nothing is wrong, half-done or on; the host has what the catalog names, and nothing more of golden's."""
        told = self.golden("doctor", "-o", "json")
        assert told.code == 0, told.said
        assert [one for one in told.data["findings"] if one["severity"] == "error"] == []
        assert self.open_jobs() == []
        log = self.log()
        machines = {one["snapshot"]["machine"] for one in log["versions"]}
        there = self.peer.drive("C:\\golden\\machines")
        assert {path.name.removesuffix(".golden.json") for path in there.iterdir()} == machines
        kept = self.peer.drive("C:\\golden\\images")
        names = {path.name.split(".")[0] for path in kept.iterdir()} if kept.exists() else set()
        assert names == {one["name"] for one in log["images"]}
        assert [one["name"] for one in self.peer.world.machines()] == ["win2022-origin"]

    def assert_secret(self) -> None:
        """No password is in anything that golden wrote, nor in the host's log of requests."""
        files = [path for path in self.path.rglob("*") if path.is_file() and not path.name.endswith("password")]
        for secret in (self.peer.password, self.peer.guest_password):
            for path in (*files, self.peer.folder / "requests.jsonl"):
                assert secret.encode() not in path.read_bytes(), path


@pytest.fixture(scope="module")
def only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HyperVDesk]:
    """One project on one host."""
    folder = tmp_path_factory.mktemp("killed")
    with Peer(folder / "host") as peer:
        peer.seed("win2022-origin")
        path = folder / "project"
        (path / "drivers").mkdir(parents=True)
        for one in MATERIAL.glob("goldennet.*"):
            shutil.copyfile(one, path / "drivers" / one.name)
        shutil.copyfile(MATERIAL / "answers.xml", path / "answers.xml")
        for file, secret in (("password", peer.password), ("guest-password", peer.guest_password)):
            (path / file).write_text(secret)
        (path / "golden.toml").write_text(TOML.format(peer=peer))
        place = HyperVDesk(path, peer)
        place.does("adopt", "win2022", "--from", "win2022-origin", "--os", "windows")
        yield place
        place.assert_secret()


@pytest.fixture
def place(only: HyperVDesk) -> HyperVDesk:
    """The same, with no job open, and the first version as the head: chains stay short."""
    only.peer.clear_rules()
    only.golden("cancel", "--all", "-y")
    if len(only.log()["versions"]) > 1:
        only.does("rollback", "win2022@v1", "-y")
    number = len(only.log()["versions"]) + 1
    inf = only.path / "drivers/goldennet.inf"
    inf.write_text(re.sub(r"1\.0\.0\.\d+", f"1.0.0.{number}", inf.read_text()))  # a change that is none is refused
    return only


def check(place: HyperVDesk, was: Before, *, versions: int = 0, images: int = 0) -> Any:
    """So many more versions and images than before, those before as they were, and nothing else. The lineage."""
    log = place.log()
    assert len(log["versions"]) == len(was.versions) + versions
    assert len(log["images"]) == len(was.images) + images
    for version in log["versions"]:
        assert version["state"] == "VIRGIN"
        assert was.versions.get(version["number"], version["disks"]) == version["disks"]
    place.assert_clean()
    place.does("verify", "win2022", "--deep")
    return log


def kill(place: HyperVDesk, order: tuple[str, ...], point: str, after: str) -> None:
    """golden, killed at a point of an order."""
    calls = place.called(point) if after == "call" else 0
    going = place.begin(*order)
    if after == "call":
        going.until(lambda: place.called(point) > calls, f"calling {point}")
        going.kill()
    elif after == "said":
        going.until_said(point)
        going.kill()
    else:
        assert kill_at(going, place, point, after), f"golden could not be killed at {point!r}: it was over"
    assert place.open_jobs(), f"golden was over before {point!r}"


@pytest.mark.parametrize(("point", "after"), UPDATE_RESUMED)
def test_a_killed_update_is_resumed(place: HyperVDesk, point: str, after: str) -> None:
    """Resume makes the version, with the driver in its store exactly once."""
    was = before(place)
    kill(place, UPDATE, point, after)
    place.does("resume")
    newest = check(place, was, versions=1)["versions"][-1]
    assert [one["inf"] for one in newest["facts"]["drivers"]].count("goldennet.inf") == 1


@pytest.mark.parametrize(("point", "after"), UPDATE_CANCELLED)
def test_a_killed_update_is_cancelled(place: HyperVDesk, point: str, after: str) -> None:
    """Cancel leaves the reference as it was, and nothing else."""
    was = before(place)
    kill(place, UPDATE, point, after)
    place.does("cancel", "-y")
    check(place, was)


@pytest.mark.parametrize(("point", "after"), CAPTURE_RESUMED)
def test_a_killed_capture_is_resumed(place: HyperVDesk, point: str, after: str) -> None:
    """Resume makes one sealed image."""
    was = before(place)
    kill(place, CAPTURE, point, after)
    place.does("resume")
    assert check(place, was, images=1)["images"][-1]["state"] == "SEALED"


@pytest.mark.parametrize(("point", "after"), CAPTURE_CANCELLED)
def test_a_killed_capture_is_cancelled(place: HyperVDesk, point: str, after: str) -> None:
    """Cancel leaves no image."""
    was = before(place)
    kill(place, CAPTURE, point, after)
    place.does("cancel", "-y")
    check(place, was)


# The command during which the process of PowerShell remoting on the host is killed, and which of golden's orders.
KILLED_THERE = [
    pytest.param("New-VHD", UPDATE, marks=THOROUGH),
    pytest.param("New-VM", UPDATE, marks=THOROUGH),
    pytest.param("Set-VM", UPDATE, marks=THOROUGH),
    pytest.param("Set-VMFirmware", UPDATE, marks=THOROUGH),
    ("Start-VM", UPDATE),
    pytest.param("Invoke-Command", UPDATE, marks=THOROUGH),
    pytest.param("Remove-VM", UPDATE, marks=THOROUGH),
    pytest.param("Test-VHD", UPDATE, marks=THOROUGH),
    pytest.param("Remove-Item", UPDATE, marks=THOROUGH),
    pytest.param("Invoke-CimMethod", CAPTURE, marks=THOROUGH),
    pytest.param("New-VM", CAPTURE, marks=THOROUGH),
    pytest.param("Get-FileHash", CAPTURE, marks=THOROUGH),
]


@pytest.mark.parametrize(("call", "order"), KILLED_THERE, ids=lambda one: one if isinstance(one, str) else one[0])
def test_the_hosts_process_is_killed(place: HyperVDesk, call: str, order: tuple[str, ...]) -> None:
    """It goes with every session and comes back; golden goes on, or resume does."""
    was = before(place)
    place.peer.rule(call, "kill-after")
    going = place.begin(*order)
    going.until(lambda: not place.peer.unmet(), f"{call} to kill the server")
    place.peer.restart_server()
    ran = going.end()
    if ran.code and place.open_jobs():
        place.does("resume")
    elif ran.code:  # What failed and took everything away is tried again.
        place.does(*order)
    check(place, was, versions=int(order is UPDATE), images=int(order is CAPTURE))
