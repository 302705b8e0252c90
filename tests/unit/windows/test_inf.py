"""INF files and the packages they describe (docs/facts: windows 5.2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import GoldenError, NotFound, UsageError
from golden.windows.bundle import bundle
from golden.windows.inf import parse
from tests.unit.windows.catalogs import catalog

NET = r"""
; A network driver, in the shape vendors publish them
[Version]
Signature   = "$Windows NT$"
Class       = Net
ClassGUID   = {4d36e972-e325-11ce-bfc1-08002be10318}
Provider    = %Vendor%
CatalogFile = Example.cat          ; beside the INF
DriverVer   = 07/19/2025,10.2.0.17

[Manufacturer]
%Vendor% = Example, NTamd64.10.0...16299, NTarm64.10.0

[Example.NTamd64.10.0...16299]
%Device% = Example_Install, PCI\VEN_1AF4&DEV_1000

[Example.NTarm64.10.0]
%Device% = Example_Install, PCI\VEN_1AF4&DEV_1000

[Example_Install]
CopyFiles = Drivers_Copy

[Drivers_Copy]
example.sys,,,2

[SourceDisksNames]
1 = %Disk%,,,

[SourceDisksFiles.amd64]
example.sys = 1,x64
exampleco.dll = 1, "x64"

[SourceDisksFiles.arm64]
example.sys = 1,arm64

[Strings]
Vendor = "Example; Works, Inc."
Device = "Example ""Fast"" Adapter"
Disk   = "Installation disk"
"""
FILES = ("Example.cat", "x64/example.sys", "x64/exampleco.dll", "arm64/example.sys")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole driver package."""
    return package(tmp_path, NET)


def package(folder: Path, text: str, *files: str, name: str = "example.inf") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    for file in files or FILES:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(catalog(text.encode()) if file.lower().endswith(".cat") else file.encode())
    return folder


def names(found: object) -> set[str]:
    return {name for name, _path in found.files}  # type: ignore[attr-defined]


def test_what_an_inf_says_is_read() -> None:
    """Class, provider, version, catalog and architectures come with tokens replaced and comments taken off."""
    inf = parse(NET.encode())
    assert (inf.driver_class, inf.provider, inf.driver_version) == ("Net", "Example; Works, Inc.", "10.2.0.17")
    assert inf.value("VERSION", "catalogfile") == "Example.cat"
    assert inf.architectures == ("x86_64", "arm64")
    assert inf.text("%Device% 100%%") == 'Example "Fast" Adapter 100%'
    assert inf.text("%nothing%") == "%nothing%"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_every_encoding_of_infs_is_read(codec: str) -> None:
    """UTF-16, UTF-8 and ANSI read the same."""
    inf = parse(NET.replace("Works", "Wörks").encode(codec))
    assert inf.provider == "Example; Wörks, Inc."


def test_lines_go_on_and_sections_come_twice() -> None:
    """A backslash at a line's end continues it; a section that comes twice is one."""
    inf = parse(b'[version]\nSignature="$CHICAGO$"\n[A]\nx = 1, \\ ; first\n    2\n[B]\n[a]\ny = "one;two", three\n')
    assert [(entry.key, entry.values) for entry in inf.section("A")] == [("x", ("1", "2")), ("y", ("one;two", "three"))]


def test_a_package_holds_every_file_of_the_guests_architecture(folder: Path) -> None:
    """The INF, its catalog, and the files for this architecture and no other."""
    assert names(bundle(folder / "example.inf", "x86_64")) == {
        "example.inf", "Example.cat", "x64/example.sys", "x64/exampleco.dll",
    }  # fmt: skip
    found = bundle(folder / "example.inf", "arm64")
    assert names(found) == {"example.inf", "Example.cat", "arm64/example.sys"}
    assert (found.catalog, found.driver_class, found.driver_version) == ("Example.cat", "Net", "10.2.0.17")
    assert found.findings == ()


def test_case_does_not_matter_on_a_disk_where_it_would(tmp_path: Path) -> None:
    """Files are found though the INF spells them otherwise, and keep the INF's spelling for the guest."""
    folder = package(tmp_path, NET, "EXAMPLE.CAT", "X64/Example.SYS", "X64/EXAMPLECO.DLL")
    found = bundle(folder / "example.inf", "x86_64")
    assert dict(found.files)["x64/example.sys"] == folder / "X64" / "Example.SYS"


def test_compressed_files_are_taken(tmp_path: Path) -> None:
    """A file may lie there compressed, with an underscore for its last letter."""
    folder = package(tmp_path, NET, "Example.cat", "x64/example.sy_", "x64/exampleco.dll")
    assert "x64/example.sy_" in names(bundle(folder / "example.inf", "x86_64"))


@pytest.mark.parametrize("gone", ["Example.cat", "x64/example.sys"])
def test_a_missing_file_is_named_before_anything_starts(folder: Path, gone: str) -> None:
    """A catalog or driver file that the INF names and that is not there is NotFound with its name."""
    (folder / gone).unlink()
    with pytest.raises(NotFound, match=gone):
        bundle(folder / "example.inf", "x86_64")


def test_no_catalog_at_all_is_a_warning(tmp_path: Path) -> None:
    """An INF that names no catalog is taken, and said to be unsigned."""
    text = "\n".join(line for line in NET.splitlines() if not line.startswith("CatalogFile"))
    found = bundle(package(tmp_path, text) / "example.inf", "x86_64")
    assert [finding.id for finding in found.findings] == ["driver-unsigned"]
    assert found.catalog == ""


