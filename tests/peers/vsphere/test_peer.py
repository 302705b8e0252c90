"""The peer itself: what it serves is there, and what a real vCenter refuses is refused."""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from pyVmomi import vim, vmodl

from tests.peers.vsphere.client import Client, connected
from tests.peers.vsphere.peer import Peer, vcenter

pytestmark = pytest.mark.slow  # it is built for minutes on a fresh computer

SYSTEM = "C:\\Windows\\System32\\"


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One vCenter for the tests of this module; each seeds machines of its own."""
    with vcenter(tmp_path_factory.mktemp("vcenter") / "peer") as made:
        yield made


@pytest.fixture
def client(peer: Peer) -> Iterator[Client]:
    """A session."""
    with connected(peer) as made:
        yield made
    peer.world.rules.clear()


def files(client: Client, machine: Any) -> list[str]:
    """The chain of a machine's first disk, its own file first."""
    devices = client.read(machine, "config.hardware.device")["config.hardware.device"]
    backing = next(d.backing for d in devices if isinstance(d, vim.vm.device.VirtualDisk))
    found = []
    while backing is not None:
        found.append(backing.fileName)
        backing = backing.parent
    return found


def snapshot(client: Client, machine: Any, name: str = "v1") -> Any:
    """A snapshot without memory."""
    return client.wait(machine.CreateSnapshot_Task(name, "", False, False))


def clone(client: Client, machine: Any, name: str, **more: Any) -> Any:
    """A full clone, or what ``more`` makes of it."""
    spec = vim.vm.CloneSpec(**{"location": vim.vm.RelocateSpec(), "powerOn": False, "template": False, **more})
    return client.wait(machine.CloneVM_Task(client.read(machine, "parent")["parent"], name, spec))


def option(client: Client, machine: Any) -> dict[str, str]:
    """golden's part of extraConfig as a dictionary; a key that is there twice is a mistake of the peer's."""
    found = client.read(machine, "config.extraConfig").get("config.extraConfig", [])
    assert len({each.key for each in found}) == len(found)
    return {each.key: each.value for each in found if each.key.startswith("golden.")}


def test_its_certificate_is_verified_by_its_own_authority_only(peer: Peer) -> None:
    """A client that trusts somebody else refuses it; its thumbprint is what it says."""
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(peer.url, verify=ssl.create_default_context(), trust_env=False)
    pem = ssl.get_server_certificate((peer.host, peer.port), ca_certs=str(peer.ca))
    assert hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":").upper() == peer.thumbprint


def test_only_accounts_log_in_and_passwords_are_nowhere(peer: Peer) -> None:
    """A wrong password is InvalidLogin; no password lies in any file of the peer's."""
    with pytest.raises(vim.fault.InvalidLogin):
        Client(peer, password="wrong-password")
    with connected(peer) as client:
        assert client.content.sessionManager.currentSession.userName == peer.user
    for path in peer.folder.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            assert not [p for p in (peer.password, peer.guest_password, "wrong-password") if p.encode() in text], path


def test_an_update_and_a_capture_from_end_to_end(peer: Peer, client: Client) -> None:
    """Snapshot, linked clone, programs, files, power by the guest: each machine has the files it should have."""
    seeded = peer.seed("flow")
    reference = client.machine(seeded.moid)
    job = client.linked(reference, snapshot(client, reference), "flow-job")
    client.boot(job)
    batch = b"@echo off\r\necho %1 %X%> C:\\app.txt\r\nexit /b 3010\r\n"
    assert client.put(job, "C:\\Windows\\Temp\\x.cmd", batch).status_code == 200
    line = '/c "C:\\Windows\\Temp\\x.cmd seven > C:\\Windows\\Temp\\out.txt 2>&1"'
    assert client.run(job, SYSTEM + "cmd.exe", line, ["X=up"]).exitCode == 3010
    assert client.get(job, "C:\\app.txt") == b"seven up\r\n"
    spec = vim.vm.guest.ProcessManager.ProgramSpec(programPath=SYSTEM + "shutdown.exe", arguments="/s /t 0")
    client.programs.StartProgramInGuest(job, client.login, spec)
    client.off(job)
    second = snapshot(client, job, "v2")
    capture = client.linked(job, second, "flow-capture")
    client.boot(capture)
    assert client.run(capture, SYSTEM + "Sysprep\\sysprep.exe", "/generalize /oobe /quiet /quit").exitCode == 0
    capture.ShutdownGuest()
    client.off(capture)
    state = "c/Windows/Setup/State/State.ini"
    assert b"RESEAL" in (peer.guest(capture._moId).parent / state).read_bytes()
    assert b"RESEAL" not in (peer.guest(second._moId).parent / state).read_bytes()
    assert not (peer.guest(seeded.moid) / "app.txt").exists()
    by = vim.event.EventFilterSpec.ByEntity(entity=capture, recursion="self")
    events = client.content.eventManager.QueryEvents(vim.event.EventFilterSpec(entity=by))
    names = [type(each).__name__.rpartition(".")[2] for each in sorted(events, key=lambda e: e.key)]
    order = [names.index(each) for each in ("VmPoweredOnEvent", "VmGuestShutdownEvent", "VmPoweredOffEvent")]
    assert order == sorted(order)
    assert files(client, capture) == [
        "[LocalDS_0] flow-capture/flow-capture.vmdk", "[LocalDS_0] flow-job/flow-job.vmdk", "[LocalDS_0] flow/flow.vmdk"
    ]  # fmt: skip


