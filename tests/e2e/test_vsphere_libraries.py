"""vCenter's three places to publish to keep every promise of the library contract, against the peer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from golden.testing.library_contract import PROMISES, LibraryGround, LibraryPromise
from tests.e2e.vsphere_library_bench import STORE, URLS, add_library, shelf
from tests.peers.vsphere.peer import vcenter
from tests.peers.vsphere.world import Times

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("vsphere libraries")]


@pytest.fixture(scope="module", params=URLS)
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LibraryGround]:
    """One vCenter for the promises of one library; its tasks take long enough to be cut off."""
    folder = tmp_path_factory.mktemp("vsphere")
    with vcenter(folder / "vcenter", times=Times(task=0.2)) as peer:
        add_library(peer, STORE)
        ground = LibraryGround(shelf(peer, folder, request.param))
        yield ground
        assert ground.clear() == ()
        assert peer.world.libraries.items == {}


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_the_promise_is_kept(promise: LibraryPromise, ground: LibraryGround) -> None:
    """The promise is kept by the library."""
    promise(ground)
