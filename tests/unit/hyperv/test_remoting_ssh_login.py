"""Logging in to a host's OpenSSH: only to the key that is known, with one credential, once."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from golden.errors import BadConfig, GoldenError, NotAble, Refused, Unreachable
from golden_hyperv.remoting import Secret, SshLogin, open_session
from golden_hyperv.remoting.ssh_login import connect
from tests.unit.guest.sshd import SSHD, Sshd, free_port, make_key
from tests.unit.hyperv.test_remoting_refusals import Tap

pytestmark = [pytest.mark.slow, pytest.mark.skipif(SSHD is None, reason="no OpenSSH server here")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = Sshd(tmp_path_factory.mktemp("ssh") / "sshd", free_port()).configure()
    config = server.folder / "sshd_config"
    config.write_text(config.read_text().replace("PasswordAuthentication no", "PasswordAuthentication yes"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def login(server: Sshd) -> SshLogin:
    known = str(server.folder / "known_hosts")
    return SshLogin("127.0.0.1", server.port, server.user, key_file=str(server.folder / "user_key"), known_hosts=known)


def met(login: SshLogin, kind: type[GoldenError]) -> GoldenError:
    with pytest.raises(kind) as refused:
        connect(login)
    assert type(refused.value) is kind
    return refused.value


def public(server: Sshd) -> str:
    return (server.folder / "host_key.pub").read_text().rsplit(" ", 1)[0]


def printed(server: Sshd) -> str:
    """The fingerprint as OpenSSH shows it."""
    argv = ["ssh-keygen", "-lf", str(server.folder / "host_key.pub")]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()[1]


def test_a_key_in_the_file_of_known_hosts_is_believed(login: SshLogin) -> None:
    connect(login).close()


def test_a_key_in_the_configuration_is_believed(server: Sshd, login: SshLogin) -> None:
    """As a key, or as its fingerprint; no file is read then."""
    for key in (public(server), printed(server)):
        connect(replace(login, known_hosts="", host_key=key)).close()


def test_an_unknown_host_is_refused_with_its_fingerprint(server: Sshd, login: SshLogin, tmp_path: Path) -> None:
    """Golden never learns a key by itself."""
    empty = tmp_path / "known_hosts"
    empty.touch()
    error = met(replace(login, known_hosts=str(empty)), Refused)
    assert "not known" in error.brief
    assert printed(server) in str(error.details)
    assert printed(server) in str(error.hint)
    assert empty.read_text() == ""


def test_another_key_is_refused(server: Sshd, login: SshLogin, tmp_path: Path) -> None:
    """Whichever way the right one is told; both fingerprints are in the message."""
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text().rsplit(" ", 1)[0]
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {other}\n")
    wrong = "SHA256:" + "A" * 43
    for changed in (
        replace(login, known_hosts=str(known)),
        replace(login, known_hosts="", host_key=other),
        replace(login, known_hosts="", host_key=wrong),
    ):
        error = met(changed, Refused)
        assert "not the one that is known" in error.brief
        assert printed(server) in str(error.details)


def test_a_wrong_password_is_tried_once_and_never_again(server: Sshd, login: SshLogin) -> None:
    """No key and no agent is offered beside it: each would count as an attempt."""
    tap = Tap(server.port)
    wrong = replace(
        login, port=tap.port, key_file="", password=Secret("hunter2-ssh"), known_hosts="", host_key=public(server)
    )
    error = met(wrong, Refused)
    assert "refuses the account" in error.brief
    assert "hunter2" not in f"{error.brief}{error.details}{error.hint}"
    assert tap.connections == 1
    assert "before" in str(met(wrong, Refused).details)
    assert tap.connections == 1
    tap.close()


def test_a_key_the_host_does_not_take_is_refused(login: SshLogin, tmp_path: Path) -> None:
    assert "refuses the account" in met(replace(login, key_file=str(make_key(tmp_path / "stranger"))), Refused).brief


def test_an_encrypted_key_takes_its_passphrase(server: Sshd, login: SshLogin, tmp_path: Path) -> None:
    """Without it, or with another one, the message says so."""
    key = tmp_path / "locked"
    key.write_bytes((server.folder / "user_key").read_bytes())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "phrase", "-f", str(key)], check=True)
    connect(replace(login, key_file=str(key), key_password=Secret("phrase"))).close()
    for phrase in (None, Secret("other")):
        assert "passphrase" in str(met(replace(login, key_file=str(key), key_password=phrase), BadConfig).hint)


@pytest.mark.parametrize("key", ["junk", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-nothing AAAAC3NzaC1lZDI1NTE5"])
def test_a_host_key_that_is_none_is_told(login: SshLogin, key: str) -> None:
    met(replace(login, host_key=key), BadConfig)


def test_files_that_are_missing_are_named(login: SshLogin, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere")
    assert missing in met(replace(login, known_hosts=missing), BadConfig).brief
    assert missing in met(replace(login, key_file=missing), BadConfig).brief
    junk = tmp_path / "junk"
    junk.write_text("junk")
    assert str(junk) in met(replace(login, key_file=str(junk)), BadConfig).brief


def test_no_server_is_unreachable(login: SshLogin) -> None:
    """With what to type on the host."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert "sshd" in str(met(replace(login, port=port), Unreachable).hint)
    met(replace(login, host="host.invalid"), Unreachable)


def test_a_host_without_powershell_behind_ssh_is_told(login: SshLogin) -> None:
    """The login is fine; the subsystem is missing, or is something else."""
    with pytest.raises(NotAble, match="does not start PowerShell") as missing:
        open_session(login)
    assert "sshd_config" in str(missing.value.hint)
    with pytest.raises(NotAble, match="does not start PowerShell"):
        open_session(replace(login, subsystem="sftp"))