def test_a_chain_grows_with_snapshots_and_shrinks_when_nobody_needs_them(peer: Peer, client: Client) -> None:
    """Removing a snapshot merges, unless a linked clone stands on it; flattening takes the parents away."""
    machine = client.machine(peer.seed("chain").moid)
    assert len(files(client, machine)) == 1
    first, second = snapshot(client, machine, "a"), snapshot(client, machine, "b")
    assert len(files(client, machine)) == 3
    child = client.linked(machine, first, "chain-child")
    client.wait(second.RemoveSnapshot_Task(False))
    assert len(files(client, machine)) == 2
    client.wait(first.RemoveSnapshot_Task(False))
    assert len(files(client, machine)) == 2
    client.wait(child.PromoteDisks_Task(True, []))
    assert len(files(client, child)) == 1
    full = clone(client, machine, "chain-full")
    assert files(client, full) == ["[LocalDS_0] chain-full/chain-full.vmdk"]


def test_reverting_loses_what_came_after(peer: Peer, client: Client) -> None:
    """Files, options and power are the snapshot's again."""
    machine = client.machine(peer.seed("revert").moid)
    made = snapshot(client, machine)
    assert [each.name for each in client.read(machine, "snapshot.rootSnapshotList")["snapshot.rootSnapshotList"]] == [
        "v1"
    ]
    client.wait(
        machine.ReconfigVM_Task(vim.vm.ConfigSpec(extraConfig=[vim.option.OptionValue(key="golden.x", value="1")]))
    )
    assert option(client, machine) == {"golden.x": "1"}
    client.boot(machine)
    client.put(machine, "C:\\after.txt", b"1")
    client.wait(made.RevertToSnapshot_Task())
    assert client.read(machine, "runtime.powerState")["runtime.powerState"] == "poweredOff"
    assert not (peer.guest(machine._moId) / "after.txt").exists()
    assert option(client, machine) == {}


def test_clones_inherit_options_and_get_an_address_of_their_own(peer: Peer, client: Client) -> None:
    """An empty value takes a key away; the source keeps its disks; cards differ."""
    machine = client.machine(peer.seed("inherit").moid)
    values = [vim.option.OptionValue(key=key, value="ü <&>\n1") for key in ("golden.a", "golden.b")]
    client.wait(machine.ReconfigVM_Task(vim.vm.ConfigSpec(extraConfig=values, annotation="for people")))
    again = [vim.option.OptionValue(key="golden.b", value="")]
    client.wait(machine.ReconfigVM_Task(vim.vm.ConfigSpec(extraConfig=again)))
    made = clone(client, machine, "inherit-clone")
    assert option(client, made) == option(client, machine) == {"golden.a": "ü <&>\n1"}
    assert client.read(made, "config.annotation")["config.annotation"] == "for people"
    assert files(client, machine) == ["[LocalDS_0] inherit/inherit.vmdk"]

    def address(vm: Any) -> str:
        devices = client.read(vm, "config.hardware.device")["config.hardware.device"]
        return str(next(d.macAddress for d in devices if isinstance(d, vim.vm.device.VirtualEthernetCard)))

    assert address(made) != address(machine)


