"""Ways straight into a guest over its network, as golden.toml describes them; and where passwords of guests lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from golden.errors import BadConfig
from golden.written import expanded

if TYPE_CHECKING:
    from golden.guest.communicator import Communicator

PASSWORDS = ("password_file", "password_env", "keyring")
OF_SSH = ("user", "key_file", "known_hosts")
OF_WINRM = ("scheme", "ca_file", "thumbprint")


def direct(reference: str, guest: dict[str, str], base: Path) -> Communicator:
    """SSH or WinRM into the guests of a reference; BadConfig for a table that cannot be."""
    ways = {"ssh": _ssh, "winrm": _winrm}
    way = guest["communicator"]
    if way not in ways:
        raise BadConfig(f"references.{reference}.guest: communicator is agent, ssh or winrm, not {way!r}")
    strangers = OF_WINRM if way == "ssh" else OF_SSH
    if wrong := [key for key in strangers if key in guest]:
        hint = 'whom it logs in as is account = "Administrator"' if wrong[0] == "user" else None
        raise BadConfig(f"references.{reference}.guest: {wrong[0]} says nothing to communicator {way}", hint=hint)
    return ways[way](f"references.{reference}.guest", guest, base)


def assert_usable(reference: str, guest: dict[str, str], base: Path) -> None:
    """
    The table can be used, as far as is seen without connecting. BadConfig otherwise.

    No keyring is asked, since that may ask somebody; and a variable may be set only where updates are typed.
    """
    table = dict(guest)
    if "password_env" in table or table.pop("keyring", ""):
        table |= {"password_env": "PATH"}
    if guest.get("communicator", "agent") != "agent":
        direct(reference, table, base)
    elif "account" in guest:
        password(table, guest["account"], base)


def _ssh(table: str, guest: dict[str, str], base: Path) -> Communicator:
    from golden.guest.ssh import SshAddress
    from golden.linux.ssh import linux_over_ssh

    if missing := [key for key in ("host", "user", "known_hosts") if key not in guest]:
        raise BadConfig(f"{table}: communicator ssh also needs {', '.join(missing)}")
    has_key = "key_file" in guest  # Then a keyring holds the account's password, not this user's.
    return linux_over_ssh(
        SshAddress(
            guest["host"],
            guest["user"],
            _file(table, guest, "known_hosts", base),
            port=_port(table, guest, 22),
            key_file=_file(table, guest, "key_file", base) if has_key else None,
            password=None if has_key and "keyring" in guest else password(guest, guest["user"], base) or None,
        )
    )


def _winrm(table: str, guest: dict[str, str], base: Path) -> Communicator:
    from golden.guest.winrm import HTTP, HTTPS, WinrmAddress
    from golden.options import thumbprint
    from golden.windows.winrm import windows_over_winrm

    if missing := [key for key in ("host", "account") if key not in guest]:
        raise BadConfig(f"{table}: communicator winrm also needs {', '.join(missing)}")
    ways = [key for key in PASSWORDS if key in guest]
    if len(ways) != 1:
        met = ", ".join(ways) or "none"
        raise BadConfig(f"{table}: communicator winrm needs one of {', '.join(PASSWORDS)}; there is {met}")
    scheme = guest.get("scheme", "https")
    if scheme not in ("https", "http"):
        raise BadConfig(f"{table}: scheme is https or http (encrypted by the login), not {scheme!r}")
    trust = [key for key in ("ca_file", "thumbprint") if key in guest]
    if scheme == "http" and trust:
        raise BadConfig(f"{table}: {trust[0]} says nothing where scheme is http; there is no certificate")
    if len(trust) > 1:
        raise BadConfig(f"{table}: ca_file or thumbprint, not both", hint="a thumbprint asks no authority")
    found = password(guest, guest["account"], base)
    if not found:
        raise BadConfig(f"{table}: the password of {guest['account']} is empty", hint=f"look at {ways[0]}")
    return windows_over_winrm(
        WinrmAddress(
            guest["host"],
            guest["account"],
            found,
            port=_port(table, guest, HTTPS if scheme == "https" else HTTP),
            tls=scheme == "https",
            ca_file=_file(table, guest, "ca_file", base) if "ca_file" in guest else None,
            thumbprint=thumbprint(guest.get("thumbprint", ""), table),
        )
    )


def _file(table: str, guest: dict[str, str], key: str, base: Path) -> Path:
    return base / expanded(guest[key], f"{table}: {key}")


def _port(table: str, guest: dict[str, str], usual: int) -> int:
    from golden.options import number

    return number(f"{table}: port", guest.get("port", str(usual)), 65535)


def password(table: dict[str, str], user: str, base: Path) -> str:
    """By file, environment or keyring, never from golden.toml itself; empty where none is named."""
    if "keyring" in table:
        from golden.options import password as read  # Slow to import: difflib.

        return read(table, "", user)
    if path := table.get("password_file"):
        try:
            return (base / expanded(path, "password_file")).read_text(encoding="utf-8-sig").rstrip("\r\n")
        except OSError as error:
            raise BadConfig(f"the password file {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise BadConfig(f"the password file {path} is no UTF-8 text") from error
    if name := table.get("password_env"):
        if name not in os.environ:
            raise BadConfig(f"the environment has no {name}, which golden.toml names for the password")
        return os.environ[name]
    return ""
