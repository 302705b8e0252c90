"""PowerShell remoting by pypsrp: one script after the other in one session, and what may stand in its way."""

from __future__ import annotations

import hashlib
import logging
import secrets
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import requests
import spnego.exceptions
from pypsrp.complex_objects import GenericComplexObject, PSInvocationState
from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.serializer import TaggedValue
from pypsrp.shell import WinRS

from golden.errors import GuestError, Refused
from golden.guest.communicator import LineLost
from golden.guest.winrm_wire import QUESTION, OpenAnswer, Wire
from golden.waiting import Deadline

if TYPE_CHECKING:
    from golden.guest.winrm import WinrmAddress

IDLE_SHELL = 900
"""Seconds after which the guest ends a session that nobody asks anything of: what a killed golden leaves behind."""
NO_RIGHTS = {
    5: "lets the account in, but not to PowerShell",
    2150859180: "allows no remote shells",
    2150858811: "has no session configuration Microsoft.PowerShell",
}
"""ERROR_ACCESS_DENIED and others of wsmerror.h that another try does not change."""
UNTRUSTED = ("CERTIFICATE_VERIFY_FAILED", "Fingerprints did not match", "IP address mismatch", "Hostname mismatch")
"""OpenSSL's and urllib3's words for a certificate that is not believed; other losses of TLS are a line that broke."""
HINT = "[references.NAME.guest]: account, and password_file, password_env or keyring"

_SALT = secrets.token_bytes(16)
_REFUSED: set[tuple[str, int, str, bytes]] = set()
"""Logins that this process was refused, without their passwords."""


