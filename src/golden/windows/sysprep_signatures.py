"""
What sysprep's log lines mean, as data. docs/facts: windows 3.1, where each row names the public reports it is from.

Order matters twice: the first signature of the table that fits a line names it, and among a run's error lines the
first that carries a *specific* signature is the cause, since the last lines only repeat where it was noticed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property


@dataclass(frozen=True, eq=False, repr=False)
class Signature:
    """One known message: how to recognize it, what it means, what to do."""

    id: str
    words: str
    """A regular expression, in any case; compiled only when a line has to be judged."""
    sentence: str
    """What is wrong; ``{0}`` is the first group of the pattern."""
    fix: str = ""
    generic: bool = False
    """It says where sysprep failed, not why; used only where nothing specific is known."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a line must hold."""
        return re.compile(self.words, re.IGNORECASE)


def _row(id_: str, words: str, sentence: str, fix: str = "", *, generic: bool = False) -> Signature:
    return Signature(id_, words, sentence, fix, generic)


PRIVILEGES = "sysprep was not started with an administrator's full rights"
NAME_AN_ADMINISTRATOR = "name an administrator in golden.toml: [references.NAME.guest] account"

NOISE: tuple[Signature, ...] = (
    _row(
        "noise-pnp",
        r"SPPNP: Failed to queue enumerated driver packages\. Err = 0x57|Unable to uninstall device ROOT\\",
        "a device without a driver package was left alone",
    ),
    _row(
        "noise-bcd-efi",
        r"BCD: Bi(UpdateEfiEntry|ExportBcdObjects|ExportStoreAlterationsToEfi) failed c000000d"
        r"|Failed to export alterations to firmware",
        "the virtual firmware refused a boot entry",
    ),
)
"""Lines that good runs contain as well; never a cause."""

CAUSES: tuple[Signature, ...] = (
    _row(
        "appx-not-provisioned",
        r"Package (\S+) was installed for a user, but not provisioned for all users"
        r"|(?:apps for the current user: |RemoveAllApps thread was )0x(?:8007)?3cf2",
        "the app package {0} is installed for one user but not provisioned for all users",
        "remove the package for every user (Remove-AppxPackage -AllUsers) or provision it, and keep the guest off "
        "the network so that it does not come back",
    ),
    _row(
        "bitlocker",
        r"BitLocker is on for the OS volume|ValidateBitLockerState|0x80310039",
        "the system volume is encrypted with BitLocker; sysprep wants it fully decrypted, not only suspended",
        "manage-bde -off C:, wait until it says FullyDecrypted, and set PreventDeviceEncryption",
    ),
    _row(
        "active-scenario",
        r"Audit mode can(?:no|')t be turned on if there is an active scenario",
        "Windows servicing is still at work (an active scenario holds the reserved storage)",
        "let the updates end, restart the guest, and capture again",
    ),
    _row(
        "reserved-storage",
        r"Audit mode cannot be turned on if reserved storage is in use|0x800F0975|0x80070975|dwRet = 0x975\b",
        "Windows servicing is still at work (reserved storage is in use)",
        "let the updates end, restart the guest, and capture again",
    ),
    _row(
        "update-reboot",
        r"There are one or more Windows updates that require a reboot",
        "a Windows update waits for a restart",
        "golden update with a change that restarts the guest, then capture again",
    ),
    _row(
        "rearm-exhausted",
        r"SLReArmWindows|0xc004d307|-1073425657",
        "the number of times this Windows may be rearmed is used up",
        "no setting brings it back: install the reference anew, and generalize clones only",
    ),
    _row(
        "invalid-state",
        r"Not running DLLs; either the machine is in an invalid state|dwRet = (?:31|0x1f)\b",
        "an earlier sysprep died half-way and left this system unusable for another",
        "discard this disk; go back to a version from before",
    ),
    _row(
        "mde-onboarded",
        r"Error from RegDeleteValueW for value senseGuid|Windows Advanced Threat Protection.*dwRet = 0x5\b",
        "the registry of Defender for Endpoint is protected; most likely the guest is onboarded",
        "offboard the guest; a reference should never be onboarded",
    ),
    _row(
        "bcd",
        r"spbcd\.dll,Sysprep_Generalize_Bcd', returned error code 2\b",
        "sysprep cannot reach the boot configuration (system partition offline, or a foreign boot manager)",
        "make sure the system partition is online and holds Windows' own boot store",
    ),
    _row(
        "specialize-parse",
        r"Windows could not parse or process the unattend answer file for pass \[(\w+)\]",
        "Windows cannot use the answer file in the pass {0}",
        "check the answer file against this edition and architecture of Windows",
    ),
    _row(
        "privileges",
        r"(?:ValidateUser|ValidatePrivileges)\b(?!.*User has required privileges).*(?:fail|not|required)",
        PRIVILEGES,
        NAME_AN_ADMINISTRATOR,
    ),
    _row(
        "appx-remove-failed",
        r"Failed to remove apps for the current user: (0x[0-9a-f]+)|Exit code of RemoveAllApps thread was (\S+)",
        "the app deployment service failed while removing apps ({0})",
        "look for a package of this user that is not provisioned, and for a stopped AppX deployment service",
    ),
    _row(
        "external-dll",
        r"(?:Failure occurred while executing '([^']+)'|RunExternalDlls|RunDlls)",
        "a part of sysprep failed: {0}",
        "the part's name says whose it is; a third party's is removed with its product",
        generic=True,
    ),
)
"""Lines that name why sysprep failed."""

WARNINGS: tuple[Signature, ...] = (
    _row(
        "pending-rename",
        r"WinMain: ?File operations pending",
        "files wait to be renamed at the next start; sysprep goes on all the same",
        "restart the guest before the next capture where something is not as it should be",
    ),
)
"""Lines that are worth a word and never stop a run."""


@cache
def module() -> re.Pattern[str]:
    """The line that always names the failing provider: entry point, DLL, code."""
    return re.compile(r"Failure occurred while executing '([^']+)' from (\S+?);? dwRet = (\S+)", re.IGNORECASE)
