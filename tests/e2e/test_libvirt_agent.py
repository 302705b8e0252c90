"""The guest agent over libvirt where libvirt's events fail: on real QEMU, with the stand-in guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.demo.standin.build import build
from golden.model import Mark, Role
from golden.provider import Endpoint, Scope
from golden.waiting import Deadline
from golden_libvirt import PROVIDER
from golden_libvirt.agent import LOOK_AGAIN
from tests.e2e.libvirt_standin import cache, standin_origin

pytestmark = pytest.mark.slow


def test_an_agent_whose_coming_no_event_told_is_found(tmp_path: Path) -> None:
    """libvirt tells each event once; where it was lost, the live definition is looked at after a while."""
    hypervisor = PROVIDER.open(Endpoint("here", "qemu:///embed"), Scope("job", tmp_path / "state"))
    mark = Mark(Role.CLONE, "job", "reference", "installation")
    machine = hypervisor.adopt("one", standin_origin(build(cache())), mark, in_place=False)
    hypervisor.start(machine)
    line = hypervisor._line_of(hypervisor.store.get("one"))  # type: ignore[attr-defined]
    try:
        for subscription in line._subscriptions:
            line.native.domainEventDeregisterAny(subscription)
        line._subscriptions.clear()
        assert not line.agent_is_there(machine.id), "it was there before its events could be lost"
        waited = Deadline(120)
        hypervisor.communicator(machine).ready(waited)
        assert waited.elapsed < 120 - LOOK_AGAIN
    finally:
        # The connection is the process's, for the tests that come after this one.
        line._subscribe(line.libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, line._on_agent)
        line._subscribe(line.libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, line._on_life)
        hypervisor.destroy(machine)
