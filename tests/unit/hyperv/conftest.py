"""A Hyper-V host of the test's own module, and connections to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from golden.provider import Hypervisor, Scope
from golden_hyperv import PROVIDER
from tests.e2e.hyperv_bench import endpoint
from tests.peers.hyperv.peer import Peer

Opening = Callable[..., Hypervisor]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One host for a module."""
    with Peer(tmp_path_factory.mktemp("hyperv") / "host") as peer:
        yield peer


@pytest.fixture
def peer(shared: Peer) -> Iterator[Peer]:
    """The module's host, where nothing goes wrong before or after the test."""
    shared.clear_rules()
    yield shared
    shared.clear_rules()


@pytest.fixture
def opening(tmp_path: Path, peer: Peer) -> Iterator[Opening]:
    """Opens connections with options of the test's; they are closed at its end."""
    opened: list[Hypervisor] = []

    def open_one(at: Peer | None = None, **options: str) -> Hypervisor:
        reached = endpoint(at or peer, tmp_path / "secrets", **options)
        one = PROVIDER.open(reached, Scope("job-1", tmp_path / "state"))
        opened.append(one)
        return one

    yield open_one
    peer.clear_rules()
    for one in opened:
        one.close()