def test_a_decorated_catalog_wins_on_its_platform(tmp_path: Path) -> None:
    """CatalogFile.NTamd64 is the catalog of a 64-bit guest."""
    text = NET.replace("DriverVer", "CatalogFile.NTamd64 = example64.cat\nDriverVer")
    folder = package(tmp_path, text, *FILES, "example64.cat")
    assert bundle(folder / "example.inf", "x86_64").catalog == "example64.cat"
    assert bundle(folder / "example.inf", "arm64").catalog == "Example.cat"


def test_the_wrong_architecture_is_refused(folder: Path) -> None:
    """A driver without models for the guest's architecture is UsageError that says which it has."""
    with pytest.raises(UsageError, match="x86_64, arm64, the guest is x86"):
        bundle(folder / "example.inf", "x86")
    text = NET.replace("Example, NTamd64.10.0...16299, NTarm64.10.0", "Example")
    (folder / "plain.inf").write_text(text)
    with pytest.raises(UsageError, match="names no architecture"):
        bundle(folder / "plain.inf", "x86_64")


def test_copied_infs_are_bundled_with_all_they_name(folder: Path) -> None:
    """CopyINF is followed, in circles too."""
    (folder / "example.inf").write_text(
        NET.replace("CopyFiles = Drivers_Copy", "CopyFiles = Drivers_Copy\nCopyINF = more.inf")
    )
    more = '[Version]\nSignature="$Windows NT$"\nCatalogFile=more.cat\n[I]\nCopyINF=example.inf\n'
    more += "[SourceDisksFiles]\nmore.sys=1\n"
    (folder / "more.inf").write_text(more)
    (folder / "more.sys").touch()
    with pytest.raises(NotFound, match=r"more\.cat"):
        bundle(folder / "example.inf", "x86_64")
    (folder / "more.cat").touch()
    assert {"more.inf", "more.cat", "more.sys"} <= names(bundle(folder / "example.inf", "x86_64"))


def test_a_file_no_section_tells_the_place_of_is_a_warning(tmp_path: Path) -> None:
    """A file that is copied without a [SourceDisksFiles] entry is pointed out and taken where it is at hand."""
    text = NET.replace("example.sys,,,2", "example.sys,,,2\nhelper.exe")
    folder = package(tmp_path, text, *FILES, "helper.exe")
    found = bundle(folder / "example.inf", "x86_64")
    assert [finding.id for finding in found.findings] == ["driver-unlisted-file"]
    assert "helper.exe" in names(found)


@pytest.mark.parametrize(
    "path", [r"..\..\etc\passwd", r"x64\..\..\secret", r"C:\Windows\x.sys", r"\\server\share\x.sys"]
)
def test_an_inf_cannot_reach_out_of_its_folder(tmp_path: Path, path: str) -> None:
    """A file name that leads out of the INF's folder is refused, wherever the INF hides it."""
    for text in (
        NET.replace("Example.cat ", f"{path} "),
        NET.replace("example.sys = 1,x64", f"{path} = 1"),
        NET.replace("example.sys = 1,x64", f'example.sys = 1,"{path}"'),
    ):
        with pytest.raises(UsageError, match="leads out of its own folder"):
            bundle(package(tmp_path, text) / "example.inf", "x86_64")


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    """A link that leads elsewhere counts as missing."""
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.write_text("secret")
    (folder / "Example.cat").unlink()
    (folder / "Example.cat").symlink_to(outside)
    with pytest.raises(NotFound, match=r"Example\.cat"):
        bundle(folder / "example.inf", "x86_64")


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "is empty"), (b"\xff\xfe", "is empty"), (b" \r\n", "is empty"), (b"MZ\x90\0\3\0\0\0", "no INF file"),
     (b"just words", "no INF file"), (b"[Version]\nClass=Net\n", "no Signature"),
     (b'[Version]\nSignature="$Amiga$"\n', "Amiga"), (b"<html></html>", "no INF file")],
)  # fmt: skip
def test_what_is_no_inf_is_refused(data: bytes, said: str) -> None:
    """An empty file, a program, a page or a text is UsageError that says what it lacks."""
    with pytest.raises(UsageError, match=said):
        parse(data, "x.inf")


def test_a_path_that_is_no_inf_file_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder and a file of another kind are told apart."""
    with pytest.raises(NotFound, match="no driver file"):
        bundle(tmp_path / "none.inf", "x86_64")
    with pytest.raises(UsageError, match="not a file"):
        bundle(tmp_path, "x86_64")
    (tmp_path / "setup.exe").write_bytes(b"MZ")
    with pytest.raises(UsageError, match=r"not called \.inf"):
        bundle(tmp_path / "setup.exe", "x86_64")


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='[]=,;"%\\\n\r\tVersionSgatuCopyIF$.x1 ', max_size=400))
def test_any_text_is_an_inf_or_is_refused(text: str) -> None:
    """Whatever a file holds, parsing ends with an INF or an error of golden's."""
    for data in (text.encode(), ('[Version]\nSignature="$Windows NT$"\n' + text).encode("utf-16")):
        try:
            parse(data)
        except GoldenError as error:
            assert isinstance(error, UsageError)


@settings(max_examples=60, deadline=None, suppress_health_check=[])
@given(st.text(alphabet="abc./\\:%", min_size=1, max_size=20))
def test_no_name_in_an_inf_reaches_out(name: str) -> None:
    """Whatever an INF names, what is bundled lies below its folder."""
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        inner = Path(place) / "inner"
        folder = package(
            inner, f'[Version]\nSignature="$Windows NT$"\n[SourceDisksFiles]\n"{name}" = 1\n', "a", "b", "c/a"
        )
        (Path(place) / "a").touch()
        try:
            found = bundle(folder / "example.inf", "x86_64")
        except GoldenError:
            return
        for _name, path in found.files:
            assert path.resolve().is_relative_to(inner.resolve())
