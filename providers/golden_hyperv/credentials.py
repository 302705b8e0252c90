"""Where accounts and their secrets are read; a secret shows itself nowhere."""

from __future__ import annotations

from golden.errors import BadConfig
from golden.options import password as read_password
from golden.options import secret
from golden.written import expanded
from golden_hyperv.address import SIDE, SSH, Address
from golden_hyperv.remoting import Credential, Login, Secret, SshLogin, WsmanLogin

PASSWORDS = ("password_env", "password_file", "keyring")
HINT = 'user = "HOST\\\\golden" and password_env, password_file or keyring'


def login(address: Address) -> Login:
    """How to log in to the host. BadConfig where the options name no way in, or more than one."""
    return _ssh(address) if address.transport == SSH else _wsman(address)


def side(address: Address) -> SshLogin | None:
    """
    The OpenSSH of a WSMan endpoint's host, for large files; None where no host key of it is named.

    Its account is the endpoint's own unless ``ssh_user`` says otherwise; its password too where there is no key.
    """
    options = address.options
    named = [key for key in SIDE if key in options]
    if not named:
        return None
    if not (options.get("ssh_host_key") or options.get("ssh_known_hosts_file")):
        raise BadConfig(
            f"{named[0]} says nothing without the key of the host's SSH server",
            hint=f'ssh_host_key = "ssh-ed25519 AAAA…", as ssh-keyscan {address.host} tells it',
        )
    port = options.get("ssh_port", "22")
    if not port.isdigit() or not 1 <= int(port) <= 65535:
        raise BadConfig(f"ssh_port is a number from 1 to 65535, not {port!r}")
    user, key = options.get("ssh_user") or address.user, options.get("ssh_key_file", "")
    if key:
        _must_be_file(key, "the SSH key")
    phrase = (
        secret(options, "ssh_key_passphrase", "the passphrase of the SSH key")
        if "ssh_key_passphrase_file" in options
        else ""
    )
    return SshLogin(
        host=address.host,
        port=int(port),
        user=user,
        password=None if key else _password(options, "", user, f"the OpenSSH of {address.shown}"),
        key_file=key,
        key_password=Secret(phrase) if phrase else None,
        host_key=options.get("ssh_host_key", ""),
        known_hosts=options.get("ssh_known_hosts_file", ""),
    )


def _wsman(address: Address) -> WsmanLogin:
    options = address.options
    password, certificate = None, ""
    if address.auth == "certificate":
        certificate = options.get("certificate_file", "")
        if not certificate:
            raise BadConfig("auth = certificate needs certificate_file", hint='certificate_file = "golden.pem"')
        _must_be_file(certificate, "the client certificate")
    elif address.auth == "kerberos" and not _ways(options):
        pass  # The ticket there is.
    else:
        if not address.user:
            raise BadConfig(f"the Hyper-V host {address.shown} needs a user", hint=HINT)
        password = _password(options, "", address.user, f"the Hyper-V host {address.shown}")
    return WsmanLogin(
        host=address.host,
        port=address.port,
        user=address.user,
        password=password,
        auth=address.auth,
        ca_file=options.get("ca_file", ""),
        thumbprint=address.thumbprint,
        certificate=certificate,
        certificate_key=options.get("certificate_key_file", ""),
    )


def _ssh(address: Address) -> SshLogin:
    options = address.options
    if not address.user:
        raise BadConfig(f"the Hyper-V host {address.shown} needs a user", hint="hyperv+ssh://USER@HOST, or user =")
    key = options.get("key_file", "")
    if key:
        _must_be_file(key, "the SSH key")
    password = None
    if _ways(options):
        password = _password(options, "", address.user, f"the Hyper-V host {address.shown}")
    phrase = ""
    if "key_passphrase_file" in options:
        phrase = secret(options, "key_passphrase", "the passphrase of the SSH key")
    return SshLogin(
        host=address.host,
        port=address.port,
        user=address.user,
        password=password,
        key_file=key,
        key_password=Secret(phrase) if phrase else None,
        host_key=options.get("host_key", ""),
        known_hosts=options.get("known_hosts_file", ""),
    )


def guest_account(options: dict[str, str]) -> Credential | None:
    """The account for PowerShell Direct; None where none is named. BadConfig where it has no password."""
    user = options.get("guest_account")
    if not user:
        return None
    if not any(f"guest_{key}" in options for key in PASSWORDS):
        raise BadConfig(f"the guest account {user} has no password", hint="password_env or password_file beside it")
    return Credential(user, _password(options, "guest_", user, f"the guest account {user}"))


def password(options: dict[str, str], user: str, what: str) -> Secret:
    """Of an account that is named apart from the endpoint's, as a library's. BadConfig where there is not one way."""
    return _password(options, "", user, what)


def _ways(options: dict[str, str]) -> list[str]:
    return [key for key in PASSWORDS if key in options]


def _password(options: dict[str, str], prefix: str, user: str, what: str) -> Secret:
    ways = [key for key in PASSWORDS if f"{prefix}{key}" in options]
    if len(ways) != 1:
        met = f"golden.toml names {', '.join(ways)}" if ways else "golden.toml names none"
        raise BadConfig(f"{what} needs one password; {met}", hint=HINT)
    return Secret(read_password(options, prefix, user))


def _must_be_file(path: str, what: str) -> None:
    if not expanded(path, what).is_file():
        raise BadConfig(f"{what} is not there: {path}")
