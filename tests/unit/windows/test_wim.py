"""A WIM is made of the Windows volume of a powered-off disk, by the real wimlib, and read back."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from golden.disk.raw import RawFile
from golden.errors import EndpointError, NotAble, NotFound, ProofFailed, Refused, UsageError
from golden.linux.family import LinuxFamily
from golden.windows import wim
from golden.windows.family import WindowsFamily
from tests.unit.disk.disks import Windows


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT disk with an EFI partition and a volume of a Windows, which has what a WIM must not have."""
    folder = tmp_path_factory.mktemp("disk")
    files = {"pagefile.sys": b"swap", "Users/Public/kept.txt": b"kept", "Windows/Panther/unattend.xml": b"<unattend/>"}
    return Windows(image_state="IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE", tag=True, files=files).disk(folder)


def made(disk: Path, folder: Path, title: str = "win2022-i1") -> Path:
    folder.mkdir()
    with RawFile(disk) as source:
        return WindowsFamily().form_maker("wim")(source, folder, title)


def test_the_wim_holds_the_windows_volume_and_says_what_it_is(disk: Path, tmp_path: Path) -> None:
    """Name, architecture, edition and build are those of the disk; swap files stay out, the rest is byte for byte."""
    path = made(disk, tmp_path / "made")
    assert wim.contents(path) == wim.Contents("win2022-i1", "x86_64", "ServerStandard", "20348")
    listed = subprocess.run(["wimdir", path, "1"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert "/Users/Public/kept.txt" in listed
    assert "/Windows/Panther/unattend.xml" in listed
    assert "/pagefile.sys" not in listed
    subprocess.run(["wimverify", path], check=True, stdout=subprocess.DEVNULL)
    kept = subprocess.run(["wimextract", path, "1", "/Users/Public/kept.txt", "--to-stdout"], capture_output=True,
                          check=True)  # fmt: skip
    assert kept.stdout == b"kept"
    assert [each.name for each in path.parent.iterdir()] == ["image.wim"], "the copy of the volume is gone again"


def test_the_disk_is_only_read(disk: Path, tmp_path: Path) -> None:
    """Making a form writes nothing to where it comes from."""
    before = disk.read_bytes()
    made(disk, tmp_path / "made")
    assert disk.read_bytes() == before


def test_a_title_is_text_whatever_stands_in_it(disk: Path, tmp_path: Path) -> None:
    """Names travel as arguments; nothing is put together for a shell or into XML by hand."""
    title = "v1'; rm -rf / # $(calc) \"é<&>"
    assert wim.contents(made(disk, tmp_path / "made", title)).name == title


def test_a_wim_that_says_other_than_the_disk_is_no_proof(tmp_path: Path) -> None:
    """Without kernel32.dll wimlib takes any Windows for x86: deployment tools would too. facts/windows.md 6.1."""
    disk = Windows(machine=0xAA64).disk(tmp_path)
    path = made(disk, tmp_path / "right")
    assert wim.contents(path).architecture == "arm64"
    odd = Windows(machine=0x1C0).disk(_folder(tmp_path / "odd"))
    with pytest.raises(ProofFailed, match="does not say") as met:
        made(odd, tmp_path / "wrong")
    assert "architecture" in (met.value.details or "")
    assert met.value.hint


def test_a_disk_without_windows_makes_no_wim(tmp_path: Path) -> None:
    """What is not there is said, and nothing is left."""
    disk = tmp_path / "empty.raw"
    disk.write_bytes(bytes(4 << 20))
    with pytest.raises(NotFound, match="no Windows"):
        made(disk, tmp_path / "made")
    assert list((tmp_path / "made").iterdir()) == []


def test_a_computer_without_wimlib_says_what_to_install(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked before anything starts."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAble) as met:
        WindowsFamily().form_maker("wim")
    assert "wimtools" in (met.value.hint or "")


@pytest.mark.parametrize(
    ("script", "error"),
    [("echo 'ERROR: No space left on device' >&2; exit 44", Refused), ("echo broken >&2; exit 1", EndpointError)],
)
def test_what_wimlib_fails_with_is_told_and_nothing_is_left(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, error: type[Exception]
) -> None:
    """A full disk is Refused with what to do; the copy of the volume is gone either way."""
    tools = _folder(tmp_path / "tools")
    tool = tools / "wimcapture"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(error) as met:
        made(disk, tmp_path / "made")
    assert getattr(met.value, "details", "")
    assert not any(each.name == "volume" for each in (tmp_path / "made").iterdir())


def test_other_forms_and_other_guests_are_refused() -> None:
    """A form nobody makes is the user's mistake."""
    with pytest.raises(UsageError, match="iso"):
        WindowsFamily().form_maker("iso")
    with pytest.raises(UsageError, match="Linux"):
        LinuxFamily().form_maker("wim")
    assert shutil.which("wimcapture")


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
