"""Opening a session over either transport, and what may stand in its way, in words somebody can act on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import requests
import spnego.exceptions
from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError

from golden.errors import BadConfig, EndpointError, NotAble, Refused, Unreachable
from golden_hyperv.remoting import refusals, shells, ssh_login
from golden_hyperv.remoting.engine import Engine
from golden_hyperv.remoting.files import Files
from golden_hyperv.remoting.login import AUTHS, SshLogin, WsmanLogin
from golden_hyperv.remoting.losses import LinkLost, RemoteError
from golden_hyperv.remoting.ssh import SshTransport
from golden_hyperv.remoting.trust import shown_by
from golden_hyperv.remoting.wsman import Line, OpenAnswer, WsmanTransport

QUOTAS = {
    2150858815: "of shells or users (QuotaLimit)",
    2150859173: "of shells",
    2150859174: "of operations",
    2150859175: "of this user",
    2150859176: "of the system",
    2150859179: "of shells of one user",
    2150859236: "of shells of one user",
    2150859237: "of users",
    2150859238: "of shells of the configuration",
    2150859239: "of operations of the configuration",
    2150859240: "of operations of one user",
}
"""ERROR_WSMAN_QUOTA_*: wsmerror.h."""
DENIED = 5
NO_SHELLS_ALLOWED = 2150859180
NO_CONFIGURATION = 2150858811


@dataclass(frozen=True, slots=True)
class Opened:
    """What a session is made of."""

    engine: Engine
    files: Files
    name: str


def over_wsman(login: WsmanLogin, run: str, sftp: SshLogin | None) -> Opened:
    """Sweep golden's stale shells, then open one."""
    _hush()
    _check(login)
    name = shells.name(run)
    with _telling(login):
        line = Line(login)
        try:
            shells.sweep(line)
            engine = Engine(WsmanTransport(line, login.configuration, name))
            engine.open()
        except BaseException:
            line.close()
            raise
    files = Files((lambda: ssh_login.connect(sftp)) if sftp is not None else None, is_own=True)
    return Opened(engine, files, name)


def over_ssh(login: SshLogin) -> Opened:
    """Log in and start the subsystem. SFTP goes over the same line."""
    _hush()
    client = ssh_login.connect(login)
    try:
        engine = Engine(SshTransport(client, login.subsystem))
        engine.open()
    except (LinkLost, RemoteError) as error:
        client.close()
        raise NotAble(
            f"{login.host}:{login.port} lets golden in, but does not start PowerShell",
            details=str(error),
            hint="PowerShell 7 on the host, and in sshd_config: Subsystem powershell c:/progra~1/powershell/7/pwsh.exe "
            "-sshs -NoLogo -NoProfile",
        ) from error
    except BaseException:
        client.close()
        raise
    return Opened(engine, Files(lambda: client, is_own=False), shells.name(""))


def _check(login: WsmanLogin) -> None:
    if login.auth not in AUTHS:
        raise BadConfig(f"auth is one of {', '.join(AUTHS)}, not {login.auth}")
    if not login.tls and login.auth == "certificate":
        raise BadConfig(
            "golden speaks to WinRM by HTTPS, or by HTTP with message encryption; a client certificate has none",
            hint="WinRM's HTTPS listener, port 5986",
        )
    if login.auth == "certificate" and not login.certificate:
        raise BadConfig("auth = certificate needs the certificate", hint="certificate_file and certificate_key_file")
    if login.auth in ("ntlm", "credssp") and not (login.user and login.password):
        raise BadConfig(f"auth = {login.auth} needs a user and a password", hint="user and password_env in golden.toml")
    if login.password and refusals.is_refused(login):
        raise _refused(
            login, "it refused this password before; golden tries no password twice, so that nobody is locked out"
        )


def _shown(login: WsmanLogin) -> str:
    return f"{login.host}:{login.port}"


