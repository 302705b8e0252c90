"""A vCenter of the test's own module, and connections to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from golden.provider import Hypervisor, Scope
from golden_vsphere import PROVIDER
from tests.e2e.vsphere_bench import endpoint
from tests.peers.vsphere.peer import Peer, vcenter

Opening = Callable[..., Hypervisor]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One vCenter for a module; it starts in about a second."""
    with vcenter(tmp_path_factory.mktemp("vsphere") / "vcenter") as peer:
        yield peer


@pytest.fixture
def peer(shared: Peer) -> Iterator[Peer]:
    """The module's vCenter, where nothing goes wrong before or after the test."""
    shared.world.rules.clear()
    yield shared
    shared.world.rules.clear()


@pytest.fixture
def opening(peer: Peer, tmp_path: Path) -> Iterator[Opening]:
    """Opens connections with options of the test's; they are closed at its end."""
    opened: list[Hypervisor] = []

    def open_one(**options: str) -> Hypervisor:
        one = PROVIDER.open(endpoint(peer, tmp_path / "secrets", **options), Scope("job-1", tmp_path / "state"))
        opened.append(one)
        return one

    yield open_one
    peer.world.rules.clear()
    for one in opened:
        one.close()
