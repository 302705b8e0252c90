"""Answers that are lost, tasks that are refused, transfers that break: nothing is made twice and nothing is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from golden.errors import Conflict, EndpointError, GoldenError, Refused, Unreachable
from golden.guest.communicator import LineLost
from golden.model import CloneOptions, Origin, Power, Snapshot
from golden.provider import Scope
from golden.waiting import Deadline, Silent
from golden_vsphere import PROVIDER
from tests.e2e.vsphere_bench import endpoint
from tests.peers.vsphere.client import connected
from tests.peers.vsphere.peer import Peer
from tests.peers.vsphere.seeding import POOL_SPEC, VM
from tests.unit.vsphere.conftest import Opening
from tests.unit.vsphere.stage import IDS, MARK, TASKS, VERBS, Stage, Verb, made

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bare(shared: Peer) -> str:
    """A user's machine without a guest."""
    return shared.seed("bare", state=None).name


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "call"), VERBS, ids=IDS)
@pytest.mark.parametrize("loss", ["drop-before", "drop-after"])
def test_a_lost_answer_is_looked_after(
    peer: Peer, opening: Opening, bare: str, verb: Verb, call: str, loss: str
) -> None:
    """The verb finds out whether it was done and ends well; nothing is there twice, nothing is left."""
    before, stage = made(peer), Stage(opening(), bare)
    try:
        act = verb(stage)
        there = stage.hypervisor.list_marked()
        peer.rule(call, loss)
        act()
        assert peer.world.rules.unmet() == []
        made_now = made(peer) - before
        assert max(made_now.values(), default=1) == 1
        machine = stage.hypervisor.find("base")
        assert machine is None or machine.snapshots in ((), ("v1",))
        assert len(stage.hypervisor.list_marked()) in (len(there) - 1, len(there), len(there) + 1)
    finally:
        peer.world.rules.clear()
        stage.clear()
    assert made(peer) == before


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "call"), TASKS, ids=[f"{verb.__name__[1:]}-{call}" for verb, call in TASKS])
def test_a_task_that_fails_leaves_nothing(peer: Peer, opening: Opening, bare: str, verb: Verb, call: str) -> None:
    """The task's fault is told, and what had been made for it is gone; the next try works."""
    before, stage = made(peer), Stage(opening(), bare)
    try:
        act = verb(stage)
        there = set(stage.hypervisor.list_marked())
        peer.rule(call, "task", kind="SystemError", detail={"reason": "internal error"})
        with pytest.raises(EndpointError, match="did not work") as caught:
            act()
        assert "internal error" in (caught.value.details or "")
        assert set(stage.hypervisor.list_marked()) == there
        act()
    finally:
        peer.world.rules.clear()
        stage.clear()
    assert made(peer) == before


def test_a_connection_that_breaks_while_waiting_goes_on(peer: Peer, opening: Opening, bare: str) -> None:
    """The task is one and the same; nothing is asked for again."""
    stage = Stage(opening(), bare)
    count = len(peer.requests("CloneVM_Task"))
    peer.rule("WaitForUpdatesEx", "drop-before", times=2)
    stage.adopt()
    assert len(peer.requests("CloneVM_Task")) == count + 1
    stage.clear()


def test_a_server_that_is_away_for_a_while_is_waited_for(peer: Peer, opening: Opening, bare: str) -> None:
    """Its task goes on without golden; half a dozen calls that find nobody do not end a job."""
    stage = Stage(opening(), bare)
    machine, count = stage.base(), len(peer.requests("PowerOnVM_Task"))
    peer.rule("WaitForUpdatesEx|CurrentTime|CreatePropertyCollector|DestroyPropertyCollector", "http", times=6)
    assert stage.hypervisor.start(machine).power is Power.ON
    assert len(peer.requests("PowerOnVM_Task")) == count + 1
    assert peer.world.rules.unmet() == []
    stage.clear()


def test_a_server_that_is_busy_is_told(peer: Peer, opening: Opening, bare: str) -> None:
    """HTTP 503 at every call: Unreachable, and no traceback."""
    hypervisor = opening()
    peer.rule(".*", "http", status=503, times=0)
    with pytest.raises(Unreachable):
        hypervisor.find("base")
    with pytest.raises(Unreachable):
        hypervisor.examine(Origin("machine", bare))


def test_a_machine_that_others_work_on_is_conflict(peer: Peer, opening: Opening, bare: str) -> None:
    """A backup holds it: TaskInProgress."""
    stage = Stage(opening(), bare)
    machine = stage.base()
    peer.rule("CreateSnapshot_Task", "fault", kind="TaskInProgress", detail={"task": ("Task", "task-1")})
    with pytest.raises(Conflict, match="something else is being done"):
        stage.hypervisor.freeze(machine, "v1")
    stage.clear()


