"""Logging in over SSH: host keys believed only from one file, and each refusal with what to type about it."""

from __future__ import annotations

import base64
import hashlib
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from golden.errors import BadConfig, NotFound, Refused
from golden.guest.communicator import LineLost

if TYPE_CHECKING:
    import paramiko

ALIVE = 15
"""Seconds between two signs of life, so that a dead line is noticed."""


@dataclass(frozen=True, slots=True)
class SshAddress:
    """Where and as whom; secrets come from the caller and are never shown."""

    host: str
    user: str
    known_hosts: Path
    """The only host keys that are believed; golden never adds to it."""
    port: int = 22
    key_file: Path | None = None
    passphrase: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    agent: bool = False
    """Whether keys of the user's SSH agent are offered."""

    def __str__(self) -> str:
        """user@host:port."""
        return f"{self.user}@{self.host}:{self.port}"


class _Unknown:
    """Refuses a host key that is not in the file."""

    def __init__(self, address: SshAddress) -> None:
        self._address = address

    def missing_host_key(self, client: object, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        raise Refused(
            f"the host key of {self._address} is not in {self._address.known_hosts}",
            details=f"it showed {key.get_name()} {fingerprint(key)}",
            hint=(
                "compare that fingerprint on the guest's console (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then: "
                f"ssh-keyscan -p {self._address.port} {self._address.host} >> {self._address.known_hosts}"
            ),
        )


def fingerprint(key: paramiko.PKey) -> str:
    """A host key's fingerprint as ssh-keygen shows it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def connect(address: SshAddress, patience: float) -> paramiko.SSHClient:
    """
    A client that is logged in. LineLost where nobody answers (yet), Refused for a wrong host key or login,
    NotFound or BadConfig where a file it needs is missing or cannot be read.
    """
    import paramiko

    client = paramiko.SSHClient()
    _believe(client, address)
    client.set_missing_host_key_policy(cast("paramiko.MissingHostKeyPolicy", _Unknown(address)))
    key = _key(address)
    try:
        client.connect(
            address.host,
            address.port,
            address.user,
            password=address.password or None,
            pkey=key,
            allow_agent=address.agent,
            look_for_keys=False,
            timeout=patience,
            banner_timeout=patience,
            auth_timeout=patience,
        )
    except paramiko.BadHostKeyException as error:
        client.close()
        raise _changed(address, error) from error
    except paramiko.AuthenticationException as error:
        client.close()
        raise Refused(
            f"{address} refused the login",
            details=str(error),
            hint="check user and key: the public key belongs in ~/.ssh/authorized_keys of that user in the guest",
        ) from error
    except Refused:
        client.close()
        raise
    except (paramiko.SSHException, EOFError, OSError, socket.gaierror) as error:
        client.close()
        if "No authentication methods" in str(error):
            raise BadConfig(f"no key, agent or password is given for {address}") from error
        raise LineLost(f"{address} does not answer: {error or type(error).__name__}") from error
    transport = client.get_transport()
    if transport is not None:
        transport.set_keepalive(ALIVE)
    return client


def _believe(client: paramiko.SSHClient, address: SshAddress) -> None:
    try:
        client.load_host_keys(str(address.known_hosts))
    except FileNotFoundError:
        raise NotFound(
            f"there is no file {address.known_hosts} with the host key of {address}",
            hint=f"ssh-keyscan -p {address.port} {address.host} > {address.known_hosts}",
        ) from None
    except OSError as error:
        raise BadConfig(f"{address.known_hosts} cannot be read", details=str(error)) from error


def _key(address: SshAddress) -> paramiko.PKey | None:
    import paramiko

    if address.key_file is None:
        return None
    if not address.key_file.is_file():
        raise NotFound(f"there is no key file {address.key_file}")
    reasons = []
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key_file(str(address.key_file), address.passphrase)
        except (paramiko.SSHException, ValueError, TypeError, OSError) as error:
            reasons.append(f"{kind.__name__}: {error}")
    raise BadConfig(
        f"{address.key_file} is no private key that can be used",
        details="\n".join(reasons),
        hint="an encrypted key needs its passphrase; a .pub file is the public half",
    )


def _changed(address: SshAddress, error: paramiko.BadHostKeyException) -> Refused:
    name = address.host if address.port == 22 else f"[{address.host}]:{address.port}"
    return Refused(
        f"the host key of {address} is not the one in {address.known_hosts}: another machine, or one made anew",
        details=f"expected {fingerprint(error.expected_key)}, it showed {fingerprint(error.key)}",
        hint=f"only if you know why it changed: ssh-keygen -R '{name}' -f {address.known_hosts}",
    )
