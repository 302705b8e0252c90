"""Catalogs of driver packages: what is none, who signed one, and whether it is this INF's (docs/facts: windows 5.1)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs7
from hypothesis import given, settings
from hypothesis import strategies as st

import golden.demo
from golden.model import Severity
from golden.windows import signature
from golden.windows.bundle import bundle
from tests.unit.windows.catalogs import catalog

INF = b'[Version]\r\nSignature="$Windows NT$"\r\n'
GOOD = catalog(INF, b"a driver")
TEST = catalog(INF, signer="WDKTestCert vendor,1", issuer="WDKTestCert vendor,1")


def judged(tmp_path: Path, content: bytes, inf: bytes = INF) -> dict[str, str]:
    """What is found, with its evidence."""
    path = tmp_path / "x.cat"
    path.write_bytes(content)
    found = list(signature.judge(path, "x.inf", inf))
    assert all(one.severity is Severity.WARNING and one.fix for one in found)
    return {one.id: one.evidence for one in found}


@pytest.mark.parametrize("sha1", [False, True])
def test_a_signed_catalog_that_names_the_inf_is_clean(tmp_path: Path, sha1: bool) -> None:
    """By SHA-256 or by SHA-1, as catalogs of older drivers have it; its signer is the one that others read from it."""
    content = catalog(INF, b"a driver", sha1=sha1)
    assert judged(tmp_path, content) == {}
    (signer,) = signature.read(content).signers
    (theirs,) = pkcs7.load_der_pkcs7_certificates(content)
    assert theirs.subject.rfc4514_string() == f"CN={signer.name}"
    assert not signer.issued_by_itself


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"This stands where a signed catalog would be.", "not the shape"),
        (b"<!DOCTYPE html><html>", "not the shape"),
        (bytes(4096), "not the shape"),
        (GOOD[:-40], "cut short"),
        (GOOD[:1], "cut short"),
        (GOOD.replace(bytes.fromhex("2b0601040182370a01"), bytes.fromhex("2b0601040182370a02")), "no list of files"),
        (GOOD.replace(bytes.fromhex("2a864886f70d010702"), bytes.fromhex("2a864886f70d010701")), "no signed data"),
        (catalog(INF, signer=""), "it has no signer"),
    ],
    ids=["empty", "text", "page", "zeros", "cut", "cut-soon", "no-list", "no-signed-data", "unsigned"],
)
def test_what_is_no_signed_catalog_counts_as_unsigned(tmp_path: Path, content: bytes, said: str) -> None:
    """An empty, a garbled, a cut one, a page, other signed data, and one that Inf2Cat made and nobody signed."""
    found = judged(tmp_path, content)
    assert set(found) == {"driver-unsigned"}
    assert said in found["driver-unsigned"]


def test_an_inf_that_was_changed_after_it_was_signed_is_named(tmp_path: Path) -> None:
    """One byte is enough: its hash is not among those that were signed."""
    assert set(judged(tmp_path, GOOD, INF + b" ")) == {"driver-changed"}


def test_a_certificate_that_issued_itself_is_a_tests(tmp_path: Path) -> None:
    """The signer is named; with another's INF beside, both are said."""
    assert judged(tmp_path, TEST) == {"driver-test-signed": "signed by WDKTestCert vendor,1"}
    assert set(judged(tmp_path, TEST, b"other")) == {"driver-test-signed", "driver-changed"}


def test_a_catalog_is_judged_when_a_driver_is_bundled(tmp_path: Path) -> None:
    """Before anything starts; and for an INF that another one copies, too."""
    inf = INF + b"CatalogFile=a.cat\r\n[I]\r\nCopyINF=b.inf\r\n"
    (tmp_path / "a.inf").write_bytes(inf)
    (tmp_path / "b.inf").write_bytes(INF + b"CatalogFile=b.cat\r\n")
    (tmp_path / "a.cat").write_bytes(catalog(inf))
    (tmp_path / "b.cat").touch()
    (found,) = bundle(tmp_path / "a.inf", "x86_64").findings
    assert found.id == "driver-unsigned"
    assert "b.cat of b.inf" in found.sentence


def test_the_driver_of_the_demo_is_a_whole_package() -> None:
    """Its catalog names its INF."""
    inf = Path(golden.demo.__file__).parent / "material" / "goldennet.inf"
    assert bundle(inf, "x86_64").findings == ()


@settings(max_examples=500, deadline=1000)
@given(st.data())
def test_any_bytes_are_a_catalog_or_none(data: st.DataObject) -> None:
    """Whatever lies under the name of one: an answer or ValueError, within a second."""
    content = bytearray(data.draw(st.sampled_from((GOOD, TEST, b""))))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        found = signature.read(bytes(content))
    except ValueError:
        return
    assert found.lists(b"nothing") in (True, False)


def test_a_large_file_of_tiny_parts_is_refused_soon() -> None:
    """64 MiB of empty elements take no time."""
    start = time.monotonic()
    body = b"\x05\x00" * (8 << 20)
    with pytest.raises(ValueError, match="more parts"):
        signature.read(b"\x30\x84" + len(body).to_bytes(4, "big") + body)
    assert time.monotonic() - start < 1
