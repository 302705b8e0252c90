"""The fixes marked safe, made in a guest whose states are real, and what remains."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.model import Checked, Finding
from golden.waiting import Deadline
from golden.windows.checks import fixes, online
from golden.windows.checks.catalogue import ONLINE, catalogue
from golden.windows.checks.rules import Wish
from tests.unit.windows.checks.guests import Restarting, guest, inside, met

SAFE = ["appx.not-provisioned", "answer-file.cached", "servicing.busy", "reboot.windows-update",
        "reserved-storage.busy", "reboot.pending-xml", "reboot.computer-name"]  # fmt: skip


def mended(unfit: Restarting, folder: Path) -> tuple[Checked, tuple[str, ...], Checked]:
    """Before, what was done, after."""
    with inside(unfit, folder) as session:
        before = online.check(session, Wish(), Deadline(60))
        done = fixes.fix(session, before.findings, Deadline(120))
        return before, done, online.check(session, Wish(), Deadline(60))


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


def test_findings_of_others_are_passed_over(tmp_path: Path) -> None:
    """An id that the catalogue does not know is nobody's to fix."""
    healthy = guest(tmp_path / "guest")
    strange = Finding("strange", catalogue()["reboot.cbs"].finding(ONLINE).severity, "x")
    with inside(healthy, tmp_path) as session:
        assert fixes.fix(session, (strange,), Deadline(10)) == ()