def test_what_a_real_vcenter_refuses_is_refused(peer: Peer, client: Client) -> None:
    """Linked clones without snapshot, duplicate names, snapshots of templates, guest power without Tools."""
    machine = client.machine(peer.seed("strict").moid)
    with pytest.raises(vmodl.fault.InvalidArgument) as met:
        clone(client, machine, "x", location=vim.vm.RelocateSpec(diskMoveType="createNewChildDiskBacking"))
    assert met.value.invalidProperty == "spec.snapshot"
    with pytest.raises(vim.fault.DuplicateName):
        clone(client, machine, "strict")
    with pytest.raises(vim.fault.InvalidPowerState):
        machine.ShutdownGuest()
    client.wait(machine.PowerOnVM_Task())
    with pytest.raises(vim.fault.ToolsUnavailable):
        machine.ShutdownGuest()
    with pytest.raises(vim.fault.GuestOperationsUnavailable):
        client.put(machine, "C:\\x", b"")
    with pytest.raises(vim.fault.InvalidPowerState):
        client.wait(machine.Destroy_Task())
    client.wait(machine.PowerOffVM_Task())
    with pytest.raises(vim.fault.ConcurrentAccess):
        client.wait(machine.ReconfigVM_Task(vim.vm.ConfigSpec(changeVersion="old", annotation="x")))
    template = clone(client, machine, "strict-template", template=True)
    with pytest.raises(vmodl.fault.NotSupported):
        snapshot(client, template)
    with pytest.raises(vim.fault.InvalidState):
        client.wait(template.PowerOnVM_Task())
    client.wait(template.Destroy_Task())
    assert set(peer.machines()) >= {"strict"}
    assert "strict-template" not in peer.machines()


def test_names_are_stored_escaped(peer: Peer, client: Client) -> None:
    """Slash, backslash and per cent: ``a/b 100%`` is stored as ``a%2fb 100%25``, and found so."""
    machine = client.machine(peer.seed("names").moid)
    made = clone(client, machine, "a/b\\c 100% ü")
    assert client.read(made, "name")["name"] == "a%2fb%5cc 100%25 ü"
    found = client.content.searchIndex.FindByInventoryPath("DC0/vm/a%2fb%5cc 100%25 ü")
    assert found._moId == made._moId
    client.wait(made.Rename_Task("again%2fb"))
    assert client.read(made, "name")["name"] == "again%2fb"
    with pytest.raises(vim.fault.DuplicateName):
        client.wait(made.Rename_Task("names"))


def test_guest_operations_end_as_tools_ends_them(peer: Peer, client: Client) -> None:
    """Wrong logins, missing files and programs, killed programs, tickets that are used up."""
    machine = client.machine(peer.seed("guest").moid)
    client.boot(machine)
    wrong = vim.vm.guest.NamePasswordAuthentication(username="Administrator", password="no", interactiveSession=False)
    with pytest.raises(vim.fault.InvalidGuestLogin):
        client.files.MakeDirectoryInGuest(machine, wrong, "C:\\x", False)
    with pytest.raises(vim.fault.FileNotFound):
        client.run(machine, "C:\\nothing.exe")
    with pytest.raises(vim.fault.FileNotFound):
        client.put(machine, "C:\\no folder\\x", b"1")
    folder = client.files.CreateTemporaryDirectoryInGuest(machine, client.login, "golden", "", None)
    assert folder.startswith("C:\\Windows\\Temp\\golden")
    for at in range(60):
        (peer.guest(machine._moId) / "Windows/Temp" / folder.rpartition("\\")[2] / f"{at:02}").touch()
    page = client.files.ListFilesInGuest(machine, client.login, folder, 50, 50)
    assert (len(page.files), page.remaining) == (10, 0)
    with pytest.raises(vim.fault.DirectoryNotEmpty):
        client.files.DeleteDirectoryInGuest(machine, client.login, folder, False)
    client.files.DeleteDirectoryInGuest(machine, client.login, folder, True)
    spec = vim.vm.guest.ProcessManager.ProgramSpec(programPath=SYSTEM + "timeout.exe", arguments="/t 30")
    pid = client.programs.StartProgramInGuest(machine, client.login, spec)
    client.programs.TerminateProcessInGuest(machine, client.login, pid)
    with pytest.raises(vim.fault.GuestProcessNotFound):
        client.programs.TerminateProcessInGuest(machine, client.login, 1)
    about = client.files.InitiateFileTransferFromGuest(machine, client.login, SYSTEM + "cmd.exe")
    assert about.url.startswith(f"https://localhost:{peer.host_port}/")
    assert client.hosts.get(about.url).status_code == 200
    assert client.hosts.get(about.url).status_code == 404
    url = client.files.InitiateFileTransferToGuest(
        machine, client.login, "C:\\x", vim.vm.guest.FileManager.WindowsFileAttributes(), 5, True
    )
    assert client.hosts.put(url, content=b"four").status_code == 500


