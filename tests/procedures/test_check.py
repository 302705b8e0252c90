"""Checking a version in a clone, checks before a capture, and fixes: in the clone, in the image, as a version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from golden.app import checking, moves, run
from golden.app.checking import CheckWish
from golden.app.names import Target
from golden.app.orders import keep_payloads
from golden.errors import ChangeFailed, ChecksFailed, GeneralizeFailed, ProofFailed, UsageError
from golden.model import Checked, CheckReport, Finding, GuestState, Severity, Version
from golden.procedures.checking import MOST_ROUNDS, merged
from golden.waiting import Silent
from tests.procedures.conftest import Bench

ERROR = {"id": "appx", "severity": "error"}
SAFE = {"id": "reboot", "severity": "error", "fix": "safe"}
RETURNS = {"id": "renames", "severity": "warning", "fix": "returns"}
STUCK = {"id": "stuck", "severity": "error", "fix": "returns"}
REFUSED = {"id": "packages", "severity": "error", "fix": "refused"}
WARNING = {"id": "profiles", "severity": "warning"}
ON_DISK = {"id": "pending", "severity": "error", "way": "offline"}


def unfit(bench: Bench, *findings: Mapping[str, str]) -> Version:
    """A reference whose guest has these findings."""
    disk = {"/state": b"VIRGIN", "/log": b"", "/findings": json.dumps(findings).encode()}
    bench.world.add_user_machine("unfit", disk)
    return bench.adopt("unfit")


def check(bench: Bench, **wish: Any) -> CheckReport:
    """A check job, to its end."""
    order, sources = checking.check_order(bench.project, Target("ref", ""), CheckWish(**wish))
    keep_payloads(bench.project, sources)
    return run.start(bench.project, "check", order, run.Manner())[1]


def ids(checked: Checked) -> list[str]:
    return [one.id for one in checked.findings]


def kept(bench: Bench) -> Any:
    """What the newest job kept of its checks."""
    newest = max(bench.folder.glob(".golden/jobs/*/checks.json"), key=lambda path: path.stat().st_mtime_ns)
    return json.loads(newest.read_text())


def test_a_check_makes_nothing_and_tells_everything(bench: Bench) -> None:
    """Findings of the disk and of the running guest, errors first; the clone is gone and the version as it was."""
    version = unfit(bench, WARNING, ERROR, ON_DISK)
    report = check(bench)
    assert ids(report.checked) == ["appx", "pending", "profiles"]
    assert (report.subject, report.ways, report.fixed, report.proof) == ("ref@v1", ("offline", "online"), (), None)
    assert [one["id"] for one in kept(bench)["findings"]] == ids(report.checked)
    assert bench.machines() == bench.held() == {version.snapshot.machine}
    assert bench.troubles() == []


def test_a_healthy_guest_has_no_findings(bench: Bench) -> None:
    """Nothing is found where nothing is wrong."""
    bench.adopt()
    assert check(bench).checked.findings == ()


def test_fixes_are_tried_in_the_clone_alone(bench: Bench) -> None:
    """What would remain is told, and the version still has what it had."""
    unfit(bench, SAFE, ERROR)
    report = check(bench, fix=True)
    assert report.fixed == ("reboot: fixed",)
    assert ids(report.checked) == ["appx"]
    assert ids(check(bench).checked) == ["reboot", "appx"]


def test_a_rehearsal_generalizes_a_clone_and_keeps_nothing(bench: Bench) -> None:
    """The proof is told; no image, no clone, and the version is as VIRGIN as before."""
    version = unfit(bench, WARNING)
    report = check(bench, rehearse=True)
    assert report.proof is not None
    assert report.proof.facts.state is GuestState.SEALED
    assert bench.project.catalog.images("ref") == []
    assert bench.machines() == {version.snapshot.machine}
    assert bench.troubles() == []


def test_a_rehearsal_that_fails_says_what_was_named_before(bench: Bench) -> None:
    """Its own cause comes first; then the findings that forbade it, warnings left out."""
    found = json.dumps((ERROR, WARNING)).encode()
    bench.world.add_user_machine("u", {"/state": b"VIRGIN", "/log": b"", "/findings": found, "/seal-fails": b"x"})
    bench.adopt("u")
    with pytest.raises(GeneralizeFailed) as caught:
        check(bench, rehearse=True)
    (note,) = caught.value.__notes__
    assert note.startswith("named before it was tried: appx: ")
    assert bench.troubles() == []


def test_a_capture_stops_at_an_error_before_it_seals(bench: Bench) -> None:
    """Exit code 4 names the finding; nothing was sealed and nothing is left."""
    version = unfit(bench, ERROR, WARNING)
    with pytest.raises(ChecksFailed, match=r"ref@v1 will not be generalized: appx was met") as caught:
        bench.capture()
    assert caught.value.exit_code == 4
    assert "golden check ref@v1 --fix" in (caught.value.hint or "")
    assert bench.machines() == {version.snapshot.machine}
    assert [one["id"] for one in kept(bench)["findings"]] == ["appx", "profiles"]
    assert bench.troubles() == []


def test_a_capture_records_its_warnings(bench: Bench) -> None:
    """What stops nothing is told by the image."""
    unfit(bench, WARNING)
    image = bench.capture()
    assert [one.id for one in image.findings] == ["profiles"]
    assert bench.project.catalog.images("ref")[0].findings == image.findings


def test_a_capture_with_fixes_makes_them_in_its_clone(bench: Bench) -> None:
    """The image is made, says what was fixed, and the version keeps its finding."""
    unfit(bench, SAFE)
    with pytest.raises(ChecksFailed):
        bench.capture()
    image = bench.capture(fix=True)
    assert "reboot: fixed" in image.notes
    assert image.findings == ()
    assert ids(check(bench).checked) == ["reboot"]


def test_the_seal_none_asks_for_no_check(bench: Bench) -> None:
    """What is not generalized need not be fit for it."""
    unfit(bench, ERROR)
    assert bench.capture(seal="none").findings == ()


def test_fixes_last_as_a_version_of_their_own(bench: Bench) -> None:
    """The next version tells what was fixed, with proof, and nothing is found in it any more."""
    unfit(bench, SAFE, WARNING)
    version = bench.update(apply_fixes=True)
    (change,) = version.changes
    assert (change.kind, change.arguments) == ("fixes", (("fixed", "reboot: fixed"),))
    assert version.proofs == (("golden check", "reboot: the powered-off disk does not show it"),)
    assert version.digest != bench.project.catalog.version("ref", 1).digest
    assert ids(check(bench).checked) == ["profiles"]
    assert bench.capture().findings[0].id == "profiles"


def test_fixes_come_after_the_changes_of_the_same_update(bench: Bench) -> None:
    """Changes first, then what is safe; both are told in that order."""
    unfit(bench, SAFE)
    version = bench.update("say hello", apply_fixes=True)
    assert [one.kind for one in version.changes] == ["driver", "fixes"]


def test_nothing_to_fix_makes_no_version(bench: Bench) -> None:
    """A version that would be its parent is not made, and what was found is told."""
    unfit(bench, ERROR)
    with pytest.raises(UsageError, match="nothing in ref@v1 that golden fixes by itself") as caught:
        bench.update(apply_fixes=True)
    assert "appx" in (caught.value.details or "")
    assert [v.number for v in bench.project.catalog.versions("ref")] == [1]
    assert bench.troubles() == []


def tries(bench: Bench, reference: str = "ref") -> dict[str, int]:
    """How often the guest of the newest version was seen to try a fix."""
    newest = bench.project.catalog.versions(reference)[-1].snapshot
    (disk,) = bench.world.read()["machines"][newest.machine]["snapshots"].values()
    return {one["id"]: one.get("tries", 0) for one in json.loads(disk["/findings"])}


def test_a_warning_that_comes_back_makes_a_version_all_the_same(bench: Bench) -> None:
    """Browsers and Defender wait for a start all the time: tried once, told as a note, and no reason to fail."""
    unfit(bench, RETURNS)
    job, version = _update(bench, "ref")
    assert tries(bench) == {"renames": 1}
    assert version.proofs == ()
    assert moves.notes(bench.project, job) == ["still met: renames: renames was met"]
    assert ids(check(bench).checked) == ["renames"]


def test_a_warning_that_only_the_disk_shows_again_is_told_in_the_proof(bench: Bench) -> None:
    """The guest did not show it after the fix, its powered-off disk does again, and that stops nothing."""
    soft = {**SAFE, "severity": "warning"}
    unfit(bench, {**soft, "way": "online"}, {**soft, "fix": "", "way": "offline"})
    (proof,) = bench.update(apply_fixes=True).proofs
    assert "the powered-off disk does again" in proof[1]


def test_fixing_stops_where_nothing_changes(bench: Bench) -> None:
    """A warning is tried once where it stays; what stops sysprep is worth every round, and is told at last."""
    unfit(bench, RETURNS, WARNING)
    report = check(bench, fix=True)
    assert report.fixed == ("renames: fixed",)
    assert ids(report.checked) == ["renames", "profiles"]
    assert kept(bench)["fixed"] == ["renames: fixed"]
    bench.world.add_user_machine("hard", {"/state": b"VIRGIN", "/log": b"", "/findings": json.dumps([STUCK]).encode()})
    bench.adopt("hard", "hard")
    _update(bench, "hard")
    assert tries(bench, "hard") == {"stuck": MOST_ROUNDS}


def test_one_fix_that_fails_hides_nothing(bench: Bench) -> None:
    """What else is safe is done, what was found is told, and the failure is one more finding with the guest's words."""
    unfit(bench, REFUSED, SAFE, WARNING)
    report = check(bench, fix=True)
    assert report.fixed == ("reboot: fixed",)
    assert ids(report.checked) == ["packages", "profiles", "fix.failed"]
    told = report.checked.findings[-1]
    assert (told.severity, told.evidence) == (Severity.WARNING, "Access is denied.")
    assert "packages could not be mended: the guest refused" in told.sentence
    assert [one["id"] for one in kept(bench)["findings"]] == ids(report.checked)


