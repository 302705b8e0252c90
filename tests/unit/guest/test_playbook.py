"""Playbooks: what is taken, and what every mistake in one is told as."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import BadConfig, GoldenError, NotFound
from golden.guest.asking import as_asked
from golden.guest.family import Wanted
from golden.guest.playbook import load
from golden.windows.family import WindowsFamily
from tests.unit.windows.change_bench import FACTS

SHIPPED = Path(__file__).parents[3] / "playbooks"


def playbook(folder: Path, text: str) -> Path:
    (folder / "x.inf").touch()
    path = folder / "p.toml"
    path.write_text(text)
    return path


def test_changes_come_in_their_order_with_paths_from_the_playbook(tmp_path: Path) -> None:
    """All kinds in one playbook, each with its own keys, sources relative to the file itself."""
    (tmp_path / "s.sh").touch()
    path = playbook(
        tmp_path,
        """
        [[change]]
        kind = "script"
        source = "s.sh"
        arguments = ["a b", ""]
        [[change]]
        kind = "driver"
        source = "x.inf"
        [[change]]
        kind = "file"
        source = "s.sh"
        destination = 'C:\\x'
        """,
    )
    assert load(path) == (
        Wanted("script", tmp_path / "s.sh", arguments=("a b", "")),
        Wanted("driver", tmp_path / "x.inf"),
        Wanted("file", tmp_path / "s.sh", "C:\\x"),
    )


def test_every_kind_has_its_own_keys(tmp_path: Path) -> None:
    """Names, options and lists come as the command line gives them; files are found beside the playbook."""
    for name in ("a.exe", "t.msix", "v.appx", "l.xml"):
        (tmp_path / name).touch()
    path = playbook(
        tmp_path,
        """
        [[change]]
        kind = "setup"
        source = "a.exe"
        args = '/S /D=C:\\x'
        ok-codes = [0, 3010]
        [[change]]
        kind = "appx"
        source = "t.msix"
        dependency = ["v.appx"]
        license = "l.xml"
        [[change]]
        kind = "feature"
        name = "NetFx3"
        [[change]]
        kind = "windows-update"
        categories = ["updates", "security"]
        [[change]]
        kind = "windows-update"
        [[change]]
        kind = "remove"
        name = "appx:X"
        """,
    )
    assert load(path) == (
        Wanted("setup", tmp_path / "a.exe", options=(("args", "/S /D=C:\\x"), ("ok-codes", "0,3010"))),
        Wanted(
            "appx",
            tmp_path / "t.msix",
            options=(("dependency", str(tmp_path / "v.appx")), ("license", str(tmp_path / "l.xml"))),
        ),
        Wanted("feature", name="NetFx3"),
        Wanted("windows-update", name="security,updates"),
        Wanted("windows-update", name="all"),
        Wanted("remove", name="appx:X"),
    )


@pytest.mark.parametrize("shipped", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.name)
def test_the_shipped_playbooks_are_right(shipped: Path) -> None:
    """What golden ships as an example can be loaded."""
    assert load(shipped)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[change]\n", ["p.toml", "line 1"]),
        ("a = \n", ["p.toml", "line 1", "column"]),
        ("", ["no change"]),
        ("[[changes]]\nkind = 'driver'\n", ["'changes'", "did you mean 'change'?"]),
        ("change = 3\n", ["[[change]]"]),
        ("[change]\nkind = 'driver'\n", ["double brackets"]),
        ("[[change]]\nsource = 'x.inf'\n", ["change 1", "'kind' is missing"]),
        ("[[change]]\nkind = 'drivr'\nsource = 'x.inf'\n", ["change 1", "'drivr'", "did you mean 'driver'?"]),
        ("[[change]]\nkind = 'driver'\nsuorce = 'x.inf'\n", ["change 1", "'suorce'", "did you mean 'source'?"]),
        ("[[change]]\nkind = 'driver'\nsource = 'x.inf'\ndestination = 'C:'\n", ["driver", "'destination'"]),
        ("[[change]]\nkind = 'file'\nsource = 'x.inf'\n", ["change 1", "'destination' is missing"]),
        ("[[change]]\nkind = 'script'\nsource = 'x.inf'\narguments = 'one'\n", ["arguments is a list"]),
        ("[[change]]\nkind = 'script'\nsource = 'x.inf'\narguments = [1]\n", ["arguments is a list"]),
        ("[[change]]\nkind = 'driver'\nsource = ''\n", ["source", "not empty"]),
        ("[[change]]\nkind = 7\nsource = 'x.inf'\n", ["kind", "7"]),
        ("\n\n[[change]]\nkind = 'feature'\nsource = 'x.inf'\n", ["change 1 (line 3)", "'source'", "name"]),
        ("[[change]]\nkind = 'setup'\nsource = 'x.inf'\nok-codes = 0\n", ["ok-codes is a list of numbers"]),
        ("[[change]]\nkind = 'setup'\nsource = 'x.inf'\nok-codes = [true]\n", ["ok-codes is a list of numbers"]),
        ("[[change]]\nkind = 'appx'\nsource = 'x.inf'\ndependency = ['none']\n", ["dependency: there is no", "none"]),
        ("[[change]]\nkind = 'driver'\nsource = '~no-such-user/x.inf'\n", ["change 1", "no user no-such-user"]),
        ("[[change]]\nkind = 'windows-update'\ncategories = ['securty']\n", ["'securty'", "did you mean 'security'?"]),
        (
            "[[change]]\nkind = 'driver'\nsource = 'x.inf'\n[[change]]\nkind = 'driver'\nsource = 'y.inf'\n",
            ["change 2", "source: there is no", "y.inf"],
        ),
    ],
)
def test_every_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: list[str]) -> None:
    """A mistake names the file, the line or the number of the change, and the key."""
    with pytest.raises(GoldenError) as caught:
        load(playbook(tmp_path, text))
    whole = f"{caught.value.brief} {caught.value.hint}"
    assert [part for part in said if part not in whole] == []
    assert isinstance(caught.value, (BadConfig, NotFound))


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        (
            "kind = 'file'\nsource = 'x.inf'\ndestination = '/etc/motd'",
            "destination: '/etc/motd' is no whole path on the system drive C:",
            r"destination = 'C:\ProgramData\motd.txt'",
        ),
        ("kind = 'remove'\nname = 'foo'", "name: 'foo' names nothing that", 'name = "driver:netkvm.inf", package:'),
        ("kind = 'remove'\nname = 'driver:no.inf'", "this version has no driver no.inf", ""),
        ("kind = 'feature'\nname = '/x'", "name: '/x' is no name of a feature", 'name = "NetFx3"'),
        ("kind = 'script'\nsource = 'x.inf'", "source: a Windows guest cannot run 'x.inf'", "end in .ps1, .cmd"),
        ("kind = 'msi'\nsource = 'x.inf'", "source: x.inf is no ", ""),
        ("kind = 'certificate'\nsource = 'x.inf'", "source: x.inf is no certificate", ""),
    ],
)
def test_what_the_guest_cannot_take_is_named_with_its_place_too(
    tmp_path: Path, change: str, said: str, hint: str
) -> None:
    """The file, the number of the change, its line and the key; and what to write is told in a playbook's words."""
    path = playbook(tmp_path, f"[[change]]\nkind = 'feature'\nname = 'NetFx3'\n\n[[change]]\n{change}\n")
    (tmp_path / "x.inf").write_text("words")
    wanted = load(path)[1]
    with pytest.raises(GoldenError) as caught:
        WindowsFamily().prepare(wanted, FACTS)
    told = as_asked(caught.value, wanted)
    assert type(told) is type(caught.value)
    assert told.brief.startswith(f"{path}, change 2 (line 5): {said}")
    assert (told.hint or "").startswith(hint) or hint in (told.hint or "")
    assert "--" not in (told.hint or "")


def test_what_was_typed_is_told_as_it_was(tmp_path: Path) -> None:
    """No place is put before what no playbook asked for."""
    error = BadConfig("x", hint="--remove driver:x.inf")
    assert as_asked(error, Wanted("remove", name="foo")) is error


def test_a_missing_playbook_and_one_that_is_no_text_are_named(tmp_path: Path) -> None:
    """No file, a folder, and a file that is not UTF-8 are errors with the path."""
    with pytest.raises(NotFound, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml")
    with pytest.raises(BadConfig):
        load(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadConfig, match=r"binary\.toml"):
        load(tmp_path / "binary.toml")
