"""Which vCenter an endpoint's URL means, and what its options say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import parse_qsl, unquote, urlsplit

from golden.errors import BadConfig
from golden.provider import Endpoint

EXAMPLE = "vsphere://vcenter.example.com/Datacenter/golden"
PORT = 443
FOLDER = "golden"
DEPTH = 10
"""Linked disks on top of each other before golden makes a full clone; vSphere's own limits are near 30 (facts 8)."""
DEEPEST = 30
LOGIN = ("user", "password_env", "password_file", "keyring", "session_env", "session_file")
TRUST = ("ca_file", "thumbprint", "host_ca_file")
PLACE = ("datastore", "resource_pool", "isolated_network", "snapshot_depth")
GUEST = ("guest_account", "guest_password_env", "guest_password_file", "guest_keyring")
OPTIONS = (*LOGIN, *TRUST, *PLACE, *GUEST)
_THUMBPRINT = re.compile(r"([0-9a-f]{2}:?){31}[0-9a-f]{2}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """An endpoint that has been understood. Holds no secret, only where to read one."""

    endpoint: str
    """Its name in golden.toml."""
    host: str
    port: int
    datacenter: str
    """Empty where the URL names none: then there must be exactly one."""
    folder: tuple[str, ...]
    """Folders below the datacenter's folder of machines; golden's own is the last."""
    options: dict[str, str]
    thumbprint: str = ""
    """SHA-256 of the server's certificate, 64 small hexadecimal digits, or nothing."""
    snapshot_depth: int = DEPTH

    @property
    def shown(self) -> str:
        """For messages."""
        return f"vsphere://{self.host}" + (f":{self.port}" if self.port != PORT else "")


def parse(endpoint: Endpoint) -> Address:
    """BadConfig for a URL or an option that cannot be."""
    try:
        parts = urlsplit(endpoint.url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        port = parts.port or PORT
    except ValueError as error:
        raise _bad(endpoint.url, str(error)) from error
    if parts.scheme != "vsphere" or not parts.hostname or parts.fragment or any(ord(one) < 32 for one in endpoint.url):
        raise _bad(endpoint.url, "it names no vCenter")
    if parts.username is not None or parts.password is not None:
        raise _bad(endpoint.url, "accounts do not belong into a URL", 'user = "golden@vsphere.local" and password_env')
    options = {**query, **endpoint.options}
    for key in options:
        _check_key(endpoint.url, key)
    path = [unquote(part) for part in parts.path.split("/") if part]
    return Address(
        endpoint=endpoint.name,
        host=parts.hostname,
        port=port,
        datacenter=path[0] if path else "",
        folder=tuple(path[1:]) or (FOLDER,),
        options=options,
        thumbprint=_thumbprint(options.get("thumbprint", "")),
        snapshot_depth=_depth(options.get("snapshot_depth", str(DEPTH))),
    )


def _check_key(url: str, key: str) -> None:
    if key in OPTIONS:
        return
    close = get_close_matches(key, OPTIONS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(OPTIONS)}"
    raise BadConfig(f"the endpoint {_public(url)} has an option golden does not know: {key}", hint=hint)


def _thumbprint(text: str) -> str:
    if text and not _THUMBPRINT.fullmatch(text):
        raise BadConfig(
            "the thumbprint of a vSphere endpoint is no SHA-256",
            details=text,
            hint="openssl x509 -in CERTIFICATE -noout -fingerprint -sha256",
        )
    return text.replace(":", "").lower()


def _depth(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= DEEPEST:
        raise BadConfig(f"snapshot_depth is a number from 1 to {DEEPEST}, not {text!r}")
    return int(text)


def _bad(url: str, why: str, hint: str = "") -> BadConfig:
    return BadConfig(f"the URL {_public(url)} cannot be opened: {why}", hint=hint or f"like {EXAMPLE}")


def _public(url: str) -> str:
    """Without whatever may be a password."""
    bare = re.sub(r"//[^/?#]*@", "//***@", url)
    return repr(re.sub(r"(?<=[?&])([^=&]*pass[^=&]*)=[^&]*", r"\1=***", bare))
