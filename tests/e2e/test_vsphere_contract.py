"""vSphere keeps every promise of the provider contract, against govmomi's simulator behind our proxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from golden.testing.contract import Ground, Promise, promises
from tests.e2e.vsphere_bench import VsphereBench, endpoint
from tests.peers.vsphere.peer import vcenter

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("vsphere contract")]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One vCenter for all promises."""
    folder = tmp_path_factory.mktemp("vsphere")
    with vcenter(folder / "vcenter") as peer:
        seeded = peer.seed("win2022", disks=(1,))
        place = endpoint(peer, folder / "secrets", proof="export")
        ground = Ground(VsphereBench(place, folder / "state", seeded.name))
        yield ground
        assert ground.clear() == ()


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.__name__)
def test_the_promise_is_kept(promise: Promise, ground: Ground) -> None:
    """The promise is kept by vSphere."""
    promise(ground)
