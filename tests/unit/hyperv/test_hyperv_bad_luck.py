"""Sessions that break in the middle of anything: what was asked for is done once, and nothing is left over."""

from __future__ import annotations

import fcntl
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from golden.errors import EndpointError, GoldenError, Refused, Tampered, Unreachable
from golden.model import CloneOptions, Machine, Mark, Origin, Power, Role, Snapshot
from golden.provider import Endpoint, Hypervisor, Scope
from golden.waiting import Deadline, Waiting
from golden_hyperv import PROVIDER
from golden_hyperv.hypervisor import HyperV
from golden_hyperv.remoting import RemoteError
from tests.e2e.hyperv_bench import endpoint
from tests.peers.hyperv.host import vhdx
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
    """The module's host with a user's machine, whose disk has something on it and no guest."""
    seeded = shared.seed("origin", state=None)
    with vhdx.Disk(shared.drive(seeded.disk), write=True) as disk:
        for number in range(8):
            disk.write(number * disk.block, f"block {number} ".encode() * 1000)
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


def same_bytes(peer: Peer, name: str) -> bool:
    """Whether a full clone's disk holds what the base's does, block by block as a guest sees them."""
    paths = [peer.drive(f"C:\\golden\\machines\\{one}") for one in ("base\\base-0.vhdx", name)]
    with vhdx.Disk(paths[0]) as base, vhdx.Disk(paths[1]) as copy:
        numbers = {*base.allocated(), *copy.allocated()}
        empty = bytes(base.block)
        assert len(set(base.allocated())) > 1, "half of nothing is whole"
        return all((base.block_at(one) or empty) == (copy.block_at(one) or empty) for one in numbers)


def test_a_host_that_goes_down_during_a_copy(based: Peer, peer: Peer, opening: Opening) -> None:
    """Its job is forgotten and half of a file stays that looks like a whole disk: the copy is made again."""
    hypervisor = opening()
    base(hypervisor)
    peer.rule("Job.convert", "delay", seconds=60)
    made: list[Machine] = []

    def cloning() -> None:
        made.append(hypervisor.clone("half", BASE, MARK, CloneOptions(linked=False)))

    thread = threading.Thread(target=cloning)
    thread.start()
    path = peer.drive("C:\\golden\\machines\\half\\half-0.partial.vhdx")
    Waiting(Deadline(30)).until("half of the copy to be there", lambda: path.exists() and not peer.unmet())
    Waiting(Deadline(30)).until("its job to be written down", lambda: '"job": ""' not in record(peer, "half"))
    assert peer.world.disk_check(str(path)) == ""
    assert not same_bytes(peer, "half\\half-0.partial.vhdx")
    peer.crash()
    thread.join(120)
    assert made and made[0].settled
    assert same_bytes(peer, "half\\half-0.partial.vhdx")
    hypervisor.destroy(made[0])
    nothing_left(peer, hypervisor)


def test_a_management_service_that_restarts_during_a_copy(based: Peer, peer: Peer, opening: Opening) -> None:
    """Without anybody's session breaking: what it forgot is made again, and a few times only."""
    hypervisor = opening()
    base(hypervisor)
    peer.rule("Job.convert", "forget")
    machine = hypervisor.clone("again", BASE, MARK, CloneOptions(linked=False))
    assert not peer.unmet()
    assert same_bytes(peer, "again\\again-0.partial.vhdx")
    peer.rule("Job.convert", "forget")
    image = hypervisor.capture("again-image", machine, MARK)
    assert not peer.unmet()
    with vhdx.Disk(peer.drive("C:\\golden\\images\\again-image.vhdx")) as one:
        assert len(set(one.allocated())) > 1
    hypervisor.discard_image(image)
    hypervisor.destroy(machine)
    peer.rule("Job.convert", "forget", times=0)
    with pytest.raises(EndpointError, match="3 times it forgot") as caught:
        hypervisor.clone("never", BASE, MARK, CloneOptions(linked=False))
    assert type(caught.value) is EndpointError
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
    with pytest.raises(Refused, match="the disk is full") as caught:
        hypervisor.clone("fat", BASE, MARK, CloneOptions(linked=False))
    assert type(caught.value) is Refused and "0x80070070" in f"{caught.value.details}"
    nothing_left(peer, hypervisor)


def test_a_full_disk_is_told_by_convert_vhd_too(based: Peer, peer: Peer, opening: Opening) -> None:
    """Where the host's service does not do it, its command says the same."""
    hypervisor = opening()
    base(hypervisor)
    peer.rule("Get-CimInstance", "error", kind="CommandNotFoundException", category="ObjectNotFound")
    peer.rule("Job.convert", "disk-full")
    with pytest.raises(Refused, match="no room"):
        hypervisor.clone("fatter", BASE, MARK, CloneOptions(linked=False))
    assert not peer.unmet()
    nothing_left(peer, hypervisor)


