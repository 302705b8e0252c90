"""What may stand in the way of a WSMan session, in words somebody can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
import spnego.exceptions
from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError

from golden.errors import EndpointError, GoldenError, NotAble, Refused, Unreachable
from golden_hyperv.remoting import refusals
from golden_hyperv.remoting.login import WsmanLogin
from golden_hyperv.remoting.losses import LinkLost, RemoteError
from golden_hyperv.remoting.trust import shown_by
from golden_hyperv.remoting.wsman import OpenAnswer

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
_OUR_DOUBTS = ("CERTIFICATE_VERIFY_FAILED", "Fingerprints did not match", "refused", "timed out", "resolve")
"""OpenSSL's, urllib3's and the system's words where it is not the other side that broke off."""
DENIED = 5
NO_SHELLS_ALLOWED = 2150859180
NO_CONFIGURATION = 2150858811


@contextmanager
def telling(login: WsmanLogin) -> Iterator[None]:
    """Whatever happens while a session opens, as golden's errors."""
    try:
        yield
    except GoldenError:
        raise
    except (WinRMError, requests.RequestException, spnego.exceptions.SpnegoError) as error:
        raise _of_library(login, error) from error
    except ValueError as error:
        raise _no_login(login, error) from error
    except ImportError as error:
        raise NotAble(
            f"auth = {login.auth} needs a library that is not installed",
            details=str(error),
            hint=f"pip install 'golden-reference[hyperv-{login.auth}]'",
        ) from error
    except RemoteError as error:
        raise Refused(f"{_shown(login)} opens no session", details=f"{error} ({error.fqid})") from error
    except (LinkLost, OSError) as error:
        raise _silent(login, error) from error


def _of_library(login: WsmanLogin, error: Exception) -> EndpointError:
    """The most special first: they derive from each other."""
    match error:
        case requests.exceptions.SSLError():
            return _untrusted(login, error)
        case requests.ConnectionError() if login.auth == "certificate" and shown_by(login.host, login.port):
            return _untrusted(login, error)  # In TLS 1.3 a refused client certificate may look like a broken line.
        case AuthenticationError():
            return _not_let_in(login, error)
        case OpenAnswer():
            return Refused(
                f"{_shown(login)} answers without encryption, which golden does not believe",
                details=str(error),
                hint="WinRM's HTTPS listener, port 5986; AllowUnencrypted stays false",
            )
        case WSManFaultError():
            return _of_fault(login, error)
        case WinRMTransportError():
            words = f"{_shown(login)} answers, but not as WinRM: HTTP {error.code}"
            return Unreachable(words, hint="port 5986 is WinRM's HTTPS listener")
        case spnego.exceptions.SpnegoError():
            return _no_login(login, error)
    return _silent(login, error)


def _no_login(login: WsmanLogin, error: Exception) -> Refused:
    return Refused(
        f"the login to {_shown(login)} by {login.auth} cannot be made",
        details=str(error),
        hint="auth = ntlm takes a user and a password; kerberos needs a ticket (kinit) and pip install "
        "'golden-reference[hyperv-kerberos]'",
    )


def _shown(login: WsmanLogin) -> str:
    return f"{login.host}:{login.port}"


def _not_let_in(login: WsmanLogin, error: AuthenticationError) -> EndpointError:
    if "authentication methods" in str(error):  # pypsrp's words: the server offered none that golden knows.
        return Refused(
            f"{_shown(login)} offers no way to log in that golden takes",
            details=str(error),
            hint="on the host: Set-Item WSMan:\\localhost\\Service\\Auth\\Negotiate -Value true",
        )
    if login.password:
        refusals.remember(login)
    return refused(login, str(error))


def refused(login: WsmanLogin, words: str) -> Refused:
    who = login.user or "this account"
    return Refused(
        f"{_shown(login)} refuses {who}",
        details=words,
        hint="user and password in golden.toml; a user of a domain is DOMAIN\\user or user@DOMAIN",
    )


def _untrusted(login: WsmanLogin, error: requests.ConnectionError) -> EndpointError:
    shown = shown_by(login.host, login.port)
    if login.auth == "certificate" and shown and not any(words in str(error) for words in _OUR_DOUBTS):
        return Refused(
            f"{_shown(login)} refuses the client certificate {login.certificate}",
            details=str(error),
            hint="on the host: Get-ChildItem WSMan:\\localhost\\ClientCertificate, and its issuer is trusted there",
        )
    if not shown:
        return Unreachable(
            f"{_shown(login)} does not speak TLS", details=str(error), hint="port 5986 is WinRM's HTTPS listener"
        )
    if login.thumbprint:
        return Refused(
            f"the certificate of {_shown(login)} is not the one in golden.toml",
            details=f"thumbprint is {login.thumbprint}, it shows {shown}",
            hint="only if you know why it changed, put the new one in its place",
        )
    return Refused(
        f"the certificate of {_shown(login)} is not trusted",
        details=f"{error}\nits SHA-256 is {shown}",
        hint="ca_file names the authority that signed it; a self-signed one is compared on the host, then "
        f'thumbprint = "{shown}"',
    )


def _of_fault(login: WsmanLogin, error: WSManFaultError) -> EndpointError:
    words = str(error.reason or error.provider_fault or f"WSMan fault {error.code}")
    if error.code in QUOTAS:
        return Refused(
            f"{_shown(login)} has reached WinRM's limit {QUOTAS[error.code]}",
            details=words,
            hint="on the host: Get-ChildItem WSMan:\\localhost\\Shell; shells of ended programs go when they are idle",
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
