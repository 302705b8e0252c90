"""What people give that cannot be: each ends in one sentence with what to do, and leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from golden.errors import BadConfig, Conflict, GuestSilent, NotAble, NotFound, Refused
from golden.model import CloneOptions, Machine, Mark, Origin, Power, Role, Snapshot
from golden.provider import Hypervisor, Scope
from golden.waiting import Deadline
from golden_vsphere import PROVIDER
from tests.e2e.vsphere_bench import endpoint
from tests.peers.vsphere.client import connected
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.upstream import value
from tests.unit.vsphere.conftest import Opening

MARK = Mark(Role.VERSION, "job-1", "win2022", "here")


def adopted(hypervisor: Hypervisor, name: str, where: str) -> Machine:
    """A machine of golden's."""
    return hypervisor.adopt(name, Origin("machine", where), MARK, in_place=False)


def gone(hypervisor: Hypervisor, machine: Machine) -> None:
    """Taken away with its frozen points."""
    for point in machine.snapshots:
        hypervisor.drop_snapshot(Snapshot(machine.name, point))
    hypervisor.destroy(machine)


@pytest.fixture(scope="module")
def bare(shared: Peer) -> str:
    """A user's machine without a guest."""
    return shared.seed("bare", state=None).name


def test_a_wrong_password_is_refused(peer: Peer, opening: Opening, tmp_path: Path) -> None:
    """With the account's way to mend it, and without the password."""
    (tmp_path / "wrong").write_text("hunter2")
    with pytest.raises(Refused, match="refuses the account or its password") as caught:
        opening(password_file=str(tmp_path / "wrong"))
    assert "hunter2" not in f"{caught.value.brief}{caught.value.details}{caught.value.hint}"


def test_a_session_that_is_over_logs_in_again(peer: Peer, opening: Opening, bare: str) -> None:
    """In the middle of anything, with a password; what was refused for it is carried out once."""
    hypervisor = opening()
    peer.rule("CloneVM_Task", "expire")
    before = len(peer.requests("CloneVM_Task"))
    machine = adopted(hypervisor, "again", bare)
    assert [bool(one.fault) for one in peer.requests("CloneVM_Task")[before:]] == [True, False]
    peer.rule("WaitForUpdatesEx", "expire")
    assert hypervisor.start(machine).power is Power.ON
    gone(hypervisor, machine)


def test_a_given_session_that_is_over_is_refused(peer: Peer, opening: Opening, tmp_path: Path) -> None:
    """golden cannot make another one; it says so."""
    (tmp_path / "session").write_text("52000000-0000-0000-0000-000000000000")
    given = endpoint(peer, tmp_path / "secrets", session_file=str(tmp_path / "session"))
    del given.options["password_file"]
    with pytest.raises(Refused, match="session"):
        PROVIDER.open(given, Scope("look", tmp_path))


def test_a_session_of_somebody_elses_is_used_and_left(peer: Peer, opening: Opening, tmp_path: Path, bare: str) -> None:
    """By its id alone; it goes on when golden is done."""
    theirs: Any = opening()
    (tmp_path / "session").write_text(theirs.line.cookies()["vmware_soap_session"])
    given = endpoint(peer, tmp_path / "secrets", session_file=str(tmp_path / "session"))
    del given.options["password_file"]
    borrowed = PROVIDER.open(given, Scope("look", tmp_path))
    assert borrowed.examine(Origin("machine", bare)).name == bare
    borrowed.close()
    assert theirs.examine(Origin("machine", bare)).name == bare


def test_a_datacenter_that_is_not_there_is_named(peer: Peer, tmp_path: Path) -> None:
    """With those that are."""
    from dataclasses import replace

    given = replace(endpoint(peer, tmp_path / "s"), url=f"vsphere://{peer.host}:{peer.port}/Nowhere")
    with pytest.raises(NotFound, match="Nowhere") as caught:
        PROVIDER.open(given, Scope("look", tmp_path))
    assert caught.value.details == "there are: DC0"


