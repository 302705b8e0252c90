"""From a disk on this computer to WDS on a Windows server, by golden's own command line; no guest is booted for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import bench
from tests.e2e.bench import Desk
from tests.e2e.hyperv_bench import endpoint
from tests.peers.hyperv.deployment import Wds
from tests.peers.hyperv.peer import Peer
from tests.unit.disk.disks import Windows

pytestmark = [pytest.mark.slow]


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    """A server with WDS."""
    with Peer(tmp_path / "host") as made:
        Wds.install(made.folder)
        yield made


@pytest.fixture
def desk(tmp_path: Path, peer: Peer) -> Desk:
    """A project with a reference on this computer, and the server's image group as a library."""
    place = bench.empty(tmp_path / "project")
    reached = endpoint(peer, tmp_path / "secrets")
    options = "\n".join(f"{name} = {json.dumps(value)}" for name, value in reached.options.items())
    settings = place.path / "golden.toml"
    settings.write_text(
        f'{settings.read_text("utf-8")}\n[endpoints.hv]\nurl = "{reached.url}"\n{options}\n'
        '[libraries.wds]\nurl = "wds:Golden%20images?endpoint=hv"\n',
        "utf-8",
    )
    disk = Windows().disk(tmp_path)
    place.does("adopt", "win2022", "--from", str(disk), "--os", "windows", "--endpoint", "local")
    return place


def test_an_image_of_libvirt_is_deployed_by_wds(desk: Desk, peer: Peer) -> None:
    """Captured as a WIM, published, listed, verified; the newer one retires the older; prune takes it away."""
    wds = Wds(peer.folder)
    first = desk.does("capture", "win2022", "--seal", "none", "--form", "wim", "--to", "wds", "-o", "json").data
    assert [one["library"] for one in first["publications"]] == ["wds"]
    assert [each["enabled"] for each in wds.read()["images"]] == [True]
    assert wds.read()["images"][0]["description"].startswith("NOT GENERALIZED. win2022 image 1")
    desk.does("capture", "win2022", "--seal", "none", "--form", "wim", "-o", "json")
    desk.does("publish", "win2022@i2", "--to", "wds")
    assert sorted(each["enabled"] for each in wds.read()["images"]) == [False, True]
    desk.does("verify", "win2022", "--deep")
    desk.does("doctor")


def test_an_image_without_a_wim_is_told_how_to_get_one(desk: Desk, peer: Peer) -> None:
    """A qcow2 is not taken; the error names the forms there are and the way to another."""
    desk.does("capture", "win2022", "--seal", "none")
    ran = desk.golden("publish", "win2022@i1", "--to", "wds")
    assert ran.code == 2, ran.said
    assert "takes wim, vhdx" in ran.err
    assert "qcow2" in ran.err
    assert "hint: golden capture win2022 --form wim" in ran.err
    assert Wds(peer.folder).read()["images"] == []
