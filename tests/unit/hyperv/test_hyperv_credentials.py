"""Accounts are read from where golden.toml says, and their secrets show themselves nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import BadConfig
from golden.provider import Endpoint
from golden_hyperv.address import Address, parse
from golden_hyperv.credentials import guest_account, login
from golden_hyperv.remoting import SshLogin, WsmanLogin


def address(url: str = "hyperv://hv1", **options: str) -> Address:
    """An endpoint as golden.toml has it."""
    return parse(Endpoint("hv", url, options))


def test_a_password_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line end is no part of it, and no repr shows it."""
    (tmp_path / "pw").write_text("hunter2\n")
    monkeypatch.setenv("HV_PASSWORD", "hunter3")
    by_file = login(address(user="me", password_file=str(tmp_path / "pw"), ca_file="/ca.pem"))
    by_environment = login(address("hyperv+ssh://me@hv1", password_env="HV_PASSWORD"))
    assert isinstance(by_file, WsmanLogin) and by_file.password is not None
    assert isinstance(by_environment, SshLogin) and by_environment.password is not None
    assert (by_file.password.reveal(), by_environment.password.reveal()) == ("hunter2", "hunter3")
    assert (by_file.ca_file, by_file.tls, by_file.auth) == ("/ca.pem", True, "negotiate")
    assert "hunter" not in f"{by_file!r} {by_environment!r}"


def test_a_key_or_a_ticket_needs_no_password(tmp_path: Path) -> None:
    """SSH keys and agents, Kerberos tickets and client certificates are ways of their own."""
    (tmp_path / "id").write_text("a key")
    key = login(address("hyperv+ssh://me@hv1", key_file=str(tmp_path / "id"), host_key="ssh-ed25519 AAAA"))
    assert isinstance(key, SshLogin)
    assert (key.user, key.password, key.key_file, key.host_key) == (
        "me",
        None,
        str(tmp_path / "id"),
        "ssh-ed25519 AAAA",
    )
    ticket = login(address(auth="kerberos"))
    assert isinstance(ticket, WsmanLogin) and ticket.password is None and ticket.user == ""
    certificate = login(address(auth="certificate", certificate_file=str(tmp_path / "id")))
    assert isinstance(certificate, WsmanLogin) and certificate.certificate == str(tmp_path / "id")


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("hyperv://hv1", {}, "needs a user"),
        ("hyperv://hv1", {"user": "me"}, "names none"),
        ("hyperv://hv1", {"user": "me", "password_env": "A", "keyring": "b"}, "names password_env, keyring"),
        ("hyperv://hv1", {"user": "me", "password_env": "GOLDEN_NOT_SET"}, "is empty"),
        ("hyperv://hv1", {"user": "me", "password_file": "/no/such/file"}, "cannot be read"),
        ("hyperv://hv1", {"auth": "certificate"}, "needs certificate_file"),
        ("hyperv+ssh://hv1", {}, "needs a user"),
        ("hyperv+ssh://me@hv1", {"key_file": "/no/such/key"}, "SSH key is not there"),
    ],
)
def test_a_way_in_that_cannot_be_is_refused(url: str, options: dict[str, str], words: str) -> None:
    """Before anything is connected to."""
    with pytest.raises(BadConfig, match=words):
        login(address(url, **options))


def test_a_guest_account_needs_a_password(tmp_path: Path) -> None:
    """None where none is named; with a name and no password it is refused."""
    (tmp_path / "pw").write_text("hunter2")
    assert guest_account({}) is None
    account = guest_account({"guest_account": "Administrator", "guest_password_file": str(tmp_path / "pw")})
    assert account is not None and account.password.reveal() == "hunter2"
    assert "hunter2" not in repr(account)
    with pytest.raises(BadConfig, match="has no password"):
        guest_account({"guest_account": "Administrator"})
