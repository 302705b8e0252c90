"""A trial has a folder of its own at vCenter, which goes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden import plugins
from golden.errors import Conflict
from golden.model import Mark, Origin, Role
from golden.provider import Endpoint, Hypervisor, Scope
from golden_vsphere import PROVIDER
from tests.e2e.vsphere_bench import endpoint
from tests.peers.vsphere.client import connected
from tests.peers.vsphere.peer import Peer

MARK = Mark(Role.VERSION, "job-1", "win2022", "here")


def adopted(place: Endpoint, scope: Scope, where: str) -> Hypervisor:
    """A connection that has made one machine."""
    opened = PROVIDER.open(place, scope)
    opened.adopt("tried", Origin("machine", where), MARK, in_place=False)
    return opened


def folders(peer: Peer) -> int:
    """How many of a trial's there are."""
    with connected(peer) as client:
        found = client.content.searchIndex.FindByInventoryPath("/DC0/vm")
        names = [client.read(one, "name")["name"] for one in client.read(found, "childEntity")["childEntity"]]
    return len([name for name in names if name.startswith("golden-selftest-")])


def test_a_trials_folder_goes_with_it(peer: Peer, tmp_path: Path) -> None:
    """It lies beside golden's own, where nothing of the trial is seen."""
    where, scope = peer.seed("tried-by-users", state=None).name, Scope("selftest", tmp_path / "state")
    given = endpoint(peer, tmp_path / "s")
    with plugins.scratch(given, scope) as place:
        assert place.url.startswith(f"{given.url}-selftest-")
        opened = adopted(place, scope, where)
        own = PROVIDER.open(given, scope)
        assert ([one.name for one in opened.list_marked()], own.list_marked()) == (["tried"], ())
        assert folders(peer) == 1
        machine = opened.find("tried")
        assert machine is not None
        opened.destroy(machine)
        for one in (opened, own):
            one.close()
    assert folders(peer) == 0


def test_a_folder_with_a_machine_in_it_stays(peer: Peer, tmp_path: Path) -> None:
    """A folder that is destroyed takes its machines along, so it is named instead; what ended the trial comes first."""
    where, scope = peer.seed("kept-by-users", state=None).name, Scope("selftest", tmp_path / "state")
    given = endpoint(peer, tmp_path / "s")
    with pytest.raises(Conflict, match="machines lie in it") as caught, plugins.scratch(given, scope) as place:
        adopted(place, scope, where).close()
    assert caught.value.details == "tried"
    with pytest.raises(ZeroDivisionError), plugins.scratch(given, scope) as place:
        adopted(place, scope, where).close()
        raise ZeroDivisionError
    assert folders(peer) == 2
