"""Machines: made, changed, started, stopped, removed; checkpoints, hardware, clusters, languages."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
from pypsrp.exceptions import WSManFaultError

from tests.peers.hyperv.client import Client, connected
from tests.peers.hyperv.host import trees, vhdx
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.test_disks import find, real

pytestmark = pytest.mark.slow

GUEST = "6C09BB55-D683-4DA0-8931-C9BF705F6480"


def state(run: Client, name: str) -> str:
    """A machine's state."""
    return str(run("Get-VM", ("Select-Object", {"ExpandProperty": "State"}), Name=name).one)


def ready(peer: Peer, vm: str) -> None:
    """Wait for the heartbeat."""
    end = time.monotonic() + 20
    while not peer.world.machine(vm)["ready"]:
        assert time.monotonic() < end
        time.sleep(0.02)


def tree(peer: Peer, windows: str, folder: Path) -> Path:
    """What lies on a disk."""
    with vhdx.Disk(real(peer, windows), find) as disk:
        assert trees.load(disk, folder)
    return folder


def test_a_machine_from_its_making_to_its_end(run: Client, peer: Peer) -> None:
    """Made with a disk, changed, started twice (a warning), shut down, removed; the disk stays."""
    made = peer.seed("origin")
    child = "C:\\golden\\life.vhdx"
    run("New-VHD", Path=child, ParentPath=made.disk)
    new = run(
        "New-VM",
        Name="life",
        VHDPath=child,
        Generation=2,
        MemoryStartupBytes=4 << 30,
        Path="C:\\golden\\machines",
        SwitchName="Isolated",
    ).one
    assert (new["State"], new["Generation"], new["MemoryStartup"]) == ("Off", 2, 4 << 30)
    notes = "v1'; Remove-Item C:\\ $(calc) \"é\u2019"
    assert not run("Set-VM", Name="life", Notes=notes, ProcessorCount=4, StaticMemory=True).errors
    assert run("Get-VM", Name="life").one["Notes"] == notes
    assert not run("Start-VM", Name="life").errors
    assert run("Start-VM", Name="life").warnings == ["The virtual machine is already in the specified state."]
    ready(peer, str(new["Id"]))
    found = run("Get-VM", Name="life").one
    assert (found["State"], found["Heartbeat"]) == ("Running", "OkApplicationsUnknown")
    assert run("Set-VM", Name="life", ProcessorCount=2).fqid.startswith("InvalidState,")
    assert run("Remove-VM", Name="life", Force=True).fqid.startswith("InvalidState,")
    (card,) = run("Get-VMNetworkAdapter", VMName="life").output
    assert card["SwitchName"] == "Isolated" and card["MacAddress"].startswith("00155D") and card["IPAddresses"]
    assert not run("Stop-VM", Name="life").errors
    assert state(run, "life") == "Off"
    assert not run("Remove-VM", Name="life", Force=True).errors
    assert real(peer, child).is_file() and run("Test-VHD", Path=child).one is True


@pytest.mark.parametrize("cut", [False, True])
def test_what_a_guest_wrote_is_on_its_disk_when_it_is_off(run: Client, peer: Peer, tmp_path: Path, cut: bool) -> None:
    """Orderly or cut; the parent does not have it."""
    made = peer.seed(f"writing{cut}", chain=1)
    run("Start-VM", Name=made.name)
    ready(peer, made.id)
    (peer.guest(made.id) / "Windows/Temp/note.txt").write_text("kept")
    assert not run("Stop-VM", Name=made.name, TurnOff=cut).errors
    assert (tree(peer, made.disk, tmp_path / "leaf") / "Windows/Temp/note.txt").read_text() == "kept"
    parent = run("Get-VHD", Path=made.disk).one["ParentPath"]
    assert not (tree(peer, parent, tmp_path / "parent") / "Windows/Temp/note.txt").exists()
    assert run("Test-VHD", Path=made.disk).one is True


def test_a_guest_switches_itself_off(run: Client, peer: Peer) -> None:
    """The machine is off as soon as the guest is."""
    made = peer.seed("itself")
    run("Start-VM", Name="itself")
    ready(peer, made.id)
    (peer.folder / "guests" / made.id / "machine/power").write_text("off")
    end = time.monotonic() + 20
    while state(run, "itself") != "Off":
        assert time.monotonic() < end


