"""golden check as it is typed: addresses, disks, exit codes, text and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Golden
from tests.cli.lab import Lab

ERROR = {"id": "appx", "severity": "error"}
SAFE = {"id": "reboot", "severity": "error", "fix": "safe"}
WARNING = {"id": "profiles", "severity": "warning"}


def unfit(lab: Lab, golden: Golden, *findings: dict[str, str]) -> None:
    """The reference ``ref`` with a guest that has these findings."""
    disk = {"/state": b"VIRGIN", "/log": b"", "/findings": json.dumps(findings).encode()}
    world = lab.world
    world.add_user_machine("unfit", disk)
    world.close()
    assert golden("adopt", "ref", "--from", "unfit", "--os", "memory").code == 0


def test_a_fit_version_is_0_and_says_so(ref: Lab, golden: Golden) -> None:
    """Nothing found is success, in one sentence with the number of checks."""
    ran = golden("check")
    assert ran.code == 0
    assert "nothing was found that stops it" in ran.out
    assert "made, on the powered-off disk and the running clone" in ran.out


def test_errors_are_4_and_warnings_0(lab: Lab, golden: Golden) -> None:
    """Each finding is told with its severity, grouped, errors first, and a verdict at the end."""
    unfit(lab, golden, WARNING, ERROR)
    ran = golden("check", "ref@v1")
    assert ran.code == 4
    lines = ran.out.splitlines()
    assert lines.index("These stop it:") < lines.index("Worth mending:")
    assert "sysprep would fail: 1 finding stops it" in lines
    assert golden("check", "ref", "--offline").code == 4


def test_programs_get_one_envelope(lab: Lab, golden: Golden) -> None:
    """Findings, checks made and not made, what was fixed, whether it is fit, and the job."""
    unfit(lab, golden, SAFE, WARNING)
    data = golden("check", "--fix", "-o", "json", "-q").data
    assert (data["fit"], data["fixed"], data["subject"]) == (True, ["reboot: fixed"], "ref@v1")
    assert [one["id"] for one in data["findings"]] == ["profiles"]
    assert {"made", "unmade", "ways", "job", "seconds", "proof"} <= set(data)
    told = golden("logs", data["job"], "-o", "json").data
    assert [Path(log["path"]).name for log in told["logs"] if log["name"].endswith(".json")] == ["checks.json"]


REARM = (
    '<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="generalize">\n'
    '<component name="Microsoft-Windows-Security-SPP" processorArchitecture="amd64" language="neutral" '
    'publicKeyToken="31bf3856ad364e35" versionScope="nonSxS">\n<SkipRearm>1</SkipRearm>'
    "</component></settings></unattend>"
)


@pytest.mark.parametrize("way", [(), ("--offline",), ("--rehearse",)])
def test_an_answer_file_that_a_capture_refuses_is_said_to_be_one(
    ref: Lab, golden: Golden, way: tuple[str, ...]
) -> None:
    """With its line, exit code 4, and without a rehearsal that would use it."""
    ref.write("a.xml", REARM)
    ran = golden("check", "--answer-file", "a.xml", *way)
    assert ran.code == 4
    assert "error  answer.skip-rearm: SkipRearm=1" in ran.out
    assert "a.xml:3:1" in ran.out
    assert "golden capture would refuse this answer file: 1 finding" in ran.out
    assert "nothing was found that stops it" not in ran.out
    assert "rehearsed: a clone was generalized" not in ran.out
    if "--rehearse" in way:
        assert "(a capture would refuse the answer file): rehearsal" in ran.out
    assert golden("capture", "--answer-file", "a.xml").code == 4


def test_a_fix_that_fails_is_one_more_line(lab: Lab, golden: Golden) -> None:
    """What was found and fixed is told all the same, with the guest's words about the one that failed."""
    unfit(lab, golden, SAFE, {"id": "packages", "severity": "error", "fix": "refused"})
    ran = golden("check", "--fix")
    assert ran.code == 4
    assert "fixed in the clone: reboot: fixed" in ran.out
    assert "warning  fix.failed: packages could not be mended: the guest refused" in ran.out
    assert "Access is denied." in ran.out
    captured = golden("capture", "--fix")
    assert captured.code == 5
    assert "packages could not be mended" in captured.err