def test_a_fix_that_fails_stops_what_was_to_be_kept(bench: Bench) -> None:
    """No image and no version with half of its fixes is made; exit code 5 names the finding, and all of it is kept."""
    unfit(bench, REFUSED, SAFE)
    for attempt in (lambda: bench.capture(fix=True), lambda: bench.update(apply_fixes=True)):
        with pytest.raises(ChangeFailed, match="packages could not be mended: the guest refused") as caught:
            attempt()
        assert (caught.value.exit_code, "Access is denied." in (caught.value.details or "")) == (5, True)
        assert [one["id"] for one in kept(bench)["findings"]] == ["packages", "fix.failed"]
    assert bench.troubles() == []


def answers(bench: Bench, inner: str) -> Path:
    """An answer file with one setting of the pass generalize."""
    path = bench.folder / "answers.xml"
    path.write_text(
        '<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="generalize">'
        '<component name="Microsoft-Windows-Security-SPP" processorArchitecture="amd64" language="neutral" '
        f'publicKeyToken="31bf3856ad364e35" versionScope="nonSxS">{inner}</component></settings></unattend>'
    )
    return path


def test_the_answer_file_is_looked_at_as_a_capture_would(bench: Bench) -> None:
    """What a capture would refuse is an error of the check, whichever way it looks; nothing is rehearsed with it."""
    version = unfit(bench, WARNING)
    bad = answers(bench, "<SkipRearm>1</SkipRearm>")
    report = check(bench, answer_file=bad, rehearse=True)
    assert ids(report.checked)[0] == "answer.skip-rearm"
    assert report.checked.findings[0].evidence.startswith("answers.xml:1:")
    assert {"profiles", "answer.skip-rearm"} <= set(ids(report.checked))
    assert report.proof is None
    assert "rehearsal" in dict(report.checked.unmade)
    assert [one["id"] for one in kept(bench)["findings"]] == ids(report.checked)
    wish = CheckWish(answer_file=bad)
    assert ids(checking.version_offline(bench.project, Target("ref", ""), wish, Silent()).checked)[0] == (
        "answer.skip-rearm"
    )
    disk = bench.folder / "disk.raw"
    disk.write_bytes(b"x" * 5000)
    assert "answer.skip-rearm" in ids(checking.disk_offline(disk, wish, Silent()).checked)
    with pytest.raises(ChecksFailed, match="SkipRearm"):
        bench.capture(answer_file=bad)
    assert bench.machines() == {version.snapshot.machine}