@contextmanager
def held(path: Path, seconds: float) -> Iterator[None]:
    """Somebody has a file open and shares it with nobody, for a while."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        letting_go = threading.Timer(seconds, fcntl.flock, (file, fcntl.LOCK_UN))
        letting_go.start()
        try:
            yield
        finally:
            letting_go.join()


def test_a_scanner_that_holds_the_disks_is_waited_for(based: Peer, peer: Peer, opening: Opening) -> None:
    """It opens what Remove-VM let go of: renaming, testing and hashing wait for it."""
    hypervisor = opening()
    machine = hypervisor.clone("scanned", base(hypervisor), MARK, CloneOptions(linked=True))
    peer.rule("Start-VM", "error", text="'scanned' konnte nicht gestartet werden. Datei in Benutzung (0x80070020).")
    machine = hypervisor.stop(hypervisor.start(machine))
    peer.rule("Scanner", "delay", seconds=1.5)
    begun = time.monotonic()
    point = hypervisor.freeze(machine, "v1")
    assert time.monotonic() - begun > 1.4 and not peer.unmet()
    path = peer.drive("C:\\golden\\machines\\scanned\\scanned-0.vhdx")
    for act in (
        lambda: hypervisor.digest(point),
        lambda: hypervisor.destroy(hypervisor.clone("under", point, MARK, CloneOptions(linked=True))),
    ):
        peer.world.scan(str(path), 1.0)
        act()
    with held(path, 1.0):
        begun = time.monotonic()
        assert hypervisor.identity(point)
        assert time.monotonic() - begun > 0.9
    hypervisor.drop_snapshot(point)
    hypervisor.destroy(machine)
    nothing_left(peer, hypervisor)


@pytest.mark.parametrize(
    ("text", "category", "kind"),
    [
        ("Eine andere Sache. (0x80041001)", "NotSpecified", EndpointError),
        ("Verweigert. (0x80070005)", "NotSpecified", Refused),
        ("Die Kette ist defekt. (0xC03A000E)", "NotSpecified", Tampered),
        ("Die Kette ist defekt.", "InvalidData", Tampered),
    ],
)
def test_a_chain_is_called_broken_only_where_the_host_says_so(
    based: Peer, peer: Peer, opening: Opening, text: str, category: str, kind: type[GoldenError]
) -> None:
    """What Test-VHD could not look at is no tampering."""
    hypervisor = opening()
    base(hypervisor)
    peer.rule("Test-VHD", "error", text=text, category=category, times=0)
    with pytest.raises(kind) as caught:
        hypervisor.clone("doubted", BASE, MARK, CloneOptions(linked=True))
    assert type(caught.value) is kind and text.partition(" (")[0] in f"{caught.value.details}"
    nothing_left(peer, hypervisor)


def without_management(peer: Peer, times: int) -> None:
    """The service vmms is down: Get-VM says what it says then (facts 5)."""
    peer.rule("Get-VM", "error", kind="ObjectNotFound", category="ObjectNotFound", times=times,
              text="Hyper-V encountered an error trying to access an object because the object was not found.",
              exception="Microsoft.HyperV.PowerShell.VirtualizationException")  # fmt: skip


def test_a_management_service_that_is_down_is_no_absence(based: Peer, peer: Peer, opening: Opening) -> None:
    """Nothing is taken for gone that could not be looked at: no disk goes, nothing is frozen or off by that."""
    hypervisor = opening()
    machine = hypervisor.start(hypervisor.clone("there", base(hypervisor), MARK, CloneOptions(linked=True)))
    disk = peer.drive("C:\\golden\\machines\\there\\there-0.partial.vhdx")
    for act in (
        lambda: hypervisor.find("there"),
        lambda: hypervisor.destroy(machine),
        lambda: hypervisor.stop(machine),
        lambda: hypervisor.freeze(machine, "v1"),
        lambda: hypervisor.settle(machine),
        lambda: hypervisor.examine(Origin("machine", "origin")),
    ):
        without_management(peer, times=0)
        with pytest.raises(EndpointError, match="management service") as caught:
            act()
        assert type(caught.value) is EndpointError
        peer.clear_rules()
        assert disk.is_file() and record(peer, "there").count('"ready"') == 1
    found = hypervisor.find("there")
    assert found is not None and found.power is Power.ON
    # It goes down after golden has looked for the first time.
    for nth in range(2, 6):
        peer.rule("Get-VM", "error", nth=nth, times=2, kind="ObjectNotFound", category="ObjectNotFound")
        with pytest.raises(EndpointError):
            hypervisor.destroy(machine)
        peer.clear_rules()
        assert disk.is_file()  # It is taken away once the host has said that no machine has it.
    hypervisor.destroy(machine)
    assert not disk.exists()
    nothing_left(peer, hypervisor)


def test_what_the_host_says_while_it_is_waited_for_is_told_in_golden_words(
    based: Peer, peer: Peer, opening: Opening
) -> None:
    """Nothing of the wire's leaves the provider: not from the wait for a power state, nor from clearing up."""
    hypervisor = opening()
    machine = hypervisor.clone("told", base(hypervisor), MARK, CloneOptions(linked=True))
    for act, back in ((hypervisor.start, hypervisor.stop), (hypervisor.stop, hypervisor.start)):
        for nth in range(1, 5):  # Looking for it, changing it, waiting for it, looking at it again.
            back(machine)
            peer.rule("Get-VM", "error", nth=nth, times=0, text="Etwas anderes. (0x80041001)")
            with pytest.raises(EndpointError) as caught:
                act(machine)
            assert "0x80041001" in f"{caught.value.details}"
            peer.clear_rules()
    hypervisor.stop(machine)
    peer.rule("Job.convert", "error", text="Etwas anderes. (0x80041001)")
    peer.rule("Remove-Item", "error", nth=2, times=0, text="Verweigert. (0x80070005)")
    with pytest.raises(EndpointError) as caught:
        hypervisor.capture("told-image", machine, MARK)
    assert "0x80041001" in f"{caught.value.details}" and not peer.unmet()
    peer.clear_rules()
    left = hypervisor.find_image("told-image")
    assert left is not None
    hypervisor.discard_image(left)
    hypervisor.destroy(machine)
    peer.rule("New-Item", "drop-before", times=2)
    peer.rule("Get-Volume", "drop-before", times=2)
    with pytest.raises(Unreachable):
        hypervisor.clone("told", BASE, MARK, CloneOptions(linked=True))
    peer.clear_rules()
    nothing_left(peer, hypervisor)


