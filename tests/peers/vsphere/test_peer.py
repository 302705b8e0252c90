"""The peer itself: machines, chains, tasks, pages, and its end."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from pyVmomi import vim, vmodl

from tests.peers.vsphere.asking import clone, files, option, snapshot
from tests.peers.vsphere.client import Client, connected
from tests.peers.vsphere.peer import Peer, vcenter

pytestmark = pytest.mark.slow  # it is built for minutes on a fresh computer

SYSTEM = "C:\\Windows\\System32\\"


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
