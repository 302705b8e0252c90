"""Hyper-V keeps every promise of the provider contract, over WSMan and over SSH, against the peer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from golden.testing.contract import Ground, Promise, promises
from tests.e2e.hyperv_bench import HyperVBench, endpoint, ssh_endpoint
from tests.peers.hyperv.peer import Peer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv contract")]


QUICK_BY_SSH = ("a_clone_is_off_settled_and_marked", "a_session_runs_and_pushes", "an_image_stands_alone")
"""The others differ in nothing that a transport could spoil and these would not; all of them are tried thoroughly."""


def tried() -> Iterator[Any]:
    """Every promise over both transports."""
    for promise in promises():
        yield pytest.param("wsman", promise, id=f"wsman-{promise.__name__}")
    for promise in promises():
        marks = () if promise.__name__ in QUICK_BY_SSH else (pytest.mark.thorough,)
        yield pytest.param("ssh", promise, id=f"ssh-{promise.__name__}", marks=marks)


@pytest.fixture(scope="module")
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One host for all promises of a transport."""
    folder = tmp_path_factory.mktemp("hyperv")
    with Peer(folder / "host") as peer:
        seeded = peer.seed("win2022")
        reached = (endpoint if request.param == "wsman" else ssh_endpoint)(peer, folder / "secrets")
        ground = Ground(HyperVBench(reached, folder / "state", seeded.name))
        yield ground
        assert ground.clear() == ()


@pytest.mark.parametrize(("ground", "promise"), list(tried()), indirect=["ground"])
def test_the_promise_is_kept(promise: Promise, ground: Ground) -> None:
    """The promise is kept by Hyper-V."""
    promise(ground)
