"""
Fault ``unfit``: what golden's checks look for, really written into the keys and files (docs/facts: windows 3.2, 5.8).

The value is a list of ids of checks, or {id: starts}: so many starts a state that a restart mends outlives (2 unless
told). What no key or file of a Windows tells is kept below HKLM\\SOFTWARE\\Golden\\StandIn, which the stand-in reads.
"""

from __future__ import annotations

import struct

from .registry import Registry, registry_of
from .sysprep_faults import PACKAGE
from .world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

OWN = "Golden\\StandIn"
STARTS = f"{OWN}\\Unfit"
CURRENT = "Microsoft\\Windows\\CurrentVersion"
NT = "Microsoft\\Windows NT\\CurrentVersion"
CBS = f"{CURRENT}\\Component Based Servicing"
UPDATE = f"{CURRENT}\\WindowsUpdate\\Auto Update"
APPX = f"{CURRENT}\\Appx\\AppxAllUserStore"
RESERVE = f"{CURRENT}\\ReserveManager"
EXTERNAL = f"{CURRENT}\\Setup\\SysPrepExternal\\Generalize"
DEFENDER = "Microsoft\\Windows Advanced Threat Protection"
ROLES = "Microsoft\\ServerManager\\ServicingStorage\\ServerComponentCache"
CONTROL = "CurrentControlSet\\Control"
SERVICES = "CurrentControlSet\\Services"
USER = "S-1-5-21-974944225-1528861140-2130748099-1001"
REARM = "Windows/System32/spp/store/2.0/rearm.txt"

DOMAIN_SID = bytes([1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0]) + struct.pack("<III", 1001, 1002, 1003)

Write = tuple[str, str, str | None, "str | int | bytes | list[str] | None"]
"""Hive, key, value's name (None: only the key), value."""

