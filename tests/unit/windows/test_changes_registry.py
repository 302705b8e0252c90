"""Registry files and certificates: read before anything starts, and proved in the hives of the powered-off disk."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import NotFound, ProofFailed, UsageError
from golden.guest.family import Wanted
from golden.waiting import Deadline
from golden.windows.changes.registry import Entry, parse
from tests.unit.windows.change_bench import FACTS, FAMILY, Bench

HEAD = "Windows Registry Editor Version 5.00\r\n\r\n"
FILE = HEAD + (
    "; what our agents want\r\n"
    "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Golden\\Größe]\r\n"
    '"Path"="C:\\\\Program Files\\\\x \\"y\\""\r\n'
    '@="default"\r\n'
    '"Number"=dword:0000002a\r\n'
    '"Bytes"=hex:01,02,\\\r\n  03\r\n'
    '"List"=hex(7):61,00,00,00,62,00,00,00,00,00\r\n'
    '"Twice"="first"\r\n"Twice"="second"\r\n'
    '"Gone"=-\r\n'
    "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\golden]\r\n"
    '"Start"=dword:4\r\n'
    "[-HKEY_LOCAL_MACHINE\\SOFTWARE\\Golden\\Old]\r\n"
)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["utf-16", "utf-8"])
def test_a_registry_file_is_imported_and_each_value_is_proved(tmp_path: Path, codec: str) -> None:
    """Texts, numbers, bytes, lists, what is taken away, and the current control set; a changed value is noticed."""
    bench = Bench(tmp_path)
    path = tmp_path / "golden.reg"
    path.write_bytes(FILE.encode(codec))
    done, (change,) = bench.update(Wanted("registry", path))
    assert done.notes == ()
    said = bench.prove(change)[0]
    assert "are as it wrote them" in said
    assert "SOFTWARE and SYSTEM" in said
    other = tmp_path / "other.reg"
    other.write_text(HEAD + '[HKEY_LOCAL_MACHINE\\SOFTWARE\\Golden\\Größe]\n"Number"=dword:2b\n"Gone"="back"\n')
    bench.update(Wanted("registry", other))
    with pytest.raises(ProofFailed, match=r"2 of \d+ entries of golden\.reg") as error:
        bench.prove(change)
    assert "Number has another value" in (error.value.details or "")
    assert "Gone is there" in (error.value.details or "")


def test_the_old_format_and_its_texts_in_bytes_are_understood() -> None:
    """REGEDIT4 has one byte a character where the new one has two."""
    (key, entry) = parse(b'REGEDIT4\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\X]\n"P"=hex(2):25,61,25,00\n', "x.reg")
    assert key == Entry("SOFTWARE", "X", None, "", 2)
    assert entry.data == "%a%"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html><body>Not found</body></html>", "looks like an HTML page"),
        ("", "is no registry file"),
        (HEAD, "asks for nothing"),
        (HEAD + '[HKEY_CURRENT_USER\\Software\\X]\n"a"="b"', "line 3: HKEY_CURRENT_USER would be that of golden's own"),
        (HEAD + '[HKEY_LOCAL_MACHINE\\SAM\\X]\n"a"="b"', "below SOFTWARE and SYSTEM only"),
        (HEAD + "[HKEY_LOCAL_MACHINE\\HARDWARE\\X]", "below SOFTWARE and SYSTEM only"),
        (HEAD + "[HKEY_USERS\\.DEFAULT\\X]", "not kept on the disk"),
        (HEAD + "[HKEY_LOCAL_MACHINE\\SOFTWARE\\X", "line 3: the key's name has no end"),
        (HEAD + '"a"="b"', "line 3 is no value of a key"),
        (HEAD + '[HKEY_LOCAL_MACHINE\\SOFTWARE\\X]\n"a"=word:1', "line 4 is no value that golden knows"),
        (HEAD + '[HKEY_LOCAL_MACHINE\\SOFTWARE\\X]\n"a"=hex:123', "two digits each"),
        (HEAD.replace("5.00", "6.00"), "another version"),
    ],
)
def test_a_registry_file_that_cannot_be_right_is_refused_with_its_line(text: str, said: str) -> None:
    """Another file, another root, a line that is cut or unknown."""
    with pytest.raises(UsageError, match=said):
        parse(text.encode(), "x.reg")


@settings(max_examples=500, deadline=1000)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: (HEAD + text).encode("utf-16")))
def test_any_registry_file_is_read_or_refused(data: bytes) -> None:
    """Whatever is in it, there is an answer or an error of ours."""
    try:
        parse(data, "x.reg")
    except UsageError as error:
        assert "x.reg" in error.brief


def certificate(
    path: Path, *, ca: bool = False, signs: bool = False, expired: bool = False, pem: bool = False, issuer: str = ""
) -> Path:
    """A certificate of a fresh key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "golden test")])
    by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]) if issuer else name
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=-1 if expired else 30)
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(by).public_key(key.public_key()).serial_number(7)
        .not_valid_before(until - datetime.timedelta(days=60)).not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )  # fmt: skip
    if signs:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    form = serialization.Encoding.PEM if pem else serialization.Encoding.DER
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(form))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("pem", [False, True])
def test_a_certificate_is_added_and_proved_by_its_thumbprint(tmp_path: Path, pem: bool) -> None:
    """Both forms; the key below its store is named by the SHA-1 of the certificate."""
    bench = Bench(tmp_path)
    done, (change,) = bench.update(Wanted("certificate", certificate(tmp_path / "root.cer", ca=True, pem=pem)))
    assert done.notes == ()
    assert "certificate store Root: " in bench.prove(change)[0]
    assert FAMILY.look(bench.session, change, _limit()).there is True
    with pytest.raises(ProofFailed, match="not in the store Root"):
        Bench(tmp_path / "clean").prove(change)


