"""The probe's own text, executed: a PowerShell that golden's scripts cannot run in is told before all else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from golden.windows.dialect import SCRIPTS
from tests.peers.hyperv.objects import record
from tests.peers.hyperv.powershell import Arguments, Context, Refused, Runner

FRAMEWORK = "HKLM:\\SOFTWARE\\Microsoft\\NET Framework Setup\\NDP\\v4\\Full"


class OldWindows:
    """A Windows with this PowerShell and no command but those that PowerShell 2 has for reading the registry."""

    def __init__(self, folder: Path, major: int, release: int | None) -> None:
        self.folder, self.release, self.asked = folder, release, [""]
        table = record(PSVersion=Version(major))
        self.runner = Runner(self.find, self.path, lambda *_: None, variables={"PSVersionTable": table})

    def path(self, windows: str) -> Path:
        return self.folder / windows.rpartition("\\")[2]

    def find(self, name: str) -> Any:
        self.asked.append(name)
        return self.get_item_property if name == "Get-ItemProperty" else None

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


@pytest.mark.parametrize(("major", "release"), [(3, 378389), (4, None), (5, 528040)])
def test_a_powershell_that_is_new_enough_is_asked_on(tmp_path: Path, major: int, release: int | None) -> None:
    """It goes on to read its parameters."""
    new = OldWindows(tmp_path, major, release)
    new.probe(until="Get-Content")
    assert not (tmp_path / "out").exists()
