"""Hyper-V keeps every promise of the provider contract, over WSMan and over SSH, against the peer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from golden.testing.contract import Ground, Promise, promises
from tests.e2e.hyperv_bench import HyperVBench, endpoint, ssh_endpoint
from tests.peers.hyperv.peer import Peer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv contract")]


@pytest.fixture(scope="module", params=["wsman", "ssh"])
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One host for all promises of a transport."""
    folder = tmp_path_factory.mktemp("hyperv")
    with Peer(folder / "host") as peer:
        seeded = peer.seed("win2022")
        reached = (endpoint if request.param == "wsman" else ssh_endpoint)(peer, folder / "secrets")
        ground = Ground(HyperVBench(reached, folder / "state", seeded.name))
        yield ground
        assert ground.clear() == ()


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.__name__)
def test_the_promise_is_kept(promise: Promise, ground: Ground) -> None:
    """The promise is kept by Hyper-V."""
    promise(ground)
