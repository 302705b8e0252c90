"""A WSMan endpoint whose host has OpenSSH too: large files go there, everything else stays where it was."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from golden.errors import BadConfig
from golden.provider import Endpoint
from golden.waiting import Deadline
from golden_hyperv.address import parse
from golden_hyperv.credentials import side
from golden_hyperv.line import Line
from golden_hyperv.remoting import SshLogin
from tests.peers.hyperv.peer import Peer

pytestmark = pytest.mark.slow

KEY = "ssh-ed25519 AAAA"


def meant(url: str = "hyperv://hv1", **options: str) -> SshLogin | None:
    return side(parse(Endpoint("hv", url, options)))


def test_without_a_host_key_there_is_no_side_door() -> None:
    assert meant(user="me") is None


def test_the_account_is_the_endpoints_own_unless_another_is_named(tmp_path: Path) -> None:
    """With the password where there is no key, and without it where there is one."""
    (tmp_path / "pw").write_text("hunter2\n")
    (tmp_path / "id").write_text("a key")
    options = {"user": "me", "password_file": str(tmp_path / "pw")}
    own = meant(**options, ssh_host_key=KEY)
    assert own is not None and own.password is not None
    assert (own.host, own.port, own.user, own.password.reveal(), own.host_key) == ("hv1", 22, "me", "hunter2", KEY)
    other = meant(
        **options, ssh_known_hosts_file="/known", ssh_port="2222", ssh_user="you", ssh_key_file=str(tmp_path / "id")
    )
    assert other is not None
    assert (other.port, other.user, other.password, other.known_hosts) == (2222, "you", None, "/known")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ssh_port": "22"}, "without the key"),
        ({"ssh_host_key": KEY, "ssh_port": "ssh"}, "a number"),
        ({"ssh_host_key": KEY, "ssh_port": "0"}, "a number"),
        ({"ssh_host_key": KEY, "ssh_key_file": "/nowhere/id"}, "not there"),
        ({"ssh_host_key": KEY}, "password"),
    ],
)
def test_a_side_door_that_cannot_be_is_refused(options: dict[str, str], words: str) -> None:
    """Before anything is connected, with what to write."""
    with pytest.raises(BadConfig, match=words):
        meant(user="me", **options)


def test_an_endpoint_over_ssh_has_no_side_door() -> None:
    """It is one."""
    with pytest.raises(BadConfig, match="hyperv://"):
        meant("hyperv+ssh://me@hv1", ssh_host_key=KEY)


def test_large_files_of_an_endpoint_go_through_its_side_door(tmp_path: Path) -> None:
    """By what golden.toml says, to the end."""
    with Peer(tmp_path / "hv") as peer:
        (tmp_path / "pw").write_text(peer.password)
        options = {
            "user": peer.user, "password_file": str(tmp_path / "pw"), "ca_file": str(peer.ca),
            "ssh_known_hosts_file": str(peer.known_hosts), "ssh_port": str(peer.ssh_port),
            "ssh_user": peer.ssh_user, "ssh_key_file": str(peer.ssh_key),
        }  # fmt: skip
        line = Line(parse(Endpoint("hv", peer.url, options)), "job")
        line.once(lambda session: session.put(io.BytesIO(b"bytes"), "C:\\golden\\x"))
        assert line.transport == "wsman"
        assert peer.drive("C:\\golden\\x").read_bytes() == b"bytes"
        assert peer.requests("SFTP.put")
        line.close()


def test_a_session_that_ended_while_a_file_was_sent_costs_nothing(tmp_path: Path) -> None:
    """A host ends one that is idle for an hour, as it is beside SFTP: the file gets its name by another one."""
    with Peer(tmp_path / "hv") as peer:
        (tmp_path / "pw").write_text(peer.password)
        options = {
            "user": peer.user, "password_file": str(tmp_path / "pw"), "ca_file": str(peer.ca),
            "ssh_known_hosts_file": str(peer.known_hosts), "ssh_port": str(peer.ssh_port),
            "ssh_user": peer.ssh_user, "ssh_key_file": str(peer.ssh_key),
        }  # fmt: skip
        line = Line(parse(Endpoint("hv", peer.url, options)), "job")

        class Slow(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                data = super().read(size)
                if not data:
                    peer.restart_server()
                return data

        line.put(Slow(b"bytes"), "C:\\golden\\x", deadline=Deadline(60))
        peer.rule("Get-FileHash", "drop-after")
        line.put(io.BytesIO(b"other"), "C:\\golden\\x", deadline=Deadline(60))
        assert peer.drive("C:\\golden\\x").read_bytes() == b"other" and peer.unmet() == []
        assert [one.name for one in peer.drive("C:\\golden").iterdir() if one.name.startswith("x")] == ["x"]
        line.close()


def test_importing_the_interface_imports_no_library() -> None:
    """An endpoint that is not opened costs nothing."""
    code = (
        "import sys, golden_hyperv.remoting, golden_hyperv.line\n"
        "print([name for name in ('psrpcore', 'pypsrp', 'paramiko', 'requests', 'spnego') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