def _limit() -> Deadline:
    return Deadline(30)


@pytest.mark.parametrize(
    ("made", "store"),
    [({"ca": True}, "Root"), ({"ca": True, "issuer": "another"}, "CA"), ({"signs": True}, "TrustedPublisher")],
)
def test_a_certificate_says_where_it_belongs(tmp_path: Path, made: dict[str, object], store: str) -> None:
    """Authorities and signers of code go where they are of use; a store that is named wins."""
    path = certificate(tmp_path / "c.cer", **made)  # type: ignore[arg-type]
    assert ("store", store) in FAMILY.prepare(Wanted("certificate", path), FACTS).change.arguments
    named = Wanted("certificate", path, options=(("store", "trustedpeople"),))
    assert ("store", "TrustedPeople") in FAMILY.prepare(named, FACTS).change.arguments


def test_an_expired_certificate_is_a_warning(tmp_path: Path) -> None:
    """It can be added, and who adds it is told."""
    prepared = FAMILY.prepare(Wanted("certificate", certificate(tmp_path / "c.cer", ca=True, expired=True)), FACTS)
    assert [finding.id for finding in prepared.findings] == ["certificate-expired"]


def test_what_is_no_certificate_is_refused(tmp_path: Path) -> None:
    """A page, a key, several in one file, one of no use without a store, and a store that is none."""
    good = certificate(tmp_path / "good.crt", pem=True).read_bytes()
    for name, data, said in (
        ("page.cer", b"<!doctype html><html></html>", "looks like an HTML page"),
        ("key.cer", good + b"-----BEGIN PRIVATE KEY-----\n", "private key"),
        ("two.cer", good + good, "holds 2 certificates"),
        ("cut.cer", certificate(tmp_path / "der").read_bytes()[:40], "is no certificate"),
        ("leaf.cer", good, "which store is meant"),
        ("empty.cer", b"", "is empty"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match=said):
            FAMILY.prepare(Wanted("certificate", tmp_path / name), FACTS)
    with pytest.raises(UsageError, match="no certificate store 'Trash'"):
        FAMILY.prepare(Wanted("certificate", tmp_path / "good.crt", options=(("store", "Trash"),)), FACTS)
    with pytest.raises(NotFound):
        FAMILY.prepare(Wanted("certificate", tmp_path / "none.cer"), FACTS)
