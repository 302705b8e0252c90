"""How to reach a host and who to be there; plain data, made from an address by the provider."""

from __future__ import annotations

from dataclasses import dataclass

from golden_hyperv.remoting.values import Secret

HTTPS = 5986
SSH = 22
AUTHS = ("negotiate", "ntlm", "kerberos", "certificate", "credssp")


@dataclass(frozen=True, slots=True)
class WsmanLogin:
    """WSMan, by HTTPS. Plain HTTP only with message encryption (Negotiate, Kerberos, CredSSP), never without."""

    host: str
    port: int = HTTPS
    user: str = ""
    """``user``, ``DOMAIN\\user`` or ``user@DOMAIN``; empty with Kerberos takes the ticket there is."""
    password: Secret | None = None
    auth: str = "negotiate"
    """One of AUTHS. CredSSP leaves the password on the host: only where it is asked for."""
    tls: bool = True
    ca_file: str = ""
    """Authorities in PEM; the system's where there is none."""
    thumbprint: str = ""
    """SHA-256 of the host's certificate, 64 hexadecimal digits; then no authority is asked."""
    certificate: str = ""
    """File in PEM, for auth ``certificate``."""
    certificate_key: str = ""
    key_password: Secret | None = None
    configuration: str = "Microsoft.PowerShell"
    """The session configuration (a JEA endpoint's name)."""


@dataclass(frozen=True, slots=True)
class SshLogin:
    """OpenSSH on the host. Its key has to be known beforehand: ``host_key``, or an entry in ``known_hosts``."""

    host: str
    port: int = SSH
    user: str = ""
    password: Secret | None = None
    key_file: str = ""
    key_password: Secret | None = None
    host_key: str = ""
    """As in a known_hosts file without the name, ``ssh-ed25519 AAAA…``, or ``SHA256:…``."""
    known_hosts: str = ""
    """Another file than the user's own."""
    subsystem: str = "powershell"


Login = WsmanLogin | SshLogin