@pytest.mark.parametrize("name", ["a/b", "100% sure", "back\\slash", "Größe 漢字", "%2f"])
def test_machines_are_found_by_odd_names(peer: Peer, opening: Opening, name: str) -> None:
    """As people write them, by name and by path; vCenter stores some of their characters as codes."""
    peer.seed(name, state=None)
    hypervisor = opening()
    assert hypervisor.examine(Origin("machine", name)).name == name
    stored = name.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")
    assert hypervisor.examine(Origin("machine", f"/DC0/vm/{stored}")).name == name


def test_a_name_that_several_have_lists_their_paths(peer: Peer, opening: Opening) -> None:
    """And takes a path."""
    hypervisor: Any = opening()
    peer.seed("twin", state=None)
    native = hypervisor.places.machine("twin")
    folder = hypervisor.places.machines.CreateFolder("other folder")
    hypervisor.line.ask(lambda: folder.MoveIntoFolder_Task([native]))
    import time

    until = time.monotonic() + 10
    while hypervisor.places.child(folder, "twin") is None and time.monotonic() < until:
        time.sleep(0.05)
    peer.seed("twin", state=None)
    with pytest.raises(Conflict, match="2 machines are called 'twin'") as caught:
        hypervisor.examine(Origin("machine", "twin"))
    assert caught.value.details == "/DC0/vm/other folder/twin\n/DC0/vm/twin"
    for path in (*caught.value.details.splitlines(), "other folder/twin"):
        assert hypervisor.examine(Origin("machine", path)).name == "twin"


def test_what_is_no_machine_of_vcenters_is_not_adopted(opening: Opening) -> None:
    """Disks and definitions are imported first; the hint says how."""
    with pytest.raises(NotAble, match="machines of its own only") as caught:
        opening().examine(Origin("disk", "/tmp/disk.vmdk"))
    assert "import" in (caught.value.hint or "")


def test_a_machine_that_is_on_is_not_adopted(peer: Peer, opening: Opening) -> None:
    """Nothing is made."""
    hypervisor, seeded = opening(), peer.seed("running", state=None)
    native = value("poweredOn", "VirtualMachinePowerState")
    peer.world.upstream.change("VirtualMachine", seeded.moid, {"runtime.powerState": native})
    assert [one.id for one in hypervisor.examine(Origin("machine", "running")).problems if one.severity == "error"] == [
        "machine-running"
    ]
    with pytest.raises(Conflict, match="not powered off"):
        adopted(hypervisor, "copy", "running")
    assert hypervisor.find("copy") is None


def test_a_template_is_not_adopted(peer: Peer, opening: Opening) -> None:
    """The error says how it becomes a machine."""
    hypervisor, seeded = opening(), peer.seed("template", state=None)
    peer.world.upstream.change("VirtualMachine", seeded.moid, {"config.template": value("true", "xsd:boolean")})
    problems = {one.id: one for one in hypervisor.examine(Origin("machine", "template")).problems}
    assert "Convert to Virtual Machine" in problems["is-template"].fix
    with pytest.raises(Conflict, match="template"):
        adopted(hypervisor, "copy", "template")


def test_a_disk_that_no_snapshot_holds_is_not_adopted(peer: Peer, opening: Opening) -> None:
    """An independent disk."""
    peer.seed("independent", state=None, disk_mode="independent_persistent")
    with pytest.raises(Conflict, match="independent disk"):
        adopted(opening(), "copy", "independent")


