"""
Whom golden believes over TLS. Always with a context of its own, loopback included.

pyVmomi's own ``thumbprint`` is not used: where the chain does not verify it switches the *shared* context to no
verification at all, so that every later connection of the pool goes unchecked (pyvmomi 9.1, ``_Connect``); and its
``SmartConnect`` without a context does not verify loopback (facts 2).
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from typing import Any

from golden.errors import BadConfig
from golden_vsphere.address import Address

_DIGESTS = {40: "sha1", 64: "sha256"}
"""vCenter tells thumbprints of its hosts as SHA-1 or SHA-256, by version."""


def of_server(address: Address) -> ssl.SSLContext:
    """For vCenter itself. BadConfig for a CA file that cannot be read."""
    if address.thumbprint:
        return pinned(address.thumbprint)
    return by_ca(address.options.get("ca_file"))


def of_hosts(address: Address) -> ssl.SSLContext:
    """For ESXi hosts, which file transfers go to: their own CA file, else what vCenter is believed by."""
    if path := address.options.get("host_ca_file"):
        return by_ca(path)
    return of_server(address)


def by_ca(path: str | None) -> ssl.SSLContext:
    """Certificates that this CA signed; those the system knows where there is none."""
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise BadConfig(f"the CA file {path} cannot be used: {words}", hint="certificates in PEM") from error


def pinned(thumbprint: str) -> ssl.SSLContext:
    """
    One certificate and no other, by its thumbprint in hexadecimal digits.

    The check sits in the handshake itself, so that nothing is sent to anybody else on any connection.
    """
    wanted = thumbprint.replace(":", "").lower()
    digest = _DIGESTS[len(wanted)]

    class Pinned(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's signature
            super().do_handshake(block)
            met = hashlib.new(digest, self.getpeercert(binary_form=True) or b"").hexdigest()
            if not hmac.compare_digest(met, wanted):
                raise ssl.SSLCertVerificationError(f"the certificate's thumbprint is {met}, not {wanted}")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # The thumbprint says more than any chain.
    factory: Any = context
    factory.sslsocket_class = Pinned
    return context
