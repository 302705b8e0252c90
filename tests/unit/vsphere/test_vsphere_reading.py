"""Frozen disks that are read over the datastore's HTTP: streams that break, sessions that end, and what was renamed."""

from __future__ import annotations

import hashlib
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.errors import EndpointError, Refused, Unreachable
from golden.model import Snapshot
from golden.provider import Hypervisor
from golden.waiting import Silent
from golden_vsphere.frozen import Reading
from tests.peers.vsphere.datafiles import LAYOUT
from tests.peers.vsphere.disks import SNAPSHOT
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.world import Times
from tests.unit.vsphere.conftest import Opening
from tests.unit.vsphere.stage import Stage

pytestmark = pytest.mark.slow

FILES = "GET /folder/.*"
CALL = "CreatePropertyCollector"
"""What keeps a session."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A vCenter with one user's machine, whose disk holds something."""
    with vcenter(tmp_path_factory.mktemp("vsphere") / "vcenter", times=Times(idle=600)) as peer:
        peer.seed("theirs", disks=(1,))
        yield peer


@pytest.fixture
def stage(peer: Peer, opening: Opening) -> Iterator[Stage]:
    """With a frozen machine."""
    stage = Stage(opening(), "theirs")
    stage.point()
    yield stage
    peer.world.front.ranges = True
    stage.clear()


POINT = Snapshot("base", "v1")


class Told(Silent):
    """What was shown of a transfer."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int]] = []

    def progress(self, what: str, done: int, total: int) -> None:
        """Remember it."""
        del what
        self.shown.append((done, total))


def extent(peer: Peer, hypervisor: Hypervisor) -> tuple[str, Path]:
    """The name of the frozen disk's extent, and where it lies."""
    moid = vars(hypervisor)["machines"].find("base").seen.moid
    (chain, *_) = peer.world.disks.chains(moid)
    name = chain[-1].removesuffix(".vmdk") + "-flat.vmdk"
    return name, peer.world.data.place(name)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_stream_that_breaks_goes_on_where_it_broke(peer: Peer, stage: Stage, ranges: bool) -> None:
    """By a range of the file, or past its beginning where the server gives none; the hash is that of the whole file."""
    name, file = extent(peer, stage.hypervisor)
    before, told = len(peer.requests()), Told()
    peer.world.front.ranges = ranges
    peer.rule("GET /folder/.*-flat.vmdk", "break", times=3 if ranges else 1)
    digest = hashlib.sha256()
    reading = Reading(vars(stage.hypervisor)["places"], told)
    assert reading.add(name, digest, file.stat().st_size) == file.stat().st_size
    assert digest.hexdigest() == hashlib.sha256(file.read_bytes()).hexdigest()
    asked = [one for one in peer.requests()[before:] if one.call.startswith("GET /folder")]
    assert [one.status for one in asked] == ([200, 206, 206, 206] if ranges else [200, 200])
    assert told.shown[-1] == (file.stat().st_size, file.stat().st_size)
    assert sorted(told.shown) == told.shown


def test_a_stream_that_always_breaks_is_told(peer: Peer, stage: Stage) -> None:
    """Unreachable by the file's name, after a few times in which nothing came."""
    name, _ = extent(peer, stage.hypervisor)
    peer.rule(FILES, "drop-before", times=0)
    with pytest.raises(Unreachable, match=r"flat\.vmdk"):
        Reading(vars(stage.hypervisor)["places"], Silent()).add(name, hashlib.sha256(), 0)


def test_a_session_that_ended_meanwhile_is_no_missing_right(peer: Peer, stage: Stage) -> None:
    """Before a file, and between the look and the file: golden logs in again, and reads all of it."""
    was = stage.hypervisor.digest(POINT)
    peer.rule(FILES, "expire", nth=2)
    logins = len(peer.requests("Login"))
    assert stage.hypervisor.digest(POINT) == was
    assert len(peer.requests("Login")) == logins + 1
    assert peer.world.rules.unmet() == []


def test_a_session_is_kept_while_files_are_read(peer: Peer, stage: Stage) -> None:
    """By a call before each file, and by one now and then while its bytes come."""
    name, _ = extent(peer, stage.hypervisor)
    places = vars(stage.hypervisor)["places"]
    for keep, most, least in ((600.0, 1, 1), (0.0, 1000, 2)):
        before = len(peer.requests(CALL))
        Reading(places, Silent(), keep).add(name, hashlib.sha256(), 0)
        assert least <= len(peer.requests(CALL)) - before <= most


def test_only_a_refusal_is_called_one(peer: Peer, stage: Stage) -> None:
    """HTTP 403 names the rights; 401 that stays is the endpoint's fault."""
    peer.rule(FILES, "http", status=403)
    with pytest.raises(Refused, match="may not read") as caught:
        stage.hypervisor.digest(POINT)
    assert "Datastore.FileManagement" in (caught.value.details or "")
    peer.rule(FILES, "http", status=401, times=2)
    with pytest.raises(EndpointError, match="does not give") as failed:
        stage.hypervisor.digest(POINT)
    assert not isinstance(failed.value, Refused)
    assert "session lives" in (failed.value.details or "")


def test_a_machine_that_lies_elsewhere_is_the_same(peer: Peer, stage: Stage) -> None:
    """Its datastore was renamed, or it was moved to another one while it is off: its files' names change, no stamp."""
    was = stage.hypervisor.identity(POINT), stage.hypervisor.digest(POINT)
    world, machines = peer.world, vars(stage.hypervisor)["machines"]
    held = machines.find("base")
    snapshot = held.points[0].native._moId
    before = world.disks.devices(snapshot, SNAPSHOT)
    name, file = extent(peer, stage.hypervisor)
    here, other = ("LocalDS_0", "LocalDS_1") if "LocalDS_0" in name else ("LocalDS_1", "LocalDS_0")
    layout = world.upstream.properties(VM, held.seen.moid, LAYOUT)[LAYOUT]
    try:
        shutil.copytree(file.parent, world.data.place(name.replace(here, other)).parent, dirs_exist_ok=True)
        moved = ET.tostring(before, encoding="unicode").replace(here, other)
        world.disks.put(snapshot, ET.fromstring(moved), SNAPSHOT)
        files = ET.tostring(layout, encoding="unicode").replace(here, other)
        world.upstream.change(VM, held.seen.moid, {LAYOUT: files})
        seen = len(peer.requests())
        assert (stage.hypervisor.identity(POINT), stage.hypervisor.digest(POINT)) == was
        assert [one for one in peer.requests()[seen:] if one.call.startswith("GET /folder")]
    finally:
        world.disks.put(snapshot, before, SNAPSHOT)
        world.upstream.change(VM, held.seen.moid, {LAYOUT: ET.tostring(layout, encoding="unicode")})
