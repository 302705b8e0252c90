"""What each kind of log tells of a failure (docs/facts: windows 0.2, 1.2, 3.1, 5)."""
# ruff: noqa: E501 -- log lines are kept as they were published

from __future__ import annotations

import pytest

from golden.windows.explain import msi, servicing, setup, setupapi, sysprep
from golden.windows.explain.nouns import Told
from golden.windows.sysprep_signatures import CAUSES
from tests.unit.windows import logs

LAUNCH = logs.module("Sysprep_Clean_Validate_Opk", r"C:\Windows\System32\spopk.dll", "139f")
CLASSES = {
    "appx-not-provisioned": (
        f"Error      SYSPRP Package {logs.APPX} was installed for a user, but not provisioned for all users. This package will not function properly in the sysprep image.",
        "Microsoft.OneDriveSync",
        "",
    ),
    "bitlocker": (
        "Error      [0x0f0036] SYSPRP BitLocker-Sysprep: BitLocker is on for the OS volume. Turn BitLocker off to run Sysprep. (0x80310039)",
        "",
        "",
    ),
    "reserved-storage": (
        "Error      SYSPRP Sysprep_Clean_Validate_Opk: Audit mode cannot be turned on if reserved storage is in use. An update or servicing operation may be using reserved storage.; hr = 0x800F0975",
        "",
        "0x800f0975",
    ),
    "active-scenario": (
        "Error      SYSPRP Sysprep_Clean_Validate_Opk: Audit mode can't be turned on if there is an active scenario.; hr = 0x800F0975",
        "",
        "0x800f0975",
    ),
    "update-reboot": (
        "Error      [0x0f0036] SYSPRP spopk.dll:: There are one or more Windows updates that require a reboot. To run Sysprep, reboot the computer and restart the application.[gle=0x000036b7]",
        "",
        "",
    ),
    "rearm-exhausted": (
        "Error      [0x0f0073] SYSPRP RunExternalDlls: SLReArmWindows failed; hr = 0xc004d307",
        "",
        "0xc004d307",
    ),
    "invalid-state": (
        "Error      [0x0f0073] SYSPRP RunDlls:Not running DLLs; either the machine is in an invalid state or we couldn't update the recorded state, dwRet = 31",
        "",
        "31",
    ),
    "mde-onboarded": (
        "Error      SYSPRP Error from RegDeleteValueW for value senseGuid under Windows Advanced Threat Protection; dwRet = 0x5",
        "",
        "0x5",
    ),
    "bcd": (
        r"Error      [0x0f0082] SYSPRP LaunchDll:Failure occurred while executing 'C:\Windows\System32\spbcd.dll,Sysprep_Generalize_Bcd', returned error code 2",
        "",
        "",
    ),
    "privileges": (
        "Error      [0x0f0048] SYSPRP ValidatePrivileges:User does not have required privileges to sysprep machine",
        "",
        "",
    ),
    "appx-remove-failed": ("Error      SYSPRP Failed to remove apps for the current user: 0x80070005.", "", ""),
    "external-dll": (
        r"Error      [0x0f0082] SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing 'Sysprep_Generalize' from C:\Vendor\v.dll; dwRet = 0x7e",
        "Sysprep_Generalize from C:\\Vendor\\v.dll",
        "0x7e",
    ),
}
"""One line of each class of facts 3.1 that sysprep itself logs, what is to blame, and the code."""


def only(told: Told) -> object:
    assert len(told.causes) == 1
    return told.causes[0]


def test_every_signature_of_the_facts_has_a_sample() -> None:
    """No class that golden knows is without a test; a first boot's has its own below."""
    assert {row.id for row in CAUSES} == {*CLASSES, "specialize-parse"}


@pytest.mark.parametrize("shape", ["panther", "reprint", "utf-16", "errors only"])
@pytest.mark.parametrize("cause", CLASSES)
def test_each_class_is_named_in_every_shape_of_the_log(cause: str, shape: str) -> None:
    """The cause is named as Panther writes it, as ConfigMgr reprints it, in UTF-16, and from setuperr.log alone."""
    line, blame, code = CLASSES[cause]
    log = logs.failed(logs.PRE_VALIDATION_END, *logs.NOISE, line, LAUNCH)
    if shape == "reprint":
        log = logs.reprinted(log)
    elif shape == "utf-16":
        log = log.decode().encode("utf-16")
    elif shape == "errors only":
        log = b"".join(row for row in log.splitlines(keepends=True) if b", Error" in row)
    told = sysprep.read(log, "setupact.log")
    found = told.causes[0]
    assert (told.verdict, found.id) == ("failed", cause)
    assert told.phase == "pre-validation"
    assert found.evidence[0].file == "setupact.log"
    assert line[line.index("SYSPRP") + 7 :][:60] in found.evidence[0].text
    assert found.fix
    assert "{" not in found.sentence
    if blame:
        assert found.blame == blame
    if code:
        assert found.code == code


