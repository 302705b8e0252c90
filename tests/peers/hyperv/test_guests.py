"""Guests: PowerShell Direct, programs, files by the guest service, lock-out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.hyperv.client import Client, connected
from tests.peers.hyperv.host.seeding import Seeded
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.test_machines import ready, state, tree

pytestmark = pytest.mark.slow

PROBE = """
param([guid] $VMId, [pscredential] $Credential)
Invoke-Command -VMId $VMId -Credential $Credential -ScriptBlock { 'inside' }
"""
LOOK = """
param([guid] $VMId, [pscredential] $Credential, [string] $Path)
Invoke-Command -VMId $VMId -Credential $Credential -ArgumentList $Path -ScriptBlock {
    param([string] $Path)
    $item = Get-Item -LiteralPath $Path -ErrorAction Stop
    [pscustomobject]@{ Name = $item.Name; Deep = [pscustomobject]@{ A = 1 } }
}
"""
RUN = """
param([guid] $VMId, [pscredential] $Credential, [string] $Line)
Invoke-Command -VMId $VMId -Credential $Credential -ArgumentList $Line -ScriptBlock {
    param([string] $Line)
    $made = Invoke-CimMethod -ClassName 'Win32_Process' -MethodName 'Create' -Arguments @{ CommandLine = $Line }
    [pscustomobject]@{ Code = $made.ReturnValue; Process = $made.ProcessId }
}
"""
STOP = """
param([guid] $VMId, [pscredential] $Credential)
Invoke-Command -VMId $VMId -Credential $Credential -ScriptBlock { Stop-Computer -Force }
"""


@pytest.fixture
def guest(peer: Peer, run: Client, request: pytest.FixtureRequest) -> Iterator[Seeded]:
    """A machine of its own that runs and answers."""
    made = peer.seed(f"guest-{request.node.name[:40]}".replace("[", "-").replace("]", ""))
    assert not run("Start-VM", Name=made.name).errors
    ready(peer, made.id)
    yield made
    run("Stop-VM", Name=made.name, TurnOff=True)


def test_a_block_runs_inside_and_what_comes_back_is_deserialized(run: Client, guest: Seeded) -> None:
    """Files are the guest's; objects are one level deep and say where they come from."""
    assert run.script(PROBE, VMId=guest.id, Credential=run.guest()).one == "inside"
    found = run.script(LOOK, VMId=guest.id, Credential=run.guest(), Path="C:\\Windows\\explorer.exe").one
    assert (found["Name"], found["Deep"], found["PSComputerName"]) == ("explorer.exe", "@{A=1}", guest.name)
    missing = run.script(LOOK, VMId=guest.id, Credential=run.guest(), Path="C:\\golden")
    assert missing.fqid == "PathNotFound,Microsoft.PowerShell.Commands.GetItemCommand"


def test_programs_go_on_without_the_session(run: Client, peer: Peer, guest: Seeded) -> None:
    """A child of the guest's own management service; what is not there is code 9."""
    made = run.script(RUN, VMId=guest.id, Credential=run.guest(), Line="cmd.exe /c echo done> C:\\Windows\\Temp\\o.txt")
    assert made.one["Code"] == 0 and made.one["Process"] > 0
    end = time.monotonic() + 20
    while not (peer.guest(guest.id) / "Windows/Temp/o.txt").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    gone = run.script(RUN, VMId=guest.id, Credential=run.guest(), Line="C:\\none.exe")
    assert gone.one["Code"] == 9


def test_a_guest_that_shuts_itself_down(run: Client, peer: Peer, guest: Seeded) -> None:
    """Stop-Computer inside."""
    run.script(STOP, VMId=guest.id, Credential=run.guest())
    end = time.monotonic() + 20
    while state(run, guest.name) != "Off":
        assert time.monotonic() < end


