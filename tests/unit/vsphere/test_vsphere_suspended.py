"""A machine of golden's that somebody suspended is neither on nor off: it is named, and can be taken away."""

from __future__ import annotations

import time

import pytest

from golden.errors import Conflict, GuestSilent
from golden.model import Machine, Power
from golden.waiting import Deadline
from tests.peers.vsphere.peer import Peer
from tests.unit.vsphere.conftest import Opening
from tests.unit.vsphere.stage import Stage

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bare(shared: Peer) -> str:
    """A user's machine without a guest."""
    return shared.seed("bare", state=None).name


WAKING = ["SuspendVM_Task", "PowerOnVM_Task", "PowerOffVM_Task", "Destroy_Task"]


@pytest.mark.parametrize("asks_for_off", [False, True])
def test_what_somebody_suspended_is_taken_away(peer: Peer, opening: Opening, bare: str, asks_for_off: bool) -> None:
    """Without waking it; where vCenter takes away only what is off, it is woken and switched off first."""
    stage = Stage(opening(), bare)
    hypervisor, machine = stage.hypervisor, stage.hypervisor.start(stage.base())
    suspend(peer, machine)
    if asks_for_off:
        peer.rule("Destroy_Task", "task", kind="InvalidPowerState", detail={"existingState": "suspended"})
    before = len(peer.requests())
    hypervisor.destroy(machine)
    asked = [one.call for one in peer.requests()[before:] if one.call in WAKING]
    assert asked == (["Destroy_Task", *WAKING[1:]] if asks_for_off else ["Destroy_Task"])
    assert hypervisor.find("base") is None


def test_what_somebody_suspended_is_switched_off_and_named(peer: Peer, opening: Opening, bare: str) -> None:
    """Starting wakes it, and so does stopping; its guest is no matter of waiting, and it is not frozen."""
    stage = Stage(opening(), bare)
    hypervisor, machine = stage.hypervisor, stage.hypervisor.start(stage.base())
    suspend(peer, machine)
    with pytest.raises(Conflict, match="is suspended and cannot be frozen"):
        hypervisor.freeze(machine, "v1")
    begun = time.monotonic()
    with pytest.raises(GuestSilent, match="is suspended"):
        hypervisor.communicator(machine).ready(Deadline(60))
    assert time.monotonic() - begun < 20
    before = len(peer.requests("PowerOnVM_Task"))
    hypervisor.start(machine)
    assert len(peer.requests("PowerOnVM_Task")) == before + 1
    suspend(peer, machine)
    assert hypervisor.stop(machine).power is Power.OFF
    hypervisor.destroy(machine)


def suspend(peer: Peer, machine: Machine) -> None:
    """As somebody does in vSphere's client."""
    peer.world.upstream.carry("VirtualMachine", machine.id.partition(":")[0], "SuspendVM_Task")
