"""WDS, MDT and Configuration Manager keep every promise of the library contract, against the peer, with real WIMs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from golden.testing.library_contract import PROMISES, LibraryGround, LibraryPromise
from tests.e2e.hyperv_bench import endpoint
from tests.e2e.hyperv_deployment_bench import ConfigMgrBench, Made, MdtBench, WdsBench, installed
from tests.peers.hyperv.peer import Peer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv deployment contract")]

BENCHES = (
    pytest.param(WdsBench, id="wds"),
    pytest.param(Made, id="wds of vhdx"),
    pytest.param(MdtBench, id="mdt", marks=pytest.mark.thorough),  # its own scripts: test_hyperv_deployment
    pytest.param(ConfigMgrBench, id="configmgr", marks=pytest.mark.thorough),
)


@pytest.fixture(scope="module", params=BENCHES)
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LibraryGround]:
    """One host with all of them."""
    folder = tmp_path_factory.mktemp("hyperv")
    with Peer(folder / "host") as peer:
        installed(peer.folder, seconds=0.2)
        bench = request.param(endpoint(peer, folder / "secrets"), folder / "state", peer.folder)
        ground = LibraryGround(bench)
        yield ground
        assert ground.clear() == ()
        assert bench.left() == []


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_the_promise_is_kept(promise: LibraryPromise, ground: LibraryGround) -> None:
    """The promise is kept by the library."""
    promise(ground)