def test_a_host_that_goes_away_while_it_is_opened_is_unreachable(peer: Peer, opening: Opening) -> None:
    """In golden's words, and with what to do; reading the quotas is part of opening it."""
    peer.rule("Get-ChildItem", "drop-before", times=2)
    with pytest.raises(Unreachable, match="quotas"):
        opening()
    assert not peer.unmet()


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


def test_another_golden_writes_and_removes_records_meanwhile(based: Peer, peer: Peer, opening: Opening) -> None:
    """A record that goes or is replaced between its listing and its reading is no error, and is not overlooked."""
    hypervisor = opening()
    machine = hypervisor.clone("other", base(hypervisor), MARK, CloneOptions(linked=True))
    peer.rule("File.ReadAllText", "vanish", named="other.golden.json$", seconds=0.12)
    assert sorted(one.name for one in hypervisor.list_marked()) == ["base", "other"]
    peer.rule("File.ReadAllText", "vanish", named="other.golden.json$", seconds=0.12)
    assert hypervisor.find("other") == machine
    peer.rule("File.Replace", "delay", named="other.golden.json$", seconds=0.5)
    assert hypervisor.mark(machine, machine.mark or MARK) == machine
    assert not peer.unmet()
    text = record(peer, "other")
    peer.rule("File.ReadAllText", "vanish", named="other.golden.json$")
    left = sorted((one.kind, one.name) for one in hypervisor.list_marked())
    assert left == [("machine", "base"), ("machine", "other")]  # By the note on its virtual machine.
    peer.drive("C:\\golden\\machines\\other.golden.json").write_text(text)
    hypervisor.destroy(machine)
    nothing_left(peer, hypervisor)


def test_a_record_whose_replacement_stops_half_way_is_not_lost(based: Peer, peer: Peer, opening: Opening) -> None:
    """ReplaceFile may leave the old record under another name: it counts, and the next write makes it good."""
    hypervisor = opening()
    machine = hypervisor.clone("halved", base(hypervisor), MARK, CloneOptions(linked=True))
    path = peer.drive("C:\\golden\\machines\\halved.golden.json")
    peer.rule("File.Replace", "half", named="halved.golden.json$")
    other = replace(MARK, job="job-2")
    assert hypervisor.mark(machine, other).mark == other and not peer.unmet()
    assert path.is_file() and not list(path.parent.glob("halved.golden.json.*"))
    path.rename(f"{path}.{machine.id}.old")  # The host lost its power just there.
    found = hypervisor.find("halved")
    assert found is not None and found.mark == other
    assert sorted(one.name for one in hypervisor.list_marked()) == ["base", "halved"]
    assert hypervisor.mark(found, MARK).mark == MARK
    assert path.is_file() and not list(path.parent.glob("halved.golden.json.*"))
    path.rename(f"{path}.{machine.id}.old")
    hypervisor.destroy(found)
    nothing_left(peer, hypervisor)


