"""Where accounts and their secrets are read; a secret shows itself nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from golden.errors import BadConfig
from golden.options import password, secret


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
        return Login(options.get("user", ""), session=secret(options, "session", "the id of a vSphere session"))
    if not options.get("user"):
        raise BadConfig(f"a vSphere endpoint with {ways[0]} needs a user", hint='user = "golden@vsphere.local"')
    return Login(options["user"], password(options, "", options["user"]))


def guest_account(options: dict[str, str]) -> GuestAccount | None:
    """The account for guest operations; None where none is named. BadConfig where it has no password."""
    user = options.get("guest_account")
    if not user:
        return None
    if not any(key in options for key in ("guest_password_env", "guest_password_file", "guest_keyring")):
        raise BadConfig(f"the guest account {user} has no password", hint="password_env or password_file beside it")
    return GuestAccount(user, password(options, "guest_", user))
