"""Sessions that break in the middle of anything: what was asked for is done once, and nothing is left over."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import pytest

from golden.errors import GoldenError
from golden.model import CloneOptions, Machine, Mark, Origin, Power, Role, Snapshot
from golden.provider import Endpoint, Hypervisor, Scope
from golden.waiting import Deadline, Waiting
from golden_hyperv import PROVIDER
from tests.e2e.hyperv_bench import endpoint
from tests.peers.hyperv.peer import Peer
from tests.unit.hyperv.conftest import Opening

pytestmark = pytest.mark.slow

MARK = Mark(Role.CLONE, "job-1", "win2022", "here")
BASE = Snapshot("base", "v1")
CHANGING = (
    "New-VHD", "New-VM", "Set-VM", "Set-VMFirmware", "Enable-VMIntegrationService", "Start-VM", "Stop-VM", "Remove-VM",
    "Remove-Item", "Invoke-CimMethod",
)  # fmt: skip
"""Every command with which golden changes a host."""


@pytest.fixture(scope="module")
def based(shared: Peer) -> Peer:
    """The module's host with a user's machine."""
    shared.seed("origin", state=None)
    return shared


def base(hypervisor: Hypervisor) -> Snapshot:
    """A frozen machine; made once."""
    if hypervisor.find(BASE.machine) is None:
        machine = hypervisor.adopt(BASE.machine, Origin("machine", "origin"), MARK, in_place=False)
        hypervisor.freeze(machine, BASE.name)
    return BASE


def whole_life(hypervisor: Hypervisor, name: str) -> Machine:
    """A linked clone that is started, captured and taken away, and a full one."""
    machine = hypervisor.clone(name, base(hypervisor), MARK, CloneOptions(linked=True))
    assert hypervisor.start(machine).power is Power.ON
    machine = hypervisor.stop(machine)
    image = hypervisor.capture(f"{name}-image", machine, MARK)
    assert image.forms
    hypervisor.discard_image(image)
    hypervisor.destroy(machine)
    full = hypervisor.clone(f"{name}-full", BASE, MARK, CloneOptions(linked=False))
    hypervisor.destroy(full)
    return machine


def nothing_left(peer: Peer, hypervisor: Hypervisor) -> None:
    """But the base, as golden sees it and as it lies there."""
    assert [one.name for one in hypervisor.list_marked()] == ["base"]
    assert not [one for one in peer.world.machines() if one["name"] != "origin"]
    machines = peer.drive("C:\\golden\\machines")
    assert sorted(path.name for path in machines.iterdir()) == ["base", "base.golden.json"]
    images = peer.drive("C:\\golden\\images")
    assert not images.exists() or not list(images.iterdir())


@pytest.mark.parametrize("call", CHANGING)
@pytest.mark.parametrize("do", [pytest.param("drop-before", marks=pytest.mark.thorough), "drop-after"])
def test_a_session_that_breaks_is_made_good(based: Peer, peer: Peer, opening: Opening, call: str, do: str) -> None:
    """Whether the work was done or not is looked for, not guessed."""
    hypervisor = opening()
    before = hypervisor.identity(base(hypervisor))
    peer.rule(call, do)
    whole_life(hypervisor, f"c-{call.lower()}-{do}")
    assert not peer.unmet()
    assert hypervisor.identity(BASE) == before
    nothing_left(peer, hypervisor)


def test_what_golden_never_does(based: Peer, peer: Peer, opening: Opening) -> None:
    """No checkpoint, no merge, no repair of a link, and no parent attached; every machine by its id."""
    hypervisor = opening()
    before = len(peer.requests())
    whole_life(hypervisor, "whole")
    asked = peer.requests()[before:]
    called = {one.call for one in asked}
    assert {"New-VHD", "New-VM", "Start-VM", "Remove-VM"} <= called
    assert not called & {"Checkpoint-VM", "Merge-VHD", "Set-VHD", "Restore-VMSnapshot", "Optimize-VHD", "Mount-VHD"}
    nothing_left(peer, hypervisor)


def test_a_host_that_goes_down_during_a_copy(based: Peer, peer: Peer, opening: Opening) -> None:
    """The job is forgotten with it; half a copy is never taken for a whole one."""
    hypervisor = opening()
    base(hypervisor)
    peer.rule("Job.convert", "delay", seconds=3)
    failed: list[BaseException] = []

    def cloning() -> None:
        try:
            hypervisor.clone("half", BASE, MARK, CloneOptions(linked=False))
        except GoldenError as error:
            failed.append(error)

    thread = threading.Thread(target=cloning)
    thread.start()
    Waiting(Deadline(30)).until("the copy to begin", lambda: bool(peer.requests("Invoke-CimMethod")[-1:]))
    Waiting(Deadline(30)).until("its job to be written down", lambda: '"job": ""' not in record(peer, "half"))
    peer.clear_rules()
    peer.crash()
    thread.join(120)
    assert failed
    found = hypervisor.find("half")
    if found is not None:
        assert hypervisor.settle(found) is None
    nothing_left(peer, hypervisor)


def record(peer: Peer, name: str) -> str:
    """What golden wrote down of a machine."""
    path = peer.drive(f"C:\\golden\\machines\\{name}.golden.json")
    try:
        return path.read_text()
    except OSError:
        return '"job": ""'


@pytest.mark.parametrize("call", ["New-VM", "Start-VM"])
def test_a_server_that_is_killed_and_comes_back(based: Peer, peer: Peer, opening: Opening, call: str) -> None:
    """The host's process of PowerShell remoting goes with every session; golden waits for it and goes on."""
    hypervisor = opening()
    base(hypervisor)
    peer.rule(call, "kill-after")

    def restarting() -> None:
        Waiting(Deadline(60)).until(f"{call} to kill the server", lambda: not peer.unmet())
        peer.restart_server()

    thread = threading.Thread(target=restarting)
    thread.start()
    whole_life(hypervisor, f"k-{call.lower()}")
    thread.join(60)
    nothing_left(peer, hypervisor)


