"""One vCenter for each module of tests, and sessions in it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.peers.vsphere.client import Client, connected, rest
from tests.peers.vsphere.peer import Peer, vcenter


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One vCenter for the tests of this module; each seeds machines of its own."""
    with vcenter(tmp_path_factory.mktemp("vcenter") / "peer") as made:
        yield made


@pytest.fixture
def client(peer: Peer) -> Iterator[Client]:
    """A session."""
    with connected(peer) as made:
        yield made
    peer.world.rules.clear()


@pytest.fixture
def web(peer: Peer) -> Iterator[httpx.Client]:
    """A REST session."""
    with rest(peer) as made:
        yield made
    peer.world.rules.clear()