def test_a_missing_network_is_named_with_those_that_are(peer: Peer, opening: Opening, bare: str) -> None:
    """And only the isolated one is taken where golden.toml names one."""
    hypervisor = opening(isolated_network="DC0_DVPG0")
    assert hypervisor.abilities.networks == ("DC0_DVPG0",)
    machine = adopted(hypervisor, "source", bare)
    point = hypervisor.freeze(machine, "v1")
    for network in ("nowhere", "VM Network"):
        with pytest.raises(NotFound, match=network) as caught:
            hypervisor.clone("clone", point, MARK, CloneOptions(network=network))
        assert caught.value.details == "it may to: DC0_DVPG0"
    clone = hypervisor.clone("clone", point, MARK, CloneOptions(network="DC0_DVPG0"))
    assert clone.networks == ("DC0_DVPG0",)
    gone(hypervisor, clone)
    gone(hypervisor, hypervisor.find("source") or machine)


def test_a_datastore_without_room_is_refused_before_anything_is_made(peer: Peer, opening: Opening, bare: str) -> None:
    """With what is needed and what there is; nothing was asked of vCenter that makes anything."""
    hypervisor = opening(datastore="LocalDS_0")
    store = peer.world.inventory.datastores[0]
    before = peer.world.upstream.texts("Datastore", store, "summary.freeSpace")["summary.freeSpace"]
    clones = len(peer.requests("CloneVM_Task"))
    peer.world.upstream.change("Datastore", store, {"summary.freeSpace": value(str(1 << 30), "xsd:long")})
    try:
        with pytest.raises(Refused, match="too little room") as caught:
            adopted(hypervisor, "copy", bare)
    finally:
        peer.world.upstream.change("Datastore", store, {"summary.freeSpace": value(before, "xsd:long")})
    assert caught.value.details == "needed 40.0 GiB, free 1.0 GiB"
    assert len(peer.requests("CloneVM_Task")) == clones


def test_a_datastore_that_fills_up_meanwhile_leaves_nothing(peer: Peer, opening: Opening, bare: str) -> None:
    """The task's own fault is told."""
    hypervisor = opening()
    peer.rule("CloneVM_Task", "task", kind="NoDiskSpace", detail={"file": "[ds] x", "datastore": "LocalDS_0"})
    with pytest.raises(Refused, match="no room"):
        adopted(hypervisor, "copy", bare)
    assert hypervisor.find("copy") is None
    assert hypervisor.list_marked() == ()


@pytest.mark.parametrize(("option", "text"), [("datastore", "nowhere"), ("resource_pool", "nowhere/Resources")])
def test_a_place_that_is_not_there_is_named(peer: Peer, opening: Opening, bare: str, option: str, text: str) -> None:
    """Datastores are listed; for pools the form is shown."""
    with pytest.raises(NotFound, match=text) as caught:
        adopted(opening(**{option: text}), "copy", bare)
    assert caught.value.details or caught.value.hint


def test_a_resource_pool_is_named_by_cluster_or_path(peer: Peer, opening: Opening, bare: str) -> None:
    """Both forms."""
    for text in ("DC0_C0", "DC0_C0/Resources"):
        hypervisor = opening(resource_pool=text)
        gone(hypervisor, adopted(hypervisor, "pooled", bare))


def test_missing_tools_are_told_and_waited_for_no_longer_than_said(peer: Peer, opening: Opening) -> None:
    """A warning before adopting, silence with a hint when the guest is wanted."""
    hypervisor = opening()
    peer.seed("toolless", state=None, tools=False)
    assert "tools-missing" in {one.id for one in hypervisor.examine(Origin("machine", "toolless")).problems}
    machine = hypervisor.start(adopted(hypervisor, "silent", "toolless"))
    with pytest.raises(GuestSilent, match="did not answer within 1 s") as caught:
        hypervisor.communicator(machine).ready(Deadline(1))
    assert "VMware Tools" in (caught.value.hint or "")
    gone(hypervisor, machine)


