"""The embedded libvirt keeps every promise of the provider contract, with the stand-in guest on real QEMU."""

from __future__ import annotations

from collections.abc import Iterator
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
from tests.e2e.libvirt_standin import cache, standin_origin

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("embedded contract")]


@dataclass(frozen=True)
class LibvirtBench:
    """The stand-in guest below one state folder."""

    state: Path
    standin: StandIn
    url: str = "qemu:///embed"
    name: str = "embedded libvirt"
    patience: float = 90
    dialect: Dialect = field(default_factory=WindowsDialect)

    def open(self) -> Hypervisor:
        """One more connection."""
        return PROVIDER.open(Endpoint("here", self.url), Scope("selftest", self.state))

    def origin(self) -> Origin:
        """The stand-in's disk with its kernel."""
        return standin_origin(self.standin)

    def exits(self, code: int) -> tuple[str, ...]:
        """A Windows program that ends with a code."""
        return ("cmd.exe", "/c", f"exit {code}")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One state folder for all promises."""
    ground = Ground(LibvirtBench(tmp_path_factory.mktemp("state"), build(cache())))
    yield ground
    assert ground.clear() == ()


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.__name__)
def test_the_promise_is_kept(promise: Promise, ground: Ground) -> None:
    """The promise is kept by the embedded libvirt."""
    promise(ground)