@pytest.mark.parametrize("cause", CLASSES)
def test_each_class_says_whether_the_machine_is_usable(cause: str) -> None:
    """What was refused beforehand left the machine as it was; what died half-way, or says so, spoiled it."""
    line, _blame, _code = CLASSES[cause]
    early = sysprep.read(logs.failed(logs.PRE_VALIDATION_END, line), "a.log")
    late = sysprep.read(logs.failed(logs.RUNNING_END, line), "a.log")
    assert early.machine == ("spoiled" if cause == "invalid-state" else "untouched")
    assert late.machine == "spoiled"
    assert late.phase == "running"


def test_lines_are_numbered_as_an_editor_counts_them() -> None:
    """Evidence names the line, in any encoding, with everything before it."""
    log = logs.SUCCESS + logs.failed(logs.PRE_VALIDATION_END, CLASSES["bitlocker"][0])
    wanted = next(n for n, row in enumerate(log.decode().splitlines(), 1) if "BitLocker is on" in row)
    for data in (log, log.decode().encode("utf-16"), log.replace(b"\r\n", b"\n")):
        assert sysprep.read(data, "a.log").causes[0].evidence[0].line == wanted


def test_every_package_is_named() -> None:
    """Where several packages are in the way, all of them are."""
    lines = [
        f"Error      SYSPRP Package {name}_1.0.0.0_x64__8wekyb3d8bbwe was installed for a user, but not provisioned for all users."
        for name in ("Microsoft.Winget.Source", "NotepadPlusPlus", "Microsoft.Copilot")
    ]
    found = sysprep.read(logs.failed(logs.PRE_VALIDATION_END, *lines), "a.log").causes[0]
    assert found.blame == "Microsoft.Winget.Source, NotepadPlusPlus, Microsoft.Copilot"


def test_a_package_the_log_does_not_name_is_not_made_up() -> None:
    """Code 3cf2 alone means a package that is not provisioned, and that is said without a name."""
    line = "Error      SYSPRP Failed to remove apps for the current user: 0x80073cf2."
    found = sysprep.read(logs.failed(logs.PRE_VALIDATION_END, line), "a.log").causes[0]
    assert (found.id, found.blame) == ("appx-not-provisioned", "")
    assert "does not name it" in found.sentence


def test_without_the_word_that_the_user_has_the_rights_it_had_not() -> None:
    """A run that never says so did not get past that test (facts 3.1), and a run that does is not accused."""
    log = logs.run("Error      [0x0f0099] SYSPRP WinMain:The sysprep dialog box returned FALSE")
    without = b"".join(row for row in log.splitlines(keepends=True) if b"required privileges" not in row)
    assert sysprep.read(without, "a.log").causes[0].id == "privileges"
    assert sysprep.read(log, "a.log").causes[0].id == "unknown"


def test_a_run_cut_off_at_its_beginning_is_not_accused() -> None:
    """A log that ends with its frame was cut off before sysprep could say whether the user has the rights."""
    whole = logs.run().splitlines(keepends=True)
    for most in (2, 3):
        told = sysprep.read(b"".join(whole[:most]), "a.log")
        assert (told.verdict, told.causes[0].id) == ("cut-off", "cut-off")


def test_noise_is_counted_and_never_a_cause() -> None:
    """Error lines of good runs are passed over in a failed run, too, and pending renames are a warning only."""
    rename = "Warning    [0x0f00c4] SYSPRP WinMain: File operations pending"
    told = sysprep.read(logs.failed(logs.PRE_VALIDATION_END, *logs.NOISE, rename, CLASSES["bitlocker"][0]), "a.log")
    assert (told.noise, told.causes[0].id) == (3, "bitlocker")
    assert [warning.id for warning in told.warnings] == ["pending-rename"]
    good = sysprep.read(logs.run(rename, *logs.NOISE, *logs.GOOD_END), "a.log")
    assert (good.verdict, good.causes, good.machine) == ("succeeded", (), "sealed")


