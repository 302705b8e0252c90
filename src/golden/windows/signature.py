"""
What a driver's catalog (.cat) says of itself: that it is one, who signed it, and which files it is for.

A catalog is a PKCS #7 SignedData around a list of hashes. Signatures and chains are not verified here: which roots
count is the guest's business, and it has the last word. docs/facts: windows 5.1, 5.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from golden.model import Finding, Severity

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TRUST_LIST = bytes.fromhex("2b0601040182370a01")
"""1.3.6.1.4.1.311.10.1, szOID_CTL: what a catalog signs."""
_COMMON_NAME = bytes.fromhex("550403")
_SEQUENCE, _SET, _INTEGER, _FIRST = 0x30, 0x31, 0x02, 0xA0
_TEXTS = {0x0C: "utf-8", 0x13: "latin-1", 0x14: "latin-1", 0x16: "latin-1", 0x1E: "utf-16-be"}
_MOST_BYTES = 64 << 20
_MOST_PARTS = 4096
"""Of one element; certificates and signers are a handful, and the list of hashes is not taken apart."""
_FIX = "take the signed package from the vendor; a 64-bit Windows refuses unsigned kernel drivers"


class _Part(NamedTuple):
    """One element of DER."""

    tag: int
    content: bytes
    whole: bytes


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a catalog, as far as the certificate that lies in it tells."""

    name: str
    """The certificate's common name; empty where it is not in the catalog, or has none."""
    issued_by_itself: bool
    """Such a certificate is trusted only where somebody put it among the trusted ones: a test certificate's shape."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """A catalog that could be read."""

    signers: tuple[Signer, ...]
    """None where it was made and not signed yet, as Inf2Cat leaves it."""
    listed: bytes
    """The list of hashes."""

    def lists(self, data: bytes) -> bool:
        """Whether a file of these bytes is one of those that were signed."""
        found = (hashlib.sha256(data), hashlib.sha1(data, usedforsecurity=False))
        return any(
            one.digest() in self.listed or one.hexdigest().upper().encode("utf-16-le") in self.listed for one in found
        )


def read(data: bytes) -> Catalog:
    """A catalog from its bytes; ValueError, with what is wrong, where it is none."""
    if not data:
        raise ValueError("it is empty")
    outer = _all(_one(data, _SEQUENCE).content)
    if len(outer) != 2 or outer[0].content != _SIGNED_DATA:
        raise ValueError("it is no signed data")
    signed = _all(_one(outer[1].content, _SEQUENCE).content)
    if len(signed) < 3:
        raise ValueError("it has not the shape of a catalog")
    content = next((part for part in signed if part.tag == _SEQUENCE), None)
    inner = _all(content.content) if content else []
    if len(inner) != 2 or inner[0].content != _TRUST_LIST:
        raise ValueError("what it signs is no list of files")
    certificates = [each for part in signed if part.tag == _FIRST for each in _all(part.content)]
    # The first SET names the algorithms, the last one the signers.
    last = signed[-1]
    infos = _all(last.content) if last.tag == _SET and len(signed) > 3 else []
    return Catalog(tuple(_signer(info, certificates) for info in infos), inner[1].content)


def judge(path: Path, inf: str, data: bytes) -> Iterator[Finding]:
    """
    What speaks against the catalog at ``path`` for the INF called ``inf`` with the bytes ``data``: warnings only, since
    what a guest makes of it shows when the driver is added.
    """
    try:
        found = read(_content(path))
    except ValueError as error:
        sentence = f"the catalog {path.name} of {inf} cannot be read, so the driver package counts as unsigned"
        yield _warning("driver-unsigned", sentence, str(error), _FIX)
        return
    if not found.signers:
        sentence = f"nobody has signed the catalog {path.name} of {inf}, so the driver package counts as unsigned"
        yield _warning("driver-unsigned", sentence, "it has no signer", _FIX)
        return
    if not found.lists(data):
        yield _warning(
            "driver-changed",
            f"{inf} is not among the files that {path.name} was signed for: it was changed after it was signed, or "
            "this is another driver's catalog; Windows then takes the signature for invalid",
            f"neither SHA-256 {hashlib.sha256(data).hexdigest()} nor the file's SHA-1 stands in it",
            "take the driver package from its vendor once more, unchanged",
        )
    if own := [signer.name or "no name" for signer in found.signers if signer.issued_by_itself]:
        yield _warning(
            "driver-test-signed",
            f"the catalog {path.name} of {inf} is signed with a certificate that nobody else issued, as for tests; "
            "a Windows takes such a kernel driver only with test signing on and Secure Boot off, which do not belong "
            "in a golden image (unconfirmed)",
            f"signed by {', '.join(own)}",
            "take the release-signed package from the vendor",
        )


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it has {path.stat().st_size} bytes, more than any catalog")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error


def _signer(info: _Part, certificates: list[_Part]) -> Signer:
    """By issuer and number; a catalog that leaves its signer's certificate out is signed all the same."""
    parts = _all(info.content)
    named = _all(parts[1].content) if len(parts) > 1 and parts[1].tag == _SEQUENCE else []
    wanted = [part.whole for part in named[:2]]
    for certificate in certificates:
        if certificate.tag != _SEQUENCE:
            continue
        number, issuer, subject = _identity(certificate)
        if wanted == [issuer.whole, number.whole]:
            return Signer(_common_name(subject), issuer.whole == subject.whole)
    return Signer("", issued_by_itself=False)


def _identity(certificate: _Part) -> tuple[_Part, _Part, _Part]:
    """(serial number, issuer, subject) of an X.509 certificate."""
    signed = _all(_at(certificate.content, 0).content)
    fields = signed[1:] if signed and signed[0].tag == _FIRST else signed  # the version comes first, or not at all
    if len(fields) < 5 or fields[0].tag != _INTEGER:
        raise ValueError("a certificate in it cannot be read")
    return fields[0], fields[2], fields[4]


def _common_name(name: _Part) -> str:
    for several in _all(name.content):
        for pair in _all(several.content):
            kind, *text = _all(pair.content)
            if kind.content == _COMMON_NAME and text:
                return text[0].content.decode(_TEXTS.get(text[0].tag, "latin-1"), "replace")
    return ""


def _one(data: bytes, tag: int) -> _Part:
    """The one element that the bytes begin with; padding may follow."""
    if data[:1] != bytes((tag,)):
        raise ValueError("it has not the shape of a catalog")
    return _at(data, 0)


def _all(data: bytes) -> list[_Part]:
    found: list[_Part] = []
    at = 0
    while at < len(data):
        if len(found) >= _MOST_PARTS:
            raise ValueError("it has more parts than any catalog")
        found.append(_at(data, at))
        at += len(found[-1].whole)
    return found


def _at(data: bytes, at: int) -> _Part:
    """The element there: a tag, a length in the short or the long form, the content. ValueError where it is cut."""
    if len(data) < at + 2:
        raise ValueError("it is cut short")
    length, start = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or len(data) < start + count:
            raise ValueError("it has not the shape of a catalog")
        length, start = int.from_bytes(data[start : start + count], "big"), start + count
    if len(data) < start + length:
        raise ValueError("it is cut short")
    return _Part(data[at], data[start : start + length], data[at : start + length])


def _warning(id_: str, sentence: str, evidence: str, fix: str) -> Finding:
    return Finding(id_, Severity.WARNING, sentence, evidence, fix)
