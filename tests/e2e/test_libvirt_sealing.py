"""Sealing on a real libvirt by the installed ``golden``: as whom, what is left, and what it costs the reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.bench import before, check, desk, ended

pytestmark = pytest.mark.slow

CAPTURE = ("capture", "--answer-file", "answers.xml")


def test_an_image_is_sealed_by_an_account_that_is_not_in_it(tmp_path: Path) -> None:
    """The proof stands with the image: identity, nothing left behind, and what it has left of its rearms."""
    with ended(desk(tmp_path / "p")) as place:
        was = before(place)
        assert place.log()["rearm"]["reference"] is None
        ran = place.does(*CAPTURE, "--mode-vm")
        assert "sysprep is generalizing the clone as golden-" in ran.err
        log = check(place, was, versions=1, images=1)
        assert (log["rearm"]["reference"], log["rearm"]["images"]) == (1001, 1000)
        image = place.does("show", "win2022@i1", "-o", "json").data
        assert [one for one in image["proof"]["findings"] if one["severity"] == "error"] == []
        assert dict(image["proof"]["identity"])["machine SID"] == log["versions"][0]["facts"]["machine_sid"]
        assert any("/mode:vm" in note for note in image["notes"])
        shown = place.does("show", "win2022@i1").out
        assert "MachineGuid" in shown
        assert "KMS client" in shown
        assert "rearm left: reference 1001 (never used), images 1000" in place.does("log").out


@pytest.mark.thorough  # Its twin on a plain folder is in tests/unit/windows.
def test_an_account_that_stays_in_the_clone_is_no_image(tmp_path: Path) -> None:
    """The disk is believed and not the clean-up's word: exit code 7, and nothing is kept."""
    with ended(desk(tmp_path / "p", {"clean-up": "leaves-account"})) as place:
        was = before(place)
        place.fails(7, *CAPTURE, saying=("the image is not clean", "which golden made, is still there"))
        check(place, was, versions=1)


@pytest.mark.timeout(1800)  # five restarts of a guest and five sealed ones, under emulation
@pytest.mark.thorough  # Its twin, five rounds on plain folders, is in tests/unit/windows/test_rearm.py.
def test_five_updates_and_captures_leave_the_references_rearm_count_where_it_was(tmp_path: Path) -> None:
    """Every image has one rearm less than its reference, which has as many as ever."""
    with ended(desk(tmp_path / "p")) as place:
        was = before(place)
        for number in range(2, 7):
            place.write("note.cmd", f"echo {number}> C:\\v{number}.txt\r\n")
            place.does("update", "--run", "note.cmd")
            place.does(*CAPTURE)
        log = check(place, was, versions=6, images=5)
        assert [one["rearm"]["windows"] for one in log["versions"][1:]] == [1001] * 5
        assert [(one["rearm_before"]["windows"], one["rearm"]["windows"]) for one in log["images"]] == [
            (1001, 1000)
        ] * 5
        assert (log["rearm"]["reference"], log["rearm"]["images"]) == (1001, 1000)
