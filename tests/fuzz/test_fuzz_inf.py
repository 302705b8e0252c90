"""INF files: whatever the bytes are, there is an INF or a refusal, in time."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import GoldenError, NotFound, UsageError
from golden.windows.bundle import bundle
from golden.windows.inf import Inf, parse
from tests.fuzz.batches import FUZZED, mutations, within
from tests.unit.windows.test_inf import NET

pytestmark = pytest.mark.slow

DECORATED = NET.replace("DriverVer", "CatalogFile.NTamd64 = a.cat\nCatalogFile.NT = b.cat\nDriverVer") + (
    '[Example.NTx86]\n%Device% = I, \\\n  PCI\\VEN_1\n[Strings.0407]\nVendor = "Beispiel; ""Werke"""\n'
)
BASES = [
    *(text.encode(codec) for text in (NET, DECORATED) for codec in ("utf-8", "utf-8-sig", "utf-16", "cp1252")),
    DECORATED.encode("utf-16-be"),
]
WORDS = [
    *(
        b"[",
        b"]",
        b"=",
        b",",
        b";",
        b'"',
        b'""',
        b"%",
        b"%%",
        b"\\",
        b"\\\n",
        b"\r",
        b"\n",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
    ),
    *(
        b"[Version]\n",
        b"[version]",
        b"[Strings]\n",
        b"%Vendor%",
        b"%",
        b"[SourceDisksFiles.amd64]\n",
        b"[Manufacturer]\n",
    ),
    *(
        b'Signature="$Windows NT$"\n',
        b"CopyINF=example.inf,x.inf\n",
        b"CopyFiles=@x.sys,Drivers_Copy\n",
        b"..\\..\\x = 1\n",
    ),
    *("é".encode(), "[Vérsion]".encode("utf-16-le"), b"NTamd64.10.0...16299", b"1 = %Disk%,,,\\x64\n", b"a" * 3000),
]
ARCHITECTURES = ("x86_64", "arm64", "x86", "ia64", "")


def read(data: bytes) -> Inf | None:
    """Everything there is to ask of an INF."""
    try:
        inf = parse(data, "x.inf")
    except GoldenError as error:
        assert isinstance(error, UsageError)
        assert error.brief.startswith("x.inf")
        return None
    assert all(isinstance(one, str) for one in (inf.driver_class, inf.provider, inf.driver_version))
    assert set(inf.architectures) <= {"x86_64", "arm64", "x86", "ia64", "arm"}
    inf.has_undecorated_models()
    for entries in inf.sections.values():
        numbers = [entry.line for entry in entries]
        assert numbers == sorted(numbers)
        for entry in entries:
            assert entry.values
            inf.text(entry.values[0])
    return inf


@FUZZED
@given(seed=st.integers(0, 1 << 62))
def test_any_mutation_of_an_inf_is_read_or_refused(seed: int) -> None:
    """22,500 mutated INF files in every encoding."""
    for data in mutations(seed, BASES, WORDS):
        within(lambda data=data: read(data), data)  # type: ignore[misc]


@settings(FUZZED, max_examples=120)
@given(seed=st.integers(0, 1 << 62))
def test_any_mutation_of_an_inf_is_bundled_from_its_own_folder_or_refused(seed: int) -> None:
    """Whatever a mutated INF names, only files below its own folder are taken."""
    with tempfile.TemporaryDirectory() as place:
        inner = Path(place, "inner")
        for name in ("Example.cat", "x64/example.sys", "x64/exampleco.dll", "arm64/example.sys", "a.cat"):
            path = inner / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (Path(place) / "x.sys").touch()
        for number, data in enumerate(mutations(seed, BASES, WORDS, 10)):
            (inner / "example.inf").write_bytes(data)
            try:
                found = bundle(inner / "example.inf", ARCHITECTURES[number % len(ARCHITECTURES)])
            except (UsageError, NotFound):
                continue
            assert all(path.resolve().is_relative_to(inner.resolve()) for _name, path in found.files)


HEAD = b'[Version]\nSignature="$Windows NT$"\n'
MUCH = 1 << 19


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"x = " + b"," * MUCH,
        HEAD + b'"' * MUCH,
        HEAD + b'"' * (MUCH + 1) + b";=,",
        HEAD + b"=" * MUCH,
        HEAD + b";" * MUCH,
        HEAD + b"%" * MUCH,
        HEAD + b"a\\\n" * 30_000,
        HEAD + b"[" * MUCH,
        HEAD + b"[a]\n" * 30_000,
        HEAD + b"x" * MUCH + b"=1",
        HEAD + b'a="b" ;\n' * 30_000,
        HEAD + b"[Strings]\n" + b"a=%a%\n" * 30_000,
        HEAD + b"\0" * MUCH,
        (HEAD.decode() + "," * (MUCH // 2)).encode("utf-16"),
    ],
    ids=range(14),
)
def test_much_of_one_thing_takes_less_than_a_second(data: bytes) -> None:
    """Half a megabyte in a line, or thirty thousand lines: slow if characters were looked at again and again."""
    within(lambda: read(data), data[:80])


def test_many_references_to_one_long_section_take_no_time(tmp_path: Path) -> None:
    """A section that is copied a thousand times over is looked through once."""
    lines = b"".join(b"file%d.sys\n" % number for number in range(3000))
    text = HEAD + b"[I]\n" + b"CopyFiles=L,L,L,L,L,L,L,L\n" * 2000 + b"[L]\n" + lines
    (tmp_path / "x.inf").write_bytes(text)
    within(lambda: bundle(tmp_path / "x.inf", ""), "x.inf")
