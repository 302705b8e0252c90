"""What values mean that a Windows may show without anything being wrong, and what it leaves untold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from golden.waiting import Deadline
from golden.windows.checks import rules
from golden.windows.checks.catalogue import OFFLINE, ONLINE
from golden.windows.checks.disk_rules import AppxPackages, unprovisioned
from golden.windows.checks.fixes import fix
from golden.windows.checks.live_rules import LIVE_RULES, Answers
from golden.windows.checks.online import ask
from golden.windows.checks.picture import ENROLLMENTS, SETUP, WINLOGON, Key, Picture
from golden.windows.checks.rules import RULES, Wish
from tests.unit.windows.checks.guests import asked, disk, guest, inside, looked_at, met

STORE = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore"
USER = "S-1-5-21-974944225-1528861140-2130748099-1001"
GUID = "{0F5C1D6E-2B7A-4C39-9E8D-1A2B3C4D5E6F}"


def live(name: str, **sections: object) -> Any:
    """What one check makes of what a guest answers."""
    answers = Answers({section: {"ok": True, "value": value} for section, value in sections.items()})
    return rules.judge(ONLINE, {name: LIVE_RULES[name]}, answers, Wish())


def seen(name: str, keys: Mapping[str, Key | None]) -> Any:
    """What one check makes of keys."""
    return rules.judge(OFFLINE, {name: RULES[name]}, Picture(keys, {}, ()), Wish())


def package(*states: str, **more: object) -> dict[str, object]:
    """A package as Get-AppxPackage -AllUsers tells it."""
    users = [{"sid": f"S-1-5-{number}", "state": state} for number, state in enumerate(states)]
    return {"name": "Acme.Notes", "full": "Acme.Notes_2.0.0.0_x64__abc", "version": "2.0.0.0", "framework": False,
            "fixed": False, "signature": "Store", "users": users, **more}  # fmt: skip


@pytest.mark.parametrize(
    ("states", "is_met"),
    [
        (("Staged",), False),
        (("Staged", "Installed"), True),
        (("Installed(pending removal)",), True),
        (("NotInstalled",), False),
        ((), False),
    ],
)
def test_a_package_counts_where_a_user_has_it(states: tuple[str, ...], is_met: bool) -> None:
    """One that is only staged belongs to nobody and stops nothing, in either of its checks."""
    told = {"installed": [package(*states)], "provisioned": []}
    assert bool(live("appx.not-provisioned", appx=told).findings) is is_met
    told["provisioned"] = [{"name": "Acme.Notes", "version": "1.0.0.0"}]
    assert bool(live("appx.version-differs", appx=told).findings) is is_met


def test_a_staged_package_of_a_real_store_is_no_finding(tmp_path: Path) -> None:
    """Written where Windows keeps it, and listed by the guest as nobody's."""
    fit = guest(tmp_path / "guest")
    with inside(fit, tmp_path) as session:
        key = f"{STORE}\\Staged\\Acme.Notes_2.0.0.0_x64__abc"
        session.run(("reg.exe", "add", key, "/f"), "staging", Deadline(60))
    assert met(asked(fit, tmp_path)) == {}
    assert met(looked_at(disk(fit, tmp_path / "c.ntfs"))) == {}


def test_frameworks_and_windows_own_packages_on_a_disk_are_passed_over(tmp_path: Path) -> None:
    """By their manifest, by where they lie, and by the registry's list of those that came with Windows."""
    names = ("Acme.Runtime_1.0.0.0_x64__abc", "Microsoft.Shell_1.0.0.0_neutral_neutral_cw5n", "Acme.Notes_2.0_x64__abc")
    fit = guest(tmp_path / "guest")
    with inside(fit, tmp_path) as session:
        for name in names:
            session.run(("reg.exe", "add", f"{STORE}\\{USER}\\{name}", "/f"), "registering", Deadline(60))
    for name, word in ((names[0], "true"), (names[2], "false")):
        manifest = fit.tree / "Program Files/WindowsApps" / name / "AppxManifest.xml"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(f"<Package><Properties><Framework>{word}</Framework></Properties></Package>")
    (fit.tree / "Windows/SystemApps/Microsoft.Shell_cw5n").mkdir(parents=True)
    found = looked_at(disk(fit, tmp_path / "c.ntfs"))
    assert met(found) == {"appx.not-provisioned": "warning"}
    assert "Acme.Notes" in found.findings[0].sentence
    assert unprovisioned(AppxPackages((), {USER: ("A_1_x64__b", "C_1_x64__d")}, ("A_9_neutral_neutral_b",))) == {
        "C_1_x64__d": (USER,)
    }


