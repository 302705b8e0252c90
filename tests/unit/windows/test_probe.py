"""The own text of the probe and the launcher, executed: what keeps golden's scripts from running is told first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from golden.windows.dialect import SCRIPTS
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import record
from tests.peers.hyperv.powershell import Arguments, Context, Refused, Runner
from tests.peers.hyperv.powershell.statics import Statics

FRAMEWORK = "HKLM:\\SOFTWARE\\Microsoft\\NET Framework Setup\\NDP\\v4\\Full"


class OldWindows:
    """A Windows with this PowerShell and no command but those that PowerShell 2 has for reading the registry."""

    def __init__(self, folder: Path, major: int, release: int | None, mode: str = "FullLanguage") -> None:
        self.folder, self.release, self.asked = folder, release, [""]
        table = record(PSVersion=Version(major))
        session = record(SessionState=record(LanguageMode=mode))
        variables = {"PSVersionTable": table, "ExecutionContext": session}
        self.runner = Runner(self.find, self.path, lambda *_: None, variables=variables)

    def path(self, windows: str) -> Path:
        return self.folder / windows.rpartition("\\")[2]

    def find(self, name: str) -> Any:
        self.asked.append(name)
        return {"Get-ItemProperty": self.get_item_property, "Set-Content": self.set_content}.get(name)

    def set_content(self, arguments: Arguments, piped: Any, context: Context) -> Iterator[Any]:
        """A file of text."""
        named = dict(arguments.named)
        self.path(named["LiteralPath"]).write_text(named["Value"] + "\r\n", encoding=named["Encoding"])
        yield from ()

    def get_item_property(self, arguments: Arguments, piped: Any, context: Context) -> Iterator[Any]:
        """The framework's key, where it is."""
        assert dict(arguments.named)["LiteralPath"] == FRAMEWORK
        if self.release is not None:
            yield record(Release=self.release)

    def probe(self, until: str) -> None:
        """Run it until it comes to what the interpreter does not know."""
        text = (SCRIPTS / "probe.ps1").read_text(encoding="ascii")
        with pytest.raises(Refused, match=until):
            list(self.runner.run(text, {"Parameters": "C:\\in", "Result": "C:\\out"}))


class Version:
    """A System.Version."""

    def __init__(self, major: int) -> None:
        self.major = major

    def ps_get(self, name: str) -> int:
        if name.lower() != "major":
            raise AttributeError(name)
        return self.major

    def __str__(self) -> str:
        return f"{self.major}.0"


@pytest.mark.parametrize(
    ("major", "release", "met"),
    [
        (2, None, "PowerShell 2.0"),
        (2, 461808, "PowerShell 2.0"),
        (3, None, "PowerShell 3.0 without .NET Framework 4.5"),
    ],
    ids=["2", "2-net", "3-no-net"],
)
def test_an_old_powershell_is_told_with_what_to_install(
    tmp_path: Path, major: int, release: int | None, met: str
) -> None:
    """Without a command that PowerShell 2 has not: JSON is written as text, nothing of the parameters is read."""
    old = OldWindows(tmp_path, major, release)
    old.probe(until="exit 0")
    lacking = json.loads((tmp_path / "out").read_text())["lacking"]
    assert lacking["met"] == met
    assert "PowerShell 3.0" in lacking["wanted"]
    assert "Windows Management Framework 5.1" in lacking["fix"]
    assert set(old.asked[1:]) == {"Get-ItemProperty"}


class Windows(OldWindows):
    """A Windows whose probe comes to its end: a registry that forgets volatile keys, and a clock that is set."""

    def __init__(self, folder: Path, *, may_write: bool = True) -> None:
        super().__init__(folder, 5, 528040)
        self.may_write, self.clock, self.volatile = may_write, 0, Keys(self)
        self.runner.statics = Types(self)
        (folder / "in").write_text("{}")

    def find(self, name: str) -> Any:
        """The probe's commands."""
        mine = {"Get-ItemProperty": self.get_item_property, "Get-Content": self.get_content,
                "Test-Path": lambda *_: [False], "Get-Process": lambda *_: [],
                "Get-CimInstance": lambda *_: [record(LastBootUpTime=Clock(self.clock))]}  # fmt: skip
        return mine.get(name)

    def get_item_property(self, arguments: Arguments, piped: Any, context: Context) -> Iterator[Any]:
        """No value of sysprep's."""
        path = dict(arguments.named)["LiteralPath"]
        if path == FRAMEWORK:
            yield record(Release=self.release)
        if path.endswith("\\Nls\\CodePage"):
            yield record(OEMCP="850")

    def get_content(self, arguments: Arguments, piped: Any, context: Context) -> Iterator[Any]:
        """A file as text."""
        yield self.path(dict(arguments.named)["LiteralPath"]).read_text()

    def mark(self) -> str:
        """What it is asked for."""
        self.probe(until="exit 0")
        told = json.loads((self.folder / "out").read_text())
        assert told["code_page"] == "850"
        return str(told["boot_mark"])


