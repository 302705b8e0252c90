"""Sysprep logs in the published shape (docs/facts: windows 1.2, 3.1)."""
# ruff: noqa: E501 -- log lines are kept as they were published

from __future__ import annotations

import re

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


def reprinted(log: bytes) -> bytes:
    """The same as ConfigMgr reprints it: the month first, no level, the bracket code as a thread's number."""
    found = []
    for line in log.decode().splitlines():
        met = re.match(r"(\d{4})-(\d\d)-(\d\d) (\S+), \w+ +(?:\[(0x\w+)\] +)?SYSPRP (.*)", line)
        assert met is not None, line
        year, month, day, clock, code, message = met.groups()
        thread = int(code or "0", 16)
        found.append(f"{month}-{day}-{year} {clock}.000 SYSPRP {thread} ({thread:#x}) {message}\r\n")
    return "".join(found).encode()


def panther(*lines: str, day: str = "2026-03-21") -> bytes:
    """A log of a first boot."""
    head = ("Info                  [setup.exe] [Action Queue] : Unattend action queue started",)
    return "".join(f"{day} 09:00:01, {line}\r\n" for line in (*head, *lines)).encode()


FIRST_BOOT = (
    "Info                         [setup.exe] CheckRegKey Reg get value (AllowDiskPartitionChanges) failed. with error 0x2",
    "Info                  SYSPRP PoSetupRestoreCustomizedPowerSettings, Error = 0",
    "Error                 SYSPRP BCD: BiCreateMergedBootEntry failed c0000225",
    "Error                        [setup.exe] Winre not found",
    "Info       [0x0601a4] IBS    LoadWorkerModules:Successfully added worker module ErrorHandler in winsetup.dll",
)
"""Lines of first boots (unattend-generator#453); sysprep's providers write into this log, too, in good ones as well."""
SPECIALIZE_FAILURE = (
    r"Error      [0x0f0082] SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing 'Sysprep_Specialize_Bcd' from C:\Windows\System32\spbcd.dll; dwRet = 0x2",
    r"Error                 SYSPRP SysprepSession::Execute: Error in executing actions from C:\Windows\System32\Sysprep\ActionFiles\Specialize.xml; dwRet = 0x2",
)
"""The end of a first boot that died (rufus#432)."""
PARSE_FAILURE = (
    "Error                 [setup.exe] Windows could not parse or process the unattend answer file for pass [specialize]. "
    "The settings specified in the answer file cannot be applied."
)


def driver(inf: str, *errors: str, code: str = "0xe0000247", at: str = "2026/03/20 15:20:00.000") -> bytes:
    """One section of setupapi.dev.log; without a code it ended well."""
    body = [
        f">>>  [Setup Import Driver Package - C:\\Drivers\\{inf}]",
        f">>>  Section start {at}",
        "      cmd: C:\\Windows\\System32\\pnputil.exe /add-driver C:\\Drivers\\" + inf,
        "     sto: {Setup Import Driver Package: enter}",
        "!    sig:                Verifying file against specific (valid) catalog failed.",
        *(f"!!!  sto:           {error}" for error in errors),
        f"<<<  Section end {at}",
        f"<<<  [Exit status: FAILURE({code})]" if code else "<<<  [Exit status: SUCCESS]",
    ]
    return ("\r\n".join(body) + "\r\n\r\n").encode()


DEVICE_LOG_HEAD = b"[Device Install Log]\r\n     OS Version = 10.0.26100\r\n     Architecture = amd64\r\n\r\n"
UNSIGNED = "Driver package failed signature verification. Error = 0xE0000247"


def session(package: str, *errors: str, code: str = "0x00000000", name: str = "S_OK", day: str = "2026-03-20") -> bytes:
    """One session of CBS.log."""
    lines = [
        f"Info                  CBS    Exec: Processing started.  Session: 31146322_2207785418, Package: {package}",
        "Info                  CSI    00000001 Loading user account SID",
        *(f"Error                 {error}" for error in errors),
        f"Info                  CBS    Exec: Processing complete.  Session: 31146322_2207785418, Package: {package} "
        f"[HRESULT = {code} - {name}]",
    ]
    return "".join(f"{day} 15:30:00, {line}\r\n" for line in lines).encode()


ROLLUP = "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.4061.1.12"
CBS_FAILURE = session(
    ROLLUP,
    "CSI    0000002b (F) Failed execution of queue item Installer: AppX registration installer",
    "CBS    Failed to process single phase execution. [HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]",
    code="0x800f0922",
    name="CBS_E_INSTALLERS_FAILED",
)


DISM_PROVIDER = (
    "Error                 DISM   DISM Provider Store: PID=4412 TID=4416 Failed to load the provider: "
    "C:\\Windows\\System32\\Dism\\MetaDeployProvider.dll. - CDISMProviderStore::Internal_GetProvider(hr:0x8007007e)"
)
"""An error line of a session that ends well all the same."""


def dism(command: str, *errors: str, day: str = "2026-03-20", code: str = "", beside: tuple[str, ...] = ()) -> bytes:
    """
    One call of DISM as dism.log tells it; with a ``code`` it ends as public logs of failed calls do. ``beside`` are
    whole lines of its providers.
    """
    ended = (
        f"Error                 DISM   DISM.EXE: DISM Package Manager processed the command line but failed. "
        f"HRESULT={code.removeprefix('0x').upper()}",
    )
    lines = [
        "Info                  DISM   DISM.EXE: <----- Starting Dism.exe session ----->",
        f"Info                  DISM   DISM.EXE: Executing command line: dism.exe {command}",
        "Warning               DISM   DISM Provider Store: PID=4412 TID=4416 Failed to load the provider: "
        "C:\\Windows\\System32\\Dism\\SiloedPackageProvider.dll. - CDISMProviderStore::Internal_GetProvider(hr:0x8007007e)",
        *beside,
        *(f"Error                 DISM   DISM Package Manager: PID=4412 TID=4416 {error}" for error in errors),
        *(ended if code else ()),
        "Info                  DISM   DISM.EXE: Image session has been closed. Reboot required=no.",
        "Info                  DISM   DISM.EXE: <----- Ending Dism.exe session ----->",
    ]
    return "".join(f"{day} 15:31:00, {line}\r\n" for line in lines).encode()


def msi(product: str, *lines: str, code: int = 1603) -> bytes:
    """A log of msiexec /l*v, in UTF-16 as it writes them."""
    whole = [
        "=== Verbose logging started: 20/03/2026  15:40:00  Build type: SHIP UNICODE 5.00.10011.00  "
        "Calling process: C:\\Windows\\System32\\msiexec.exe ===",
        "MSI (c) (D0:0C) [15:40:00:123]: Resetting cached policy values",
        "Property(S): ADMINPASSWORD = Sommer2026!",
        *lines,
        f"MSI (s) (34:5C) [15:40:09:001]: Windows Installer installed the product. Product Name: {product}. "
        f"Product Version: 1.2.3. Product Language: 1033. Manufacturer: Example. Installation success or error status: {code}.",
        f"MSI (s) (34:5C) [15:40:09:002]: MainEngineThread is returning {code}",
    ]
    return ("\r\n".join(whole) + "\r\n").encode("utf-16")


MSI_FAILURE = msi(
    "Example Agent",
    "MSI (s) (34!98) [15:40:05:777]: Product: Example Agent -- Error 1920. Service 'Example' failed to start.",
    "Action ended 15:40:06: StartServices. Return value 3.",
    "Action ended 15:40:07: INSTALL. Return value 3.",
)
