"""The fixes marked safe, made in a guest whose states are real, and what remains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.guest.family import Mended
from golden.model import Checked, Finding, Severity
from golden.waiting import Deadline
from golden.windows.checks import fixes, online
from golden.windows.checks.catalogue import ONLINE, catalogue
from golden.windows.checks.rules import Wish
from golden.windows.dialect import SCRIPTS
from tests.peers.hyperv.objects import record
from tests.peers.hyperv.powershell import Arguments, Context, Refused, Runner
from tests.unit.windows.checks.guests import Restarting, guest, inside, met

SAFE = ["appx.not-provisioned", "answer-file.cached", "servicing.busy", "reboot.windows-update",
        "reserved-storage.busy", "reboot.pending-xml", "reboot.computer-name"]  # fmt: skip


def mended(unfit: Restarting, folder: Path) -> tuple[Checked, tuple[str, ...], Checked]:
    """Before, what was done, after."""
    with inside(unfit, folder) as session:
        before = online.check(session, Wish(), Deadline(60))
        came = fixes.fix(session, before.findings, Deadline(120))
        assert came.failed == ()
        return before, came.done, online.check(session, Wish(), Deadline(60))


@pytest.mark.slow
def test_what_is_safe_is_mended_and_told(tmp_path: Path) -> None:
    """Packages and answer files are removed, servicing is waited for, one restart finishes what waits for it."""
    unfit = guest(tmp_path / "guest", SAFE)
    before, done, after = mended(unfit, tmp_path)
    assert set(met(before)) == set(SAFE)
    assert met(after) == {}
    assert sum("restarted" in sentence for sentence in done) == 1
    assert any("WidgetsPlatformRuntime" in sentence for sentence in done)
    assert any("C:\\Windows\\Panther\\unattend.xml" in sentence for sentence in done)
    assert not (unfit.tree / "Windows/Panther/unattend.xml").exists()


def test_what_is_not_safe_is_left_alone(tmp_path: Path) -> None:
    """A domain, a role, a provider, SkipRearm: golden says what to do and touches nothing."""
    unfit = guest(tmp_path / "guest", ["domain.joined", "role.directory", "provider.missing", "rearm.skipped"])
    before, done, after = mended(unfit, tmp_path)
    assert done == ()
    assert met(after) == met(before)
    assert len(met(before)) == 4


@pytest.mark.slow
def test_a_key_that_outlives_restarts_is_still_told(tmp_path: Path) -> None:
    """Servicing that is stuck is restarted once a round and named afterwards."""
    unfit = guest(tmp_path / "guest", {"reboot.cbs": 9})
    _before, done, after = mended(unfit, tmp_path)
    assert done == ("reboot.cbs: restarted the guest",)
    assert met(after) == {"reboot.cbs": "error"}


@pytest.mark.parametrize("filter_known", [True, False])
def test_a_part_of_a_bundle_goes_by_the_bundles_name(tmp_path: Path, filter_known: bool) -> None:
    """The own text of the script, executed: for all users bundles go whole, and what is in none goes by itself."""
    removed: list[str] = []
    part, alone = "Acme.Notes_2.0.0.0_x64__abc", "Acme.Clock_1.0.0.0_x64__abc"
    bundle, other = "Acme.Notes_2.0.0.0_neutral_~_abc", "Acme.Notes_2.0.0.0_neutral_~_xyz"

    def packages(arguments: Arguments, piped: object, context: Context) -> Iterator[object]:
        named = dict(arguments.named)
        known = [bundle, other] if "PackageTypeFilter" in named else [part, alone]
        for full in known:
            family = full.split("_")[0] + "_" + full.split("_")[-1]
            if full.split("_")[0] == named["Name"] and not (full == part and bundle in removed):
                users = [record(InstallState="Installed")]
                yield record(PackageFullName=full, PackageFamilyName=family, PackageUserInformation=users)

    def remove(arguments: Arguments, piped: object, context: Context) -> Iterator[object]:
        removed.append(dict(arguments.named)["Package"])
        yield from ()

    packages.switches = {"allusers"}  # type: ignore[attr-defined]
    remove.switches = {"allusers"}  # type: ignore[attr-defined]
    parameters = {"Name": True, **({"PackageTypeFilter": True} if filter_known else {})}
    commands = {
        "Get-Content": lambda *_: [json.dumps({"packages": [part, alone]})],
        "Get-Command": lambda *_: [record(Parameters=parameters)],
        "Get-AppxPackage": packages,
        "Remove-AppxPackage": remove,
    }
    runner = Runner(commands.get, lambda _: tmp_path / "out", print)
    with pytest.raises(Refused, match="exit 0"):
        list(runner.run((SCRIPTS / "fix_appx.ps1").read_text(), {"Parameters": "C:\\in", "Result": "C:\\out"}))
    assert json.loads((tmp_path / "out").read_text()) == {"done": [part, alone], "failed": {}}
    assert removed == ([bundle, alone] if filter_known else [part, alone])


def test_findings_of_others_are_passed_over(tmp_path: Path) -> None:
    """An id that the catalogue does not know is nobody's to fix."""
    healthy = guest(tmp_path / "guest")
    strange = Finding("strange", catalogue()["reboot.cbs"].finding(ONLINE).severity, "x")
    with inside(healthy, tmp_path) as session:
        assert fixes.fix(session, (strange,), Deadline(10)) == Mended()


def test_a_package_that_windows_does_not_let_go_of_keeps_no_other_fix_from_being_made(tmp_path: Path) -> None:
    """The failure is told with Windows' words and the finding's id; answer files are removed all the same."""
    unfit = guest(tmp_path / "guest", ["answer-file.cached"])
    gone = Finding(
        "appx.not-provisioned", Severity.ERROR, "x", fix="Remove-AppxPackage -AllUsers -Package Acme_1_x64__a"
    )
    with inside(unfit, tmp_path) as session:
        found = online.check(session, Wish(), Deadline(60)).findings
        came = fixes.fix(session, (gone, *found), Deadline(60))
        assert met(online.check(session, Wish(), Deadline(60))) == {}
    assert came.done == ("answer-file.cached: removed C:\\Windows\\Panther\\unattend.xml",)
    ((name, why),) = came.failed
    assert (name, why.exit_code) == ("appx.not-provisioned", 5)
    assert "Acme_1_x64__a: The package was not found" in (why.details or "")


def test_servicing_that_does_not_end_is_told_and_the_rest_done(tmp_path: Path) -> None:
    """A wait that reaches its limit is one failed fix among others."""
    unfit = guest(tmp_path / "guest", ["servicing.busy", "reboot.update-exe"])
    with inside(unfit, tmp_path) as session:
        findings = online.check(session, Wish(), Deadline(60)).findings
        came = fixes.fix(session, findings, Deadline(60), settling=0.0)
    assert [name for name, _ in came.failed] == ["servicing.busy"]
    assert came.failed[0][1].exit_code == 11
    assert came.done == ("reboot.update-exe: restarted the guest",)