@pytest.mark.parametrize(
    ("values", "is_met"),
    [
        ({}, False),
        ({"enrollmentstate": 1}, False),
        ({"providerid": ""}, False),
        ({"providerid": "MS DM Server"}, True),
        ({"providerid": "MS DM Server", "enrollmentstate": 1}, True),
        ({"providerid": "MS DM Server", "enrollmentstate": 0}, False),
    ],
)
def test_an_enrollment_has_a_provider(values: dict[str, Any], is_met: bool) -> None:
    """Windows has keys of that form by itself, which manage nothing."""
    found = seen("mdm.enrolled", {ENROLLMENTS: Key({}, {GUID: values, "Context": {"providerid": "x"}})})
    assert bool(found.findings) is is_met


@pytest.mark.parametrize("told", [{}, {"decrypted": None, "status": ""}, {"status": "ConversionStatus "}])
def test_an_encryption_that_is_not_told_is_no_finding(told: dict[str, object]) -> None:
    """What Windows does not say is a check that was not made, and never an error that stops a capture."""
    found = live("bitlocker.encrypted", bitlocker=told)
    assert found.findings == ()
    assert found.unmade[0][0] == "bitlocker.encrypted"


def test_a_sign_of_an_upgrade_counts_where_no_key_tells_it_better() -> None:
    """Setup!Upgrade beside a Source OS key says nothing new."""
    alone, beside = Key({"upgrade": 1}, {}), Key({"upgrade": 1}, {"Source OS (Updated on 1/2/2024)": {}})
    assert [one.severity for one in seen("upgrade.sign", {SETUP: alone}).findings] == ["info"]
    assert seen("upgrade.sign", {SETUP: beside}).findings == ()
    assert seen("upgrade.sign", {SETUP: Key({"upgrade": 0}, {})}).findings == ()


def test_the_policy_of_a_workgroup_names_no_domain(tmp_path: Path) -> None:
    """Whatever stands there that is no SID of a domain is passed over; the machine's own SID is another value."""
    unfit = guest(tmp_path / "guest", ["domain.policy"])
    found = looked_at(disk(unfit, tmp_path / "c.ntfs"))
    assert "S-1-5-21-1001-1002-1003" in found.findings[0].sentence
    assert met(found) == {"domain.policy": "warning"}


@pytest.mark.parametrize("name", ["unattend.xml", "Autounattend.xml"])
def test_an_answer_file_in_the_root_says_when_it_counts(tmp_path: Path, name: str) -> None:
    """Windows finds it last of all, so the first boot of an image without another answer file takes it."""
    unfit = guest(tmp_path / "guest")
    (unfit.tree / name).write_text("<unattend/>")
    for found in (looked_at(disk(unfit, tmp_path / "c.ntfs")), asked(unfit, tmp_path)):
        assert met(found) == {"answer-file.cached": "warning"}
        assert "its first boot takes it where it finds no other" in found.findings[0].sentence


def test_the_answer_file_that_setup_keeps_is_named_and_taken_away(tmp_path: Path) -> None:
    """Windows 11 24H2 keeps the one it was given beside the one it used; it would void the image after sysprep."""
    unfit = guest(tmp_path / "guest")
    kept = unfit.tree / "Windows/Panther/unattend-original.xml"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("<unattend/>")
    for found in (looked_at(disk(unfit, tmp_path / "c.ntfs")), asked(unfit, tmp_path)):
        assert met(found) == {"answer-file.cached": "warning"}
        assert "unattend-original.xml (whoever has the image can read" in found.findings[0].sentence
    with inside(unfit, tmp_path) as session:
        came = fix(session, found.findings, Deadline(60))
    assert came.done == ("answer-file.cached: removed C:\\Windows\\Panther\\unattend-original.xml",)
    assert not kept.exists()


def test_a_password_in_the_registry_is_told_of_and_never_read(tmp_path: Path) -> None:
    """That it is there is all that leaves the guest or the disk; an empty value is none."""
    unfit = guest(tmp_path / "guest", ["autologon.password"])
    with inside(unfit, tmp_path) as session:
        answers = json.dumps(ask(session, Wish(), Deadline(60)).sections)
    assert "DefaultPassword" in answers
    assert "Correct-Horse-1" not in answers
    on_disk = looked_at(disk(unfit, tmp_path / "c.ntfs"))
    assert met(on_disk) == {"autologon.password": "warning"}
    assert "Correct-Horse-1" not in repr(on_disk)
    empty = Key({"defaultpassword": 0}, {})
    assert seen("autologon.password", {WINLOGON: empty}).findings == ()
