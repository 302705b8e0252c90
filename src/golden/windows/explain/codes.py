"""
What the codes of Windows' installers mean. docs/facts: windows 5.1 to 5.6.

``confirmed`` is False for what those facts mark [K]; such a meaning is given as a hint.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Code(NamedTuple):
    """One code."""

    name: str
    sentence: str
    fix: str
    confirmed: bool


_RESTART = "restart the guest and apply it again"
_SOURCE = "give the files with the change: mount the media's sources folder, or use the complete .cab"
_SIGNED = "take the package as the vendor signed it; its certificate may have to be in TrustedPublisher first"
_STORE = "DISM /Online /Cleanup-Image /RestoreHealth in a clone, or go back to a version from before"

_CONFIRMED = {
    "0x80240017": ("WU_E_NOT_APPLICABLE", "the update is not meant for this Windows", "take the one that is"),
    "1602": ("ERROR_INSTALL_USEREXIT", "the installation was cancelled", ""),
    "1603": ("ERROR_INSTALL_FAILURE", "a fatal error during installation", ""),
    "1605": ("ERROR_UNKNOWN_PRODUCT", "the product is not installed", ""),
    "1618": ("ERROR_INSTALL_ALREADY_RUNNING", "another installation was running", "apply it again"),
}
_UNCONFIRMED = {
    "0xe000022f": ("no catalog", "the driver package has no catalog for this Windows", _SIGNED),
    "0xe0000228": ("no compatible drivers", "the driver names no device of this machine", ""),
    "0xe0000242": ("publisher not trusted", "the driver's publisher is not trusted on this machine", _SIGNED),
    "0xe0000247": ("driver store add failed", "the driver's signature was not accepted", _SIGNED),
    "0xe0000248": ("blocked by policy", "a policy forbids to install this device", "change the policy"),
    "0x800b0109": (
        "CERT_E_UNTRUSTEDROOT",
        "the signature leads to a root certificate this machine does not trust",
        _SIGNED,
    ),
    "0x800f081e": ("CBS_E_NOT_APPLICABLE", "the package is not meant for this Windows", "take the one that is"),
    "0x800f081f": ("CBS_E_SOURCE_MISSING", "the source files could not be found", _SOURCE),
    "0x800f0823": (
        "CBS_E_NEW_SERVICING_STACK_REQUIRED",
        "it needs a newer servicing stack first",
        "add the servicing stack update before it",
    ),
    "0x800f0831": ("CBS_E_STORE_CORRUPTION", "an earlier package is missing or damaged", _STORE),
    "0x800f0906": ("CBS_E_DOWNLOAD_FAILURE", "the source files could not be downloaded", _SOURCE),
    "0x800f0922": (
        "CBS_E_INSTALLERS_FAILED",
        "a part of the package failed while it was installed",
        "free room in the system partition, and look above this line for the part",
    ),
    "0x800f0950": ("CBS_E_INVALID_WINDOWS_UPDATE_COUNT", "no source offers this capability", _SOURCE),
    "0x800f0954": (
        "blocked by the update server's policy",
        "a WSUS policy keeps features on demand from being fetched",
        "give the files with the change, or lift the policy",
    ),
    "0x80073712": ("ERROR_SXS_COMPONENT_STORE_CORRUPT", "the component store is damaged", _STORE),
    "0x80070bc9": ("ERROR_FAIL_REBOOT_REQUIRED", "an earlier change waits for a restart", _RESTART),
    "0x80070005": (
        "E_ACCESSDENIED",
        "access was denied; servicing refuses a remote sign-in",
        "apply it as local work (golden does)",
    ),
    "1619": ("ERROR_INSTALL_PACKAGE_OPEN_FAILED", "the package cannot be opened", "check the file"),
    "1620": ("ERROR_INSTALL_PACKAGE_INVALID", "this is no valid package", "check the file"),
    "1625": ("ERROR_INSTALL_PACKAGE_REJECTED", "a policy forbids this installation", "change the policy"),
    "1633": ("ERROR_INSTALL_PLATFORM_UNSUPPORTED", "the package is for another platform", ""),
    "1638": ("ERROR_PRODUCT_VERSION", "another version of the product is installed", "remove it first"),
}
CODES: dict[str, Code] = {
    **{code: Code(*row, confirmed=True) for code, row in _CONFIRMED.items()},
    **{code: Code(*row, confirmed=False) for code, row in _UNCONFIRMED.items()},
}
_HEX = re.compile(r"\b0x([0-9a-f]{8})\b", re.IGNORECASE)
_NAMED = re.compile(r"\[HRESULT = 0x[0-9a-f]{8} - (\w+)\]", re.IGNORECASE)
_NOTHING = {"0x00000000", "0x00000001"}


def code_in(text: str) -> str:
    """The code of a line, in lower case; empty where it has none or one that means success."""
    return next((code for code in (f"0x{found.lower()}" for found in _HEX.findall(text)) if code not in _NOTHING), "")


def name_in(text: str) -> str:
    """The name that the line itself gives to its code."""
    met = _NAMED.search(text)
    return met.group(1) if met and not met.group(1).startswith("Unknown") else ""


def meaning(code: str, text: str = "") -> Code:
    """What a code means; where nobody knows, its name from the line and nothing else."""
    return CODES.get(code) or Code(name_in(text), "", "", confirmed=True)
