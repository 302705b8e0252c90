"""
Credentials that a host has refused are not tried again in this process: directories lock accounts out.

What is kept is a keyed hash with a key of this process, so that no password lies here.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading

from golden_hyperv.remoting.login import Login

_KEY = secrets.token_bytes(32)
_refused: set[bytes] = set()
_lock = threading.Lock()


def is_refused(login: Login) -> bool:
    """Whether the account with this password was refused before."""
    with _lock:
        return _mark(login) in _refused


def remember(login: Login) -> None:
    """The account with this password was refused now."""
    with _lock:
        _refused.add(_mark(login))


def _mark(login: Login) -> bytes:
    # Not the port: a host counts the attempts at all its doors together.
    password = login.password.reveal() if login.password is not None else ""
    parts = (login.host.casefold(), login.user.casefold(), password)
    return hmac.digest(_KEY, "\0".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256)