def test_a_restart_from_inside_is_a_new_boot_mark(peer: Peer, client: Client) -> None:
    """Tools goes, programs are forgotten, another mark lies in the machine."""
    machine = client.machine(peer.seed("restart").moid)
    client.boot(machine)
    mark = peer.world.guests.of(machine._moId) / "machine/boot_id"
    before = mark.read_text()
    spec = vim.vm.guest.ProcessManager.ProgramSpec(programPath=SYSTEM + "shutdown.exe", arguments="/r /t 0")
    client.programs.StartProgramInGuest(machine, client.login, spec)
    ready = "guest.guestOperationsReady"
    seen = client.watch(
        machine, [ready], lambda s: s.get(ready) is True and mark.exists() and mark.read_text() != before
    )
    assert seen[-1][ready] is True
    assert client.programs.ListProcessesInGuest(machine, client.login, []) == []


def test_power_by_tools_and_templates_that_are_machines_again(peer: Peer, client: Client) -> None:
    """RebootGuest leaves it on; a template that became a machine again starts; both are logged by machine."""
    machine = client.machine(peer.seed("tools").moid)
    client.boot(machine)
    ready = "guest.guestOperationsReady"
    machine.RebootGuest()
    states = [each.get(ready) for each in client.watch(machine, [ready], lambda s: s.get(ready) is False)]
    assert states[-1] is False
    client.watch(machine, [ready], lambda s: s.get(ready) is True)
    machine.ShutdownGuest()
    client.off(machine)
    machine.MarkAsTemplate()
    assert client.read(machine, "config.template") == {"config.template": True}
    machine.MarkAsVirtualMachine(vim.ResourcePool(peer.world.inventory.pool, client.si._stub), None)
    client.boot(machine)
    assert {each.call for each in peer.requests() if each.machine == "tools"} >= {"RebootGuest", "MarkAsTemplate"}


def test_a_clone_can_be_made_with_its_cards_unplugged(peer: Peer, client: Client) -> None:
    """By the clone's specification; the source's card stays as it is."""
    machine = client.machine(peer.seed("card").moid)

    def card(vm: Any) -> Any:
        devices = client.read(vm, "config.hardware.device")["config.hardware.device"]
        return next(d for d in devices if isinstance(d, vim.vm.device.VirtualEthernetCard))

    edited = card(machine)
    edited.connectable.startConnected = False
    change = vim.vm.device.VirtualDeviceSpec(operation="edit", device=edited)
    made = clone(client, machine, "card-clone", location=vim.vm.RelocateSpec(deviceChange=[change]))
    assert card(made).connectable.startConnected is False
    assert card(machine).connectable.startConnected is True
    client.wait(made.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[plugged(card(made))])))
    assert card(made).connectable.startConnected is True
    assert card(made).macAddress != card(machine).macAddress


def plugged(card: Any) -> Any:
    """The change that connects a card at power-on."""
    card.connectable.startConnected = True
    return vim.vm.device.VirtualDeviceSpec(operation="edit", device=card)


def test_tasks_take_time_and_can_be_canceled(peer: Peer, client: Client) -> None:
    """A task is running before it is over; one that is canceled has done nothing."""
    machine = client.machine(peer.seed("time").moid)
    peer.world.tasks.seconds = 0.6
    try:
        task = machine.CreateSnapshot_Task("v1", "", False, False)
        state = "info.state"
        seen = client.watch(task, [state, "info.progress"], lambda s: s.get(state) == "success")
        assert {"running", "success"} <= {each.get(state) for each in seen}
        late = machine.CreateSnapshot_Task("v2", "", False, False)
        late.CancelTask()
        with pytest.raises(vmodl.fault.RequestCanceled):
            client.wait(late)
    finally:
        peer.world.tasks.seconds = 0.05
    assert len(client.read(machine, "snapshot.rootSnapshotList")["snapshot.rootSnapshotList"]) == 1
    assert client.read(task, "info.entity")["info.entity"]._moId == machine._moId


