"""golden.toml holds no secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.app.moves import assert_opens
from golden.errors import BadConfig
from golden.settings import read
from golden_hyperv import address as hyperv
from golden_vsphere import address as vsphere


@pytest.mark.parametrize(
    "line",
    ['password = "x"', 'Passwd = "x"', 'admin_password = "x"', 'api_token = "x"', 'apikey = "x"', 'api_key = "x"'],
)
def test_a_secret_is_refused_whatever_it_is_called(tmp_path: Path, line: str) -> None:
    """And the message says what to write instead."""
    file = tmp_path / "golden.toml"
    file.write_text(f'[endpoints.e]\nurl = "vsphere://host"\n{line}\n')
    with pytest.raises(BadConfig, match=r":3:1: .*secrets are not written here; use .*_file or .*_env"):
        read(file)


@pytest.mark.parametrize("table", ["endpoints", "libraries"])
def test_a_password_within_a_url_is_refused_and_not_repeated(tmp_path: Path, table: str) -> None:
    """Neither kept nor shown."""
    file = tmp_path / "golden.toml"
    file.write_text(f'[{table}.e]\nurl = "vsphere://root:hunter2@host/sdk"\n')
    with pytest.raises(BadConfig, match="leave the password out") as caught:
        read(file)
    assert "hunter2" not in caught.value.brief


@pytest.mark.parametrize("noun", ["endpoint", "library"])
def test_a_password_within_a_url_is_not_written_down(noun: str) -> None:
    """``golden endpoint add`` refuses what it could not read afterwards."""
    with pytest.raises(BadConfig, match="holds a password") as caught:
        assert_opens(noun, "e", "dir://root:hunter2@host/sdk")
    assert "hunter2" not in f"{caught.value.brief} {caught.value.hint}"


@pytest.mark.parametrize("url", ["qemu+ssh://root@host/system", "qemu:///embed", "memory:/a@b:c", "dir:C:/x@y"])
def test_where_to_read_a_secret_is_taken(tmp_path: Path, url: str) -> None:
    """As are URLs with a user and no password; a file is told by its absolute path, as providers know no folder."""
    file = tmp_path / "golden.toml"
    file.write_text(f'[endpoints.e]\nurl = "{url}"\npassword_file = "pw"\ntoken_env = "T"\n')
    assert read(file).endpoint("e").options == {"password_file": str(tmp_path / "pw"), "token_env": "T"}


@pytest.mark.parametrize("table", ["endpoints", "libraries"])
@pytest.mark.parametrize("scheme", ["vsphere", "hyperv"])
def test_a_file_named_in_a_url_lies_where_one_named_in_the_table_does(tmp_path: Path, table: str, scheme: str) -> None:
    """Beside golden.toml, wherever golden is called; where both name one, the table's is it. Other options stay."""
    file = tmp_path / "golden.toml"
    file.write_text(
        f'[{table}.e]\nurl = "{scheme}://host?password_file=my%20pw&ca_file=url.pem&user=root"\nca_file = "ca.pem"\n'
    )
    found = read(file).endpoint("e") if table == "endpoints" else read(file).library("e")
    assert found.options == {"password_file": str(tmp_path / "my pw"), "ca_file": str(tmp_path / "ca.pem")}
    address = {"vsphere": vsphere, "hyperv": hyperv}[scheme].parse(found)
    assert address.options == {**found.options, "user": "root"}


@pytest.mark.parametrize("url", ["hyperv://[host?password_file=x", "memory:?", "memory:?_file", "memory:?x_file="])
def test_a_url_that_is_none_is_its_providers_to_refuse(tmp_path: Path, url: str) -> None:
    """Reading golden.toml does not end there: other endpoints may be all that is wanted."""
    file = tmp_path / "golden.toml"
    file.write_text(f'[endpoints.e]\nurl = "{url}"\n')
    assert read(file).endpoint("e").options == {}
