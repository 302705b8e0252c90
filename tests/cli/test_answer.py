"""golden answer new: files that lint clean, secrets that come from the environment alone, nothing overwritten."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab

NEW = ("answer", "new", "--locale", "de-DE")
SECRET = "Hunter-2!<&>"


@pytest.mark.parametrize(
    ("typed", "asks"),
    [
        (("--edition", "client", "--account", "admin"), False),
        (("--edition", "client", "--account", "Ända", "--arch", "arm64", "--time-zone", "UTC"), False),
        (("--edition", "server"), True),
    ],
)
def test_what_is_written_lints_clean(lab: Lab, golden: Golden, typed: tuple[str, ...], asks: bool) -> None:
    """Neither error nor warning; a server without a password is said to ask for it."""
    made = golden(*NEW, *typed, "unattend.xml")
    assert made.code == 0
    assert made.out.startswith("wrote unattend.xml\nOOBE on a ")
    assert ("will stop and ask for the Administrator's password" in made.out) == asks
    ran = golden("lint", "unattend.xml", *typed[:2], "-o", "json")
    assert ran.code == 0
    assert {one["severity"] for one in ran.data["findings"]} <= {"info"}
    assert [one["asks"] for one in ran.data["oobe"]] == [asks]


def test_an_account_without_a_password_is_said(lab: Lab, golden: Golden) -> None:
    """Nobody is left to find out."""
    made = golden(*NEW, "--edition", "client", "--account", "admin", "a.xml")
    assert "the account admin has no password" in made.err


@pytest.mark.parametrize("edition", ["client", "server"])
def test_a_password_comes_from_the_environment(
    lab: Lab, golden: Golden, monkeypatch: pytest.MonkeyPatch, edition: str
) -> None:
    """It is in the file as Windows reads it, for its owner's eyes only, warned of, and told nowhere."""
    monkeypatch.setenv("SITE_PASSWORD", SECRET)
    made = golden(
        *NEW, "--edition", edition, "--account", "me", "--password-env", "SITE_PASSWORD", "a.xml", "-o", "json"
    )
    assert made.code == 0
    assert SECRET not in made.out + made.err
    assert {one["id"] for one in made.data["findings"] if one["severity"] == "warning"} == {"answer.secret-base64"}
    assert [one["asks"] for one in made.data["oobe"]] == [False]
    assert stat.S_IMODE((lab.path / "a.xml").stat().st_mode) == 0o600


def test_nothing_is_written_over(lab: Lab, golden: Golden) -> None:
    """A file that is there stays as it is, until --force."""
    typed = (*NEW, "--edition", "server", "a.xml")
    lab.write("a.xml", "mine")
    ran = golden(*typed)
    assert (ran.code, (lab.path / "a.xml").read_text()) == (9, "mine")
    assert "--force" in ran.err
    assert golden(*typed, "--force").code == 0
    assert "<unattend" in (lab.path / "a.xml").read_text()
    assert [one.name for one in lab.path.iterdir() if one.name.startswith(".a.xml")] == []


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        (("--edition", "home", "a.xml"), 2, "client or server"),
        (("--edition", "client", "a.xml"), 2, "--account"),
        (("--edition", "server", "--account", "me", "a.xml"), 2, "--password-env"),
        (("--edition", "client", "--account", "a*b", "a.xml"), 2, "refuses"),
        (("--edition", "server", "--locale", "German", "a.xml"), 2, "locale"),
        (("--edition", "server", "--arch", "z80", "a.xml"), 2, "--arch"),
        (("--edition", "server", "--password-env", "NOT_THERE", "a.xml"), 2, "NOT_THERE"),
        (("--edition", "server", "--product-key-env", "NOT_THERE", "a.xml"), 2, "NOT_THERE"),
        (("--edition", "server", "--time-zone", "Europe/Berlin", "a.xml"), 2, "time zone"),
        (("--edition", "server", "none/a.xml"), 13, "no folder"),
        (("--edition", "server", "."), 2, "folder"),
        (("--edition", "server", "-"), 2, "and no output"),
    ],
)
def test_wishes_that_cannot_be_write_nothing(
    lab: Lab, golden: Golden, typed: tuple[str, ...], code: int, words: str
) -> None:
    """A sentence and an exit code; no file is left, whole or half."""
    before = sorted(lab.path.iterdir())
    ran = golden(*NEW, *typed)
    assert ran.code == code
    assert words in ran.err
    assert sorted(lab.path.iterdir()) == before