def test_rules_act_as_they_say(peer: Peer, client: Client) -> None:
    """Faults, HTTP errors, dropped lines before and after, faults in tasks; the nth call of a name only."""
    machine = client.machine(peer.seed("rules").moid)
    parent = client.read(machine, "parent")["parent"]
    spec = vim.vm.CloneSpec(location=vim.vm.RelocateSpec(), powerOn=False, template=False)
    peer.rule(
        "CloneVM_Task", "fault", kind="NoPermission", detail={"object": ("Folder", "folder-3"), "privilegeId": "X.Y"}
    )
    with pytest.raises(vim.fault.NoPermission) as met:
        machine.CloneVM_Task(parent, "r1", spec)
    assert met.value.privilegeId == "X.Y"
    peer.rule("CloneVM_Task", "task", kind="InsufficientStorageSpace", named="^r2$", nth=2)
    client.wait(machine.CloneVM_Task(parent, "r2", spec))
    with pytest.raises(vim.fault.InsufficientStorageSpace):
        client.wait(machine.CloneVM_Task(parent, "r2", spec))
    peer.rule("CloneVM_Task", "drop-before")
    with pytest.raises(Exception, match=r"(?i)remote|closed|eof|reset"):
        machine.CloneVM_Task(parent, "r3", spec)
    peer.rule("CloneVM_Task", "drop-after")
    with pytest.raises(Exception, match=r"(?i)remote|closed|eof|reset"):
        machine.CloneVM_Task(parent, "r4", spec)
    peer.rule("CloneVM_Task", "http", status=503)
    with pytest.raises(Exception, match="503"):
        machine.CloneVM_Task(parent, "r5", spec)
    client.wait(machine.CloneVM_Task(parent, "r6", spec))
    assert {"r2", "r4", "r6"} == {name for name in peer.machines() if name.startswith("r") and len(name) == 2}
    asked = [(each.name, each.fault) for each in peer.requests("CloneVM_Task") if each.name in ("r1", "r3", "r4")]
    assert asked == [("r1", "NoPermission"), ("r3", "dropped"), ("r4", "dropped")]
    assert peer.world.rules.unmet() == []


def test_a_session_that_is_over_is_not_authenticated(peer: Peer, client: Client) -> None:
    """The call that meets it is not carried out."""
    machine = client.machine(peer.seed("session").moid)
    peer.rule("CreateSnapshot_Task", "expire")
    with pytest.raises(vim.fault.NotAuthenticated):
        machine.CreateSnapshot_Task("v1", "", False, False)
    with connected(peer) as again:
        assert again.read(again.machine(machine._moId), "snapshot") == {}


def test_a_question_holds_a_task_until_it_is_answered(peer: Peer, client: Client) -> None:
    """It is seen at the machine; an answer lets the task go on."""
    machine = client.machine(peer.seed("question").moid)
    peer.rule("PowerOnVM_Task", "question", text="Did you move or copy it?")
    task = machine.PowerOnVM_Task()
    asked = client.watch(machine, ["runtime.question"], lambda s: s.get("runtime.question") is not None)
    question = asked[-1]["runtime.question"]
    assert question.text == "Did you move or copy it?"
    assert [each.label for each in question.choice.choiceInfo] == ["Retry", "Cancel"]
    machine.AnswerVM(question.id, question.choice.choiceInfo[0].key)
    client.wait(task)
    assert client.read(machine, "runtime.question") == {}