def test_a_rehearsal_tells_its_proof(ref: Lab, golden: Golden) -> None:
    """The clone was sealed, proved, and is gone; no image is left."""
    ran = golden("check", "--rehearse")
    assert ran.code == 0
    assert "rehearsed: a clone was generalized and proved sealed, and is gone again" in ran.out
    assert golden("log", "ref", "-o", "json").data["images"] == []


def test_a_capture_tells_what_stops_it(lab: Lab, golden: Golden) -> None:
    """Exit code 4 with the finding, its fix, and what to type next."""
    unfit(lab, golden, ERROR, WARNING)
    ran = golden("capture")
    assert ran.code == 4
    assert "ref@v1 will not be generalized: appx was met" in ran.err
    assert "hint: golden check ref@v1 --fix" in ran.err


def test_a_capture_with_fix_shows_its_warnings(lab: Lab, golden: Golden) -> None:
    """The image is made, and what was only a warning is told with it and kept."""
    unfit(lab, golden, SAFE, WARNING)
    ran = golden("capture", "--fix")
    assert ran.code == 0
    assert "warning  profiles: profiles was met" in ran.out
    assert [one["id"] for one in golden("show", "ref@i1", "-o", "json").data["findings"]] == ["profiles"]


def test_fixes_become_a_version(lab: Lab, golden: Golden) -> None:
    """golden update --apply-fixes says what was fixed and how that was proved."""
    unfit(lab, golden, SAFE)
    ran = golden("update", "--apply-fixes")
    assert ran.code == 0
    assert "+ fixes golden check" in ran.out
    assert "reboot: the powered-off disk does not show it" in ran.out
    assert golden("check").code == 0
    again = golden("update", "--apply-fixes")
    assert again.code == 2
    assert "nothing in ref@v2 that golden fixes by itself" in again.err


def test_a_disk_of_nobodys_is_read_without_a_project(lab: Lab, golden: Golden, clean: None) -> None:
    """Neither project nor state folder is needed, and none is made."""
    lab.write("some.raw", "no partition table here" * 100)
    ran = golden("check", "some.raw", "--offline", "-o", "json", "-q")
    assert ran.code == 4
    assert [one["id"] for one in ran.data["findings"]] == ["disk.unreadable"]
    (finding,) = ran.data["findings"]
    assert finding["fix"].startswith("name the whole powered-off disk that Windows starts from")
    assert "without --offline" not in finding["fix"], "which such a file is refused for"
    assert not (lab.path / ".golden").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("check", "./nothing.qcow2", "--offline"), 13, "there is no disk image"),
        (("check", ".", "--offline"), 2, ""),
        (("check", "./", "--offline"), 2, "is a folder"),
        (("check", "empty.inf", "--offline"), 2, "is empty"),
        (("check", "a.inf"), 2, "golden boots only clones of its own"),
        (("check", "ref", "--offline", "--fix"), 2, "--offline boots nothing"),
        (("check", "ref", "--seal", "wax"), 2, "cannot be sealed with 'wax'"),
        (("check", "ref", "--answer-file", "nothing.xml"), 13, "there is no answer file"),
        (("check", "ref@v9"), 13, "v9"),
        (("check", "ref\0x", "--offline"), 2, ""),
        (("check", "a" * 300, "--offline"), 2, ""),
        (("check", "./" + "a" * 300, "--offline"), 10, "cannot be opened"),
    ],
)
def test_what_cannot_be_checked_is_said_in_a_sentence(
    ref: Lab, golden: Golden, words: tuple[str, ...], code: int, said: str
) -> None:
    """A missing file, a folder, an empty file, options that exclude each other: no traceback, a documented code."""
    ran = golden(*words)
    assert (ran.code, said in ran.err) == (code, True), ran.err


def test_a_damaged_qcow2_is_refused_with_qemus_words(lab: Lab, golden: Golden) -> None:
    """What begins like a qcow2 and is none is no bug of golden's."""
    (lab.path / "bad.qcow2").write_bytes(b"QFI\xfb" + b"\xff" * 4096)
    ran = golden("check", "bad.qcow2", "--offline")
    assert ran.code in (2, 10, 13)
    assert "bad.qcow2" in ran.err