def test_a_first_boot_that_cannot_use_its_answer_file() -> None:
    """The pass is named; any other error line of a first boot is no failure."""
    told = setup.read(
        logs.panther("Error                 [0x060435] IBS    Callback_Something: minor trouble", logs.PARSE_FAILURE),
        "s.log",
    )
    found = told.causes[0]
    assert (told.verdict, told.phase, found.id) == ("failed", "specialize", "specialize-parse")
    assert "specialize" in found.sentence
    assert found.evidence[0].line == 3
    assert (
        setup.read(logs.panther("Error                 [0x060435] IBS    minor trouble"), "s.log").verdict
        == "nothing-found"
    )


def test_a_first_boot_that_died_in_a_provider_names_it() -> None:
    """Setup calls sysprep's providers in the specialize pass; the one that failed is to blame."""
    told = setup.read(logs.panther(*logs.FIRST_BOOT, *logs.SPECIALIZE_FAILURE), "s.log")
    assert (told.verdict, told.machine, told.causes[0].id) == ("failed", "spoiled", "specialize-part")
    assert told.causes[0].blame == "Sysprep_Specialize_Bcd from C:\\Windows\\System32\\spbcd.dll"
    assert setup.read(logs.panther(*logs.FIRST_BOOT), "s.log").verdict == "nothing-found"


def test_a_profile_that_was_not_copied_is_a_warning() -> None:
    """CopyProfile's failure is told and stops nothing."""
    told = setup.read(
        logs.panther("Info                  [shell unattend] CopyProfile failed with error 0x80070005"), "s.log"
    )
    assert [(warning.id, warning.confirmed) for warning in told.warnings] == [("copy-profile", False)]
    assert (
        setup.read(logs.panther("Info                  [shell unattend] CopyProfile succeeded."), "s.log").warnings
        == ()
    )


def test_a_driver_that_was_refused_is_named_with_its_code() -> None:
    """The INF, the code with its name, and the error entries of its section."""
    told = setupapi.read(logs.DEVICE_LOG_HEAD + logs.driver("netx.inf", logs.UNSIGNED), "setupapi.dev.log")
    found = only(told)
    assert (told.verdict, told.phase) == ("failed", "driver")
    assert (found.blame, found.code, found.confirmed) == ("netx.inf", "0xe0000247", False)  # type: ignore[attr-defined]
    assert [quote.line for quote in found.evidence] == [5, 10, 12]  # type: ignore[attr-defined]


def test_a_driver_that_went_in_later_is_no_failure() -> None:
    """Only what was not mended is told, the last one first."""
    log = (
        logs.DEVICE_LOG_HEAD
        + logs.driver("a.inf")
        + logs.driver("b.inf")
        + logs.driver("c.inf")
        + logs.driver("b.inf", code="")
    )
    assert [cause.blame for cause in setupapi.read(log, "x").causes] == ["c.inf", "a.inf"]
    assert setupapi.read(logs.DEVICE_LOG_HEAD + logs.driver("b.inf", code=""), "x").verdict == "succeeded"


def test_a_code_nobody_knows_is_told_with_the_words_of_the_log() -> None:
    """An unknown driver error quotes the section's last error entry."""
    found = only(setupapi.read(logs.driver("b.inf", "The thing went wrong", code="0xe0001234"), "x"))
    assert "The thing went wrong" in found.sentence  # type: ignore[attr-defined]
    assert found.code_name == ""  # type: ignore[attr-defined]


def test_an_update_that_failed_is_named() -> None:
    """The package of the last session, its code, and the name the log itself gives to the code."""
    told = servicing.cbs(logs.CBS_FAILURE, "CBS.log")
    found = only(told)
    assert (told.verdict, told.phase) == ("failed", "servicing")
    assert (found.blame, found.code, found.code_name) == (logs.ROLLUP, "0x800f0922", "CBS_E_INSTALLERS_FAILED")  # type: ignore[attr-defined]
    assert 4 in [quote.line for quote in found.evidence]  # type: ignore[attr-defined]


def test_only_the_last_session_counts() -> None:
    """A session that ended well is told as such, whatever went wrong before or on its way."""
    good = logs.session("Package_for_KB1~x~amd64~~1.0", "CBS    Failed to pin deployment. [HRESULT = 0x80070002]")
    assert servicing.cbs(logs.CBS_FAILURE + good, "CBS.log").verdict == "succeeded"
    assert servicing.cbs(good + logs.CBS_FAILURE, "CBS.log").verdict == "failed"
    assert (
        servicing.cbs(b"2026-03-20 15:30:00, Info                  CBS    Starting\r\n", "CBS.log").verdict
        == "nothing-found"
    )