@pytest.mark.parametrize("text", ["\0" * 900, "", '{"kind": "mach'])
def test_a_record_that_cannot_be_read_is_no_absence(based: Peer, peer: Peer, opening: Opening, text: str) -> None:
    """The file is named, nothing is made or taken away over it, and other machines go on."""
    hypervisor = opening()
    machine = hypervisor.clone("torn", base(hypervisor), MARK, CloneOptions(linked=True))
    hypervisor.freeze(machine, "v1")
    path = peer.drive("C:\\golden\\machines\\torn.golden.json")
    whole = path.read_text()
    path.write_text(text)
    for act in (
        lambda: hypervisor.find("torn"),
        lambda: hypervisor.identity(Snapshot("torn", "v1")),
        lambda: hypervisor.drop_snapshot(Snapshot("torn", "v1")),
        lambda: hypervisor.drop_snapshot(BASE),
        lambda: hypervisor.clone("torn", BASE, MARK, CloneOptions(linked=True)),
    ):
        with pytest.raises(Tampered, match=r"machines\\torn\.golden\.json") as caught:
            act()
        assert "backup" in (caught.value.hint or "")
    assert [one.name for one in hypervisor.list_marked()] == ["base"]
    hypervisor.destroy(hypervisor.clone("fine", BASE, MARK, CloneOptions(linked=True)))
    path.write_text(whole)
    hypervisor.drop_snapshot(Snapshot("torn", "v1"))
    hypervisor.destroy(machine)
    nothing_left(peer, hypervisor)


def test_a_volume_that_is_away_is_no_absence(based: Peer, peer: Peer, opening: Opening) -> None:
    """An offline drive or cluster volume shows nothing: neither a version nor a record of it is gone by that."""
    volume = peer.drive("C:\\ClusterStorage\\Volume1")
    volume.mkdir(parents=True)
    hypervisor = opening(folder="C:\\ClusterStorage\\Volume1\\golden")
    assert hypervisor.list_marked() == ()  # There is no folder yet.
    assert hypervisor.find("base") is None and hypervisor.find_image("base-i1") is None
    base(hypervisor)
    machine = hypervisor.clone("clone", BASE, MARK, CloneOptions(linked=True))
    away = volume.rename(volume.with_name("offline"))
    for gone in (hypervisor, opening(folder="Q:\\golden")):
        for act in (
            gone.list_marked,
            lambda gone=gone: gone.find("base"),
            lambda gone=gone: gone.find_image("base-i1"),
            lambda gone=gone: gone.identity(BASE),
            lambda gone=gone: gone.drop_snapshot(BASE),
        ):
            with pytest.raises(EndpointError, match="cannot be looked at") as caught:
                act()
            assert "online" in (caught.value.hint or "")
    assert isinstance(hypervisor, HyperV)
    with pytest.raises(RemoteError, match="drive"):
        hypervisor.disks.clear(("Q:\\golden\\machines\\base",))
    with pytest.raises(EndpointError, match="cannot be looked at"):
        hypervisor.find("clone")  # Its virtual machine is there, its record is out of reach.
    away.rename(volume)
    for denied in ("C:\\\\ClusterStorage\\\\Volume1$", "golden$"):
        peer.rule("Get-Item", "error", named=denied, category="PermissionDenied", text="Verweigert.")
        if denied == "golden$":
            with pytest.raises(EndpointError, match="cannot be looked at"):
                hypervisor.find("other")
        else:
            assert hypervisor.find("other") is None
        assert not peer.unmet()
    hypervisor.destroy(machine)
    assert hypervisor.identity(BASE)
    hypervisor.drop_snapshot(BASE)
    found = hypervisor.find("base")
    assert found is not None
    hypervisor.destroy(found)


def test_a_machine_that_somebody_saved(based: Peer, peer: Peer, opening: Opening) -> None:
    """It goes on when it is started, loses what was saved when it is stopped, and goes when it is taken away."""
    hypervisor = opening()
    for act in ("start", "stop", "destroy"):
        machine = hypervisor.start(hypervisor.clone(f"saved-{act}", base(hypervisor), MARK, CloneOptions(linked=True)))
        (met,) = (one for one in peer.world.machines() if one["name"] == machine.name)
        peer.world.stop(met["id"], "save")
        if act == "start":
            assert hypervisor.start(machine).power is Power.ON
            assert peer.world.machine(met["id"])["state"] == "Running"
        elif act == "stop":
            assert hypervisor.stop(machine).power is Power.OFF
            assert peer.world.machine(met["id"])["state"] == "Off"
        hypervisor.destroy(machine)
    nothing_left(peer, hypervisor)