def test_somebody_elses_machine_with_the_name_stays(peer: Peer, opening: Opening, bare: str) -> None:
    """What lies in golden's folder without golden's record is nobody's to take away."""
    stage = Stage(opening(), bare)
    stage.base()
    up, places = peer.world.upstream, vars(stage.hypervisor)["places"]
    theirs = places.machine(bare)._moId
    golden, home = places.folder()._moId, places.machines._moId
    up.carry("Folder", golden, "MoveIntoFolder_Task", f'<list type="{VM}">{theirs}</list>')
    try:
        assert stage.hypervisor.find(bare) is None
        with pytest.raises(Conflict, match="there already"):
            stage.hypervisor.adopt(bare, Origin("machine", "base"), MARK, in_place=False)
        assert [one.name for one in stage.hypervisor.list_marked()] == ["base"]
    finally:
        up.carry("Folder", home, "MoveIntoFolder_Task", f'<list type="{VM}">{theirs}</list>')
        stage.clear()


def test_a_machine_that_somebody_renamed_is_found(peer: Peer, opening: Opening, bare: str) -> None:
    """By its record; and taken away like any other."""
    stage = Stage(opening(), bare)
    machine = stage.base()
    moid = machine.id.partition(":")[0]
    peer.world.upstream.carry("VirtualMachine", moid, "Rename_Task", "<newName>an admin was here</newName>")
    assert stage.hypervisor.find("base") == machine
    stage.clear()


