"""Sysprep logs in the published shape (docs/facts: windows 1.2, 3.1)."""
# ruff: noqa: E501 -- log lines are kept as they were published

from __future__ import annotations

BEGIN = "Info       SYSPRP ===          Beginning of a new sysprep run          ==="
GOOD_END = (
    r"Info       [0x0f0080] SYSPRP FCreateTagFile:Successfully created tag file C:\Windows\System32\Sysprep\Sysprep_succeeded.tag",
    "Info       [0x0f0052] SYSPRP ProcessShutdown:Successfully called InitiateSystemShutdownEx to shutdown the computer",
)
NOISE = (
    "Error      SYSPRP SPPNP: Failed to queue enumerated driver packages. Err = 0x57",
    r"Error      SYSPRP Unable to uninstall device ROOT\SYSTEM\0001. Err = 0xE0000231",
    "Error      SYSPRP BCD: BiUpdateEfiEntry failed c000000d",
)
PRE_VALIDATION_END = (
    "Error      [0x0f0070] SYSPRP RunDlls:An error occurred while running registry sysprep DLLs, halting sysprep execution. dwRet = 0x{code}[gle=0x{code}]",
    "Error      [0x0f00d8] SYSPRP WinMain:Hit failure while pre-validate sysprep generalize internal providers; hr = 0x8007{code}",
)
RUNNING_END = (
    "Error      [0x0f0070] SYSPRP RunDlls:An error occurred while running registry sysprep DLLs, halting sysprep execution. dwRet = 0x{code}",
    "Error      [0x0f00a8] SYSPRP WinMain:Hit failure while processing sysprep generalize internal providers; hr = 0x8007{code}",
)
APPX = "Microsoft.OneDriveSync_25031.209.3.0_neutral__8wekyb3d8bbwe"


def module(entry: str, dll: str, code: str) -> str:
    return (
        f"Error      [0x0f0082] SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing '{entry}' "
        f"from {dll}; dwRet = 0x{code}[gle=0x00000002]"
    )


def run(
    *lines: str, switches: tuple[str, ...] = ("GENERALIZE", "OOBE", "QUIET", "QUIT"), day: str = "2026-03-20"
) -> bytes:
    """One run: its beginning, the switches, and the lines given."""
    asked = [
        f"Info       [0x0f003d] SYSPRP ParseCommands:Found supported command line option '{name}'" for name in switches
    ]
    frame = "Info       SYSPRP " + "=" * 56
    head = [
        frame,
        BEGIN,
        frame,
        "Info       [0x0f0048] SYSPRP ValidatePrivileges:User has required privileges to sysprep machine",
    ]
    return "".join(f"{day} 15:17:23, {line}\r\n" for line in (*head, *asked, *lines)).encode()


def failed(end: tuple[str, ...], *causes: str, code: str = "3cf2") -> bytes:
    return run(*causes, *(line.format(code=code) for line in end))


SUCCESS = run(*NOISE, *GOOD_END)
APPX_FAILURE = failed(
    PRE_VALIDATION_END,
    f"Error      SYSPRP Package {APPX} was installed for a user, but not provisioned for all users. This package will not "
    "function properly in the sysprep image.",
    "Error      SYSPRP Failed to remove apps for the current user: 0x80073cf2.",
    "Error      SYSPRP Exit code of RemoveAllApps thread was 0x3cf2.",
    module("SysprepGeneralizeValidate", r"C:\Windows\System32\AppxSysprep.dll", "3cf2"),
)
