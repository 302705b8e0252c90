"""A libvirt daemon, here and behind SSH, keeps every promise of the provider contract, on volumes of a storage pool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from golden.demo.standin.build import StandIn, build
from golden.guest.dialect import Dialect
from golden.model import Origin
from golden.provider import Endpoint, Hypervisor, Scope
from golden.testing.contract import Ground, Promise, promises
from golden.windows.dialect import WindowsDialect
from golden_libvirt import PROVIDER
from tests.e2e.libvirt_daemon import daemon, pool, ssh
from tests.e2e.libvirt_standin import cache, standin_origin

pytestmark = [pytest.mark.slow, pytest.mark.daemon]


@dataclass(frozen=True)
class DaemonBench:
    """The stand-in guest in one storage pool."""

    state: Path
    standin: StandIn
    pool: str
    url: str
    name: str = "libvirt daemon"
    patience: float = 90
    dialect: Dialect = field(default_factory=WindowsDialect)

    def open(self) -> Hypervisor:
        """One more connection."""
        endpoint = Endpoint("here", self.url, {"pool": self.pool})
        return PROVIDER.open(endpoint, Scope("selftest", self.state))

    def origin(self) -> Origin:
        """The stand-in's disk with its kernel."""
        return standin_origin(self.standin)

    def exits(self, code: int) -> tuple[str, ...]:
        """A Windows program that ends with a code."""
        return ("cmd.exe", "/c", f"exit {code}")


@pytest.fixture(scope="module", params=["here", pytest.param("behind SSH", marks=pytest.mark.thorough)])
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One storage pool for all promises."""
    with ExitStack() as stack:
        stack.enter_context(daemon())
        name = stack.enter_context(pool())
        url = "qemu:///system"
        if request.param != "here":
            url = stack.enter_context(ssh(tmp_path_factory.mktemp("keys")))
        ground = Ground(DaemonBench(tmp_path_factory.mktemp("state"), build(cache()), name, url))
        yield ground
        assert ground.clear() == ()


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.__name__)
def test_the_promise_is_kept(promise: Promise, ground: Ground) -> None:
    """The promise is kept by a libvirt daemon."""
    promise(ground)
