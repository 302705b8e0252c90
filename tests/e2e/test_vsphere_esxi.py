"""golden on a single ESXi host, as a user types it: everything but publishing, with full copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.vsphere_desk import SOURCE, vsphere_desk
from tests.peers.vsphere.seeding import VM

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("vsphere esxi")]


@pytest.mark.thorough
def test_a_reference_lives_on_a_single_host(tmp_path: Path) -> None:
    """Adopted, updated, captured and verified; no disk stands on another; publishing says what a host has not."""
    with vsphere_desk(tmp_path, esx=True) as place:
        place.does("adopt", "win2022", "--from", SOURCE, "--os", "windows")
        place.does("update", "--add", "drivers/goldennet.inf")
        place.does("capture", "--answer-file", "answers.xml")
        (image,) = place.log()["images"]
        assert [form["format"] for form in image["forms"]] == ["vsphere-machine"]
        assert [one["state"] for one in place.log()["versions"]] == ["VIRGIN", "VIRGIN"]
        place.does("verify", "--deep")
        place.fails(2, "publish", "win2022@i1", "--to", "templates", saying=("single ESXi host",))
        told = place.does("endpoint", "check", "vc", "-o", "json").data["findings"]
        assert "images stay machines" in next(one["sentence"] for one in told if one["id"] == "esxi")
        assert set(place.peer.machines()) == {
            SOURCE,
            image["name"],
            *(version["snapshot"]["machine"] for version in place.log()["versions"]),
        }
        devices = [place.peer.world.disks.chains(moid) for moid in place.peer.machines().values()]
        assert max(len({name.rpartition("/")[0] for name in chain}) for chains in devices for chain in chains) == 1
        image_moid = place.peer.machines()[image["name"]]
        assert place.peer.world.upstream.texts(VM, image_moid, "config.template")["config.template"] == "false"
        assert place.running() == []
        place.does("gc")
