"""
What goes wrong in the stand-in, switched on as its README says, and named afterwards by the command as it is typed.

No machine is needed: the stand-in's programs run on a plain folder, and golden in a process of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from golden.windows.sysprep_signatures import CAUSES
from tests.cli.lab import GOLDEN
from tests.unit.windows.folder_guest import PROGRAMS, FolderGuest

SYSPREP = ("C:\\Windows\\System32\\Sysprep\\sysprep.exe", "/generalize", "/oobe", "/quiet", "/quit")
UNTOUCHED, SPOILED = True, False
FAILURES: dict[str, tuple[dict[str, Any], str, bool, str]] = {
    "appx": ({"sysprep": "appx"}, "appx-not-provisioned", UNTOUCHED, "Microsoft.WidgetsPlatformRuntime"),
    "bitlocker": ({"sysprep": "bitlocker"}, "bitlocker", UNTOUCHED, ""),
    "reserved storage": ({"sysprep": "reserved-storage"}, "reserved-storage", UNTOUCHED, ""),
    "a service of apps": ({"sysprep": "appx-service"}, "appx-remove-failed", UNTOUCHED, ""),
    "a busy scenario": ({"sysprep": "active-scenario"}, "active-scenario", UNTOUCHED, ""),
    "no privileges": ({"sysprep": "privileges"}, "privileges", UNTOUCHED, ""),
    "boot store": ({"sysprep": "bcd"}, "bcd", SPOILED, ""),
    "update": ({"sysprep": "update-reboot"}, "update-reboot", UNTOUCHED, ""),
    "a package of one user": ({"unfit": ["appx.not-provisioned"]}, "appx-not-provisioned", UNTOUCHED, "Microsoft.Wid"),
    "an encrypted volume": ({"unfit": ["bitlocker.encrypted"]}, "bitlocker", UNTOUCHED, ""),
    "a restart that is due": ({"unfit": {"reboot.cbs": 9}}, "update-reboot", UNTOUCHED, ""),
    "an update's restart": ({"unfit": {"reboot.windows-update": 9}}, "update-reboot", UNTOUCHED, ""),
    "busy servicing": ({"unfit": {"reserved-storage.busy": 9}}, "reserved-storage", UNTOUCHED, ""),
    "no rearm": ({"unfit": ["rearm.exhausted"]}, "rearm-exhausted", SPOILED, ""),
    "Defender": ({"unfit": ["defender.onboarded"]}, "mde-onboarded", SPOILED, ""),
    "a provider": ({"unfit": ["provider.missing"]}, "external-dll", SPOILED, "acmeprep.dll"),
}
"""By name: what faults.json says, the cause that is named, whether the machine can still be used, what is to blame."""
ELSEWHERE = {"invalid-state", "specialize-parse"}
"""Signatures that no first run ends with: a second one after one that died, and a first boot."""


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Windows as it is after its installation, to be copied."""
    return FolderGuest(tmp_path_factory.mktemp("healthy") / "guest").tree.parent


@pytest.fixture
def guest(healthy: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder of one's own with the tree of C: and its machine."""
    shutil.copytree(healthy, tmp_path / "guest", symlinks=True)
    yield tmp_path / "guest"
    shutil.rmtree(tmp_path / "guest", ignore_errors=True)


def standin(guest: Path, *words: str) -> int:
    """A program of the stand-in, or a start, as its README says."""
    place = ["--root", str(guest / "tree"), "--machine", str(guest / "machine")]
    argv = ["/usr/bin/python3", "-m", "programs", *place, *words]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROGRAMS)}
    return subprocess.run(argv, cwd=PROGRAMS, env=env, check=False, capture_output=True, timeout=60).returncode


def switch_on(guest: Path, faults: dict[str, Any]) -> None:
    """Copy faults.json into it, and start it once more."""
    place = guest / "tree/Windows/golden-stand-in/faults.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(faults))
    assert standin(guest, "--boot") == 0


def golden(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """golden as it is typed, in a folder that is no project."""
    ran = subprocess.run([*GOLDEN, *words, "-o", "json"], cwd=folder, capture_output=True, check=False, timeout=60)
    assert b"Traceback" not in ran.stderr
    return ran.returncode, json.loads(ran.stdout or ran.stderr)["data"]


@pytest.mark.parametrize("name", FAILURES)
def test_explain_names_what_was_switched_on(guest: Path, name: str) -> None:
    """The cause, what is to blame and whether the machine is usable, from the folder alone."""
    faults, cause, usable, blame = FAILURES[name]
    switch_on(guest, faults)
    assert standin(guest, "--", *SYSPREP) != 0
    code, told = golden(guest, "explain", "tree")
    assert (code, told["verdict"], told["cause"]["id"]) == (0, "failed", cause)
    assert told["usable"] is usable
    assert blame in told["cause"]["blame"]
    assert told["cause"]["evidence"]
    assert not (guest / ".golden").exists()


def test_a_run_that_died_half_way_and_the_next_one_after_it(guest: Path) -> None:
    """The first spoiled the machine, and the second says so itself."""
    switch_on(guest, {"sysprep": "half"})
    assert standin(guest, "--", *SYSPREP) != 0
    _, told = golden(guest, "explain", "tree")
    assert (told["verdict"], told["phase"], told["usable"]) == ("failed", "running", False)
    assert standin(guest, "--", *SYSPREP) != 0
    _, told = golden(guest, "explain", "tree/Windows/System32/Sysprep/Panther")
    assert (told["cause"]["id"], told["usable"]) == ("invalid-state", False)


def test_a_run_that_went_well_is_told_as_such(guest: Path) -> None:
    """Also after the first boot, whose logs hold lines of sysprep's providers."""
    assert standin(guest, "--", *SYSPREP) == 0
    _, told = golden(guest, "explain", "tree")
    assert (told["verdict"], told["machine"]) == ("succeeded", "sealed")
    boot = guest / "tree/Windows/Panther/setupact.log"
    boot.parent.mkdir(exist_ok=True)
    from tests.unit.windows import logs

    boot.write_bytes(logs.panther(*logs.FIRST_BOOT, day="2099-01-01"))
    _, told = golden(guest, "explain", "tree")
    assert (told["verdict"], told["cause"]) == ("succeeded", None)


def test_lint_names_the_line_that_a_capture_is_refused_for(tmp_path: Path) -> None:
    """SkipRearm=1 in a shipped answer file, by the command in a process."""
    shipped = Path(__file__).parents[2] / "playbooks/answers/server.xml"
    lines = shipped.read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if "<settings" in line and "generalize" in line)
    component = (
        '<component name="Microsoft-Windows-Security-SPP" processorArchitecture="amd64" language="neutral" '
        'publicKeyToken="31bf3856ad364e35" versionScope="nonSxS"><SkipRearm>1</SkipRearm></component>'
    )
    (tmp_path / "a.xml").write_text("\n".join([*lines[: at + 1], component, *lines[at + 1 :]]), encoding="utf-8")
    code, told = golden(tmp_path, "lint", "a.xml")
    assert code == 4
    met = next(one for one in told["findings"] if one["id"] == "answer.skip-rearm")
    assert (met["line"], met["severity"]) == (at + 2, "error")


def test_every_signature_is_met_here_or_named_as_one_that_is_not() -> None:
    """A row for each; the rest have tests of their own beside the signatures."""
    assert {cause for _, cause, _, _ in FAILURES.values()} | ELSEWHERE == {row.id for row in CAUSES}
