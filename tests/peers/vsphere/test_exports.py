"""Leases of the peer's: what holds a machine, what ends it, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyVmomi import vim

from golden.disk.raw import Memory
from golden.disk.vmdk import StreamVmdk
from golden.windows.facts import read_facts
from tests.peers.vsphere.client import Client, connected
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.world import Times

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One whose leases run out soon."""
    with vcenter(tmp_path_factory.mktemp("exports") / "peer", times=Times(lease=1)) as made:
        yield made


@pytest.fixture
def client(peer: Peer) -> Iterator[Client]:
    """A session."""
    with connected(peer) as made:
        yield made


def ready(client: Client, lease: Any) -> Any:
    """What a lease offers once it is ready."""
    client.watch(lease, ["state"], lambda seen: str(seen.get("state")) == "ready")
    return client.read(lease, "info")["info"]


def test_a_leased_machine_is_held_until_its_lease_is_over(peer: Peer, client: Client) -> None:
    """By completing it, by aborting it, by saying nothing for too long; and it is told why."""
    machine = client.machine(peer.seed("held", disks=(1,)).moid)
    for end in ("HttpNfcLeaseComplete", "HttpNfcLeaseAbort", ""):
        lease = machine.ExportVm()
        ready(client, lease)
        for call in (machine.PowerOnVM_Task, machine.Destroy_Task, machine.MarkAsTemplate, machine.ExportVm):
            with pytest.raises(vim.fault.TaskInProgress):
                call()
        if end:
            getattr(lease, end)()
        else:
            client.watch(lease, ["state"], lambda seen: str(seen.get("state")) == "error")
            assert isinstance(client.read(lease, "error")["error"], vim.fault.Timedout)
            with pytest.raises(vim.fault.Timedout):
                lease.HttpNfcLeaseProgress(1)
        with pytest.raises(vim.fault.InvalidState):
            lease.HttpNfcLeaseComplete()
    client.wait(machine.PowerOnVM_Task())
    with pytest.raises(vim.fault.InvalidPowerState):
        machine.ExportVm()
    client.wait(machine.PowerOffVM_Task())
    machine.MarkAsTemplate()
    with pytest.raises(Exception, match="it is a template"):
        machine.ExportVm()


def test_a_snapshots_export_is_what_it_froze(peer: Peer, client: Client, tmp_path: Path) -> None:
    """A file of it is there once only while its lease holds, without a session; the guest's disk is a whole one."""
    seeded = peer.seed("frozen", disks=(1,))
    machine = client.machine(seeded.moid)
    point = client.wait(machine.CreateSnapshot_Task("v1", "", False, False))
    (peer.guest(seeded.moid) / "Windows/System32/config/SYSTEM").unlink()
    lease = point.ExportSnapshot()
    nvram, disk = ready(client, lease).deviceUrl
    assert (nvram.disk, disk.disk, disk.fileSize) == (False, True, None)
    answer = client.hosts.get(disk.url)
    assert "content-length" not in answer.headers
    assert read_facts(StreamVmdk(Memory(answer.content))).state == "VIRGIN"
    (entry,) = lease.HttpNfcLeaseGetManifest()
    assert (entry.key, entry.size) == (disk.key, len(answer.content))
    lease.HttpNfcLeaseComplete()
    assert client.hosts.get(disk.url).status_code == 404