class Line:
    """A session that is opened at the first call, and again at the first one after it was lost."""

    def __init__(self, address: WinrmAddress) -> None:
        self.address = address
        self._wire: Wire | None = None
        self._pool: RunspacePool | None = None
        self._left: list[WinRS] = []
        """Sessions that were lost and may still be there: an account has 25 or 30 of them (MS-WSMV)."""
        # They write tracebacks of what is ordinary here, and whole messages where somebody asks for debugging.
        for name in ("pypsrp", "spnego", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)

    def run(self, script: str, wanted: str, limit: float, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """
        A constant script with named parameters; the properties of the last object it writes.

        LineLost where there is no answer within ``limit`` seconds, GuestError where the script breaks, Refused where
        the guest does not let in.
        """
        with self._losing(wanted):
            shell = PowerShell(self._opened())
            shell.add_script(script)
            for name, value in parameters.items():
                shell.add_parameter(name, _sent(value))
            deadline = Deadline(limit)
            shell.begin_invoke()
            while shell.state == PSInvocationState.RUNNING:
                if deadline.left <= 0:
                    raise LineLost(f"{wanted}: {self.address} gave no answer within {limit:.0f} s")
                shell.poll_invoke(timeout=max(1, min(QUESTION, int(deadline.left))))
            shell.close()
        if not shell.output:
            words = "\n".join(str(each) for each in shell.streams.error)
            raise GuestError(f"the guest refused {wanted}", details=words or "its script wrote nothing")
        return _properties(shell.output[-1])

    def close(self) -> None:
        """End the session; where that fails the guest does, once it is idle."""
        if self._pool is not None:
            with suppress(WinRMError, requests.RequestException, spnego.exceptions.SpnegoError, OSError):
                self._pool.close()
        self._drop()

    def _drop(self) -> None:
        wire, self._wire, pool, self._pool = self._wire, None, self._pool, None
        if pool is not None and pool.shell.opened:
            self._left.append(pool.shell)
        if wire is not None:
            wire.close()

    def _opened(self) -> RunspacePool:
        if self._pool is None:
            if _known(self.address) in _REFUSED:
                raise _refuses(self.address, "it refused this password before")
            self._wire = Wire(self.address)
            pool = RunspacePool(self._wire, no_profile=True, idle_timeout=IDLE_SHELL)
            pool.open()
            self._pool = pool
            self._clear(self._wire)
        return self._pool

    def _clear(self, wire: Wire) -> None:
        while self._left:
            shell = self._left.pop()
            shell.wsman = wire
            with suppress(WSManFaultError):  # It went with its guest.
                shell.close()

    @contextmanager
    def _losing(self, wanted: str) -> Iterator[None]:
        """Turn what a broken line raises into LineLost and what another try does not change into Refused."""
        try:
            yield
        except (WinRMError, requests.RequestException, spnego.exceptions.SpnegoError, ValueError, OSError) as error:
            self._drop()
            raise self._told(wanted, error) from error
        except ElementTree.ParseError as error:
            self._drop()
            raise LineLost(f"{wanted}: {self.address} does not answer as WinRM") from error
        except BaseException:
            self._drop()
            raise

    def _told(self, wanted: str, error: Exception) -> Exception:
        """The most special first: they derive from each other."""
        match error:
            case OpenAnswer():
                return Refused(
                    f"{self.address} answers without encryption, which golden does not believe",
                    details=str(error),
                    hint="WinRM's HTTPS listener; in the guest AllowUnencrypted stays false",
                )
            case AuthenticationError() if "authentication methods" in str(error):  # pypsrp's words
                return _no_way_in(self.address, str(error))
            case AuthenticationError():
                _REFUSED.add(_known(self.address))
                return _refuses(self.address, str(error))
            case WSManFaultError() if error.code in NO_RIGHTS:
                words = str(error.reason or error.provider_fault or f"WSMan fault {error.code}")
                hint = "in the guest: Enable-PSRemoting -Force, and the account in Administrators"
                return Refused(f"{self.address} {NO_RIGHTS[error.code]}", details=words, hint=hint)
            case WinRMTransportError():
                return LineLost(f"{wanted}: {self.address} answered HTTP {error.code}")
            case requests.exceptions.SSLError():
                return _of_tls(self.address, error) or LineLost(f"{wanted}: the line to {self.address} broke: {error}")
            case ValueError() if not isinstance(error, requests.RequestException):
                return _no_way_in(self.address, str(error))
        return LineLost(f"{wanted}: the line to {self.address} broke: {error or type(error).__name__}")


def _sent(value: Any) -> Any:
    """pypsrp sends every int as Int32, whatever its size."""
    big = isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 31
    return TaggedValue("I64", str(value)) if big else value


def _properties(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, GenericComplexObject):
        raise GuestError("the guest's answer is none of golden's scripts", details=str(value)[:200])
    return {**value.adapted_properties, **value.extended_properties}


def _known(address: WinrmAddress) -> tuple[str, int, str, bytes]:
    digest = hashlib.blake2b(address.password.encode(), key=_SALT).digest()
    return address.host, address.port, address.account, digest


def _refuses(address: WinrmAddress, words: str) -> Refused:
    return Refused(
        f"{address} refuses the login; golden does not try again, so that the account is not locked",
        details=words,
        hint=f"{HINT}; an account of a domain is DOMAIN\\user or user@DOMAIN",
    )


def _no_way_in(address: WinrmAddress, words: str) -> Refused:
    return Refused(
        f"{address} offers no way to log in that golden takes",
        details=words,
        hint="in the guest: Set-Item WSMan:\\localhost\\Service\\Auth\\Negotiate -Value true",
    )


def _of_tls(address: WinrmAddress, error: Exception) -> Refused | None:
    """What is wrong with the certificate; None where the line just broke."""
    if "WRONG_VERSION_NUMBER" in str(error):
        return Refused(f"{address} does not speak TLS", details=str(error), hint="5986 is the port of WinRM's HTTPS")
    if not any(words in str(error) for words in UNTRUSTED):
        return None
    shown = _shown(address)
    if address.thumbprint:
        return Refused(
            f"the certificate of {address} is not the one in golden.toml: another machine, or one made anew",
            details=f"thumbprint is {address.thumbprint}, it shows {shown}",
            hint="only if you know why it changed, put the new one in its place",
        )
    return Refused(
        f"the certificate of {address} is not trusted",
        details=f"{error}\nits SHA-256 is {shown}",
        hint="ca_file names the authority that signed it; a self-signed one is compared in the guest, then "
        f'thumbprint = "{shown}"',
    )


def _shown(address: WinrmAddress) -> str:
    """SHA-256 of the certificate it shows, for a message."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # Nothing is said to it.
    try:
        with socket.create_connection((address.host, address.port), 5.0) as line, context.wrap_socket(line) as tls:
            return hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()
    except (OSError, ValueError):
        return "unknown"