def test_sysprep_seals_the_disk(run: Client, peer: Peer, guest: Seeded, tmp_path: Path) -> None:
    """The stand-in's sysprep runs, the guest goes off, its mark is on the powered-off disk."""
    line = "C:\\Windows\\System32\\Sysprep\\sysprep.exe /generalize /oobe /shutdown /quiet"
    assert run.script(RUN, VMId=guest.id, Credential=run.guest(), Line=line).one["Code"] == 0
    end = time.monotonic() + 60
    while state(run, guest.name) != "Off":
        assert time.monotonic() < end
    found = tree(peer, guest.disk, tmp_path / "tree")
    assert (found / "Windows/System32/Sysprep/Sysprep_succeeded.tag").exists()


def test_who_is_not_let_in(peer: Peer, run: Client, guest: Seeded) -> None:
    """Off, unknown and wrong passwords, each in the real one's words."""
    off = peer.seed(f"off-{guest.name}")
    cases = (
        (off.id, run.guest(), "not in running state"),
        (guest.id, run.credential("Administrator", "wrong"), "credential is invalid"),
        (guest.id, run.credential("Nobody", peer.guest_password), "credential is invalid"),
    )
    for vm, who, said in cases:
        met = run.script(PROBE, VMId=vm, Credential=who)
        assert met.fqid == "PSSessionStateBroken"
        assert said in met.errors[0][1]


def test_too_many_wrong_passwords_lock_the_account(tmp_path_factory: pytest.TempPathFactory) -> None:
    """After that the right one is refused too."""
    with Peer(tmp_path_factory.mktemp("lock") / "peer", lockout=2, openssh=False) as peer, connected(peer) as run:
        made = peer.seed("locked")
        run("Start-VM", Name="locked")
        ready(peer, made.id)
        for password in ("one", "two", peer.guest_password):
            met = run.script(PROBE, VMId=made.id, Credential=run.credential("Administrator", password))
            assert "credential is invalid" in met.errors[0][1]


def test_files_by_the_guest_service(run: Client, peer: Peer, guest: Seeded) -> None:
    """Refused while the service is off; then it needs no logon, makes folders if asked, and overwrites if asked."""
    peer.drive("C:\\golden\\file.bin").write_bytes(b"\x00\xff" * 1000)
    wanted = {"Name": guest.name, "SourcePath": "C:\\golden\\file.bin", "FileSource": "Host",
              "DestinationPath": "C:\\deep\\er\\file.bin"}  # fmt: skip
    assert "Guest Service Interface" in run("Copy-VMFile", **wanted).errors[0][1]
    run("Enable-VMIntegrationService", VMName=guest.name, Name="Guest Service Interface")
    assert run("Copy-VMFile", **wanted).fqid.startswith("OperationFailed,")
    assert not run("Copy-VMFile", CreateFullPath=True, **wanted).errors
    assert (peer.guest(guest.id) / "deep/er/file.bin").read_bytes() == b"\x00\xff" * 1000
    assert "exists" in run("Copy-VMFile", **wanted).errors[0][1]
    assert not run("Copy-VMFile", Force=True, **wanted).errors


def test_a_block_breaks_off_when_its_guest_restarts(run: Client, peer: Peer, guest: Seeded) -> None:
    """The line to the guest goes with the guest."""
    text = """
    param([guid] $VMId, [pscredential] $Credential)
    Invoke-Command -VMId $VMId -Credential $Credential -ScriptBlock {
        Restart-Computer -Force
        while ($true) { Start-Sleep -Milliseconds 50 }
    }
    """
    met = run.script(text, VMId=guest.id, Credential=run.guest())
    assert met.fqid == "2100,PSSessionStateBroken" and "has ended" in met.errors[0][1]
    ready(peer, guest.id)


def test_a_guest_that_does_not_answer_cannot_be_shut_down(run: Client, peer: Peer) -> None:
    """Stop-VM would ask, which nobody can answer; -Force cuts the power in the end."""
    made = peer.seed("silent", faults=(("shutdown", "never"),))
    run("Start-VM", Name="silent")
    ready(peer, made.id)
    assert run("Stop-VM", Name="silent", Confirm=False).fqid == (
        "InvalidOperation,Microsoft.HyperV.PowerShell.Commands.StopVM"
    )
    assert state(run, "silent") == "Running"
    assert not run("Stop-VM", Name="silent", Force=True).errors
    assert state(run, "silent") == "Off"
