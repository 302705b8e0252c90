"""Whom golden believes over TLS: one authority's file, the system's authorities, or one certificate and no other."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from golden.errors import BadConfig
from golden_hyperv.remoting.login import WsmanLogin
from golden_hyperv.remoting.transport import socket_options

_THUMBPRINT = re.compile(r"[0-9a-f]{64}")


class _Door(HTTPAdapter):
    """An adapter with a trust of its own, which neither requests' bundle nor the environment changes."""

    def __init__(self, **pool: Any) -> None:
        self._pool = pool
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **{**kwargs, **self._pool})

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context says it all."""


def lock(session: requests.Session, login: WsmanLogin) -> None:
    """Give a session this login's trust and nothing of the environment's: no proxies, no .netrc, no bundles."""
    session.trust_env = False
    session.proxies = {}
    session.cert = None
    session.verify = not login.thumbprint
    session.mount("http://", _Door(socket_options=socket_options()))
    session.mount("https://", _Door(socket_options=socket_options(), **_of(login)))


def _of(login: WsmanLogin) -> dict[str, Any]:
    if login.thumbprint:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # The thumbprint says more than any chain.
        return {"ssl_context": _identified(context, login), "assert_fingerprint": _thumbprint(login.thumbprint)}
    try:
        context = ssl.create_default_context(cafile=login.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise BadConfig(f"the CA file {login.ca_file} cannot be used: {words}", hint="certificates in PEM") from error
    return {"ssl_context": _identified(context, login)}


def _identified(context: ssl.SSLContext, login: WsmanLogin) -> ssl.SSLContext:
    if login.auth != "certificate":
        return context
    password = login.key_password.reveal() if login.key_password is not None else ""
    try:
        # An empty password, so that OpenSSL never asks at the terminal.
        context.load_cert_chain(login.certificate, login.certificate_key or None, password)
    except (OSError, ssl.SSLError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise BadConfig(
            f"the client certificate {login.certificate} cannot be used: {words}",
            hint="certificate_file and certificate_key_file, both in PEM, and the key's password",
        ) from error
    return context


def _thumbprint(text: str) -> str:
    plain = text.replace(":", "").lower()
    if not _THUMBPRINT.fullmatch(plain):
        raise BadConfig("the thumbprint of a Hyper-V host is no SHA-256", details=text)
    return plain


def shown_by(host: str, port: int, patience: float = 5.0) -> str:
    """SHA-256 of the certificate a host shows, for a message; empty where it shows none now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # Nothing is said to it.
    try:
        with socket.create_connection((host, port), patience) as line, context.wrap_socket(line) as tls:
            return hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()
    except (OSError, ValueError):
        return ""