KEYS: dict[str, tuple[Write, ...]] = {
    "appx.not-provisioned": (("SOFTWARE", f"{APPX}\\{USER}\\{PACKAGE}", "Path", "C:\\Program Files\\WindowsApps"),),
    "appx.version-differs": (
        ("SOFTWARE", f"{APPX}\\Applications\\Acme.Notes_1.0.0.0_x64__8wekyb3d8bbwe", None, None),
        ("SOFTWARE", f"{APPX}\\{USER}\\Acme.Notes_2.0.0.0_x64__8wekyb3d8bbwe", None, None),
    ),
    "bitlocker.encrypted": (("SOFTWARE", OWN, "VolumeStatus", "FullyEncrypted"),),
    "bitlocker.device-encryption": (
        ("SOFTWARE", NT, "InstallationType", "Client"),
        ("SOFTWARE", NT, "CurrentBuild", "26100"),
    ),
    "reboot.cbs": (("SOFTWARE", f"{CBS}\\RebootPending", None, None),),
    "reboot.cbs-packages": (("SOFTWARE", f"{CBS}\\PackagesPending", None, None),),
    "reboot.cbs-session": (("SOFTWARE", f"{CBS}\\SessionsPending", "Exclusive", 1),),
    "reboot.windows-update": (("SOFTWARE", f"{UPDATE}\\RebootRequired", None, None),),
    "reboot.update-reporting": (("SOFTWARE", f"{UPDATE}\\PostRebootReporting", None, None),),
    "reboot.update-exe": (("SOFTWARE", "Microsoft\\Updates", "UpdateExeVolatile", 1),),
    "reboot.file-renames": (
        (
            "SYSTEM",
            f"{CONTROL}\\Session Manager",
            "PendingFileRenameOperations",
            ["\\??\\C:\\Windows\\Temp\\old.dll", ""],
        ),
    ),
    "reboot.computer-name": (("SYSTEM", f"{CONTROL}\\ComputerName\\ComputerName", "ComputerName", "WIN-NEWNAME"),),
    "reboot.domain-join": (("SYSTEM", f"{SERVICES}\\Netlogon", "JoinDomain", "corp.example"),),
    "reboot.server-manager": (("SOFTWARE", "Microsoft\\ServerManager", "CurrentRebootAttempts", 1),),
    "reboot.run-once": (("SOFTWARE", f"{CURRENT}\\RunOnce", "DVDRebootSignal", "1"),),
    "reboot.configmgr": (("SOFTWARE", OWN, "ConfigMgr", "pending"),),
    "reserved-storage.busy": (("SOFTWARE", RESERVE, "ActiveScenario", 4),),
    "servicing.busy": (("SOFTWARE", OWN, "BusyLooks", 2),),
    "servicing.update-service": (("SOFTWARE", OWN, "Updating", 1),),
    "upgrade.in-place": (("SYSTEM", "Setup\\Source OS (Updated on 2/1/2024 10:11:12)", "ProductName", "Windows"),),
    "upgrade.unsupported": (
        ("SYSTEM", "Setup\\Source OS (Updated on 2/1/2016 10:11:12)", "ProductName", "Windows"),
        ("SOFTWARE", NT, "CurrentBuild", "10240"),
    ),
    "upgrade.sign": (("SYSTEM", "Setup", "Upgrade", 1),),
    "domain.policy": (("SECURITY", "Policy\\PolPrDmS", "", DOMAIN_SID),),
    "domain.joined": (("SYSTEM", f"{SERVICES}\\Tcpip\\Parameters", "Domain", "corp.example"),),
    "entra.joined": (
        ("SYSTEM", f"{CONTROL}\\CloudDomainJoin\\JoinInfo\\9A1B2C3D", "UserEmail", "somebody@corp.example"),
    ),
    "mdm.enrolled": (
        (
            "SOFTWARE",
            "Microsoft\\Enrollments\\0F5C1D6E-2B7A-4C39-9E8D-1A2B3C4D5E6F",
            "ProviderID",
            "MS DM Server",
        ),
        ("SOFTWARE", "Microsoft\\Enrollments\\0F5C1D6E-2B7A-4C39-9E8D-1A2B3C4D5E6F", "EnrollmentState", 1),
    ),
    "rearm.evaluation": (("SOFTWARE", NT, "EditionID", "ServerStandardEval"),),
    "rearm.skipped": (("SOFTWARE", f"{NT}\\SoftwareProtectionPlatform", "SkipRearm", 1),),
    "defender.onboarded": (
        ("SOFTWARE", f"{DEFENDER}\\Status", "OnboardingState", 1),
        ("SOFTWARE", DEFENDER, "senseGuid", "2d1f5b7c-6a4e-4f8b-9c3d-0e1f2a3b4c5d"),
    ),
    "provider.missing": (("SOFTWARE", EXTERNAL, "Acme", "C:\\Program Files\\Acme\\acmeprep.dll,Generalize"),),
    "provider.external": (("SOFTWARE", EXTERNAL, "Inbox", "kernel32.dll,Generalize"),),
    "role.directory": (("SOFTWARE", f"{ROLES}\\AD-Domain-Services", "InstallState", 1),),
    "role.unsupported": (("SOFTWARE", f"{ROLES}\\DHCP", "InstallState", 1),),
    "account.way-in": (("SOFTWARE", OWN, "WayInCut", 1),),
    "account.no-administrator": (("SOFTWARE", OWN, "PlainUsers", ["plain"]),),
    "autologon.password": (
        ("SOFTWARE", f"{NT}\\Winlogon", "DefaultPassword", "Correct-Horse-1"),
        ("SOFTWARE", f"{NT}\\Winlogon", "AutoAdminLogon", "1"),
    ),
    "account.stored-password": (("SYSTEM", f"{CONTROL}\\Lsa", "DisableDomainCreds", 1),),
    "profiles.several": (
        ("SOFTWARE", f"{NT}\\ProfileList\\{USER}", "ProfileImagePath", "C:\\Users\\builder"),
        ("SOFTWARE", f"{NT}\\ProfileList\\{USER[:-1]}2", "ProfileImagePath", "C:\\Users\\somebody"),
    ),
    "media.answer-file": (("SOFTWARE", OWN, "Media", "D:\\Autounattend.xml"),),
    "media.attached": (("SOFTWARE", OWN, "Media", "D:\\"),),
    "hint.media-sharing": (
        ("SYSTEM", f"{SERVICES}\\WMPNetworkSvc", "Start", 2),
        ("SOFTWARE", NT, "CurrentBuild", "7601"),
    ),
    "hint.tile-data": (
        ("SYSTEM", f"{SERVICES}\\tiledatamodelsvc", "Start", 2),
        ("SOFTWARE", NT, "CurrentBuild", "10240"),
    ),
}
FILES: dict[str, tuple[str, bytes]] = {
    "reboot.pending-xml": ("Windows/WinSxS/pending.xml", b"<PendingTransaction/>"),
    "rearm.exhausted": (REARM, b"0"),
    "rearm.low": (REARM, b"1"),
    "answer-file.cached": (
        "Windows/Panther/unattend.xml",
        b'<unattend xmlns="urn:schemas-microsoft-com:unattend"/>',
    ),
    "setup-complete.left": ("Windows/Setup/Scripts/SetupComplete.cmd", b"@echo off\r\n"),
    "office.not-rearmed": ("Program Files/Microsoft Office/Office16/OSPPREARM.EXE", b"MZ"),
}
MENDED = (*tuple(name for name in KEYS if name.startswith(("reboot.", "reserved-storage."))), "reboot.pending-xml")
"""What a restart finishes, as it does in a Windows that is not told otherwise."""


