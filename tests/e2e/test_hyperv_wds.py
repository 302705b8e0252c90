"""An image group of WDS keeps every promise of the library contract, against the peer, with real WIMs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from golden.testing.library_contract import PROMISES, LibraryGround, LibraryPromise
from tests.e2e.hyperv_bench import endpoint
from tests.e2e.hyperv_deployment_bench import WdsBench
from tests.peers.hyperv.deployment import Wds
from tests.peers.hyperv.peer import Peer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv wds")]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LibraryGround]:
    """One host with WDS."""
    folder = tmp_path_factory.mktemp("hyperv")
    with Peer(folder / "host") as peer:
        Wds.install(peer.folder, seconds=0.1)
        bench = WdsBench(endpoint(peer, folder / "secrets"), folder / "state", peer.folder)
        ground = LibraryGround(bench)
        yield ground
        assert ground.clear() == ()
        assert bench.left() == []


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_the_promise_is_kept(promise: LibraryPromise, ground: LibraryGround) -> None:
    """The promise is kept by the library."""
    promise(ground)
