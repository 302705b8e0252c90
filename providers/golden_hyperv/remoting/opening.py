"""Opening a session over either transport."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from golden.errors import BadConfig, NotAble
from golden_hyperv.remoting import refusals, shells, ssh_login
from golden_hyperv.remoting.engine import Engine
from golden_hyperv.remoting.files import Files
from golden_hyperv.remoting.login import AUTHS, SshLogin, WsmanLogin
from golden_hyperv.remoting.losses import LinkLost, RemoteError
from golden_hyperv.remoting.obstacles import refused, telling
from golden_hyperv.remoting.ssh import SshTransport
from golden_hyperv.remoting.wsman import Line, WsmanTransport


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
    with telling(login):
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
        raise BadConfig(f"no way to log in is called {login.auth}", hint=f"auth is one of {', '.join(AUTHS)}")
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
        raise refused(
            login, "it refused this password before; golden tries no password twice, so that nobody is locked out"
        )


def _hush() -> None:
    """These write tracebacks of what is ordinary here, and whole messages where somebody asks for debugging."""
    for name in ("pypsrp", "psrpcore", "paramiko", "spnego", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
