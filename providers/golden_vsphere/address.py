"""Which vCenter an endpoint's URL means, and what its options say."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from golden.errors import BadConfig
from golden.options import GUEST, cannot_open, must_be_known, number, public, split, thumbprint
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
PROOFS = ("guest", "export")
"""Where a seal is read: in the guest before it switches itself off, or besides from an export of its disk."""
OPTIONS = (*LOGIN, *TRUST, *PLACE, *GUEST, "proof")


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
    proof: str = PROOFS[0]
    """One of PROOFS."""

    @property
    def shown(self) -> str:
        """For messages."""
        return f"vsphere://{self.host}" + (f":{self.port}" if self.port != PORT else "")


def parse(endpoint: Endpoint) -> Address:
    """BadConfig for a URL or an option that cannot be."""
    parts, port, options = split(endpoint, EXAMPLE)
    if parts.scheme != "vsphere" or not parts.hostname or parts.fragment or any(ord(one) < 32 for one in endpoint.url):
        raise _bad(endpoint.url, "it names no vCenter")
    if parts.username is not None or parts.password is not None:
        raise _bad(endpoint.url, "accounts do not belong into a URL", 'user = "golden@vsphere.local" and password_env')
    must_be_known(f"the endpoint {public(endpoint.url)}", options, OPTIONS)
    path = [unquote(part) for part in parts.path.split("/") if part]
    return Address(
        endpoint=endpoint.name,
        host=parts.hostname,
        port=port or PORT,
        datacenter=path[0] if path else "",
        folder=tuple(path[1:]) or (FOLDER,),
        options=options,
        thumbprint=thumbprint(options.get("thumbprint", ""), "a vSphere endpoint"),
        snapshot_depth=number("snapshot_depth", options.get("snapshot_depth", str(DEPTH)), DEEPEST),
        proof=_proof(options.get("proof", PROOFS[0])),
    )


def _proof(text: str) -> str:
    if text not in PROOFS:
        raise BadConfig(f"proof is {' or '.join(PROOFS)}, not {text!r}", hint='proof = "export" downloads the disk')
    return text


def _bad(url: str, why: str, hint: str = "") -> BadConfig:
    return cannot_open(url, why, hint or f"like {EXAMPLE}")