def test_dism_names_what_it_was_asked_for() -> None:
    """The feature or package of its command line; its warnings about providers are in every run."""
    failed = logs.dism(
        "/online /enable-feature /featurename:NetFx3 /all",
        "Failed finalizing changes. - CDISMPackageManager::Internal_Finalize(hr:0x800f081f)",
        "Failed while processing command enable-feature. - CPackageManagerCLIHandler::ExecuteCmdLine(hr:0x800f081f)",
        code="0x800f081f",
        beside=(logs.DISM_PROVIDER,),
    )
    found = only(servicing.dism(failed, "dism.log"))
    assert (found.blame, found.code, found.code_name) == ("NetFx3", "0x800f081f", "CBS_E_SOURCE_MISSING")  # type: ignore[attr-defined]
    assert not found.confirmed  # type: ignore[attr-defined]
    assert servicing.dism(failed + logs.dism("/online /get-features"), "dism.log").verdict == "succeeded"


def test_errors_of_a_session_that_ended_well_are_no_failure() -> None:
    """A provider that was not loaded is an error line, and the call did what it was asked for (as public logs show)."""
    listed = logs.dism("/online /get-packages", beside=(logs.DISM_PROVIDER,))
    assert servicing.dism(listed, "dism.log").verdict == "succeeded"
    assert servicing.dism(logs.CBS_FAILURE, "dism.log").verdict == "nothing-found"
    late = b"2026-03-20 15:31:00, Error                 CBS    Failed to get state [HRESULT = 0x80070490 - ERROR_NOT_FOUND]\r\n"
    good = logs.session("Package_for_KB1~x~amd64~~1.0")
    assert servicing.cbs(good + late, "CBS.log").verdict == "succeeded"
    assert servicing.cbs(late, "CBS.log").verdict == "nothing-found"


@pytest.mark.parametrize("end", ["DISM.EXE", "command", "API"])
def test_what_dism_came_to_is_read_from_its_own_words(end: str) -> None:
    """The program's last word, the command's, or that of the interface PowerShell uses; a provider's error names why."""
    why = "Failed finalizing changes. - CDISMPackageManager::Internal_Finalize(hr:0x800f081f)"
    asked = "/online /add-package /packagepath:C:\\a.cab"
    if end == "DISM.EXE":
        log = logs.dism(asked, why, code="0x800f081f")
    elif end == "command":
        told = "Failed while processing command add-package. - CPackageManagerCLIHandler::ExecuteCmdLine(hr:0x800f081f)"
        log = logs.dism(asked, why, told)
    else:
        whole = (
            "Info                  DISM   API: PID=1 TID=2 DismApi.dll: <----- Starting DismApi.dll session -----> - DismInitializeInternal",
            f"Error                 DISM   DISM Package Manager: PID=1 TID=2 {why}",
            "Error                 DISM   API: PID=1 TID=2 CAddPackageCommandObject internal execution failed - DismAddPackageInternal(hr:0x800f081f)",
        )
        log = "".join(f"2026-03-20 15:31:00, {line}\r\n" for line in whole).encode()
    told = servicing.dism(logs.dism("/online /get-features") + log, "dism.log")
    assert (told.verdict, told.causes[0].code) == ("failed", "0x800f081f")
    assert told.causes[0].blame == ("" if end == "API" else "a.cab")
    assert any("CDISMPackageManager" in quote.text for quote in told.causes[0].evidence)


def test_an_installer_names_its_first_failing_action() -> None:
    """The innermost action with return value 3, the installer's own words, and never a property's secret."""
    found = only(msi.read(logs.MSI_FAILURE, "agent.log"))
    assert (found.blame, found.code) == ("Example Agent", "1603")  # type: ignore[attr-defined]
    assert "StartServices" in found.sentence  # type: ignore[attr-defined]
    assert "Service 'Example' failed to start" in found.sentence  # type: ignore[attr-defined]
    assert "Sommer2026" not in str(found)
    assert msi.read(logs.msi("Example Agent", code=3010), "agent.log").verdict == "succeeded"


def test_secrets_and_controls_of_a_log_are_not_printed() -> None:
    """A password in an error line is starred out, and what would steer a terminal is taken out."""
    line = "Error      [0x0f0099] SYSPRP it failed with PASSWORD=hunter2 \x1b]0;owned\x07 'secret': \"a b\""
    told = str(sysprep.read(logs.run(line), "a.log"))
    typed = logs.dism(
        "/online /add-package /packagepath:a.cab -AdminPassword hunter2 -PasswordNever 1", code="0x800f081e"
    )
    told += str(servicing.dism(typed, "dism.log"))
    assert "a.cab" in told
    assert "-PasswordNever 1" in told
    assert "hunter2" not in told
    assert "a b" not in told
    assert "\x1b" not in told
    assert "\x07" not in told
