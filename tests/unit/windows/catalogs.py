"""Catalogs of driver packages, made as Inf2Cat and SignTool leave them: a list of hashes in PKCS #7 SignedData."""

from __future__ import annotations

import datetime
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SIGNED_DATA, TRUST_LIST = "2a864886f70d010702", "2b0601040182370a01"
CATALOG_LIST, MEMBERS, INDIRECT = "2b060104018237" + "0c0101", "2b060104018237" + "0c0103", "2b0601040182370201" + "04"
LINK, SHA1, SHA256 = "2b0601040182370201" + "19", "2b0e03021a", "608648016503040201"
ECDSA_SHA256 = "2a8648ce3d040302"


def catalog(
    *files: bytes, signer: str = "Golden Test Drivers", issuer: str = "Golden Test CA", sha1: bool = False
) -> bytes:
    """
    A catalog for files of these bytes; without a ``signer`` it is as Inf2Cat makes it, and signed by itself where the
    issuer is the signer.
    """
    listed = _list(files, sha1=sha1)
    algorithms, certificates, infos = b"", b"", b""
    if signer:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(key, signer, issuer)
        algorithms = _tlv(0x30, _oid(SHA256), b"\x05\x00")
        certificates = _tlv(0xA0, certificate.public_bytes(serialization.Encoding.DER))
        signature = key.sign(_content_of(listed), ec.ECDSA(hashes.SHA256()))
        number = certificate.serial_number
        named = _tlv(
            0x30, certificate.issuer.public_bytes(), _tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))
        )
        infos = _tlv(0x30, _tlv(2, b"\x01"), named, algorithms, _tlv(0x30, _oid(ECDSA_SHA256)), _tlv(4, signature))
    signed = _tlv(
        0x30, _tlv(2, b"\x01"), _tlv(0x31, algorithms), _tlv(0x30, _oid(TRUST_LIST), _tlv(0xA0, listed)), certificates,
        _tlv(0x31, infos),
    )  # fmt: skip
    return _tlv(0x30, _oid(SIGNED_DATA), _tlv(0xA0, signed))


def _list(files: tuple[bytes, ...], *, sha1: bool) -> bytes:
    algorithm = _tlv(0x30, _oid(SHA1 if sha1 else SHA256), b"\x05\x00")
    members = b""
    for data in files:
        digest = hashlib.sha1(data).digest() if sha1 else hashlib.sha256(data).digest()
        told = _tlv(0x30, _tlv(0x30, _oid(LINK)), _tlv(0x30, algorithm, _tlv(4, digest)))
        name = digest.hex().upper().encode("utf-16-le") if sha1 else digest
        members += _tlv(0x30, _tlv(4, name), _tlv(0x31, _tlv(0x30, _oid(INDIRECT), _tlv(0x31, told))))
    when = _tlv(0x17, b"260321090000Z")
    return _tlv(0x30, _tlv(0x30, _oid(CATALOG_LIST)), _tlv(4, bytes(16)), when, _tlv(0x30, _oid(MEMBERS), b"\x05\x00"),
                _tlv(0x30, members))  # fmt: skip


def _certificate(key: ec.EllipticCurvePrivateKey, signer: str, issuer: str) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder().subject_name(name(signer)).issuer_name(name(issuer)).public_key(key.public_key())
    )
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start)
    # Whoever issued it: here one key stands for both, which nobody but a verifier of chains would notice.
    return builder.not_valid_after(start + datetime.timedelta(days=3650)).sign(key, hashes.SHA256())


def _content_of(element: bytes) -> bytes:
    count = element[1] & 0x7F if element[1] & 0x80 else 0
    return element[2 + count :]


def _oid(content: str) -> bytes:
    return _tlv(6, bytes.fromhex(content))


def _tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
