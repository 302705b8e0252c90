"""A machine's disk over an HttpNfcLease: what arrives, what is refused, what breaks, and that no lease is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyVmomi import vim

from golden.disk.raw import RawFile
from golden.disk.vmdk import StreamVmdk
from golden.errors import BadConfig, Conflict, EndpointError, NotAble, Refused, Unreachable
from golden.model import CloneOptions, Machine, Origin
from golden.provider import DiskExporter, Endpoint, Hypervisor, Scope
from golden.windows.facts import read_facts
from golden_vsphere import PROVIDER
from golden_vsphere.address import parse
from golden_vsphere.devices import DEVICE
from golden_vsphere.exports import Arrived, chosen, most
from tests.e2e.vsphere_bench import endpoint
from tests.peers.vsphere.peer import Peer, vcenter
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.world import Times
from tests.unit.vsphere.stage import MARK, Stage

pytestmark = pytest.mark.slow

LEASE = 1.0
"""Seconds until a lease of this peer's runs out."""
Exporting = Callable[..., tuple[Hypervisor, Machine]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A vCenter whose leases are short, and whose hosts have certificates of another authority."""
    folder = tmp_path_factory.mktemp("vsphere") / "vcenter"
    with vcenter(folder, times=Times(lease=LEASE), strange_hosts=True) as peer:
        peer.seed("one", disks=(1, 1))
        yield peer


@pytest.fixture
def exporting(peer: Peer, tmp_path: Path) -> Iterator[Exporting]:
    """Connections that were told to export, and the module's linked clone, which is off and whose leases are over."""
    opened: list[Hypervisor] = []

    def made(**options: str) -> tuple[Hypervisor, Machine]:
        place = endpoint(peer, tmp_path / "secrets", **{"proof": "export", **options})
        if options.get("host_ca_file") == "":
            place = Endpoint(place.name, place.url, {k: v for k, v in place.options.items() if k != "host_ca_file"})
        opened.append(PROVIDER.open(place, Scope("job-1", tmp_path / "state")))
        stage = Stage(opened[-1], "one")
        return stage.hypervisor, stage.hypervisor.find("clone") or stage.clone()

    yield made
    peer.world.rules.clear()
    for one in opened:
        one.close()
    assert peer.world.exports.held() == []


def export(hypervisor: Hypervisor, machine: Machine, target: Path) -> None:
    """As core asks for it."""
    assert isinstance(hypervisor, DiskExporter)
    hypervisor.export_disk(machine, target)


def ended(peer: Peer) -> list[str]:
    """How leases were ended, oldest first."""
    calls = ("HttpNfcLeaseComplete", "HttpNfcLeaseAbort")
    return [one.call.removeprefix("HttpNfcLease") for one in peer.requests() if one.call in calls and not one.fault]


def test_what_arrives_is_the_guests_disk(peer: Peer, exporting: Exporting, tmp_path: Path) -> None:
    """The system disk of two, whole and of its size, read as any other; the lease is completed and the machine free."""
    hypervisor, machine = exporting()
    before = len(ended(peer))
    export(hypervisor, machine, tmp_path / "disk.vmdk")
    with RawFile(tmp_path / "disk.vmdk") as file:
        disk = StreamVmdk(file)
        assert disk.size == 1 << 30
        assert read_facts(disk).state == "VIRGIN"
    assert ended(peer)[before:] == ["Complete"]
    assert peer.requests("HttpNfcLeaseGetManifest")
    hypervisor.start(machine)
    with pytest.raises(Conflict, match="is running and cannot be exported"):
        export(hypervisor, hypervisor.find("clone") or machine, tmp_path / "on.vmdk")
    hypervisor.stop(machine)


def test_hosts_are_believed_as_transfers_believe_them(peer: Peer, exporting: Exporting, tmp_path: Path) -> None:
    """Without a CA for hosts by the thumbprint that vCenter tells of the URL; with a wrong one not at all."""
    hypervisor, machine = exporting(host_ca_file="")
    export(hypervisor, machine, tmp_path / "disk.vmdk")
    with RawFile(tmp_path / "disk.vmdk") as file:
        assert StreamVmdk(file).size == 1 << 30
    hypervisor, machine = exporting(host_ca_file=str(peer.ca))
    with pytest.raises(Refused, match="certificate is not to be trusted"):
        export(hypervisor, machine, tmp_path / "other.vmdk")
    assert ended(peer)[-1] == "Abort"


def test_a_slow_host_does_not_cost_the_lease(peer: Peer, exporting: Exporting, tmp_path: Path) -> None:
    """It is renewed while nothing comes, although a host says nothing for longer than it lasts."""
    hypervisor, machine = exporting()
    peer.rule("GET /nfc/.*", "delay", seconds=2.5 * LEASE)
    export(hypervisor, machine, tmp_path / "disk.vmdk")
    assert len(peer.requests("HttpNfcLeaseProgress")) >= 3
    assert peer.world.rules.unmet() == []


def test_a_lease_that_cannot_be_renewed_runs_out(peer: Peer, exporting: Exporting, tmp_path: Path) -> None:
    """Which is said, and the machine is free again."""
    hypervisor, machine = exporting()
    peer.rule("HttpNfcLeaseProgress", "drop-before", times=0)
    peer.rule("GET /nfc/.*", "delay", seconds=2.5 * LEASE)
    with pytest.raises(Unreachable, match="took its lease away"):
        export(hypervisor, machine, tmp_path / "disk.vmdk")
    hypervisor.start(machine)
    hypervisor.stop(machine)


def test_a_lease_that_fails_is_told(peer: Peer, exporting: Exporting, tmp_path: Path) -> None:
    """With vCenter's words, whether it is refused at once or while it is prepared."""
    hypervisor, machine = exporting()
    peer.rule("ExportVm", "task", kind="SystemError", detail={"reason": "no NFC server"})
    with pytest.raises(EndpointError) as caught:
        export(hypervisor, machine, tmp_path / "disk.vmdk")
    assert "no NFC server" in (caught.value.details or "")
    peer.rule("ExportVm", "fault", kind="TaskInProgress", detail={"task": ("Task", "task-1")})
    with pytest.raises(Conflict, match="something else is being done"):
        export(hypervisor, machine, tmp_path / "disk.vmdk")


def test_a_stream_that_breaks_is_tried_once_more(peer: Peer, exporting: Exporting, tmp_path: Path) -> None:
    """Anew, with another lease; one that breaks again is an error, and the leases are given back."""
    hypervisor, machine = exporting()
    before, target = len(ended(peer)), tmp_path / "disk.vmdk"
    peer.rule("GET /nfc/.*", "break")
    export(hypervisor, machine, target)
    assert ended(peer)[before:] == ["Abort", "Complete"]
    with RawFile(target) as file:
        assert StreamVmdk(file).size == 1 << 30
    target.unlink()
    peer.rule("GET /nfc/.*", "break", times=2)
    with pytest.raises(Unreachable):
        export(hypervisor, machine, target)
    assert ended(peer)[before + 2 :] == ["Abort", "Abort"]
    assert peer.world.rules.unmet() == []


def test_a_lease_whose_answer_was_lost_is_waited_out(peer: Peer, exporting: Exporting, tmp_path: Path) -> None:
    """Nobody can end it, and nothing else is done with its machine meanwhile; then there is another."""
    hypervisor, machine = exporting()
    before = len(peer.requests("ExportVm"))
    peer.rule("ExportVm", "drop-after")
    export(hypervisor, machine, tmp_path / "disk.vmdk")
    assert [one.fault for one in peer.requests("ExportVm")[before:]] == ["dropped", ""]
    assert ended(peer)[-1] == "Complete"


def test_other_bytes_than_were_sent_are_refused(peer: Peer, exporting: Exporting, tmp_path: Path) -> None:
    """By the hash in the lease's manifest."""
    hypervisor, machine = exporting()
    peer.rule("GET /nfc/.*", "spoil")
    with pytest.raises(EndpointError, match="not what its host has sent") as caught:
        export(hypervisor, machine, tmp_path / "disk.vmdk")
    assert "sha1" in (caught.value.details or "")


def test_a_lost_session_is_none_of_its_business(peer: Peer, exporting: Exporting, tmp_path: Path) -> None:
    """golden logs in again, and the export goes on."""
    hypervisor, machine = exporting()
    peer.rule("HttpNfcLeaseGetManifest", "expire")
    export(hypervisor, machine, tmp_path / "disk.vmdk")
    assert peer.world.rules.unmet() == []


def test_without_room_here_nothing_is_asked_for(peer: Peer, exporting: Exporting, tmp_path: Path) -> None:
    """Both numbers are told; no lease is taken."""
    for moid in peer.world.inventory.datastores:
        peer.set("Datastore", moid, "summary.freeSpace", str(1 << 60), "xsd:long")
    where = peer.seed("large", disks=(200_000,)).name
    hypervisor, _ = exporting()
    base = hypervisor.adopt("large", Origin("machine", where), MARK, in_place=False)
    point = hypervisor.freeze(base, "v1")
    machine, before = hypervisor.clone("large-clone", point, MARK, CloneOptions()), len(peer.requests("ExportVm"))
    moid = machine.id.partition(":")[0]
    nothing = '<val xsi:type="ArrayOfVirtualMachineFileLayoutExDiskLayout"/>'
    peer.world.upstream.change(VM, moid, {"layoutEx.disk": nothing})  # Of its 200,000 GiB nobody knows what is written.
    with pytest.raises(Refused, match="this computer has too little room") as caught:
        export(hypervisor, machine, tmp_path / "disk.vmdk")
    assert (caught.value.details or "").count("GiB") == 2
    assert len(peer.requests("ExportVm")) == before
    hypervisor.destroy(machine)
    hypervisor.drop_snapshot(point)
    hypervisor.destroy(base)


def test_the_right_is_asked_for_before_anything_is_made(peer: Peer, opening: Any, tmp_path: Path) -> None:
    """VApp.Export, where exports are wanted; where they are not, it is not missed."""
    stage = Stage(opening(), "one")
    point = stage.point()
    weak = peer.account("weak@vsphere.local", "weak-password", {"VApp.Export": ()})
    (tmp_path / "weak").write_text(weak.password)
    login = {"user": weak.user, "password_file": str(tmp_path / "weak")}
    one: Hypervisor = opening(**login)
    one.destroy(one.clone("other", point, MARK, CloneOptions()))
    with pytest.raises(Refused, match="lacks 1 privilege") as caught:
        opening(**login, proof="export").clone("other", point, MARK, CloneOptions())
    assert (caught.value.details or "").startswith("VApp.Export on ")


def test_it_is_only_done_where_it_is_wanted(opening: Any, tmp_path: Path) -> None:
    """By default seals are read in the guest alone; a slip of the pen is refused with what there is."""
    hypervisor = opening()
    assert not hypervisor.abilities.export_disk
    stage = Stage(hypervisor, "one")
    with pytest.raises(NotAble, match="is not exported"):
        export(hypervisor, stage.base(), tmp_path / "disk.vmdk")
    assert opening(proof="export").abilities.export_disk
    assert not opening(proof="guest").abilities.export_disk
    for wrong in ("exports", "", "disk"):
        with pytest.raises(BadConfig, match="proof is guest or export"):
            parse(Endpoint("vc", "vsphere://vc/DC", {"proof": wrong}))


def url(key: str, *, disk: bool = True) -> Any:
    """What a lease offers."""
    return vim.HttpNfcLease.DeviceUrl(
        key=key, importKey="", url=f"https://h/nfc/{key}.vmdk", sslThumbprint="", disk=disk
    )


def test_the_system_disk_is_found_among_what_is_offered() -> None:
    """By its controller and its place on it; where no key tells, the first that is a disk."""
    controller = DEVICE.ParaVirtualSCSIController(key=1000, busNumber=0, sharedBus="noSharing")
    disk = DEVICE.VirtualDisk(key=2000, controllerKey=1000, unitNumber=0, capacityInKB=1024)
    nvram, other, ours = (
        url("/vm-1/nvram", disk=False),
        url("/vm-1/VirtualNVMEController0:0"),
        url("/vm-1/ParaVirtualSCSIController0:0"),
    )
    assert chosen([nvram, other, ours], [controller, disk], disk) is ours
    assert chosen([nvram, other], [controller, disk], disk) is other
    with pytest.raises(EndpointError, match="offers no disk"):
        chosen([], [], disk)


def test_the_room_for_an_export_is_what_its_chain_takes() -> None:
    """Where vCenter tells of every disk of the chain; else all that the disk can hold."""
    layout = vim.vm.FileLayoutEx
    base = DEVICE.VirtualDisk.FlatVer2BackingInfo(fileName="[ds] base.vmdk", diskMode="persistent")
    backing = DEVICE.VirtualDisk.FlatVer2BackingInfo(fileName="[ds] top.vmdk", diskMode="persistent", parent=base)
    disk = DEVICE.VirtualDisk(key=2000, backing=backing, capacityInBytes=64 << 30, capacityInKB=64 << 20)
    files = [
        layout.FileInfo(key=number, name=f"[ds] {number}", type="diskExtent", size=number << 30) for number in (1, 2, 3)
    ]
    chain = [layout.DiskUnit(fileKey=[1, 2]), layout.DiskUnit(fileKey=[3])]
    whole = [layout.DiskLayout(key=2000, chain=chain)]
    grain = 64
    assert most(disk, whole, files) == (6 << 30) + (6 << 30) // grain
    for told in ([], [layout.DiskLayout(key=2000, chain=chain[:1])], [layout.DiskLayout(key=2001, chain=chain)]):
        assert most(disk, told, files) == (64 << 30) + (64 << 30) // grain
    assert most(disk, whole, files[:2]) == (64 << 30) + (64 << 30) // grain


def test_a_manifest_is_compared_as_far_as_it_tells() -> None:
    """Size, SHA-1, SHA-256; a checksum of a kind that golden does not know says nothing."""
    arrived = Arrived()
    arrived.add(b"abc")

    def entry(**told: Any) -> Any:
        return vim.HttpNfcLease.ManifestEntry(**{"key": "k", "sha1": "", "size": 3, "disk": True, **told})

    sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d"
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    for good in (
        {},
        {"sha1": sha1.upper()},
        {"checksum": sha256, "sha1": sha1},
        {"checksum": "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="},
    ):
        assert arrived.differs(entry(**good)) == ""
    for bad in ({"size": 4}, {"sha1": "0" * 40}, {"checksum": "0" * 64, "sha1": sha1}):
        assert arrived.differs(entry(**bad))