def test_a_role_that_lacks_a_privilege_is_refused_with_its_name(peer: Peer, client: Client) -> None:
    """NoPermission names privilege and object; a preflight sees the same."""
    first, second = peer.seed("role-a"), peer.seed("role-b")
    lacks = {"VirtualMachine.State.CreateSnapshot": ("role-a",), "VirtualMachine.GuestOperations.Execute": ()}
    peer.account("limited", "limited-password", lacks)
    with connected(peer, "limited", "limited-password") as limited:
        with pytest.raises(vim.fault.NoPermission) as met:
            limited.machine(first.moid).CreateSnapshot_Task("v1", "", False, False)
        assert met.value.privilegeId == "VirtualMachine.State.CreateSnapshot"
        assert str(met.value.object).endswith(f"{first.moid}'")
        snapshot(limited, limited.machine(second.moid))
        manager = limited.content.authorizationManager
        entities = [limited.machine(each.moid) for each in (first, second)]
        told = manager.HasUserPrivilegeOnEntities(entities, "limited", list(lacks))
        assert [[each.isGranted for each in one.privAvailability] for one in told] == [[False, False], [True, False]]


def test_everything_ends_with_the_block(tmp_path: Path) -> None:
    """No process, port or file lock outlives it, whatever ran; it starts in under three seconds."""
    with vcenter(tmp_path / "p") as peer:
        machine = peer.seed("ends")
        with connected(peer) as client:
            vm = client.machine(machine.moid)
            client.boot(vm)
            spec = vim.vm.guest.ProcessManager.ProgramSpec(programPath=SYSTEM + "timeout.exe", arguments="/t 100")
            client.programs.StartProgramInGuest(vm, client.login, spec)
    mark = str(tmp_path).encode()
    left = [p.pid for p in psutil.process_iter() if p.pid != os.getpid() and mark in _of(p)]
    assert left == []


