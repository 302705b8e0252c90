"""The same host behind a real sshd: PSRP as a subsystem, files by SFTP with Windows' paths and rules."""

from __future__ import annotations

import base64
import io
import os
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import paramiko
import psrpcore
import psutil
import pytest
from psrpcore import PSRPPayload, StreamType
from psrpcore.types import PSInvocationState, RunspacePoolState

from tests.peers.hyperv.peer import Peer
from tests.unit.guest.sshd import SSHD

pytestmark = [pytest.mark.slow, pytest.mark.skipif(SSHD is None, reason="no sshd here")]


@pytest.fixture
def ssh(peer: Peer) -> Iterator[paramiko.SSHClient]:
    """A connection that knows the server's key."""
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(peer.known_hosts))
        client.connect(peer.host, peer.ssh_port, username=peer.ssh_user, key_filename=str(peer.ssh_key),
                       allow_agent=False, look_for_keys=False)  # fmt: skip
        yield client
    peer.clear_rules()


class Session:
    """psrpcore's client half on the channel of a subsystem."""

    def __init__(self, ssh: paramiko.SSHClient) -> None:
        transport = ssh.get_transport()
        assert transport is not None
        self.channel = transport.open_session()
        self.channel.settimeout(20)
        self.channel.invoke_subsystem("powershell")
        self.file = self.channel.makefile("rb")
        self.pool = psrpcore.ClientRunspacePool()
        self.pool.open()
        self.push()
        self.until(lambda: self.pool.state == RunspacePoolState.Opened)

    def push(self) -> None:
        """Send what waits."""
        while payload := self.pool.data_to_send(30_000):
            guid, data = payload.pipeline_id or uuid.UUID(int=0), base64.b64encode(payload.data).decode()
            self.channel.sendall(f"<Data Stream='Default' PSGuid='{guid}'>{data}</Data>\n".encode())

    def until(self, done: object) -> list[object]:
        """Read until it is so; the outputs met."""
        found: list[object] = []
        while not done():  # type: ignore[operator]
            line = self.file.readline()
            assert line, "the session ended"
            packet = ET.fromstring(line)
            if packet.tag == "Data":
                guid = uuid.UUID(packet.get("PSGuid"))
                raw = base64.b64decode(packet.text or "")
                self.pool.receive_data(PSRPPayload(raw, StreamType.default, guid if guid.int else None))
                while event := self.pool.next_event():
                    if isinstance(event, psrpcore.PipelineOutputEvent):
                        found.append(event.data)
        return found

    def run(self, command: str, **given: object) -> list[object]:
        """One command."""
        shell = psrpcore.ClientPowerShell(self.pool)
        shell.add_command(command).add_parameters(**given)
        shell.start()
        self.channel.sendall(f"<Command PSGuid='{shell.pipeline_id}' />\n".encode())
        self.push()
        over = (PSInvocationState.Completed, PSInvocationState.Failed, PSInvocationState.Stopped)
        return self.until(lambda: shell.state in over)


def test_powershell_7_answers_behind_sshd(peer: Peer, ssh: paramiko.SSHClient) -> None:
    """The same commands; the table of versions says what it is."""
    peer.seed("over-ssh")
    session = Session(ssh)
    assert str(session.pool.application_private_data["PSVersionTable"]["PSVersion"]) == "7.4.6"
    (found,) = session.run("Get-VM", Name="over-ssh")
    assert found.Name == "over-ssh"  # type: ignore[attr-defined]


def test_the_session_ends_with_its_line(peer: Peer, ssh: paramiko.SSHClient) -> None:
    """Nothing of it is left on the host."""
    session = Session(ssh)
    assert peer.ssh is not None and peer.ssh.process is not None

    def sessions() -> list[psutil.Process]:
        mark = str(peer.folder)
        return [each for each in psutil.process_iter(["cmdline"]) if mark in (each.info["cmdline"] or [])
                and "tests.peers.hyperv.wire.stdio" in each.info["cmdline"]]  # fmt: skip

    (running,) = sessions()
    session.channel.close()
    running.wait(10)
    assert sessions() == []


def test_files_by_windows_paths(peer: Peer, ssh: paramiko.SSHClient) -> None:
    """Names whatever their case, bytes as they are, read-only files and disks in use refused."""
    files = ssh.open_sftp()
    data = os.urandom(300_000)
    files.putfo(io.BytesIO(data), "/C:/golden/Bulk.bin")
    assert peer.drive("C:\\golden\\Bulk.bin").read_bytes() == data
    with files.open("/C:/GOLDEN/bulk.BIN") as file:
        file.seek(1000)
        assert file.read(10) == data[1000:1010]
    assert files.normalize(".") == "/C:/Users/Public"
    assert "golden" in files.listdir("/C:/")
    with pytest.raises(FileNotFoundError):
        files.stat("/C:/golden/none")
    files.putfo(io.BytesIO(b""), "/C:/golden/Other.bin")
    with pytest.raises(OSError, match="Failure"):
        files.rename("/C:/golden/Other.bin", "/C:/golden/Bulk.bin")
    peer.drive("C:\\golden\\Bulk.bin").chmod(0o444)
    for refused in (lambda: files.open("/C:/golden/Bulk.bin", "r+"), lambda: files.remove("/C:/golden/Bulk.bin")):
        with pytest.raises(PermissionError):
            refused()
    made = peer.seed("held")
    peer.world.start(made.id)
    with pytest.raises(OSError, match="Failure"):
        files.remove("/C:/VMs/held/disk.vhdx")
    peer.world.stop(made.id, "off")


def test_a_full_disk_and_a_cut_line(peer: Peer, ssh: paramiko.SSHClient) -> None:
    """By rule."""
    files = ssh.open_sftp()
    peer.rule("SFTP.put", "disk-full", named="full")
    with pytest.raises(OSError, match=r"Failure|mismatch"):
        files.putfo(io.BytesIO(b"x" * 100_000), "/C:/golden/full.bin")
    peer.rule("SFTP.get", "drop-before")
    with pytest.raises((OSError, EOFError, paramiko.SSHException)):
        files.open("/C:/golden/full.bin")
    assert peer.unmet() == []


def test_another_key_than_known_is_refused(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Host keys are the server's own."""
    with Peer(tmp_path_factory.mktemp("other") / "peer") as other, paramiko.SSHClient() as client:
        known = other.known_hosts.read_text().replace(f":{other.ssh_port} ", f":{peer.ssh_port} ")
        wrong = other.folder / "wrong"
        wrong.write_text(known)
        client.load_host_keys(str(wrong))
        with pytest.raises(paramiko.BadHostKeyException):
            client.connect(peer.host, peer.ssh_port, username=peer.ssh_user, key_filename=str(peer.ssh_key))
