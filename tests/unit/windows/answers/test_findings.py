"""What a family says about an answer file before a capture: for the guest's own edition and architecture."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import NotFound, UsageError
from golden.linux.family import LinuxFamily
from golden.model import GuestFacts, GuestState, Severity
from golden.windows.family import WindowsFamily
from tests.unit.windows.answers.samples import CLIENT, SERVER, component, good, settings


def facts(product: str = "", edition: str = "", architecture: str = "x86_64") -> GuestFacts:
    return GuestFacts("windows", GuestState.VIRGIN, product=product, edition=edition, architecture=architecture)


def said(path: Path, guest: GuestFacts) -> list[tuple[str, Severity]]:
    return [(one.id, one.severity) for one in WindowsFamily().lint(path, guest) if one.severity is not Severity.INFO]


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "unattend.xml"
    path.write_text(good(SERVER))
    return path


@pytest.mark.parametrize(
    ("guest", "asked"),
    [
        (facts("Windows Server 2022 Datacenter", "ServerDatacenter"), []),
        (facts("", "ServerStandard"), []),
        (facts("Windows 11 Pro", "Professional"), ["answer.oobe-account"]),
        (facts("Windows 10 Enterprise for Virtual Desktops", "ServerRdsh"), ["answer.oobe-account"]),
        (facts("", "Professional"), ["answer.oobe-account"]),
        (facts(), []),
    ],
)
def test_the_guest_names_its_edition(answers: Path, guest: GuestFacts, asked: list[str]) -> None:
    """Product first, since some editions of clients are called Server; nothing known is no alarm."""
    assert [name for name, _ in said(answers, guest)] == asked


def test_the_guest_names_its_architecture(answers: Path) -> None:
    """A file for amd64 says nothing to an arm64 guest, which is an error; x86_64 is amd64."""
    assert ("answer.architecture-none", Severity.ERROR) in said(answers, facts(architecture="arm64"))
    assert said(answers, facts(architecture="x86_64")) == []


def test_a_finding_has_its_place(answers: Path) -> None:
    """Line and column, and the file's name as evidence."""
    rearm = settings("generalize", component("Security-SPP", "\n<SkipRearm>1</SkipRearm>"))
    answers.write_text(good(CLIENT).replace("</unattend>", f"{rearm}</unattend>"))
    (wrong,) = (one for one in WindowsFamily().lint(answers, facts()) if one.severity is Severity.ERROR)
    assert (wrong.id, wrong.column) == ("answer.skip-rearm", 1)
    assert wrong.line == good(CLIENT).count("\n") + 1
    assert wrong.evidence == f"unattend.xml:{wrong.line}:1"


def test_files_that_cannot_be_are_refused(answers: Path) -> None:
    """One that is not there, and any for a Linux."""
    with pytest.raises(NotFound, match=r"none\.xml"):
        WindowsFamily().lint(answers.with_name("none.xml"), facts())
    with pytest.raises(UsageError, match="Linux"):
        LinuxFamily().lint(answers, facts())
