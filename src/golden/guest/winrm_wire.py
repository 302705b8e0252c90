"""
WSMan by pypsrp: whom golden believes, and how it logs in.

HTTPS with a certificate that is verified, or HTTP with every message encrypted by the login (Negotiate). Basic is never
offered, nothing of the environment is heeded (proxies, bundles, .netrc), and no request is repeated by itself.
"""

from __future__ import annotations

import importlib.util
import ssl
import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import requests
from pypsrp.exceptions import WinRMError
from pypsrp.wsman import WSMan
from requests.adapters import HTTPAdapter

from golden.errors import BadConfig

if TYPE_CHECKING:
    from golden.guest.winrm import WinrmAddress

CONNECTING, QUESTION, PATIENCE = 10, 15, 30
"""Seconds for a connection, until the guest says that it has nothing yet, and until the line counts as lost."""
IDLE_LINE = 60.0
"""Seconds after which a line with message encryption is made anew: its key dies with the connection, which servers
close after two minutes, and pypsrp would send what nobody can read."""


class OpenAnswer(WinRMError):
    """An answer without encryption where it has to be encrypted."""


class _Door(HTTPAdapter):
    """An adapter with a trust of its own, which neither requests' bundle nor the environment changes."""

    def __init__(self, **pool: Any) -> None:
        self._pool = pool
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **{**kwargs, **self._pool})

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context says it all."""


class Wire(WSMan):
    """pypsrp's WSMan with golden's trust, which never repeats a request by itself and never believes an open answer."""

    def __init__(self, address: WinrmAddress) -> None:
        # With a library of Kerberos' there, pypsrp's negotiate would try a wrong password a second time by NTLM.
        has_kerberos = any(importlib.util.find_spec(name) for name in ("gssapi", "sspilib"))
        super().__init__(
            address.host,
            operation_timeout=QUESTION,
            port=address.port,
            username=address.account,
            password=address.password,
            ssl=address.tls,
            auth="ntlm" if has_kerberos else "negotiate",
            connection_timeout=CONNECTING,
            read_timeout=PATIENCE,
            encryption="auto" if address.tls else "always",
            no_proxy=True,
        )
        self._address = address
        self._used = time.monotonic()

    def invoke(self, *args: Any, **kwargs: Any) -> ElementTree.Element:
        """One request and its answer; ``retries_on_read_timeout`` is not heeded."""
        kwargs.pop("retries_on_read_timeout", None)
        way = self.transport
        if way.session is not None and way.wrap_required and time.monotonic() - self._used > IDLE_LINE:
            way.session.close()
            way.session = way.encryption = None
        if way.session is None:
            way.session = way._build_session()
            _lock(way.session, self._address)
        try:
            return super().invoke(*args, **kwargs)
        finally:
            self._used = time.monotonic()


def _lock(session: requests.Session, address: WinrmAddress) -> None:
    """Give a session this address's trust, and nothing of the environment's."""
    session.trust_env = False
    session.proxies = {}
    session.max_redirects = 0  # WinRM sends nobody elsewhere.
    session.verify = not address.thumbprint
    session.mount("http://", _Door())
    session.mount("https://", _Door(**_trust(address)))
    if not address.tls:
        session.hooks["response"].append(_sealed)


def _trust(address: WinrmAddress) -> dict[str, Any]:
    if address.thumbprint:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # The thumbprint says more than any chain.
        return {"ssl_context": context, "assert_fingerprint": address.thumbprint}
    try:
        return {"ssl_context": ssl.create_default_context(cafile=address.ca_file)}
    except (OSError, ssl.SSLError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise BadConfig(f"the CA file {address.ca_file} cannot be used: {words}", hint="certificates in PEM") from error


def _sealed(response: requests.Response, **_: Any) -> None:
    if response.status_code != 401 and response.content:
        kind = response.headers.get("content-type", "")
        if not kind.startswith(("multipart/encrypted", "multipart/x-multi-encrypted")):
            raise OpenAnswer(f"HTTP {response.status_code} with {kind or 'no type'}")