def known() -> set[str]:
    """Ids of the checks whose state can be switched on."""
    return {*KEYS, *FILES, "disk.hive-dirty"}


def wanted(fault: object) -> dict[str, int]:
    """The fault as {id: starts}."""
    if isinstance(fault, dict):
        return {str(name): int(starts) for name, starts in fault.items()}
    return {str(name): 2 for name in fault} if isinstance(fault, list) else {}


def switch_on(tree: Path, machine: Path, fault: object) -> None:
    """Write the states of a fault; called when the tree is made."""
    told = wanted(fault)
    if strange := set(told) - known():
        raise SystemExit(f"the stand-in has no state {', '.join(sorted(strange))}")
    _begin(tree, registry_of(tree, machine), told)
    if "disk.hive-dirty" in told:
        _leave_unfinished(tree / "Windows/System32/config/SOFTWARE")


def at_boot(world: World) -> None:
    """
    A start finishes what waits for one, when its count of starts is used up; until then it waits again.

    States of a fault that was copied in come with the first start after that; what was mended does not come back.
    """
    registry = registry_of(world.root, world.machine)
    with registry.open("SOFTWARE") as software:
        begun = {name: int(str(value)) for name, _kind, value in software.typed(STARTS)}
    for name, starts in begun.items():
        if starts:
            with registry.open("SOFTWARE", write=True) as software:
                software.set(STARTS, name, starts - 1)
            (_make if starts > 1 else _unmake)(world.root, registry, name)
    told = wanted(world.fault("unfit"))
    _begin(world.root, registry, {name: told[name] for name in told if name in known() - set(begun)})


def _begin(tree: Path, registry: Registry, told: dict[str, int]) -> None:
    for name in told:
        _make(tree, registry, name)
    if told:
        with registry.open("SOFTWARE", write=True) as software:
            for name, starts in told.items():
                software.set(STARTS, name, starts if name in MENDED else 0)


def failure(world: World) -> str | None:
    """The failure of sysprep that the present state of this guest leads to; None where it would succeed."""
    registry = registry_of(world.root, world.machine)
    with registry.open("SOFTWARE") as hive:
        if hive.get(RESERVE, "ActiveScenario"):
            return "reserved-storage"
        if hive.has(f"{CBS}\\RebootPending") or hive.has(f"{UPDATE}\\RebootRequired"):
            return "update-reboot"
        if hive.get(OWN, "VolumeStatus") not in (None, "FullyDecrypted"):
            return "bitlocker"
        provisioned = {full.split("_")[0] for full in hive.children(f"{APPX}\\Applications")}
        for sid in hive.children(APPX):
            if sid.startswith("S-1-5-21-") and any(
                full.split("_")[0] not in provisioned for full in hive.children(f"{APPX}\\{sid}")
            ):
                return "appx"
        if hive.get(f"{DEFENDER}\\Status", "OnboardingState") == 1:
            return "mde-onboarded"
        for _name, _kind, data in hive.typed(EXTERNAL):
            if not world.path(library(str(data))).is_file():
                return "external-dll"
    return None


def library(data: str) -> str:
    """The DLL that a provider is registered with."""
    path = data.rpartition(",")[0] or data
    return path if "\\" in path else f"C:\\Windows\\System32\\{path}"


def _make(tree: Path, registry: Registry, name: str) -> None:
    for hive, key, value_name, value in KEYS.get(name, ()):
        with registry.open(hive, write=True) as opened:
            if value_name is None or value is None:
                opened.add(key)
            else:
                opened.set(key, value_name, value)
    if name in FILES:
        path, content = FILES[name]
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)


def _unmake(tree: Path, registry: Registry, name: str) -> None:
    if name == "reboot.computer-name":  # the start gives the machine its new name
        with registry.open("SYSTEM", write=True) as opened:
            new = opened.get(f"{CONTROL}\\ComputerName\\ComputerName", "ComputerName")
            opened.set(f"{CONTROL}\\ComputerName\\ActiveComputerName", "ComputerName", new or "")
        return
    for hive, key, value_name, _value in KEYS.get(name, ()):
        with registry.open(hive, write=True) as opened:
            if value_name is None:
                opened.delete_key(key)
            else:
                opened.delete_value(key, value_name)
    if name in FILES:
        (tree / FILES[name][0]).unlink(missing_ok=True)


def _leave_unfinished(path: Path) -> None:
    """A hive whose writing was cut off: its two sequence numbers differ (docs/facts: windows 8.4)."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 4, struct.unpack_from("<I", data, 8)[0] + 1)
    total = 0
    for (word,) in struct.iter_unpack("<I", data[:508]):
        total ^= word
    struct.pack_into("<I", data, 508, {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(total, total))
    path.write_bytes(data)