def _of(process: psutil.Process) -> bytes:
    try:
        place = Path(f"/proc/{process.pid}")
        return (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
    except OSError:
        return b""


def test_long_answers_come_in_pages(tmp_path: Path) -> None:
    """maxObjects is kept, a token continues once, and all machines are found exactly once."""
    collector = vmodl.query.PropertyCollector
    with vcenter(tmp_path / "p", machines=25) as peer, connected(peer) as client:
        root = client.content.rootFolder
        view = client.content.viewManager.CreateContainerView(root, [vim.VirtualMachine], True)
        through = collector.TraversalSpec(name="v", type=type(view), path="view", skip=False)
        wanted = collector.FilterSpec(
            objectSet=[collector.ObjectSpec(obj=view, skip=True, selectSet=[through])],
            propSet=[collector.PropertySpec(type=vim.VirtualMachine, pathSet=["name"])],
        )
        properties = client.content.propertyCollector
        page = properties.RetrievePropertiesEx([wanted], collector.RetrieveOptions(maxObjects=10))
        names, sizes = [], []
        while page is not None:
            sizes.append(len(page.objects))
            names += [each.propSet[0].val for each in page.objects]
            used, page = page.token, page.token and properties.ContinueRetrievePropertiesEx(page.token)
            if used:
                with pytest.raises(vmodl.query.InvalidProperty):
                    properties.ContinueRetrievePropertiesEx(used)
        assert sizes == [10, 10, 5]
        assert len(set(names)) == 25


def test_what_golden_must_name_is_there_to_be_named(peer: Peer, client: Client) -> None:
    """Raw mappings, shared disks, a TPM, encryption, other disk modes, old Tools."""
    machine = client.machine(peer.seed("odd-a", odd=("rdm", "vtpm")).moid)
    devices = client.read(machine, "config.hardware.device")["config.hardware.device"]
    kinds = [type(d.backing) for d in devices if isinstance(d, vim.vm.device.VirtualDisk)]
    assert kinds == [vim.vm.device.VirtualDisk.RawDiskMappingVer1BackingInfo]
    assert [d.key for d in devices if isinstance(d, vim.vm.device.VirtualTPM)] == [11000]
    shape = {"odd": ("multi-writer", "encrypted"), "disk_mode": "independent_persistent", "disks": (40, 10)}
    machine = client.machine(peer.seed("odd-b", tools="guestToolsNeedUpgrade", **shape).moid)
    devices = client.read(machine, "config.hardware.device")["config.hardware.device"]
    backings: list[Any] = [d.backing for d in devices if isinstance(d, vim.vm.device.VirtualDisk)]
    first, second = backings
    assert (first.sharing, first.keyId.keyId, first.diskMode) == (
        "sharingMultiWriter",
        "key-1",
        "independent_persistent",
    )
    assert second.sharing is None
    seen = client.read(machine, "guest.toolsVersionStatus2", "config.keyId")
    assert (seen["guest.toolsVersionStatus2"], seen["config.keyId"].keyId) == ("guestToolsNeedUpgrade", "key-1")


def test_frozen_disks_are_files_that_can_be_read_and_compared(peer: Peer, client: Client) -> None:
    """Uuid and content id are a snapshot's for good; running changes the machine's; each frozen disk has its bytes."""
    machine = client.machine(peer.seed("bytes").moid)

    def seen(of: Any) -> tuple[str, str]:
        devices = client.read(of, "config.hardware.device")["config.hardware.device"]
        backing: Any = next(d.backing for d in devices if isinstance(d, vim.vm.device.VirtualDisk))
        return backing.uuid, backing.contentId

    made = snapshot(client, machine)
    before = seen(made)
    assert seen(machine) == before
    client.boot(machine)
    client.put(machine, "C:\\new.txt", b"1")
    assert (seen(machine)[0], seen(made)) == (before[0], before)
    assert seen(machine)[1] != before[1]
    machine.ShutdownGuest()
    client.off(machine)
    second = snapshot(client, machine, "v2")
    assert len(set(map(str, (made, second)))) == 2
    names = {each.name: each.size for each in client.read(machine, "layoutEx.file")["layoutEx.file"]}
    stem = next(name for name in names if name.endswith("-delta.vmdk")).partition("] ")[2]
    cookies = {"vmware_soap_session": client.si._stub.cookie.split(";")[0].partition("=")[2].strip('"')}
    context = ssl.create_default_context(cafile=str(peer.ca))
    bodies = {}
    for path in ("bytes/bytes-flat.vmdk", "bytes/bytes.vmdk", stem):
        query = {"dcPath": "DC0", "dsName": "LocalDS_0"}
        url = f"{peer.url}/folder/{path}"
        reply = httpx.get(url, params=query, cookies=cookies, verify=context, trust_env=False)
        assert (reply.status_code, len(reply.content)) == (200, names[f"[LocalDS_0] {path}"])
        bodies[path] = reply.content
    assert b"new.txt" in bodies[stem]
    assert b"new.txt" not in bodies["bytes/bytes-flat.vmdk"]
    client.wait(second.RemoveSnapshot_Task(False))
    left = {each.name for each in client.read(machine, "layoutEx.file")["layoutEx.file"]}
    assert f"[LocalDS_0] {stem}" in left


def test_an_import_lease_takes_disks_at_the_peers_own_address(peer: Peer, client: Client) -> None:
    """The simulator's lease: ready, with an address for each disk that the peer's certificate stands for."""
    device = vim.vm.device.VirtualDeviceSpec
    backing = vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName="[LocalDS_0]", diskMode="persistent")
    disk = vim.vm.device.VirtualDisk(key=-1, controllerKey=-2, unitNumber=0, capacityInKB=1024, backing=backing)
    scsi = vim.vm.device.ParaVirtualSCSIController(key=-2, busNumber=0, sharedBus="noSharing")
    changes = [device(operation="add", device=scsi), device(operation="add", fileOperation="create", device=disk)]
    where = vim.vm.FileInfo(vmPathName="[LocalDS_0]")
    config = vim.vm.ConfigSpec(name="imported", guestId="otherGuest", files=where, deviceChange=changes)
    pool = vim.ResourcePool(peer.world.inventory.pool, client.si._stub)
    folder = vim.Folder(peer.world.inventory.folder, client.si._stub)
    lease = pool.ImportVApp(vim.vm.VmImportSpec(configSpec=config), folder, None)
    told = client.read(lease, "state", "info")
    assert told["state"] == "ready"
    (url,) = (each.url.replace("*", f"{peer.host}:{peer.port}") for each in told["info"].deviceUrl)
    context = ssl.create_default_context(cafile=str(peer.ca))
    assert httpx.put(url, content=b"x" * 1000, verify=context, trust_env=False).status_code == 200
    lease.HttpNfcLeaseComplete()
    assert peer.machines()["imported"] == told["info"].entity._moId


def test_free_space_can_be_set(peer: Peer, client: Client) -> None:
    """A datastore without room."""
    store = peer.world.inventory.datastores[0]
    peer.set("Datastore", store, "summary.freeSpace", "1024", "xsd:long")
    assert client.read(vim.Datastore(store, client.si._stub), "summary.freeSpace") == {"summary.freeSpace": 1024}
