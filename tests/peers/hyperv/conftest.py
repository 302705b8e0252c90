"""One host for each module of tests, and sessions on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers.hyperv.client import Client, connected
from tests.peers.hyperv.peer import Peer


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One host for the tests of this module; each makes machines of its own."""
    with Peer(tmp_path_factory.mktemp("hyperv") / "peer") as made:
        yield made


@pytest.fixture
def run(peer: Peer) -> Iterator[Client]:
    """A session by pypsrp."""
    with connected(peer) as made:
        yield made
    peer.clear_rules()