def test_a_good_answer_file_is_rehearsed_with(bench: Bench) -> None:
    """Warnings about it are told, and stop nothing."""
    bench.adopt()
    report = check(bench, answer_file=answers(bench, "<SkipRearm>0</SkipRearm>"), rehearse=True)
    assert report.proof is not None
    assert not report.checked.errors


def test_what_the_disk_still_shows_is_no_fix(bench: Bench) -> None:
    """A fix that the running guest believes in and the disk does not is refused."""
    bench.world.add_user_machine("half", {
        "/state": b"VIRGIN", "/log": b"",
        "/findings": json.dumps([{**SAFE, "way": "online"}, {**SAFE, "fix": "", "way": "offline"}]).encode(),
    })  # fmt: skip
    bench.adopt("half", "half")
    with pytest.raises(ProofFailed, match="reboot is still met"):
        _update(bench, "half")


def _update(bench: Bench, reference: str) -> tuple[str, Version]:
    from golden.app.orders import UpdateWish, update_order

    order, _ = update_order(bench.project, Target(reference, ""), UpdateWish((), apply_fixes=True), Silent())
    job, version = run.start(bench.project, "update", order, run.Manner())
    return str(job), version


def test_offline_starts_nothing(bench: Bench) -> None:
    """A version's frozen disk is read as it is; no job, no clone."""
    version = unfit(bench, ERROR, ON_DISK)
    before = bench.world.read()["serial"]
    report = checking.version_offline(bench.project, Target("ref", ""), CheckWish(), Silent())
    assert ids(report.checked) == ["appx", "pending"]
    assert report.ways == ("offline",)
    assert bench.world.read()["serial"] == before
    assert bench.machines() == {version.snapshot.machine}


def test_the_running_guests_answer_counts() -> None:
    """What waited for a start has been done by then; what only the disk tells stays; reasons are the guest's."""
    a, b, c = (Finding(name, Severity.WARNING, name) for name in "abc")
    stops = Finding("d", Severity.ERROR, "d")
    offline = Checked((a, b), ("a", "b"), (("c", "not on a disk"), ("d", "not on a disk"), ("e", "why")))
    online = Checked((c, stops), ("a", "c", "d"), (("e", "refused"),))
    both = merged(offline, online)
    assert [one.id for one in both.findings] == ["d", "c", "b"]
    assert set(both.made) == set("abcd")
    assert both.unmade == (("e", "refused"),)


@pytest.mark.parametrize("name", ["raw.img", "no-extension"])
def test_a_file_that_is_no_disk_is_a_finding(tmp_path: Path, name: str) -> None:
    """Somebody's powered-off disk needs no project; what is none is told as a finding."""
    path = tmp_path / name
    path.write_bytes(b"x" * 5000)
    report = checking.disk_offline(path, CheckWish(), Silent())
    assert ids(report.checked) == ["disk.unreadable"]
    assert list(tmp_path.iterdir()) == [path]
