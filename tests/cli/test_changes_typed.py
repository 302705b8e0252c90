"""Every kind of change as it is typed: which kind a file is, options that follow it, and what is refused at once."""

from __future__ import annotations

import sqlite3
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import UsageError
from golden.guest.asking import KINDS, kind_by_ending, split
from golden.guest.family import Wanted

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab

REG = 'Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Golden]\n"a"="b"\n'


@pytest.fixture
def windows(ref: Lab) -> Lab:
    """A project whose reference is taken for a Windows guest; only looking at changes is tried here."""
    with sqlite3.connect(ref.path / ".golden/golden.db") as db:
        db.execute("UPDATE reference SET os = 'windows'")
    db.close()
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    (ref.path / "setup.exe").write_bytes(dos + b"PE\0\0" + struct.pack("<H", 0x8664) + bytes(64))
    (ref.path / "arm.exe").write_bytes(dos + b"PE\0\0" + struct.pack("<H", 0xAA64) + bytes(64))
    ref.write("agent.reg", REG)
    ref.write("user.reg", REG.replace("LOCAL_MACHINE", "CURRENT_USER"))
    ref.write("page.msi", "<!doctype html><html>sign in</html>")
    ref.write("page.cer", "<html></html>")
    ref.write("tool.ps1", "exit 0\n")
    (ref.path / "folder").mkdir()
    return ref


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        (("--add", "page.msi"), 2, "it looks like an HTML page"),
        (("--add", "page.cer"), 2, "it looks like an HTML page"),
        (("--add", "user.reg"), 2, "HKEY_CURRENT_USER"),
        (("--add", "arm.exe"), 2, "is for arm64, the guest is x86_64"),
        (("--add", "none.msu"), 13, "none.msu"),
        (("--add", "tool.ps1"), 2, "is a script"),
        (("--args", "/S"), 2, "--args follows the change that it belongs to"),
        (("--args", "/S", "--add", "setup.exe"), 2, "--args follows the change"),
        (("--add", "agent.reg", "--args", "/S"), 2, "--args does not go with agent.reg"),
        (("--add", "setup.exe", "--args", "/S", "--args", "/D"), 2, "given twice"),
        (("--add", "setup.exe", "--ok-codes", "zero"), 2, "--ok-codes takes numbers"),
        (("--run", "tool.ps1", "--ok-codes", "0"), 2, "--ok-codes does not go with tool.ps1"),
        (("--run", "tool.ps1", "--args", '"open'), 2, "not closed"),
        (("--feature", "a b"), 2, "no name of a feature"),
        (("--remove", "oem5.inf"), 2, "nothing that golden can take away"),
        (("--remove", "driver:oem5.inf"), 13, "has no driver oem5.inf"),
        (("--run", "golden.toml"), 2, "cannot run 'golden.toml'"),
        (("--run", "folder"), 2, "folder is a folder, and a script was wanted"),
        (("--windows-update",), 2, "needs a network"),
        (("--windows-update", "security", "--add", "setup.exe"), 2, "needs a network"),
        (("--windows-update", "--dry-run"), 2, "needs a network"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_right_is_refused_before_anything_starts(
    windows: Lab, golden: Golden, typed: tuple[str, ...], code: int, words: str
) -> None:
    """Each mistake is an error with its own words, and no job is begun."""
    told = golden("update", *typed, "-o", "json", "-q")
    assert told.code == code
    assert words in told.error["brief"]
    assert len(golden("jobs", "--all", "-o", "json").data["jobs"]) == 1


def test_a_network_that_is_wanted_or_wrong_is_told_with_those_there_are(windows: Lab, golden: Golden) -> None:
    """The endpoint is asked for them, so that what is hinted at can be typed."""
    told = golden("update", "--windows-update", "-o", "json")
    assert told.error["hint"] == "--network NET, one of: lab"
    told = golden("update", "--windows-update", "--network", "nat", "-o", "json")
    assert (told.error["details"], told.error["hint"]) == ("there are: lab", "--network lab")


@pytest.mark.parametrize("typed", ["securty", "Securty,critical", "security,critcal"])
def test_a_slip_in_a_category_is_not_taken_for_a_reference(windows: Lab, golden: Golden, typed: str) -> None:
    """The category that was meant is offered; a reference that there is not is still told as one."""
    told = golden("update", "--windows-update", typed, "--network", "lab", "-o", "json")
    assert (told.code, told.error["hint"]) == (2, f"did you mean '{'critical' if 'critcal' in typed else 'security'}'?")
    assert golden("update", "--windows-update", "nosuch", "--network", "lab").code == 13


def test_what_a_playbook_asks_for_is_refused_with_its_place(windows: Lab, golden: Golden) -> None:
    """What only the guest's family or its endpoint refuses is found in the file as quickly as a slip in a key."""
    windows.write("p.toml", '[[change]]\nkind = "feature"\nname = "NetFx3"\n\n[[change]]\nkind = "windows-update"\n')
    told = golden("update", "--playbook", "p.toml", "-o", "json")
    assert (told.code, told.error["hint"]) == (2, "--network NET, one of: lab")
    assert told.error["brief"].startswith("p.toml, change 2 (line 5): windows-update needs a network")
    windows.write("p.toml", '[[change]]\nkind = "file"\nsource = "agent.reg"\ndestination = "/etc/motd"\n')
    told = golden("update", "--playbook", "p.toml", "-o", "json")
    assert told.error["brief"].startswith("p.toml, change 1 (line 1): destination: '/etc/motd' is no whole path")


@pytest.mark.usefixtures("windows")
def test_a_dry_run_shows_each_change_in_the_order_typed(golden: Golden) -> None:
    """Whatever kinds are mixed, the plan names them as they were typed."""
    ran = golden(
        "update", "--feature", "NetFx3", "--add", "setup.exe", "--args", "-S /D=C:\\x", "--ok-codes", "0,42",
        "--add", "agent.reg", "--capability", "OpenSSH.Server~~~~0.0.1.0", "--run", "tool.ps1", "--args", "-Level 2",
        "--windows-update", "--network", "lab", "--remove", "appx:Microsoft.Copilot", "--dry-run", "-o", "json",
    )  # fmt: skip
    assert ran.code == 0
    assert ran.data["steps"][1:9] == [
        "feature NetFx3", "setup setup.exe", "registry agent.reg", "capability OpenSSH.Server~~~~0.0.1.0",
        "script tool.ps1", "windows-update all", "remove appx:Microsoft.Copilot",
        "take the network lab away",
    ]  # fmt: skip
    assert "must reach an update service and nothing of a domain" in ran.err


def test_every_ending_means_one_kind() -> None:
    """No two kinds claim the same files."""
    endings = [ending for asked in KINDS.values() for ending in asked.endings]
    assert len(endings) == len(set(endings))
    assert {kind_by_ending(f"a b.{ending.upper()}") for ending in endings} == {
        kind for kind, asked in KINDS.items() if asked.endings
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"-Path C:\a\b\ -Level 2", ("-Path", "C:\\a\\b\\", "-Level", "2")),
        (r'"a b" c\"d "" "x\\" \\server\share', ("a b", 'c"d', "", "x\\", r"\\server\share")),
        ("  ", ()),
        ("Größe 100%", ("Größe", "100%")),
    ],
)
def test_arguments_are_split_as_windows_does(text: str, words: tuple[str, ...]) -> None:
    """Backslashes count only before a quote, and quotes hold blanks together."""
    assert split(text, windows=True) == words


@given(
    st.lists(st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=("Cs",)), max_size=8), max_size=4)
)
def test_what_was_quoted_as_windows_does_comes_back(words: list[str]) -> None:
    """The rules by which launch.ps1 quotes are undone by those by which arguments are split."""
    import subprocess

    assert split(subprocess.list2cmdline(words), windows=True) == tuple(words)


@given(st.text(max_size=40), st.booleans())
def test_any_arguments_are_split_or_refused(text: str, windows: bool) -> None:
    """There is an answer or an error that shows the text."""
    try:
        split(text, windows=windows)
    except UsageError as error:
        assert "--args" in error.brief


def test_nothing_of_a_change_is_needed_but_its_kind() -> None:
    """What a kind does not use is empty, so that orders of before can be read."""
    assert Wanted("feature", name="x").source.name == ""
