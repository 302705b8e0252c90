"""What goes wrong on demand, and that nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pypsrp.exceptions import WinRMError, WSManFaultError
from requests.exceptions import ConnectionError as NoConnection

from tests.peers.hyperv.client import Client, connected
from tests.peers.hyperv.life import ROOT
from tests.peers.hyperv.peer import Peer

pytestmark = pytest.mark.slow

LOST = (WSManFaultError, WinRMError, NoConnection)
NEW = "C:\\golden\\{}.vhdx"


@pytest.mark.parametrize(("deed", "done"), [("drop-before", False), ("drop-after", True)])
def test_a_session_is_dropped_before_or_after_the_work(peer: Peer, deed: str, done: bool) -> None:
    """The client cannot tell which; the disk can."""
    windows = NEW.format(deed)
    peer.rule("New-VHD", deed, named="golden")
    with pytest.raises(LOST), connected(peer) as run:
        run("New-VHD", Path=windows, SizeBytes=64 << 20)
    assert peer.drive(windows).exists() is done
    assert [each.fault for each in peer.requests("New-VHD")][-1] == "dropped"
    assert peer.unmet() == []
    with connected(peer) as run:
        assert run("Write-Output", InputObject=1).one == 1


@pytest.mark.parametrize(("deed", "done"), [("kill-before", False), ("kill-after", True)])
def test_the_server_is_killed_before_or_after_the_work(peer: Peer, deed: str, done: bool) -> None:
    """It is gone with all sessions, and comes back at the same address."""
    windows = NEW.format(deed)
    peer.rule("New-VHD", deed)
    with pytest.raises(LOST), connected(peer) as run:
        run("New-VHD", Path=windows, SizeBytes=64 << 20)
    assert peer.drive(windows).exists() is done
    port = peer.port
    peer.restart_server()
    assert peer.port == port
    with connected(peer) as run:
        assert run("Write-Output", InputObject=1).one == 1


def test_errors_faults_and_delays_by_rule(peer: Peer, run: Client) -> None:
    """A command fails as told, the nth time and so many times."""
    peer.rule("Get-VMHost", "error", nth=2, kind="AccessDenied", category="PermissionDenied", text="no")
    assert run("Get-VMHost").errors == []
    assert run("Get-VMHost").errors == [("AccessDenied,Microsoft.HyperV.PowerShell.Commands.GetVMHost", "no")]
    assert run("Get-VMHost").errors == []
    peer.rule("WSMan.Command", "fault", code=2150859174, text="too many")
    with pytest.raises(WSManFaultError) as refused:
        run("Get-VMHost")
    assert refused.value.code == 2150859174
    peer.rule("Get-VMHost", "delay", seconds=0.5)
    begun = time.monotonic()
    run("Get-VMHost")
    assert time.monotonic() - begun > 0.5


def test_the_second_hop_is_refused_and_credentials_get_around_it(peer: Peer, run: Client) -> None:
    """A session has no network credentials of its own; New-PSDrive brings some."""
    share = "\\\\files\\library"
    assert run("Get-ChildItem", LiteralPath=share).fqid.startswith("ItemExistsUnauthorizedAccessError,")
    assert run("Test-Path", LiteralPath=share).output == [False]
    wrong = run("New-PSDrive", Name="L", PSProvider="FileSystem", Root=share, Credential=run.credential("u", "wrong"))
    assert wrong.fqid.startswith("CouldNotMapNetworkDrive,")
    right = run.credential(peer.user, peer.password)
    assert not run("New-PSDrive", Name="L", PSProvider="FileSystem", Root=share, Credential=right).errors
    assert run("Test-Path", LiteralPath=share).output == [True]
    assert run("Get-ChildItem", LiteralPath="\\\\files\\other").fqid


def test_a_delegated_session_reaches_shares(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As with CredSSP."""
    with Peer(tmp_path_factory.mktemp("hop") / "peer", delegated=True, openssh=False) as peer, connected(peer) as run:
        assert run("Test-Path", LiteralPath="\\\\files\\library").output == [True]


def test_a_full_disk(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A fixed disk that does not fit, and a conversion that runs out of room, whose half stays."""
    with Peer(tmp_path_factory.mktemp("full") / "peer", free=100 << 20, openssh=False) as peer, connected(peer) as run:
        made = peer.seed("m")
        assert "not enough space" in run("New-VHD", Path=NEW.format("f"), SizeBytes=200 << 20, Fixed=True).errors[0][1]
        assert not peer.drive(NEW.format("f")).exists()
        peer.rule("Job.convert", "disk-full")
        met = run("Convert-VHD", Path=made.disk, DestinationPath=NEW.format("c"), VHDType="Dynamic")
        assert met.fqid.startswith("DiskFull,") and peer.drive(NEW.format("c")).exists()
        free = run("Get-Volume", ("Select-Object", {"ExpandProperty": "SizeRemaining"}), DriveLetter="C").one
        assert 0 < free <= 100 << 20


def test_slow_answers_come_in_pieces(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One fragment for each Receive."""
    with Peer(tmp_path_factory.mktemp("slow") / "peer", slow=0.05, openssh=False) as peer, connected(peer) as run:
        text = "x" * 200_000
        assert run("Write-Output", InputObject=text).one == text


def test_a_shell_that_takes_too_much_memory_is_gone(tmp_path_factory: pytest.TempPathFactory) -> None:
    """MaxMemoryPerShellMB: its process ends, and the next thing asked of it finds no shell."""
    with Peer(tmp_path_factory.mktemp("memory") / "peer", memory=1, openssh=False) as peer:
        with pytest.raises(LOST), connected(peer) as run:
            run("Write-Output", InputObject="x" * (2 << 20))
        with connected(peer) as run:
            assert run("Write-Output", InputObject="small").one == "small"


def running(folder: Path) -> list[psutil.Process]:
    """Processes that were given this folder."""
    mark = str(folder)
    found = []
    for each in psutil.process_iter(["cmdline"]):
        if any(mark in word for word in each.info["cmdline"] or []):
            found.append(each)
    return found


def test_everything_ends_with_the_block_and_with_its_holder(tmp_path: Path) -> None:
    """By end of the with, and when the process that holds it is killed; guests' programs too."""
    with Peer(tmp_path / "a") as peer, connected(peer) as run:
        made = peer.seed("m")
        run("Start-VM", Name="m")
        end = time.monotonic() + 20
        while not peer.world.machine(made.id)["ready"]:
            assert time.monotonic() < end
        peer.world.guest_start(made.id, "ping.exe -n 600 127.0.0.1", "", {}, "Administrator")
        assert len(running(tmp_path / "a")) >= 3
    assert running(tmp_path / "a") == []
    holder = subprocess.Popen(
        [sys.executable, "-m", "tests.peers.hyperv", str(tmp_path / "b"), "--seed", "m"],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
    )
    assert holder.stdout is not None
    while b"machine m" not in holder.stdout.readline():
        assert holder.poll() is None
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    holder.stdout.close()
    end = time.monotonic() + 15
    while running(tmp_path / "b"):
        assert time.monotonic() < end, running(tmp_path / "b")
        time.sleep(0.1)
