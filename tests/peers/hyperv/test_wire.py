"""The wire: logons, encryption, streams, stop, shells, certificates, PSRP behind sshd."""

from __future__ import annotations

import threading
import time

import pytest
from pypsrp.exceptions import AuthenticationError, WSManFaultError
from pypsrp.powershell import PowerShell, PSInvocationState, RunspacePool, RunspacePoolState
from requests.exceptions import SSLError

from tests.peers.hyperv.client import Client, connected, wsman
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.wire.soap import TOO_MANY_SHELLS

pytestmark = pytest.mark.slow

HOSTILE = "v1'; Remove-Item C:\\ -Recurse # $(calc) \"é\u2019_x000A_\n`"


def test_the_same_session_over_tls_and_over_http_with_message_encryption(peer: Peer) -> None:
    """Both listeners serve; names arrive as they were sent."""
    for secure in (True, False):
        with connected(peer, secure=secure) as run:
            assert run("Write-Output", InputObject=HOSTILE).one == HOSTILE


def test_http_without_encryption_is_refused(peer: Peer) -> None:
    """AllowUnencrypted is off, as it is by default."""
    with (
        pytest.raises(Exception, match=r"500|401|WSMan|HTTP"),
        RunspacePool(wsman(peer, secure=False, encryption="never")),
    ):
        pass


def test_a_wrong_password_and_an_unknown_ca_are_refused(peer: Peer) -> None:
    """Nobody gets in by either."""
    with pytest.raises(AuthenticationError), connected(peer, password="wrong"):
        pass
    with pytest.raises(SSLError), connected(peer, cert_validation=True):
        pass


def test_a_client_certificate_stands_for_its_user(peer: Peer) -> None:
    """Certificate authentication as WinRM maps it."""
    pem = str(peer.folder / "client.pem")
    with connected(peer, auth="certificate", certificate_pem=pem, certificate_key_pem=pem) as run:
        assert run("Get-VMHost").one["Name"] == "HV1"


def test_streams_arrive_while_the_pipeline_runs(run: Client) -> None:
    """Warnings and progress are there before the end."""
    with PowerShell(run.pool) as shell:
        shell.add_cmdlet("Write-Warning").add_parameters({"Message": "look"}).add_statement()
        shell.add_cmdlet("Write-Progress").add_parameters({"Activity": "a", "PercentComplete": 5}).add_statement()
        shell.add_cmdlet("Start-Sleep").add_parameters({"Seconds": 1})
        shell.begin_invoke()
        while not shell.streams.progress:
            shell.poll_invoke(timeout=1)
        assert str(shell.streams.warning[0].message) == "look"
        assert shell.state == PSInvocationState.RUNNING
        shell.end_invoke()


def test_a_pipeline_is_stopped_and_the_pool_stays_usable(run: Client) -> None:
    """Ctrl+C ends a command that waits."""
    with PowerShell(run.pool) as shell:
        shell.add_cmdlet("Start-Sleep").add_parameters({"Seconds": 60})
        shell.begin_invoke()
        begun = time.monotonic()
        threading.Timer(0.3, shell.stop).start()
        while shell.state == PSInvocationState.RUNNING:
            shell.poll_invoke(timeout=1)
        assert shell.state == PSInvocationState.STOPPED
        assert time.monotonic() - begun < 10
    assert run("Write-Output", InputObject=1).one == 1


def test_a_disconnected_shell_is_taken_over_and_a_live_one_is_not(peer: Peer) -> None:
    """As WSMan has it: only disconnected shells are connected to."""
    first = RunspacePool(wsman(peer))
    first.open()
    (found,) = [each for each in RunspacePool.get_runspace_pools(wsman(peer)) if each.id == first.id]
    with pytest.raises(WSManFaultError):
        found.connect()
    first.disconnect()
    (found,) = [each for each in RunspacePool.get_runspace_pools(wsman(peer)) if each.id == first.id]
    found.connect()
    assert found.state == RunspacePoolState.OPENED
    assert Client(peer, found)("Write-Output", InputObject=2).one == 2
    found.close()


def test_secrets_travel_encrypted_and_are_in_no_log(peer: Peer, run: Client) -> None:
    """A credential is a user's name in the request log."""
    run("New-PSDrive", Name="L", PSProvider="FileSystem", Root="\\\\files\\library",
        Credential=run.credential("golden", peer.password))  # fmt: skip
    (asked,) = peer.requests("New-PSDrive")
    assert asked.given["Credential"] == "golden"
    logs = [each for each in peer.folder.glob("*.log")] + [peer.folder / "requests.jsonl"]
    assert all(peer.password not in each.read_text() for each in logs)


def test_more_shells_than_the_quota_are_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    """MaxShellsPerUser, with its own fault."""
    with Peer(tmp_path_factory.mktemp("quota") / "peer", shells=2, openssh=False) as small:
        kept = [RunspacePool(wsman(small)) for _ in range(3)]
        kept[0].open(), kept[1].open()
        with pytest.raises(WSManFaultError) as refused:
            kept[2].open()
        assert refused.value.code == TOO_MANY_SHELLS
        kept[0].close()
        kept[2] = RunspacePool(wsman(small))
        kept[2].open()
        for each in kept[1:]:
            each.close()