def test_no_account_for_guests_is_said_at_once(peer: Peer, tmp_path: Path, bare: str) -> None:
    """With the lines that golden.toml wants."""
    given = endpoint(peer, tmp_path / "s")
    del given.options["guest_account"]
    hypervisor = PROVIDER.open(given, Scope("job", tmp_path / "state"))
    try:
        machine = adopted(hypervisor, "accountless", bare)
        with pytest.raises(BadConfig, match="needs an account inside"):
            hypervisor.communicator(machine)
        gone(hypervisor, machine)
    finally:
        hypervisor.close()


def test_a_right_that_is_missing_is_named_when_it_is_refused(peer: Peer, opening: Opening, bare: str) -> None:
    """Privilege and object, as vCenter tells them."""
    hypervisor = opening()
    detail = {"object": ("Folder", "group-v3"), "privilegeId": "VirtualMachine.Provisioning.Clone"}
    peer.rule("CloneVM_Task", "fault", kind="NoPermission", detail=detail)
    with pytest.raises(Refused, match=r"lacks VirtualMachine\.Provisioning\.Clone on Folder group-v3"):
        adopted(hypervisor, "copy", bare)
    assert hypervisor.find("copy") is None


def test_a_question_of_the_machines_is_named(peer: Peer, opening: Opening, bare: str) -> None:
    """Instead of waiting for ever; the task that waits is canceled, and the machine can be taken away."""
    hypervisor = opening()
    machine = adopted(hypervisor, "asks", bare)
    peer.rule("PowerOnVM_Task", "question", text="Did you move it or copy it?")
    with pytest.raises(Conflict, match="has a question") as caught:
        hypervisor.start(machine)
    assert caught.value.details == "Did you move it or copy it?"
    gone(hypervisor, machine)
    assert hypervisor.find("asks") is None


def test_a_question_that_golden_cannot_cancel_is_named_again(peer: Peer, opening: Opening, bare: str) -> None:
    """A machine that still asks is not taken away, and that is said at once; once it has its answer it goes."""
    hypervisor = opening()
    machine = adopted(hypervisor, "stubborn", bare)
    peer.rule("PowerOnVM_Task", "question", text="Did you move it or copy it?")
    detail = {"object": ("Task", "task-1"), "privilegeId": "Global.CancelTask"}
    peer.rule("CancelTask", "fault", kind="NoPermission", detail=detail, times=0)
    for act in (hypervisor.start, hypervisor.destroy):
        with pytest.raises(Conflict, match="has a question"):
            act(machine)
    peer.world.rules.clear()
    with connected(peer) as client:
        native = client.machine(machine.id.partition(":")[0])
        native.AnswerVM(client.read(native, "runtime.question")["runtime.question"].id, "0")
        client.watch(native, ["runtime.powerState"], lambda told: told.get("runtime.powerState") == "poweredOn")
    gone(hypervisor, machine)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A single ESXi host."""
    with vcenter(tmp_path_factory.mktemp("esx") / "host", esx=True) as peer:
        yield peer


def test_a_single_host_says_what_it_lacks(host: Peer, tmp_path: Path) -> None:
    """No linked clones, no templates, no virtual TPM for a copy; what a copy leaves behind is told."""
    from dataclasses import replace

    seeded = host.seed("theirs", state=None)
    given = replace(endpoint(host, tmp_path / "s"), url=f"vsphere://{host.host}:{host.port}")
    hypervisor = PROVIDER.open(given, Scope("look", tmp_path))
    try:
        assert not hypervisor.abilities.linked_clone
        assert hypervisor.abilities.forms == ("vsphere-machine",)
        told = hypervisor.examine(Origin("machine", seeded.name))
        assert told.virtual_size == 40 << 30
        assert "made-anew" in {one.id for one in told.problems}
        sealed = host.seed("sealed", state=None, odd=("vtpm",)).name
        with pytest.raises(Conflict, match="virtual TPM"):
            adopted(hypervisor, "copy", sealed)
    finally:
        hypervisor.close()
    assert "esxi" in {finding.id for finding in PROVIDER.diagnose(given, Scope("look", tmp_path))}
