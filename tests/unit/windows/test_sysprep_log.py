"""What sysprep's own log tells."""
# ruff: noqa: E501 -- log lines are kept as they were published

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import NotFound
from golden.windows.sysprep_log import history, verdict
from golden.windows.sysprep_signatures import CAUSES
from tests.unit.windows import logs


def test_success_is_the_tag_file_and_error_lines_of_good_runs_do_not_matter() -> None:
    """A run that created the tag succeeded, though it holds the Error lines that good runs hold."""
    told = verdict(logs.SUCCESS)
    assert (told.succeeded, told.phase, told.cause_id) == (True, "done", "")


def test_only_the_last_run_counts() -> None:
    """An earlier run in the same file neither saves nor spoils the last one."""
    assert not verdict(logs.SUCCESS + logs.APPX_FAILURE).succeeded
    assert verdict(logs.APPX_FAILURE + logs.SUCCESS).succeeded
    told = history(logs.APPX_FAILURE + logs.SUCCESS)
    assert (told.runs, told.generalize_asked, told.tag_made) == (2, True, True)


def test_the_switches_of_a_run_are_read_from_the_log() -> None:
    """The log itself proves what sysprep was asked for."""
    told = history(logs.run(switches=("OOBE", "QUIET")))
    assert told.last is not None
    assert told.last.switches == {"OOBE", "QUIET"}
    assert not told.generalize_asked


def test_the_first_error_names_the_cause_and_the_last_the_phase() -> None:
    """A package that is not provisioned is named, found before anything was changed, with what to do."""
    told = verdict(logs.APPX_FAILURE)
    assert told.cause_id == "appx-not-provisioned"
    assert told.package_or_dll == "Microsoft.OneDriveSync"
    assert logs.APPX in told.sentence
    assert (told.phase, told.usable) == ("pre-validation", True)
    assert "provision" in told.fix
    assert "Package" in told.evidence_line


CASES = [
    ("bitlocker", "Error      SYSPRP BitLocker-Sysprep: BitLocker is on for the OS volume. Turn BitLocker off to run Sysprep. (0x80310039)"),
    ("reserved-storage", "Error      SYSPRP Sysprep_Clean_Validate_Opk: Audit mode cannot be turned on if reserved storage is in use. An update or servicing operation may be using reserved storage.; hr = 0x800F0975"),
    ("active-scenario", "Error      SYSPRP Sysprep_Clean_Validate_Opk: Audit mode can't be turned on if there is an active scenario.; hr = 0x800F0975"),
    ("update-reboot", "Error      [0x0f0036] SYSPRP spopk.dll:: There are one or more Windows updates that require a reboot. To run Sysprep, reboot the computer and restart the application.[gle=0x000036b7]"),
    ("rearm-exhausted", "Error      [0x0f0073] SYSPRP RunExternalDlls: SLReArmWindows failed; hr = 0xc004d307"),
    ("invalid-state", "Error      [0x0f0073] SYSPRP RunDlls:Not running DLLs; either the machine is in an invalid state or we couldn't update the recorded state, dwRet = 31"),
    ("mde-onboarded", "Error      SYSPRP Error from RegDeleteValueW for value senseGuid under Windows Advanced Threat Protection; dwRet = 0x5"),
    ("bcd", r"Error      [0x0f0082] SYSPRP LaunchDll:Failure occurred while executing 'C:\Windows\System32\spbcd.dll,Sysprep_Generalize_Bcd', returned error code 2"),
    ("privileges", "Error      [0x0f0048] SYSPRP ValidatePrivileges:User does not have required privileges to sysprep machine"),
    ("appx-remove-failed", "Error      SYSPRP Failed to remove apps for the current user: 0x80070005."),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "line"), CASES, ids=[case[0] for case in CASES])
def test_each_known_cause_is_named(cause: str, line: str) -> None:
    """Every signature is recognized in a line of its published shape, with a sentence and a way out."""
    told = verdict(logs.failed(logs.RUNNING_END, line, logs.module("Sysprep_X", r"C:\Windows\System32\x.dll", "5")))
    assert told.cause_id == cause
    assert told.fix
    assert "{" not in told.sentence


def test_a_failure_while_running_means_the_disk_is_spoiled() -> None:
    """A run that died half-way leaves nothing to use."""
    told = verdict(logs.failed(logs.RUNNING_END, logs.module("Sysprep_Generalize", r"C:\Vendor\v.dll", "7e")))
    assert (told.phase, told.usable, told.cause_id) == ("running", False, "external-dll")
    assert "Sysprep_Generalize from C:\\Vendor\\v.dll" in told.sentence


def test_an_unknown_error_is_quoted() -> None:
    """Where nobody knows the cause, the first error with a bracket code is given as it stands."""
    told = verdict(logs.run("Error      SYSPRP plain words", "Error      [0x0f0099] SYSPRP Something new went wrong"))
    assert told.cause_id == "unknown"
    assert "Something new went wrong" in told.sentence


def test_noise_is_never_a_cause() -> None:
    """A run with nothing but noise that made no tag was cut off, and is said to be."""
    assert verdict(logs.run(*logs.NOISE)).cause_id == "cut-off"


def test_no_log_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    """Without any log the verdict says so; a log that was named and is not there is NotFound."""
    assert verdict(None).cause_id == "no-log"
    assert verdict(b"").cause_id == "no-log"
    assert verdict(None, logs.APPX_FAILURE).cause_id == "appx-not-provisioned"
    with pytest.raises(NotFound):
        verdict(tmp_path / "setupact.log")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_every_encoding_windows_writes_is_read(codec: str) -> None:
    """The same log reads the same in 8-bit, UTF-8 and UTF-16 of both orders, in pieces cut anywhere."""
    text = logs.APPX_FAILURE.decode().replace("properly", "müßig")
    data = text.encode(codec)
    if codec == "utf-16-be":
        data = b"\xfe\xff" + data
    pieces = (data[at : at + 7] for at in range(0, len(data), 7))
    assert verdict(pieces).cause_id == "appx-not-provisioned"
    assert "müßig" in verdict(data).evidence_line


def test_the_ids_of_signatures_are_unique() -> None:
    """One id means one thing."""
    assert len({row.id for row in CAUSES}) == len(CAUSES)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes_give_a_verdict(data: bytes) -> None:
    """Whatever a file called setupact.log holds, reading it ends with a verdict."""
    assert verdict(data).sentence
    assert verdict(logs.SUCCESS + b"\r\n" + data).phase in ("done", "unknown", "running", "pre-validation")


def test_a_log_without_line_ends_takes_no_memory() -> None:
    """A huge line is cut rather than kept."""
    told = history(b"x" * (1 << 20) for _ in range(50))
    assert told.last is not None
    assert told.last.last is not None
    assert len(told.last.last.text) <= 64 * 1024
