"""The guests behind machines: programs, files and power, and whose files are whose."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import pytest
from pyVmomi import vim

from tests.peers.vsphere.asking import files, option, snapshot
from tests.peers.vsphere.client import Client
from tests.peers.vsphere.peer import Peer

pytestmark = pytest.mark.slow  # it is built for minutes on a fresh computer

SYSTEM = "C:\\Windows\\System32\\"


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
