"""Every signature of docs/facts: windows 3.1, switched on in the stand-in and named by ``golden explain`` after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from golden.guest.family import SealOrder
from golden.waiting import Deadline
from golden.windows.explain.explanation import explain
from golden.windows.sysprep_log import history
from golden.windows.sysprep_signatures import CAUSES, NOISE, WARNINGS
from tests.unit.windows.guests import Guest

PANTHER = "C:\\Windows\\System32\\Sysprep\\Panther"
SYSPREP = "C:\\Windows\\System32\\Sysprep\\sysprep.exe"
FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    "appx-not-provisioned": ({"sysprep": "appx"}, "untouched"),
    "appx-remove-failed": ({"sysprep": "appx-service"}, "untouched"),
    "bitlocker": ({"sysprep": "bitlocker"}, "untouched"),
    "reserved-storage": ({"sysprep": "reserved-storage"}, "untouched"),
    "active-scenario": ({"sysprep": "active-scenario"}, "untouched"),
    "update-reboot": ({"sysprep": "update-reboot"}, "untouched"),
    "rearm-exhausted": ({"unfit": ["rearm.exhausted"]}, "spoiled"),
    "mde-onboarded": ({"sysprep": "mde-onboarded"}, "spoiled"),
    "bcd": ({"sysprep": "bcd"}, "spoiled"),
    "external-dll": ({"sysprep": "external-dll"}, "spoiled"),
    "privileges": ({"sysprep": "privileges"}, "untouched"),
}
"""Faults of the stand-in, and what is left of the machine, by the cause that the log names."""


def run(guest: Guest, *switches: str) -> Path:
    """Run the stand-in's sysprep; the folder of its logs."""
    argv = (SYSPREP, "/generalize", "/oobe", "/quiet", "/quit", *switches)
    guest.session.run(argv, "sysprep", Deadline(60))
    return guest.line.host(PANTHER)


def test_every_signature_of_the_facts_is_written_by_the_stand_in() -> None:
    """None is left to written samples alone; the three that need more than one run have tests of their own below."""
    assert {row.id for row in CAUSES} == {*FAILURES, "invalid-state", "specialize-parse"}
    assert {row.id for row in (*NOISE, *WARNINGS)} == {"noise-pnp", "noise-bcd-efi", "pending-rename"}


@pytest.mark.slow
@pytest.mark.parametrize("cause", FAILURES)
def test_a_failure_that_was_switched_on_is_named(tmp_path: Path, cause: str) -> None:
    """By its id, and with whether the machine may be used again."""
    faults, machine = FAILURES[cause]
    told = explain([str(run(Guest(tmp_path, **faults)))])
    assert told.cause is not None
    assert (told.verdict, told.cause.id, told.machine) == ("failed", cause, machine)
    assert told.cause.fix


@pytest.mark.slow
def test_a_run_after_one_that_died_half_way_is_named(tmp_path: Path) -> None:
    """Only the last run counts, and it says that the state is invalid."""
    guest = Guest(tmp_path, sysprep="half")
    first = explain([str(run(guest))]).cause
    told = explain([str(run(guest))])
    assert first is not None
    assert told.cause is not None
    assert (first.id, told.cause.id, told.machine) == ("external-dll", "invalid-state", "spoiled")


@pytest.mark.slow
def test_noise_of_a_good_run_is_counted_and_a_pending_rename_is_a_warning(tmp_path: Path) -> None:
    """The errors of devices and firmware that every good run may have name no cause."""
    panther = run(Guest(tmp_path, firmware="refuses-entries", unfit=["reboot.file-renames"]))
    log = (panther / "setupact.log").read_bytes()
    for row in NOISE:
        assert row.pattern.search(log.decode()), row.id
    told = explain([str(panther)])
    assert (told.verdict, told.cause) == ("succeeded", None)
    assert "pending-rename" in str(told)
    last = history(log).last
    assert last is not None
    assert last.noise == 4


@pytest.mark.slow
def test_a_first_boot_that_cannot_read_its_answer_file_is_named(tmp_path: Path) -> None:
    """The stand-in's first boot says so in Panther, and is not deployed."""
    answers = tmp_path / "answers.xml"
    answers.write_text('<unattend xmlns="urn:schemas-microsoft-com:unattend"/>')
    guest = Guest(tmp_path / "guest")
    guest.generalize(order=SealOrder("sysprep", answers))
    guest.line.host("C:\\Windows\\Panther\\unattend.xml").write_text("<unattend>")
    guest.line._program("--boot", wait=True)
    told = explain([str(guest.line.host("C:\\Windows\\Panther"))])
    assert told.cause is not None
    assert (told.verdict, told.cause.id) == ("failed", "specialize-parse")
    assert "specialize" in told.cause.sentence
