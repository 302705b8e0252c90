"""What is refused, as a real vCenter refuses it or as a rule or a role says."""

from __future__ import annotations

import hashlib
import ssl

import httpx
import pytest
from pyVmomi import vim, vmodl

from tests.peers.vsphere.asking import clone, snapshot
from tests.peers.vsphere.client import Client, connected
from tests.peers.vsphere.peer import Peer

pytestmark = pytest.mark.slow  # it is built for minutes on a fresh computer


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


def test_its_certificate_is_verified_by_its_own_authority_only(peer: Peer) -> None:
    """A client that trusts somebody else refuses it; its thumbprint is what it says."""
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(peer.url, verify=ssl.create_default_context(), trust_env=False)
    pem = ssl.get_server_certificate((peer.host, peer.port), ca_certs=str(peer.ca))
    assert hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":").upper() == peer.thumbprint
