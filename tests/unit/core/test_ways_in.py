"""Ways straight into a guest, as golden.toml's [references.NAME.guest] describes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden import options
from golden.app import ways_in
from golden.app.project import Project
from golden.errors import BadConfig
from golden.guest.ssh import SshCommunicator
from golden.guest.winrm import WinrmCommunicator
from golden.settings import load

WINRM = {"communicator": "winrm", "host": "192.0.2.9", "account": "Administrator", "password_file": "secret"}
SSH = {"communicator": "ssh", "host": "192.0.2.9", "user": "root", "known_hosts": "known"}


@pytest.fixture(autouse=True)
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files beside golden.toml, and a working directory that is another."""
    (tmp_path / "secret").write_text("s3cret-w0rd\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")


def winrm(base: Path, **more: str) -> WinrmCommunicator:
    made = ways_in.direct("win", {**WINRM, **more}, base)
    assert isinstance(made, WinrmCommunicator)
    return made


def test_winrm_as_it_is_written(tmp_path: Path) -> None:
    """HTTPS unless it says otherwise; files count from golden.toml's folder; the password shows itself nowhere."""
    address = winrm(tmp_path, ca_file="ca.pem").address
    assert (address.port, address.tls, address.password) == (5986, True, "s3cret-w0rd")
    assert address.ca_file == tmp_path / "ca.pem"
    assert "s3cret" not in f"{address} {address!r}"
    plain = winrm(tmp_path, scheme="http").address
    assert (plain.port, plain.tls) == (5985, False)
    assert winrm(tmp_path, port="15986", thumbprint="AB:" * 31 + "cd").address.thumbprint == "ab" * 31 + "cd"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": None}, "also needs host"),
        ({"account": None}, "also needs account"),
        ({"password_file": None}, "there is none"),
        ({"password_env": "A"}, "there is password_file, password_env"),
        ({"password_file": "none"}, "cannot be read"),
        ({"password_file": "empty"}, "is empty"),
        ({"password_file": "binary"}, "no UTF-8"),
        ({"password_file": None, "password_env": "GOLDEN_NOT_SET"}, "has no GOLDEN_NOT_SET"),
        ({"scheme": "basic"}, "https or http"),
        ({"scheme": "http", "thumbprint": "00" * 32}, "thumbprint says nothing"),
        ({"scheme": "http", "ca_file": "ca.pem"}, "ca_file says nothing"),
        ({"ca_file": "ca.pem", "thumbprint": "00" * 32}, "not both"),
        ({"thumbprint": "00" * 20}, "no SHA-256"),
        ({"port": "0"}, "port is a number"),
        ({"port": "https"}, "port is a number"),
        ({"user": "Administrator"}, "user says nothing"),
        ({"known_hosts": "known"}, "known_hosts says nothing"),
        ({"communicator": "WinRM"}, "agent, ssh or winrm"),
    ],
)
def test_a_table_that_cannot_be(tmp_path: Path, change: dict[str, str | None], said: str) -> None:
    """Said before anything is connected to, with the table's name where it is the table."""
    table = {key: value for key, value in {**WINRM, **change}.items() if value is not None}
    with pytest.raises(BadConfig, match=said) as met:
        ways_in.direct("win", table, tmp_path)
    assert "s3cret" not in str(met.value)


def test_a_password_that_notepad_saved_is_the_password_alone(tmp_path: Path) -> None:
    """Windows' mark of UTF-8 is none of it, in the table of a guest and of an endpoint."""
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbfs3cret-w0rd\r\n")
    assert winrm(tmp_path).address.password == "s3cret-w0rd"
    assert options.secret({"password_file": str(tmp_path / "secret")}, "password", "it") == "s3cret-w0rd"


def test_ssh_as_before(tmp_path: Path) -> None:
    """And what belongs to WinRM says nothing to it."""
    made = ways_in.direct("lin", SSH, tmp_path)
    assert isinstance(made, SshCommunicator)
    assert made.address.known_hosts == tmp_path / "known"
    for change, said in (({"ca_file": "x"}, "ca_file says nothing"), ({"port": "x"}, "port is a number")):
        with pytest.raises(BadConfig, match=said):
            ways_in.direct("lin", {**SSH, **change}, tmp_path)


@pytest.mark.parametrize("key", ["known_hosts", "key_file", "password_file"])
def test_a_home_folder_that_is_not_known_is_named_with_its_key(tmp_path: Path, key: str) -> None:
    """Of nobody's ``~`` no path is made."""
    with pytest.raises(BadConfig, match=f"{key}: ~no-such-user/x begins with no home folder"):
        ways_in.direct("lin", {**SSH, key: "~no-such-user/x"}, tmp_path)
    with pytest.raises(BadConfig, match="ca_file: ~no-such-user/x begins with no home folder"):
        winrm(tmp_path, ca_file="~no-such-user/x")


def test_golden_toml_knows_its_keys_and_no_others(tmp_path: Path) -> None:
    """A slip is named with line and column; where the account's password lies is told to providers too."""
    keys = "".join(f'{key} = "{value}"\n' for key, value in WINRM.items() if key != "password_file")
    text = f'[references.win.guest]\n{keys}keyring = "golden"\nscheme = "https"\n'
    (tmp_path / "golden.toml").write_text(text)
    project = Project(load(tmp_path))
    told = project.with_guest(project.settings.endpoint("local"), "win").options
    assert (told["guest_account"], told["guest_keyring"]) == ("Administrator", "golden")
    (tmp_path / "golden.toml").write_text(f'{text}thumprint = "00"\n')
    with pytest.raises(BadConfig, match=r"golden.toml:7:1: .*did you mean thumbprint"):
        load(tmp_path)