def test_machines_outlive_the_server_and_not_the_host(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The WinRM service may die under a running machine; at a power cut of the host it is off, with what it wrote."""
    with Peer(tmp_path_factory.mktemp("life") / "peer", openssh=False) as peer:
        made = peer.seed("m")
        with suppress(WSManFaultError), connected(peer) as run:  # its shell goes with the server
            run("Start-VM", Name="m")
            ready(peer, made.id)
            peer.restart_server()
        with connected(peer) as run:
            assert state(run, "m") == "Running"
            (peer.guest(made.id) / "Windows/Temp/x").write_text("x")
        peer.crash()
        with connected(peer) as run:
            assert state(run, "m") == "Off"
            assert not run("Start-VM", Name="m").errors
            ready(peer, made.id)
        assert (peer.guest(made.id) / "Windows/Temp/x").read_text() == "x"


def test_checkpoints_put_the_machine_on_a_child_and_merge_back(run: Client, peer: Peer) -> None:
    """Checkpoint, restore, remove; Remove-VM merges what is left."""
    made = peer.seed("point")
    run("Set-VM", Name="point", CheckpointType="Standard")
    run("Checkpoint-VM", Name="point", SnapshotName="one")
    (drive,) = run("Get-VMHardDiskDrive", VMName="point").output
    assert drive["Path"].endswith(".avhdx")
    assert run("Get-VHD", Path=drive["Path"]).one["ParentPath"] == made.disk
    assert run("Get-VM", Name="point").one["ParentCheckpointName"] == "one"
    run("Start-VM", Name="point")
    ready(peer, made.id)
    (peer.guest(made.id) / "Windows/Temp/after").write_text("after")
    run("Stop-VM", Name="point", TurnOff=True)
    assert not run("Restore-VMSnapshot", VMName="point", Name="one", Confirm=False).errors
    run("Start-VM", Name="point")
    ready(peer, made.id)
    assert not (peer.guest(made.id) / "Windows/Temp/after").exists()
    run("Stop-VM", Name="point", TurnOff=True)
    assert not run("Remove-VMSnapshot", VMName="point", Name="one").errors
    end = time.monotonic() + 20
    while run("Get-VM", Name="point").one["Status"] != "Operating normally":
        assert time.monotonic() < end
    assert run("Get-VMHardDiskDrive", VMName="point").one["Path"] == made.disk
    assert run("Test-VHD", Path=made.disk).one is True
    assert run("Get-VMSnapshot", VMName="point").output == []


def test_a_client_makes_checkpoints_by_itself_unless_told_not_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Windows 11: a started machine runs on an avhdx, so its disk is not what one thinks."""
    with Peer(tmp_path_factory.mktemp("client") / "peer", client=True, openssh=False, language="de-DE") as peer:
        peer.seed("auto"), peer.seed("plain")
        with connected(peer) as run:
            run("Set-VM", Name="plain", AutomaticCheckpointsEnabled=False)
            run("Start-VM", Name="*")
            assert run("Get-VMHardDiskDrive", VMName="auto").one["Path"].endswith(".avhdx")
            assert run("Get-VMHardDiskDrive", VMName="plain").one["Path"].endswith("disk.vhdx")
            run("Stop-VM", Name="*", TurnOff=True)
            run("Remove-VM", Name="auto", Force=True)
            assert not list(peer.drive("C:\\VMs\\auto").glob("*.avhdx"))
            said = run("Start-VM", Name="auto").errors[0]
            assert said == ("InvalidParameter,Microsoft.HyperV.PowerShell.Commands.StartVM",
                            'Der Vorgang ist fehlgeschlagen: "auto"')  # fmt: skip
            names = [each["Name"] for each in run("Get-VMIntegrationService", VMName="plain").output]
            assert "Gastdienstschnittstelle" in names
            assert run("Enable-VMIntegrationService", VMName="plain", Name="Guest Service Interface").fqid
            piped = run("Get-VMIntegrationService", ("Where-Object", {"Property": "Id", "Match": True, "Value": GUEST}),
                        ("Enable-VMIntegrationService", {"Passthru": True}), VMName="plain")  # fmt: skip
            assert piped.one["Enabled"] is True


def test_firmware_tpm_and_what_only_generation_2_has(run: Client, peer: Peer) -> None:
    """A TPM wants a key protector; one from elsewhere cannot be opened here."""
    peer.seed("tpm"), peer.seed("old", generation=1)
    assert run("Get-VMFirmware", VMName="old").fqid.startswith("InvalidParameter,")
    assert not run("Set-VMFirmware", VMName="tpm", EnableSecureBoot="On",
                   SecureBootTemplate="MicrosoftUEFICertificateAuthority").errors  # fmt: skip
    assert run("Set-VMFirmware", VMName="tpm", SecureBootTemplate="Mine").fqid.startswith("InvalidParameter,")
    found = run("Get-VMFirmware", VMName="tpm").one
    assert (found["SecureBoot"], found["SecureBootTemplate"]) == ("On", "MicrosoftUEFICertificateAuthority")
    assert run("Enable-VMTPM", VMName="tpm").fqid.startswith("InvalidOperation,")
    run("Set-VMKeyProtector", VMName="tpm", NewLocalKeyProtector=True)
    assert not run("Enable-VMTPM", VMName="tpm").errors
    assert run("Get-VMSecurity", VMName="tpm").one["TpmEnabled"] is True
    run("Set-VMKeyProtector", VMName="tpm", KeyProtector=[1, 2, 3])
    assert "could not be unwrapped" in run("Start-VM", Name="tpm").errors[0][1]


def test_a_cluster_shows_its_own_machines_only(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A machine on another node is not found by Get-VM; the cluster knows its owner."""
    with Peer(tmp_path_factory.mktemp("cluster") / "peer", nodes=("HV1", "HV2"), openssh=False) as peer:
        peer.seed("here", odd=("clustered",), folder="C:\\ClusterStorage\\Volume1"), peer.seed("there", node="HV2")
        with connected(peer) as run:
            assert [each["Name"] for each in run("Get-VM").output] == ["here"]
            assert run("Get-VM", Name="there").fqid.startswith("InvalidParameter,")
            assert run("Get-ClusterGroup", Name="there").one["OwnerNode"] == "HV2"
            assert run("Get-VHD", Path="C:\\ClusterStorage\\Volume1\\here\\disk.vhdx").one["VhdType"] == "Dynamic"


def test_a_host_without_hyper_v_or_rights(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The module is missing: unknown commands; the rights are missing: access denied."""
    with Peer(tmp_path_factory.mktemp("none") / "peer", hyper_v=False, openssh=False) as peer, connected(peer) as run:
        assert run("Get-VM").fqid == "CommandNotFoundException"
    with (
        Peer(tmp_path_factory.mktemp("rights") / "peer", rights=("files",), openssh=False) as peer,
        connected(peer) as run,
    ):
        met = run("Get-VM")
        assert met.fqid.startswith("AccessDenied,") and "permission" in met.errors[0][1]