class Clock:
    """A DateTime that is shown as its second."""

    def __init__(self, second: int) -> None:
        self.second = second

    def ps_call(self, name: str, given: list[Any]) -> Any:
        return {"touniversaltime": self, "tostring": f"second {self.second}"}[name.lower()]


class Keys:
    """HKLM: keys below it that a start of Windows forgets."""

    def __init__(self, windows: Windows) -> None:
        self.windows, self.kept = windows, {}  # type: tuple[Windows, dict[str, dict[str, Any]]]

    def ps_call(self, name: str, given: list[Any]) -> Any:
        if name == "CreateSubKey":
            assert given[2] == "Volatile", "this would reach the disk"
            if not self.windows.may_write:
                raise Failure("Access is denied.", "UnauthorizedAccessException", "NotSpecified", terminating=True)
            self.kept.setdefault(given[0], {})
        return Key(self.kept[given[0]]) if given[0] in self.kept else None


class Key:
    """A RegistryKey."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def ps_call(self, name: str, given: list[Any]) -> Any:
        if name == "SetValue":
            self.values[given[0]] = given[1]
        return self.values.get(given[0]) if name == "GetValue" else None


class Types(Statics):
    """.NET's types, and those of the registry."""

    def __init__(self, windows: Windows) -> None:
        super().__init__(windows.path)
        self.windows = windows

    def get(self, name: str, member: str) -> Any:
        if name == "Microsoft.Win32.Registry":
            return self.windows.volatile
        return member if name.startswith("Microsoft.Win32.Registry") else super().get(name, member)


def test_the_boot_mark_stays_when_the_clock_is_set_and_goes_with_the_boot(tmp_path: Path) -> None:
    """A step of the clock moves the time of the last start, too, and is no restart."""
    windows = Windows(tmp_path)
    first = windows.mark()
    assert first
    windows.clock += 7200
    assert windows.mark() == first
    windows.volatile.kept.clear()
    assert windows.mark() not in ("", first)


def test_a_line_that_may_not_write_the_registry_still_has_a_mark(tmp_path: Path) -> None:
    """The time of the last start is what is left; one that somebody else made is read."""
    windows = Windows(tmp_path, may_write=False)
    assert windows.mark() == "second 0"
    windows.volatile.kept["SYSTEM\\CurrentControlSet\\Control\\golden-boot"] = {"mark": "made by another"}
    assert windows.mark() == "made by another"


def test_a_restricted_powershell_is_told_by_a_command_alone(tmp_path: Path) -> None:
    """No method of .NET may be called there, not even to write the answer."""
    windows = OldWindows(tmp_path, 5, 528040, "ConstrainedLanguage")
    windows.runner.statics = Refusing(windows.path)
    windows.probe(until="exit 0")
    lacking = json.loads((tmp_path / "out").read_text())["lacking"]
    assert lacking["met"] == "PowerShell in ConstrainedLanguage"
    assert windows.asked[1:] == ["Set-Content"]


class Refusing(Statics):
    """.NET's types where none may be used."""

    def get(self, name: str, member: str) -> Any:
        raise AssertionError(f"[{name}]::{member}")

    call = get  # type: ignore[assignment]


@pytest.mark.parametrize(("major", "release"), [(3, 378389), (4, None), (5, 528040)])
def test_a_powershell_that_is_new_enough_is_asked_on(tmp_path: Path, major: int, release: int | None) -> None:
    """It goes on to read its parameters."""
    new = OldWindows(tmp_path, major, release)
    new.probe(until="Get-Content")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("there", "ends"), [(False, Refused), (True, Failure)], ids=["gone", "locked"])
def test_the_launcher_says_that_an_order_is_gone_only_where_it_is(
    tmp_path: Path, there: bool, ends: type[Exception]
) -> None:
    """Exit code 17 is for another launcher's order; what keeps this one from being taken is an error of its own."""
    (tmp_path / "order.taken").write_text("somebody's")
    if there:
        (tmp_path / "order").write_text("{}")
    paths = {"C:\\order": tmp_path / "order", "C:\\order.taken": tmp_path / "order.taken"}
    runner = Runner(lambda name: (lambda *_: [there]) if name == "Test-Path" else None, paths.__getitem__, print)
    text = (SCRIPTS / "launch.ps1").read_text(encoding="ascii")
    with pytest.raises(ends, match="exit 17" if not there else None):
        list(runner.run(text, {"Order": "C:\\order"}))