@contextmanager
def _telling(login: WsmanLogin) -> Iterator[None]:
    """Whatever happens while a session opens, as golden's errors."""
    try:
        yield
    except EndpointError:
        raise
    except requests.exceptions.SSLError as error:
        _untrusted(login, error)
    except AuthenticationError as error:
        _not_let_in(login, error)
    except OpenAnswer as error:
        raise Refused(
            f"{_shown(login)} answers without encryption, which golden does not believe",
            details=str(error),
            hint="WinRM's HTTPS listener, port 5986; AllowUnencrypted stays false",
        ) from error
    except WSManFaultError as error:
        raise _of_fault(login, error) from error
    except WinRMTransportError as error:
        raise Unreachable(
            f"{_shown(login)} answers, but not as WinRM: HTTP {error.code}", hint="port 5986 is WinRM's HTTPS listener"
        ) from error
    except (spnego.exceptions.SpnegoError, ValueError) as error:
        raise Refused(
            f"the login to {_shown(login)} by {login.auth} cannot be made",
            details=str(error),
            hint="auth = ntlm takes a user and a password; kerberos needs a ticket (kinit) and pip install "
            "'golden-reference[hyperv-kerberos]'",
        ) from error
    except ImportError as error:
        raise NotAble(
            f"auth = {login.auth} needs a library that is not installed",
            details=str(error),
            hint=f"pip install 'golden-reference[hyperv-{login.auth}]'",
        ) from error
    except (LinkLost, RemoteError, WinRMError, requests.RequestException, OSError) as error:
        raise _silent(login, error) from error


def _not_let_in(login: WsmanLogin, error: AuthenticationError) -> NoReturn:
    if "authentication methods" in str(error):  # pypsrp's words: the server offered none that golden knows.
        raise Refused(
            f"{_shown(login)} offers no way to log in that golden takes",
            details=str(error),
            hint="on the host: Set-Item WSMan:\\localhost\\Service\\Auth\\Negotiate -Value true",
        ) from error
    if login.password:
        refusals.remember(login)
    raise _refused(login, str(error)) from error


def _refused(login: WsmanLogin, words: str) -> Refused:
    who = login.user or "this account"
    return Refused(
        f"{_shown(login)} refuses {who}",
        details=words,
        hint="user and password in golden.toml; a user of a domain is DOMAIN\\user or user@DOMAIN",
    )


def _untrusted(login: WsmanLogin, error: requests.exceptions.SSLError) -> NoReturn:
    shown = shown_by(login.host, login.port)
    if not shown:
        raise Unreachable(
            f"{_shown(login)} does not speak TLS", details=str(error), hint="port 5986 is WinRM's HTTPS listener"
        ) from error
    if login.thumbprint:
        raise Refused(
            f"the certificate of {_shown(login)} is not the one in golden.toml",
            details=f"thumbprint is {login.thumbprint}, it shows {shown}",
            hint="only if you know why it changed, put the new one in its place",
        ) from error
    raise Refused(
        f"the certificate of {_shown(login)} is not trusted",
        details=f"{error}\nits SHA-256 is {shown}",
        hint="ca_file names the authority that signed it; a self-signed one is compared on the host, then "
        f'thumbprint = "{shown}"',
    ) from error


def _of_fault(login: WsmanLogin, error: WSManFaultError) -> EndpointError:
    words = str(error.reason or error.provider_fault or f"WSMan fault {error.code}")
    if error.code in QUOTAS:
        return Refused(
            f"{_shown(login)} has reached WinRM's limit {QUOTAS[error.code]}",
            details=words,
            hint="on the host: Get-ChildItem WSMan:\\localhost\\Shell; shells whose programs ended go when they are idle",
        )
    if error.code == DENIED:
        return Refused(
            f"{_shown(login)} lets {login.user or 'the account'} in, but not to PowerShell",
            details=words,
            hint="a member of Administrators, or of Hyper-V Administrators and Remote Management Users",
        )
    if error.code == NO_SHELLS_ALLOWED:
        return Refused(f"{_shown(login)} allows no remote shells", details=words, hint="policy AllowRemoteShellAccess")
    if error.code == NO_CONFIGURATION:
        return _no_configuration(login, words)
    return Refused(f"{_shown(login)} opens no session", details=f"{words} (fault {error.code})")


def _no_configuration(login: WsmanLogin, words: str) -> Refused:
    return Refused(
        f"{_shown(login)} has no session configuration {login.configuration}",
        details=words,
        hint="on the host: Enable-PSRemoting -Force",
    )


def _silent(login: WsmanLogin, error: BaseException) -> Unreachable:
    return Unreachable(
        f"WinRM does not answer at {_shown(login)}",
        details=str(error) or type(error).__name__,
        hint="on the host: Enable-PSRemoting -Force, an HTTPS listener, and its firewall rule for port 5986",
    )


def _hush() -> None:
    """These write tracebacks of what is ordinary here, and whole messages where somebody asks for debugging."""
    for name in ("pypsrp", "psrpcore", "paramiko", "spnego", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
