"""Where accounts and their secrets are read; a secret shows itself nowhere."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from golden.errors import BadConfig, NotAble


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in to vCenter: an account and its password, or the id of a session somebody else opened."""

    user: str
    password: str = field(default="", repr=False)
    session: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class GuestAccount:
    """An account inside the guest."""

    user: str
    password: str = field(repr=False)


def login(options: dict[str, str]) -> Login:
    """BadConfig where the options name no way in, or more than one."""
    ways = [
        key for key in ("password_env", "password_file", "keyring", "session_env", "session_file") if key in options
    ]
    if len(ways) != 1:
        met = f"golden.toml names {', '.join(ways)}" if ways else "golden.toml names none"
        raise BadConfig(
            f"a vSphere endpoint needs one way to log in; {met}",
            hint='user = "golden@vsphere.local" and password_env, password_file or keyring',
        )
    if ways[0].startswith("session"):
        return Login(options.get("user", ""), session=_read(options, "session", "the id of a vSphere session"))
    if not options.get("user"):
        raise BadConfig(f"a vSphere endpoint with {ways[0]} needs a user", hint='user = "golden@vsphere.local"')
    return Login(options["user"], _password(options, "", options["user"]))


def guest_account(options: dict[str, str]) -> GuestAccount | None:
    """The account for guest operations; None where none is named. BadConfig where it has no password."""
    user = options.get("guest_account")
    if not user:
        return None
    if not any(key in options for key in ("guest_password_env", "guest_password_file", "guest_keyring")):
        raise BadConfig(f"the guest account {user} has no password", hint="password_env or password_file beside it")
    return GuestAccount(user, _password(options, "guest_", user))


def _password(options: dict[str, str], prefix: str, user: str) -> str:
    if service := options.get(f"{prefix}keyring"):
        return _from_keyring(service, user)
    return _read(options, f"{prefix}password", f"the password of {user}")


def _read(options: dict[str, str], key: str, what: str) -> str:
    if path := options.get(f"{key}_file"):
        try:
            text = Path(path).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            words = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise BadConfig(f"{what} cannot be read from {path}: {words}") from error
        where = path
    else:
        where = options[f"{key}_env"]
        text = os.environ.get(where, "")
    if not text:
        raise BadConfig(f"{what} is empty", details=f"looked in {where}", hint=f"set {where}")
    return text


def _from_keyring(service: str, user: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise NotAble("keyring is not installed, which this endpoint needs", hint="pip install keyring") from error
    try:
        found = keyring.get_password(service, user)
    except KeyringError as error:
        raise BadConfig(f"the keyring does not open for {service}", details=str(error)) from error
    if not found:
        raise BadConfig(f"the keyring has no password of {user} for {service}", hint=f"keyring set {service} {user}")
    return found
