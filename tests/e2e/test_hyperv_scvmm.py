"""SCVMM's library keeps every promise of the library contract, against the peer: images on the host, and streamed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from golden.testing.library_contract import PROMISES, LibraryGround, LibraryPromise
from tests.e2e.hyperv_bench import endpoint
from tests.e2e.hyperv_library_bench import on_the_host, streamed
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.vmm import Vmm

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv scvmm")]


BENCHES = [
    pytest.param(on_the_host, id="on the host"),
    pytest.param(streamed, id="streamed", marks=pytest.mark.thorough),  # what differs is in the tests of faults
]


@pytest.fixture(scope="module", params=BENCHES)
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LibraryGround]:
    """One host with a VMM server; its imports take long enough to be cut off."""
    folder = tmp_path_factory.mktemp("hyperv")
    with Peer(folder / "host") as peer:
        vmm = Vmm.install(peer, seconds=0.2)
        ground = LibraryGround(request.param(peer, folder, endpoint(peer, folder / "secrets")))
        yield ground
        assert ground.clear() == ()
        assert (vmm.files(), vmm.read()["disks"], vmm.read()["templates"]) == ([], {}, {})
        left = peer.drive("C:\\golden\\publishing")
        assert not left.exists() or list(left.iterdir()) == []


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_the_promise_is_kept(promise: LibraryPromise, ground: LibraryGround) -> None:
    """The promise is kept by the library."""
    promise(ground)
