"""Every kind of change in one update on a real libvirt, with restarts and a network, by the installed ``golden``."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.e2e.bench import Desk, before, check, desk, ended
from tests.unit.windows.payloads import appx, msi, program, update_cab
from tests.unit.windows.test_changes_registry import certificate

pytestmark = pytest.mark.slow

PRODUCT = "{11111111-2222-3333-4444-555555555555}"
UPDATES = [[{"kb": "KB7000001", "category": "security", "restart": True}], [{"kb": "KB7000002", "category": "updates"}]]
REG = 'Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Golden\\Agent]\r\n"Level"=dword:2\r\n'


def evidence(version: dict[str, object]) -> dict[str, str]:
    """What proved each change, by its name."""
    return {str(name): str(said) for name, said in version["proofs"]}  # type: ignore[attr-defined]


def make(place: Desk) -> None:
    """What an administrator has at hand."""
    update_cab(place.path / "windows10.0-kb5031234-x64.cab", "Package_for_KB5031234")
    msi(place.path / "agent.msi", {"ProductCode": PRODUCT, "ProductName": "Agent", "ProductVersion": "1.2.3"})
    program(place.path / "setup.exe", key="Tool", name="Tool", version="4", wants="/S", exit=0)
    appx(place.path / "app.msix", "Golden.App")
    certificate(place.path / "root.cer", ca=True)
    place.write("agent.reg", REG)


@pytest.mark.thorough  # Its twins on plain folders are in tests/unit/windows.
def test_every_kind_in_one_update(tmp_path: Path) -> None:
    """Applied in their order with the restarts they ask for, proved from outside, kept; a capture of it works."""
    with ended(desk(tmp_path / "p", {"dism": 3010, "updates": UPDATES})) as place:
        was = before(place)
        make(place)
        ran = place.does(
            "update", "--add", "windows10.0-kb5031234-x64.cab", "--add", "root.cer", "--add", "agent.reg",
            "--add", "agent.msi", "--args", "LEVEL=2", "--add", "setup.exe", "--args", "/S", "--feature", "NetFx3",
            "--add", "app.msix", "--windows-update", "--network", "user", "-m", "all of it",
        )  # fmt: skip
        assert "KB7000001" in ran.out
        log = check(place, was, versions=2)
        said = evidence(log["versions"][1])
        assert "Package_for_KB5031234" in said["windows10.0-kb5031234-x64.cab"]
        assert "certificate store Root" in said["root.cer"]
        assert said["agent.msi"] == f"Uninstall: {PRODUCT} Agent 1.2.3"
        assert said["setup.exe"] == "Uninstall: Tool Tool 4"
        assert "optional feature: Enabled" in said["NetFx3"]
        assert "staged on the disk" in said["app.msix"]
        assert "2 of 2 packages CurrentState 112" in said["all"]
        assert kept(place, "agent.log")
        with sqlite3.connect(place.state / "golden.db") as db:
            (stored,) = db.execute("SELECT count(*) FROM version").fetchone()
        assert stored == 2
        assert "<interface" not in definition(place)


@pytest.mark.thorough  # Its twin on a plain folder is in tests/unit/windows.
def test_an_update_that_asks_for_ever_and_one_that_does_not_apply_leave_nothing(tmp_path: Path) -> None:
    """The key that persists is named, the clone is gone, and the reference is what it was."""
    with ended(desk(tmp_path / "p", {"dism": 3010, "servicing": "stuck"})) as place:
        was = before(place)
        make(place)
        saying = ("asks for a restart again and again", "RebootPending persists", "--on-error keep")
        place.fails(5, "update", "--add", "windows10.0-kb5031234-x64.cab", saying=saying)
        check(place, was, versions=1)


def kept(place: Desk, ending: str) -> list[Path]:
    """Logs of jobs with that ending."""
    return [path for path in place.state.glob("jobs/*/*") if path.name.endswith(ending)]


def definition(place: Desk) -> str:
    """How the newest version's machine is defined."""
    (path,) = place.state.glob("libvirt/**/*-clone*/domain.xml")
    return path.read_text()