def test_nothing_that_is_written_or_shown_holds_a_password(peer: Peer, tmp_path: Path, bare: str) -> None:
    """State, errors and every object of the connection; the request log knows what was sent."""
    hypervisor = PROVIDER.open(endpoint(peer, tmp_path / "secrets"), Scope("job-1", tmp_path / "state"))
    stage, said = Stage(hypervisor, bare), []
    machine = stage.base()
    line = hypervisor.communicator(hypervisor.start(machine))
    for act in (lambda: line.ready(Deadline(0.2)), lambda: hypervisor.freeze(machine, "v1")):
        with pytest.raises(GoldenError) as caught:
            act()
        said.append(f"{caught.value!r} {caught.value.brief} {caught.value.details} {caught.value.hint}")
    shown = [repr(value) for value in (hypervisor, line, *vars(hypervisor).values(), *vars(hypervisor.line).values())]  # type: ignore[attr-defined]
    written = [path.read_text() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    for secret in (peer.password, peer.guest_password):
        assert not [text for text in (*said, *shown, *written) if secret in text]
    stage.clear()
    hypervisor.close()


@pytest.mark.slow
def test_a_transfer_that_breaks_is_resumed_at_its_piece(peer: Peer, opening: Opening) -> None:
    """Pieces that arrived stay; a piece that broke is sent again, and the file is whole."""
    seeded = peer.seed("windows")
    stage = Stage(opening(), seeded.name)
    line = stage.hypervisor.communicator(stage.hypervisor.start(stage.base()))
    line.ready(Deadline(30))
    path, first, second = "C:\\Windows\\Temp\\big", b"a" * 70_000, bytes(range(256)) * 300
    line.write(path, 0, first)
    peer.rule("PUT /guestFile", "drop-before")
    with pytest.raises(LineLost):
        line.write(path, len(first), second)
    line.write(path, len(first), second)
    peer.rule("GET /guestFile", "drop-before")
    with pytest.raises(LineLost):
        line.read(path, 0, 10)
    assert line.read(path, 0, 1 << 20) == first + second
    assert line.read(path, 69_998, 4) == b"aa\x00\x01"
    moid = stage.hypervisor.find("base").id.partition(":")[0]  # type: ignore[union-attr]
    left = {one.name for one in (peer.guest(moid) / "Windows/Temp").iterdir()}
    line.close()
    assert {one for one in left if "golden-" in one} == set()
    assert not (peer.guest(moid) / "Windows/Temp/place.ps1").exists()
    stage.clear()


@pytest.mark.slow
def test_a_guest_that_refuses_the_account_is_told(peer: Peer, opening: Opening, tmp_path: Path) -> None:
    """Refused, with where the account is written, and not with the password."""
    seeded = peer.seed("locked")
    (tmp_path / "wrong").write_text("hunter2")
    stage = Stage(opening(guest_password_file=str(tmp_path / "wrong")), seeded.name)
    machine = stage.hypervisor.start(stage.base())
    with pytest.raises(Refused, match="refuses the account Administrator") as caught:
        stage.hypervisor.communicator(machine).ready(Deadline(30))
    assert "hunter2" not in f"{caught.value.brief}{caught.value.details}{caught.value.hint}"
    assert machine.power is Power.ON
    stage.clear()


def test_disks_that_were_not_put_together_are_so_the_next_time(peer: Peer, opening: Opening, bare: str) -> None:
    """The point is gone and the consolidation failed: asking again asks for it; a lost answer is asked for at once."""
    stage = Stage(opening(), bare)
    point = stage.point()
    moid = stage.base().id.partition(":")[0]
    peer.set(VM, moid, "runtime.consolidationNeeded", "true", of="xsd:boolean")
    peer.rule("ConsolidateVMDisks_Task", "task", kind="NoDiskSpace", detail={"file": "[ds] x", "datastore": "ds"})
    with pytest.raises(Refused, match="no room"):
        stage.hypervisor.drop_snapshot(point)
    peer.rule("ConsolidateVMDisks_Task", "drop-before")
    stage.hypervisor.drop_snapshot(point)
    needed = peer.world.upstream.texts(VM, moid, "runtime.consolidationNeeded")["runtime.consolidationNeeded"]
    assert (needed, stage.base().snapshots, peer.world.rules.unmet()) == ("false", (), [])
    stage.clear()


def test_what_is_still_being_made_is_waited_for_and_taken_back(peer: Peer, opening: Opening, bare: str) -> None:
    """vCenter works on it for a golden that is gone: its task is canceled, and only then it goes."""
    stage = Stage(opening(), bare)
    machine, parts = stage.base(), vars(stage.hypervisor)
    held = parts["machines"].find("base")
    parts["maker"].change(held.native, "base", extraConfig=held.record.but(uuid="").options())
    peer.rule("Destroy_Task", "fault", kind="TaskInProgress", detail={"task": ("Task", "task-1")})
    assert stage.hypervisor.settle(machine) is None
    assert peer.world.rules.unmet() == []
    assert stage.hypervisor.find("base") is None


def test_a_copy_that_nobody_waits_for_any_more_is_canceled(peer: Peer, opening: Opening, bare: str) -> None:
    """Ctrl-C while vCenter copies: the task ends, and what it had made is not there."""

    class Stopping(Silent):
        """Whoever types Ctrl-C while the copy is waited for."""

        def waiting(self, what: str, elapsed: float, limit: float) -> None:
            del elapsed, limit
            if what.startswith("the copy"):
                raise KeyboardInterrupt

    stage = Stage(opening(), bare)
    vars(vars(stage.hypervisor)["maker"])["_watcher"] = Stopping()
    peer.world.tasks.seconds, before = 2.0, peer.world.tasks.seconds
    try:
        with pytest.raises(KeyboardInterrupt):
            stage.adopt()
    finally:
        peer.world.tasks.seconds = before
    assert len(peer.requests("CancelTask")) >= 1
    stage = Stage(opening(), bare)
    assert stage.hypervisor.find("base") is None
    stage.adopt()
    stage.clear()


def test_a_right_on_one_pool_is_none_on_another(peer: Peer, opening: Opening, bare: str, tmp_path: Path) -> None:
    """The preflight remembers objects, not what they are called."""
    pool = peer.world.inventory.pool
    inner = f"<name>second</name><spec>{POOL_SPEC}</spec>"
    second = peer.world.upstream.call("ResourcePool", pool, "CreateResourcePool", inner)[0].text or ""
    user = peer.account("pool@vsphere.local", "pool-password", {"Resource.AssignVMToPool": (second,)})
    (tmp_path / "pool").write_text(user.password)
    stage = Stage(opening(user=user.user, password_file=str(tmp_path / "pool")), bare)
    try:
        stage.point()
        moid = stage.base().id.partition(":")[0]
        native = f'<val xsi:type="ManagedObjectReference" type="ResourcePool">{second}</val>'
        peer.world.upstream.change(VM, moid, {"resourcePool": native})
        before = len(peer.requests("CloneVM_Task"))
        with pytest.raises(Refused, match="lacks 1 privilege"):
            stage.hypervisor.clone("clone", Snapshot("base", "v1"), MARK, CloneOptions())
        assert len(peer.requests("CloneVM_Task")) == before
    finally:
        stage.clear()


@pytest.mark.parametrize("loss", ["drop-before", "drop-after"])
def test_a_folder_whose_answer_is_lost_is_there_once(peer: Peer, tmp_path: Path, bare: str, loss: str) -> None:
    """golden's own, made by the first job on an endpoint."""
    given = endpoint(peer, tmp_path / "secrets")
    given = replace(given, url=given.url.replace("/golden", f"/new-{loss}"))
    hypervisor = PROVIDER.open(given, Scope("job-1", tmp_path / "state"))
    peer.rule("CreateFolder", loss)
    hypervisor.destroy(hypervisor.adopt("base", Origin("machine", bare), MARK, in_place=False))
    assert peer.world.rules.unmet() == []
    with connected(peer) as client:
        found = client.content.searchIndex.FindByInventoryPath("/DC0/vm")
        names = [client.read(one, "name")["name"] for one in client.read(found, "childEntity")["childEntity"]]
    assert names.count(f"new-{loss}") == 1
    hypervisor.close()
