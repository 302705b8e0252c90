"""
Certificates: .cer and .crt into a store of the computer, proved by their thumbprint. docs/facts: windows 5.6, 8.2.

Where no store is named, what the certificate says of itself decides: one that signs code belongs to TrustedPublisher,
an authority that signed itself to Root, another authority to CA. Anything else needs to be told.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from golden.disk.source import Files
from golden.errors import ChangeFailed, ProofFailed, UsageError
from golden.guest import changes
from golden.guest.dialect import Script
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, Finding, GuestFacts, Severity
from golden.waiting import Deadline
from golden.windows.changes.payload import head, looks_like
from golden.windows.changes.servicing import software
from golden.windows.dialect import SCRIPTS

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

STORES = ("Root", "CA", "TrustedPublisher", "TrustedPeople", "Disallowed")
_KEYS = "Microsoft\\SystemCertificates"
_SCRIPT = Script(SCRIPTS / "certificate.ps1")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_MOST = 1 << 20


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:  # noqa: ARG001 - every Windows keeps certificates
    """One certificate and the store it goes into."""
    path = wanted.source
    first = head(path, "certificate")
    if path.stat().st_size > _MOST:
        raise UsageError(f"{path.name} is too large for a certificate: {path.stat().st_size} bytes")
    if b"PRIVATE KEY" in (content := path.read_bytes()):
        raise UsageError(f"{path.name} holds a private key, which has no place in an image", hint="the .cer alone")
    found = _parsed(path.name, content, first)
    store = _store(path.name, found, dict(wanted.options).get("store", ""))
    from cryptography.hazmat.primitives.hashes import SHA1

    thumbprint = found.fingerprint(SHA1()).hex().upper()  # noqa: S303 - what Windows calls its key
    arguments = (("store", store), ("thumbprint", thumbprint), ("subject", found.subject.rfc4514_string()))
    done = changes.prepared("certificate", path.name, ((changes.payload(path, path.name), path),), arguments)
    return Prepared(done.change, done.sources, _dated(path.name, found))


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    """Put it into its store; there already is success."""
    folder = changes.run_folder(session, change, deadline)
    target = session.dialect.join(folder, "certificate.cer")
    file = change.files[0]
    changes.push(session, file, files[file.name], target, deadline)
    told = dict(change.arguments)
    what = f"adding {change.name} to {told['store']}"
    answer = session.script(
        _SCRIPT, what, deadline, action="add", store=told["store"], path=target, thumbprint=told["thumbprint"]
    )
    if not answer["there"]:
        raise ChangeFailed(f"{change.name} was added to {told['store']} and is not there", details=told["thumbprint"])
    return Applied()


def look(session: Session, change: Change, deadline: Deadline) -> Standing:
    """Whether the store has it."""
    told = dict(change.arguments)
    asked = {"action": "ask", "store": told["store"], "thumbprint": told["thumbprint"], "path": ""}
    there = bool(session.script(_SCRIPT, f"looking for {change.name}", deadline, **asked)["there"])
    return Standing(there, f"{told['thumbprint']} is {'in' if there else 'not in'} {told['store']}")


def prove(volume: Files, change: Change) -> str:
    """Its key below the store."""
    told = dict(change.arguments)
    key = f"{_KEYS}\\{told['store']}\\Certificates\\{told['thumbprint']}"
    if not software(volume).has(key):
        raise ProofFailed(f"read from outside, {change.name} is not in the store {told['store']}", details=key)
    return f"certificate store {told['store']}: {told['thumbprint']} {told['subject']}"


def _parsed(name: str, content: bytes, first: bytes) -> Certificate:
    from cryptography import x509

    blocks = _PEM.findall(content)
    if len(blocks) > 1:
        raise UsageError(f"{name} holds {len(blocks)} certificates", hint="one file each: each has a store of its own")
    try:
        data = base64.b64decode(b"".join(blocks[0].split()), validate=True) if blocks else content
        return x509.load_der_x509_certificate(data)
    except (ValueError, binascii.Error) as error:
        raise UsageError(
            f"{name} is no certificate: it looks like {looks_like(first)}",
            details=str(error),
            hint="a certificate in DER or PEM (Base-64) form; .pfx and .p12 hold private keys and are not taken",
        ) from error


def _store(name: str, found: Certificate, asked: str) -> str:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    if asked:
        for store in STORES:
            if store.lower() == asked.lower():
                return store
        raise UsageError(f"golden knows no certificate store {asked!r}", hint=f"one of: {', '.join(STORES)}")
    try:
        is_authority = found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        is_authority = False
    try:
        usages = tuple(found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (x509.ExtensionNotFound, ValueError):
        usages = ()
    if is_authority:
        return "Root" if found.issuer == found.subject else "CA"
    if ExtendedKeyUsageOID.CODE_SIGNING in usages:
        return "TrustedPublisher"
    raise UsageError(
        f"{name} is neither an authority nor signs code; which store is meant?",
        details=found.subject.rfc4514_string(),
        hint=f"--store {' | '.join(STORES)}",
    )


def _dated(name: str, found: Certificate) -> tuple[Finding, ...]:
    from datetime import UTC, datetime

    until = found.not_valid_after_utc
    if until > datetime.now(UTC):
        return ()
    sentence = f"{name} was valid until {until:%Y-%m-%d} only"
    return (Finding("certificate-expired", Severity.WARNING, sentence, fix="ask its owner for the current one"),)
