"""Logging in to a host's OpenSSH: a host key that is known beforehand, one credential, one attempt."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, cast

import paramiko

from golden.errors import BadConfig, Refused, Unreachable
from golden.guest.ssh_line import fingerprint
from golden.written import expanded
from golden_hyperv.remoting import refusals
from golden_hyperv.remoting.login import SshLogin
from golden_hyperv.remoting.transport import socket_options

if TYPE_CHECKING:
    from paramiko import PKey

PATIENCE = 15.0
ALIVE = 15
"""Seconds between two signs of life."""


def connect(login: SshLogin) -> paramiko.SSHClient:
    """A client that is logged in. Unreachable, Refused (account or host key), BadConfig."""
    if login.password and refusals.is_refused(login):
        raise _refused(
            login, "it refused this password before; golden tries no password twice, so that nobody is locked out"
        )
    client = paramiko.SSHClient()
    try:
        _believe(client, login)
        _enter(client, login)
    except BaseException:
        client.close()
        raise
    transport = client.get_transport()
    if transport is not None:
        transport.set_keepalive(ALIVE)
    return client


def _enter(client: paramiko.SSHClient, login: SshLogin) -> None:
    key = _key(login)
    try:
        client.connect(
            login.host,
            login.port,
            login.user or None,
            # One way in: every further one is one more attempt that counts.
            password=login.password.reveal() if login.password and key is None else None,
            pkey=key,
            allow_agent=key is None and not login.password,
            look_for_keys=key is None and not login.password,
            sock=_line(login),
            banner_timeout=PATIENCE,
            auth_timeout=PATIENCE,
        )
    except paramiko.BadHostKeyException as error:
        raise _other_key(login, fingerprint(error.key), fingerprint(error.expected_key)) from error
    except paramiko.AuthenticationException as error:
        if login.password and key is None:
            refusals.remember(login)
        raise _refused(login, str(error)) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        if "No authentication methods" in str(error):
            raise BadConfig(
                f"no key, agent or password is given for {_shown(login)}",
                hint="password_env, password_file or key_file",
            ) from error
        raise _silent(login, error) from error


def _line(login: SshLogin) -> socket.socket:
    try:
        line = socket.create_connection((login.host, login.port), PATIENCE)
    except OSError as error:
        raise _silent(login, error) from error
    for level, name, value in socket_options():
        line.setsockopt(level, name, value)
    return line


class _Unknown:
    """A key that is in no file: believed only where its fingerprint is the one in the configuration."""

    def __init__(self, login: SshLogin) -> None:
        self._login = login

    def missing_host_key(self, client: object, hostname: str, key: PKey) -> None:  # noqa: ARG002
        login, shown = self._login, fingerprint(key)
        if login.host_key.startswith("SHA256:"):
            if shown != login.host_key.rstrip("="):
                raise _other_key(login, shown, login.host_key)
            return
        raise Refused(
            f"the host key of {_shown(login)} is not known",
            details=f"it showed {key.get_name()} {shown}",
            hint=(
                "compare the fingerprint on the host (ssh-keygen -lf on C:\\ProgramData\\ssh\\ssh_host_*_key.pub), "
                f'then host_key = "{shown}" in golden.toml, or ssh-keyscan -p {login.port} {login.host}'
            ),
        )


def _believe(client: paramiko.SSHClient, login: SshLogin) -> None:
    client.set_missing_host_key_policy(cast("paramiko.MissingHostKeyPolicy", _Unknown(login)))
    if login.host_key.startswith("SHA256:"):
        return
    if login.host_key:
        name = login.host if login.port == 22 else f"[{login.host}]:{login.port}"
        entry = _entry(name, login.host_key)
        client.get_host_keys().add(name, entry.key.get_name(), entry.key)
        return
    path = expanded(login.known_hosts or "~/.ssh/known_hosts", "known_hosts_file")
    try:
        client.load_host_keys(str(path))
    except FileNotFoundError:
        if login.known_hosts:
            raise BadConfig(
                f"there is no file {path} with the host key of {_shown(login)}",
                hint=f"ssh-keyscan -p {login.port} {login.host} > {path}",
            ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path} cannot be read", details=str(error)) from error


def _entry(name: str, text: str) -> Any:
    from paramiko.hostkeys import HostKeyEntry, InvalidHostKey

    try:
        entry = HostKeyEntry.from_line(f"{name} {text.strip()}")
    except (InvalidHostKey, paramiko.SSHException, ValueError) as error:
        raise BadConfig("host_key is no public key", details=text) from error
    if entry is None or entry.key is None:
        raise BadConfig("host_key is no public key", details=text, hint="ssh-ed25519 AAAA…, or SHA256:…")
    return entry


def _key(login: SshLogin) -> PKey | None:
    if not login.key_file:
        return None
    path = expanded(login.key_file, "key_file")
    phrase: Any = login.key_password.reveal().encode() if login.key_password else None  # Stubs say str; it is bytes.
    try:
        return paramiko.PKey.from_path(path, phrase)
    except FileNotFoundError:
        raise BadConfig(f"there is no key file {path}") from None
    except (paramiko.SSHException, ValueError, TypeError, OSError) as error:
        raise BadConfig(
            f"{path} is no private key that can be used",
            details=str(error),
            hint="an encrypted key needs its passphrase; a .pub file is the public half",
        ) from error


def _shown(login: SshLogin) -> str:
    user = f"{login.user}@" if login.user else ""
    return f"{user}{login.host}:{login.port}"


def _silent(login: SshLogin, error: BaseException) -> Unreachable:
    return Unreachable(
        f"no SSH server answers at {login.host}:{login.port}",
        details=str(error) or type(error).__name__,
        hint="on the host: Get-Service -Name sshd; Start-Service -Name sshd",
    )


def _refused(login: SshLogin, words: str) -> Refused:
    return Refused(
        f"{_shown(login)} refuses the account",
        details=words,
        hint="user and password or key in golden.toml; keys of administrators lie in "
        "C:\\ProgramData\\ssh\\administrators_authorized_keys",
    )


def _other_key(login: SshLogin, shown: str, expected: str) -> Refused:
    return Refused(
        f"the host key of {_shown(login)} is not the one that is known: another machine, or one made anew",
        details=f"expected {expected}, it showed {shown}",
        hint="only if you know why it changed, put the new one in its place",
    )
