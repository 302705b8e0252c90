"""The peer's VMM server, asked by pypsrp's own client: what connects, what binds, what an import and a refresh do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.peers.hyperv.client import Client, connected
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.vmm import SERVER, SHARE, SYSTEMS, Vmm

pytestmark = pytest.mark.slow

EVERY = ("Get-SCVirtualHardDisk", "Get-SCVMTemplate", "Get-SCLibraryShare", "Get-SCJob", "Get-SCOperatingSystem",
         "Get-SCHardwareProfile", "Get-SCGuestOSProfile")  # fmt: skip
SERVERS = {"ComputerName": SERVER, "TCPPort": 8100}


@pytest.fixture
def vmm(peer: Peer) -> Vmm:
    """The server of the module's host, empty."""
    shutil.rmtree(peer.folder / "shares")
    return Vmm.install(peer)


@pytest.fixture
def joined(run: Client, peer: Peer, vmm: Vmm) -> Client:
    """A session that is connected to it."""
    run("Get-SCVMMServer", **SERVERS, Credential=run.credential(peer.user, peer.password))
    return run


@pytest.fixture
def disk(peer: Peer) -> Iterator[str]:
    """A file on the host."""
    file = peer.drive("C:\\golden\\a.vhdx")
    file.write_bytes(b"vhdx" * 1000)
    yield "C:\\golden\\a.vhdx"
    file.unlink()


def test_a_session_has_no_credential_of_its_own(run: Client, peer: Peer, vmm: Vmm) -> None:
    """The second hop: without one that comes along nobody is known there; a wrong one is not, either."""
    assert run("Get-SCVMMServer", **SERVERS).fqid.startswith("1604,")
    assert run("Get-SCVMMServer", **SERVERS, Credential=run.credential(peer.user, "wrong")).fqid.startswith("1604,")
    assert run("Get-SCVMMServer", **SERVERS, Credential=run.credential(peer.user, peer.password)).errors == []
    assert run("Get-SCVMMServer", ComputerName="other", TCPPort=8100).fqid.startswith("1602,")
    vmm.set(answers=False)
    assert run("Get-SCLibraryShare").fqid.startswith("1602,")


def test_nothing_is_told_without_a_connection(run: Client, peer: Peer, vmm: Vmm) -> None:
    """And a connection belongs to one runspace."""
    assert {run(each).fqid.split(",")[0] for each in EVERY} == {"NotConnected"}
    run("Get-SCVMMServer", **SERVERS, Credential=run.credential(peer.user, peer.password))
    with connected(peer) as other:
        assert other("Get-SCLibraryShare").fqid.startswith("NotConnected")


def test_objects_do_not_come_back(joined: Client, disk: str) -> None:
    """What a client got is no object of VMM's any more, and neither is a name: only a script on the host has them."""
    joined("Import-SCLibraryPhysicalResource", SourcePath=disk, SharePath=SHARE)
    assert "CannotConvertArgument" in joined("Set-SCVirtualHardDisk", VirtualHardDisk="a.vhdx", Description="x").fqid
    assert "CannotConvertArgument" in joined("New-SCVMTemplate", Name="t", VirtualHardDisk="a.vhdx").fqid
    changed = joined("Get-SCVirtualHardDisk", ("Set-SCVirtualHardDisk", {"Description": "x"}), Name="a.vhdx")
    assert changed.one["Description"] == "x"
    assert "NamedParameterNotFound" in joined("Get-SCVirtualHardDisk", Id_="x").fqid


def test_an_import_copies_and_indexes(joined: Client, peer: Peer, vmm: Vmm, disk: str) -> None:
    """Below a share only, under the file's own name, and never over one that is there."""
    assert joined("Import-SCLibraryPhysicalResource", SourcePath=disk, SharePath="\\\\no\\share").fqid.startswith(
        "1606,"
    )
    made = joined("Import-SCLibraryPhysicalResource", SourcePath=disk, SharePath=SHARE + "\\below").one
    assert (made["SharePath"], made["Size"], made["Enabled"]) == (SHARE + "\\below\\a.vhdx", 4000, True)
    assert vmm.place(made["SharePath"]).read_bytes() == peer.drive(disk).read_bytes()
    again = joined("Import-SCLibraryPhysicalResource", SourcePath=disk, SharePath=SHARE + "\\below")
    assert again.fqid.startswith("2604,")
    vmm.set(full=True)
    assert "0x80070070" in joined("Import-SCLibraryPhysicalResource", SourcePath=disk, SharePath=SHARE).errors[0][1]
    jobs = joined("Get-SCJob", ("Select-Object", {"Property": ["Status", "ResultName"]})).output
    assert [(each["Status"], each["ResultName"]) for each in jobs[-2:]] == [
        ("Completed", "a.vhdx"),
        ("Failed", "a.vhdx"),
    ]


