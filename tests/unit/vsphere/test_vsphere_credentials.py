"""Accounts are read from where golden.toml says, and their secrets show themselves nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import BadConfig
from golden_vsphere.credentials import guest_account, login


def test_a_password_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line end is no part of it, and no repr shows it."""
    (tmp_path / "pw").write_text("hunter2\n")
    monkeypatch.setenv("VC_PASSWORD", "hunter3")
    by_file = login({"user": "me", "password_file": str(tmp_path / "pw")})
    by_environment = login({"user": "me", "password_env": "VC_PASSWORD"})
    assert (by_file.password, by_environment.password) == ("hunter2", "hunter3")
    assert "hunter" not in f"{by_file!r} {by_environment!r}"


def test_a_session_needs_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The id of a session that somebody else opened is enough."""
    monkeypatch.setenv("VC_SESSION", "52c0ffee")
    how = login({"session_env": "VC_SESSION"})
    assert how.session == "52c0ffee"
    assert "52c0ffee" not in repr(how)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "names none"),
        ({"user": "me"}, "names none"),
        ({"user": "me", "password_env": "A", "keyring": "b"}, "names password_env, keyring"),
        ({"password_env": "A"}, "needs a user"),
        ({"user": "me", "password_env": "GOLDEN_NOT_SET"}, "is empty"),
        ({"user": "me", "password_file": "/no/such/file"}, "cannot be read"),
    ],
)
def test_a_way_in_that_cannot_be_is_refused(options: dict[str, str], words: str) -> None:
    """Before anything is connected to."""
    with pytest.raises(BadConfig, match=words):
        login(options)


def test_a_guest_account_needs_a_password(tmp_path: Path) -> None:
    """None where none is named; with a name and no password it is refused."""
    (tmp_path / "pw").write_text("hunter2")
    assert guest_account({}) is None
    account = guest_account({"guest_account": "Administrator", "guest_password_file": str(tmp_path / "pw")})
    assert account is not None and account.password == "hunter2"
    assert "hunter2" not in repr(account)
    with pytest.raises(BadConfig, match="has no password"):
        guest_account({"guest_account": "Administrator"})


def test_the_keyring_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the service that golden.toml names; an empty one is refused with what to type."""
    keyring = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")

    class Held(backend.KeyringBackend):  # type: ignore[misc, name-defined]
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return "hunter2" if (service, username) == ("vc", "me") else None

        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

    before = keyring.get_keyring()
    keyring.set_keyring(Held())
    try:
        assert login({"user": "me", "keyring": "vc"}).password == "hunter2"
        with pytest.raises(BadConfig) as caught:
            login({"user": "you", "keyring": "vc"})
        assert caught.value.hint == "keyring set vc you"
    finally:
        keyring.set_keyring(before)
