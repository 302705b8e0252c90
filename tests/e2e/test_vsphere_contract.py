"""vSphere keeps every promise of the provider contract, against govmomi's simulator behind our proxy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A single ESXi host for all promises: no folders, no templates, full copies only."""
    folder = tmp_path_factory.mktemp("esxi")
    with vcenter(folder / "host", esx=True) as peer:
        seeded = peer.seed("win2022", disks=(1,))
        place = replace(endpoint(peer, folder / "secrets"), url=f"vsphere://{peer.host}:{peer.port}")
        ground = Ground(VsphereBench(place, folder / "state", seeded.name, name="an ESXi host"))
        yield ground
        assert ground.clear() == ()
        assert set(peer.machines()) == {"win2022"}


@pytest.mark.thorough
@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.__name__)
def test_the_promise_is_kept_by_a_single_host(promise: Promise, host: Ground) -> None:
    """The promise is kept by ESXi without a vCenter."""
    promise(host)