def test_a_refresh_indexes_whole_and_half_files(joined: Client, vmm: Vmm, disk: str) -> None:
    """By their ending, wherever they came from; what is gone is missing."""
    made = joined("Import-SCLibraryPhysicalResource", SourcePath=disk, SharePath=SHARE).one
    vmm.place(SHARE + "\\half.vhdx").write_bytes(b"vh")
    vmm.place(SHARE + "\\half.vhdx.partial").write_bytes(b"vh")
    vmm.place(made["SharePath"]).unlink()
    joined("Get-SCLibraryShare", ("Read-SCLibraryShare", {}))
    told = joined("Get-SCVirtualHardDisk", ("Select-Object", {"Property": ["Name", "State"]})).output
    assert {each["Name"]: each["State"] for each in told} == {"a.vhdx": "Missing", "half.vhdx": "Normal"}


def test_a_template_is_made_of_a_disk_and_goes_without_it(joined: Client, vmm: Vmm, disk: str) -> None:
    """Other ways are not modelled; a disk that a template uses asks before it goes, and nobody can answer."""
    joined("Import-SCLibraryPhysicalResource", SourcePath=disk, SharePath=SHARE)
    assert joined("New-SCVMTemplate", Name="t").fqid.startswith("NotModelled")
    made = joined.script(
        "$d = Get-SCVirtualHardDisk -Name 'a.vhdx'; New-SCVMTemplate -Name 't' -VirtualHardDisk $d"
    ).one
    assert (made["Name"], made["Enabled"]) == ("t", True)
    twice = joined.script("$d = Get-SCVirtualHardDisk -Name 'a.vhdx'\n"
                          "New-SCVMTemplate -Name 'T' -VirtualHardDisk $d[-1]")  # fmt: skip
    assert twice.errors
    (entry,) = vmm.read()["disks"].values()
    remove = "Remove-SCVirtualHardDisk -VirtualHardDisk (Get-SCVirtualHardDisk -ID $Id)"
    asked = joined.script(f"param([guid] $Id) {remove}", Id=entry["id"])
    assert "request confirmation" in asked.errors[0][1]
    gone = joined.script(f"param([guid] $Id) {remove} -Force", Id=entry["id"])
    assert (gone.errors, vmm.files(), len(vmm.read()["templates"])) == ([], [], 1)


def test_who_may_only_look_changes_nothing(run: Client, peer: Peer, vmm: Vmm, disk: str) -> None:
    """A read-only administrator sees what there is."""
    vmm.set(accounts={peer.user: [peer.password, "ReadOnlyAdmin"]})
    run("Get-SCVMMServer", **SERVERS, Credential=run.credential(peer.user, peer.password))
    told = run("Get-SCOperatingSystem", ("Select-Object", {"ExpandProperty": "Name"})).output
    assert told == list(SYSTEMS)
    assert "0x80070005" in run("Import-SCLibraryPhysicalResource", SourcePath=disk, SharePath=SHARE).errors[0][1]


def test_what_stands_on_a_disk_is_told_and_loses_it(joined: Client, vmm: Vmm, disk: str) -> None:
    """Templates and stored machines; the documented warning: a disk that is removed is taken out of them."""
    joined("Import-SCLibraryPhysicalResource", SourcePath=disk, SharePath=SHARE)
    (entry,) = vmm.read()["disks"].values()
    depends = "param([guid] $Id) Get-SCDependentLibraryResource -LibraryResource (Get-SCVirtualHardDisk -ID $Id)"
    nothing = joined.script(depends, Id=entry["id"])
    assert (nothing.output, nothing.errors) == ([], [])
    template, machine = vmm.uses("templates", "t", entry["id"]), vmm.uses("machines", "m", entry["id"])
    whole = joined.script(depends, Id=entry["id"])
    assert whole.errors == []
    told = whole.output
    assert {(one["Name"], one["ObjectType"]) for one in told} == {("t", "Template"), ("m", "VM")}
    remove = "param([guid] $Id) Remove-SCVirtualHardDisk -VirtualHardDisk (Get-SCVirtualHardDisk -ID $Id)"
    asked = joined.script(f"{remove} -Confirm:$false", Id=entry["id"])
    assert "request confirmation" in asked.errors[0][1]
    assert joined.script(f"{remove} -Force", Id=entry["id"]).errors == []
    state = vmm.read()
    assert (state["templates"][template]["disk"], state["machines"][machine]["disk"], state["disks"]) == ("", "", {})
