"""Validation failures that tests switch on, with the words of published logs (docs/facts: windows 3.1)."""

from __future__ import annotations

from .sysprep_log import Failed, Log

PACKAGE = "Microsoft.WidgetsPlatformRuntime_1.6.9.0_x64__8wekyb3d8bbwe"


def validate(log: Log, section: str, fault: object) -> None:
    """Raise Failed where the fault belongs to the validation of this section."""
    if section == "cleanup":
        if fault == "reserved-storage":
            log.error(None, "Sysprep_Clean_Validate_Opk: Audit mode cannot be turned on if reserved storage "
                      "is in use. An update or servicing operation may be using reserved storage.; "
                      "hr = 0x800F0975")  # fmt: skip
            raise Failed(section, "Sysprep_Clean_Validate_Opk", "spopk.dll", 0x80070975, 0x975, running=False)
        if fault == "active-scenario":
            log.error(None, "Sysprep_Clean_Validate_Opk: Audit mode can't be turned on if there is an active "
                      "scenario.; hr = 0x800F0975")  # fmt: skip
            raise Failed(section, "Sysprep_Clean_Validate_Opk", "spopk.dll", 0x80070975, 0x975, running=False)
        if fault == "update-reboot":
            log.error(None, "Sysprep_Clean_Validate_Opk: There are one or more Windows updates that require a "
                      "reboot. To run Sysprep, reboot the computer and restart the application. "
                      "[gle=0x000036b7]")  # fmt: skip
            raise Failed(section, "Sysprep_Clean_Validate_Opk", "spopk.dll", 0x8007139F, 0x139F, running=False)
        return
    if fault == "bitlocker":
        log.error("0x0f0036", "BitLocker-Sysprep: BitLocker is on for the OS volume. Turn BitLocker off to run "
                  "Sysprep. (0x80310039)")  # fmt: skip
        raise Failed(section, "ValidateBitLockerState", "BdeSysprep.dll", 0x80310039, 0x80310039, running=False)
    if fault == "appx-service":  # anything but 0x80073cf2 is trouble of the service; ERROR_SERVICE_DISABLED here
        log.error(None, "Failed to remove apps for the current user: 0x80070422.")
        log.error(None, "Exit code of RemoveAllApps thread was 0x422.")
        raise Failed(section, "SysprepGeneralizeValidate", "AppxSysprep.dll", 0x80070422, 0x422, running=False)
    if fault == "appx":
        log.error(None, f"Package {PACKAGE} was installed for a user, but not provisioned for all users. This package "
                  "will not function properly in the sysprep image.")  # fmt: skip
        log.error(None, "Failed to remove apps for the current user: 0x80073cf2.")
        log.error(None, "Exit code of RemoveAllApps thread was 0x3cf2.")
        raise Failed(section, "SysprepGeneralizeValidate", "AppxSysprep.dll", 0x80073CF2, 0x3CF2, running=False)


def failure_while_running(log: Log, fault: object) -> Failed | None:
    """The failure of a provider that is called once something was changed; None for any other fault."""
    if fault == "mde-onboarded":
        log.error(None, "Error from RegDeleteValueW for value senseGuid under key "
                  "SOFTWARE\\Microsoft\\Windows Advanced Threat Protection; dwRet = 0x5")  # fmt: skip
        return Failed("generalize", "Sysprep_Generalize_Sense", "SenseSysprep.dll", 0x80070005, 0x5, running=True)
    if fault == "bcd":
        part = "C:\\Windows\\System32\\spbcd.dll,Sysprep_Generalize_Bcd"
        log.error("0x0f0082", f"LaunchDll:Failure occurred while executing '{part}', returned error code 2"
                  "[gle=0x00000012]")  # fmt: skip
        log.error("0x0f0070", "RunExternalDlls:An error occurred while running registry sysprep DLLs, halting sysprep "
                  "execution. dwRet = 2[gle=0x00000012]")  # fmt: skip
        return Failed("generalize", None, None, 0x80070002, 0x2, running=True)
    if fault == "external-dll":
        log.error(None, "RunExternalDlls:An error occurred while running registry sysprep DLLs, halting sysprep "
                  "execution. dwRet = 0x7e")  # fmt: skip
        return Failed("generalize", "Generalize", "acmeprep.dll", 0x8007007E, 0x7E, running=True)
    return None