def test_a_freeze_that_was_cut_off_is_finished(based: Peer, peer: Peer, opening: Opening) -> None:
    """By freezing again, or by settle: the step of a job is simply done again."""
    for name in ("again", "settled"):
        hypervisor = opening()
        machine = hypervisor.clone(f"{name}-point", base(hypervisor), MARK, CloneOptions(linked=True))
        peer.rule("Remove-VM", "drop-after")
        peer.rule("Test-VHD", "error", nth=2, text="cut off here")
        with pytest.raises(GoldenError):
            hypervisor.freeze(machine, "v1")
        peer.clear_rules()
        found = hypervisor.find(machine.name)
        assert found is not None and not found.settled and found.snapshots == ()
        if name == "again":
            point = hypervisor.freeze(found, "v1")
        else:
            settled = hypervisor.settle(found)
            assert settled is not None and settled.settled and settled.snapshots == ("v1",)
            point = Snapshot(machine.name, "v1")
        assert hypervisor.identity(point)
        hypervisor.drop_snapshot(point)
        started = hypervisor.start(machine)  # What is let go gets a virtual machine again.
        assert started.power is Power.ON
        hypervisor.destroy(started)
        nothing_left(peer, hypervisor)


def test_a_full_disk_leaves_nothing(based: Peer, peer: Peer, opening: Opening) -> None:
    """The copy's own error is told, and its half is taken away."""
    hypervisor = opening()
    base(hypervisor)
    peer.rule("Job.convert", "disk-full")
    with pytest.raises(GoldenError) as caught:
        hypervisor.clone("fat", BASE, MARK, CloneOptions(linked=False))
    assert caught.value.details
    nothing_left(peer, hypervisor)


def cloning(reached: Endpoint, state: Path) -> None:
    """In a process of its own, which is killed."""
    PROVIDER.open(reached, Scope("job-1", state)).clone("slow", BASE, MARK, CloneOptions(linked=False))


def test_a_copy_that_takes_long_is_waited_for_by_whoever_comes_next(
    based: Peer, peer: Peer, opening: Opening, tmp_path: Path
) -> None:
    """golden was killed, the host goes on with the copy; settle waits for it and clears it away."""
    hypervisor = opening()
    base(hypervisor)
    peer.rule("Job.convert", "delay", seconds=3)
    reached = endpoint(peer, tmp_path / "secrets")
    child = multiprocessing.get_context("spawn").Process(target=cloning, args=(reached, tmp_path))
    child.start()
    Waiting(Deadline(60)).until("the job to be written down", lambda: '"job": ""' not in record(peer, "slow"))
    child.kill()
    child.join()
    found = hypervisor.find("slow")
    assert found is not None and not found.settled
    assert [one.name for one in hypervisor.list_marked()] == ["base", "slow"]
    assert hypervisor.settle(found) is None
    nothing_left(peer, hypervisor)
