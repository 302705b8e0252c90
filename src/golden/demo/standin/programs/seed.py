"""
Makes the tree of a Windows as it is after its installation, and brings it into a wanted state.

``python3 -m programs.seed ORDER.json`` with {tree, state, gpt_guid | mbr_id + offset, faults}. The states after
VIRGIN are not painted: the stand-in sysprep and the stand-in first boot are run on the tree.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from pathlib import Path

from .registry import EXPAND_SZ, QWORD, Registry, Value, blank_hive, registry_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = "1"
PRODUCT = "Windows Server 2022 Standard (golden stand-in)"
COMPUTER = "WIN-GOLDEN2022"
STUBS = [
    "cmd.exe",
    "kernel32.dll",
    "ntdll.dll",
    "ntoskrnl.exe",
    "pnputil.exe",
    "shutdown.exe",
    "reg.exe",
    "schtasks.exe",
    "certutil.exe",
    "timeout.exe",
    "ping.exe",
    "dism.exe",
    "wusa.exe",
    "msiexec.exe",
    "Sysprep/sysprep.exe",
    "WindowsPowerShell/v1.0/powershell.exe",
    "oobe/windeploy.exe",
]
FOLDERS = (
    "Program Files", "Program Files (x86)", "ProgramData", "Users/Public", "Users/Default", "Users/Administrator",
    "Windows/INF", "Windows/Temp", "Windows/Panther", "Windows/Setup/State", "Windows/Logs/CBS", "Windows/Logs/DISM",
    "Windows/System32/config", "Windows/System32/drivers", "Windows/System32/DriverStore/FileRepository",
    "Windows/System32/spp/store/2.0", "Windows/System32/Tasks", "Windows/System32/winevt/Logs",
    "Windows/System32/Sysprep/ActionFiles",
)  # fmt: skip


def pe_stub() -> bytes:
    """1 KiB that is a 64-bit Windows program to whoever looks at its header, and runs nowhere."""
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)
    coff = struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 0xF0, 0x22)
    optional = struct.pack("<H", 0x20B).ljust(0xF0, b"\0")
    return (dos.ljust(0x80, b"\0") + b"PE\0\0" + coff + optional).ljust(1024, b"\0")


def seed(tree: Path, machine: Path, order: dict[str, Any]) -> None:
    """The tree of a freshly installed Windows that was never generalized."""
    for folder in FOLDERS:
        (tree / folder).mkdir(parents=True, exist_ok=True)
    for name in STUBS:
        path = tree / "Windows/System32" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pe_stub())
    (tree / "Windows/explorer.exe").write_bytes(pe_stub())
    (tree / "Windows/Setup/State/State.ini").write_bytes(b"[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n")
    (tree / "Windows/System32/spp/store/2.0/rearm.txt").write_text(str(order.get("rearm", 1001)))
    config = tree / "Windows/System32/config"
    for hive in ("SOFTWARE", "SYSTEM", "SAM", "SECURITY", "DEFAULT", "DRIVERS"):
        (config / hive).write_bytes(blank_hive())
    (tree / "Users/Default/NTUSER.DAT").write_bytes(blank_hive())
    registry = registry_of(tree, machine)
    _software(registry)
    _system(registry, order)
    set_machine_sid(registry, (0x3A1C_77E1, 0x5B20_91D4, 0x7F00_A2C3))


def _software(registry: Registry) -> None:
    with registry.open("SOFTWARE", write=True) as hive:
        version = "Microsoft\\Windows NT\\CurrentVersion"
        about: dict[str, Value] = {
            "ProductName": PRODUCT, "EditionID": "ServerStandard", "InstallationType": "Server",
            "SystemRoot": "C:\\Windows",
            "CurrentVersion": "6.3", "CurrentMajorVersionNumber": 10, "CurrentMinorVersionNumber": 0,
            "CurrentBuild": "20348", "CurrentBuildNumber": "20348", "UBR": 2113, "DisplayVersion": "21H2",
            "BuildLab": "20348.fe_release.210507-1500", "BuildBranch": "fe_release", "RegisteredOwner": "golden",
            "InstallDate": 1700000000, "ProductId": "00454-10000-00001-AA000",
        }  # fmt: skip
        for name, value in about.items():
            hive.set(version, name, value)
        hive.set(f"{version}\\SoftwareProtectionPlatform", "SkipRearm", 0)
        hive.set("Microsoft\\Windows\\CurrentVersion\\Setup\\State", "ImageState", "IMAGE_STATE_COMPLETE")
        hive.set("Microsoft\\Windows\\CurrentVersion", "ProgramFilesDir", "C:\\Program Files")
        hive.set("Microsoft\\Windows\\CurrentVersion", "DevicePath", "%SystemRoot%\\inf", EXPAND_SZ)
        hive.add("Microsoft\\Windows\\CurrentVersion\\Uninstall")
        hive.add("Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages")
        hive.set("Microsoft\\Cryptography", "MachineGuid", "5b2f0c9e-7d3a-4e61-9a0f-1c2d3e4f5a6b")
        hive.set("Golden\\StandIn", "Version", VERSION)


def _system(registry: Registry, order: dict[str, Any]) -> None:
    with registry.open("SYSTEM", write=True) as hive:
        for name, number in {"Current": 1, "Default": 1, "Failed": 0, "LastKnownGood": 1}.items():
            hive.set("Select", name, number)
        control = "ControlSet001\\Control"
        hive.set(f"{control}\\ProductOptions", "ProductType", "ServerNT")
        hive.set(f"{control}\\ProductOptions", "ProductSuite", ["Terminal Server"])
        hive.set(f"{control}\\Windows", "CSDBuildNumber", 1)
        hive.set(f"{control}\\Nls\\Language", "InstallLanguage", "0409")
        hive.add(f"{control}\\MUI\\UILanguages\\en-US")
        hive.set(f"{control}\\TimeZoneInformation", "TimeZoneKeyName", "UTC")
        for name in ("SetupType", "SystemSetupInProgress", "OOBEInProgress"):
            hive.set("Setup", name, 0)
        hive.set("Setup", "CmdLine", "")
        hive.set("Setup\\Status\\SysprepStatus", "GeneralizationState", 7)
        hive.set("Setup\\Status\\SysprepStatus", "CleanupState", 2)
        if "gpt_guid" in order:
            import uuid

            mounted = b"DMIO:ID:" + uuid.UUID(order["gpt_guid"]).bytes_le
        else:
            mounted = struct.pack("<IQ", order["mbr_id"], order["offset"])
        hive.set("MountedDevices", "\\DosDevices\\C:", mounted)
        hive.set("DriverDatabase", "SchemaVersion", 65536)
        for name in ("DeviceIds", "DriverInfFiles", "DriverPackages"):
            hive.add(f"DriverDatabase\\{name}")
        hive.set("DriverDatabase", "UpdateDate", 0x01D9_0000_0000_0000, QWORD)
    set_computer_name(registry, COMPUTER)


def set_computer_name(registry: Registry, name: str) -> None:
    """The computer's name in every place that Windows keeps it (docs/facts: windows 8.1)."""
    with registry.open("SYSTEM", write=True) as hive:
        names = "ControlSet001\\Control\\ComputerName"
        hive.set(f"{names}\\ComputerName", "ComputerName", name)
        hive.set(f"{names}\\ActiveComputerName", "ComputerName", name)
        for value in ("Hostname", "NV Hostname"):
            hive.set("ControlSet001\\Services\\Tcpip\\Parameters", value, name)


def set_machine_sid(registry: Registry, numbers: tuple[int, int, int]) -> None:
    """The machine SID: the last 12 bytes of SAM's account domain value V (docs/facts: windows 8.1)."""
    sid = struct.pack("<III", *numbers)
    with registry.open("SAM", write=True) as hive:
        hive.set("SAM\\Domains\\Account", "V", b"\0" * 0x100 + bytes([1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0]) + sid)
        hive.set("SAM\\Domains\\Account\\Users\\Names\\Administrator", "", b"", 0x1F4)
        hive.set("SAM\\Domains\\Account\\Users\\000001F4", "V", b"\0" * 16)
    with registry.open("SECURITY", write=True) as hive:
        hive.set("Policy\\PolAcDmS", "", bytes([1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0]) + sid, 0)


_SYSPREP: dict[str, tuple[str, str | None]] = {
    "SEALED": ("/oobe", None),
    "DEPLOYED": ("/oobe", None),
    "SEALED_AUDIT": ("/audit", None),
    "BROKEN": ("/oobe", "half"),
    "FAILED_EARLY": ("/oobe", "appx"),
}
"""How sysprep is run to reach a state, and what goes wrong meanwhile."""


def bring_to(state: str, tree: Path, machine: Path) -> None:
    """From VIRGIN to ``state`` by running what would have brought it there."""
    from . import boot, run

    def sysprep(*more: str, fault: str | None = None) -> None:
        if fault:
            (machine / "faults.json").write_text(json.dumps({"sysprep": fault}))
        argv = ["C:\\Windows\\System32\\Sysprep\\sysprep.exe", "/generalize", "/quiet", "/quit", *more]
        code = run(tree, argv, env=dict(os.environ), cwd="C:\\", machine=machine)
        if fault:
            (machine / "faults.json").unlink()
        print(f"sysprep ended with {code}")

    if state in _SYSPREP:
        goal, fault = _SYSPREP[state]
        sysprep(goal, fault=fault)
    elif state == "UNKNOWN":
        with registry_of(tree, machine).open("SYSTEM", write=True) as hive:
            hive.set("Setup", "SetupType", 1)
    elif state != "VIRGIN":
        raise SystemExit(f"no such state: {state}")
    if state == "DEPLOYED":
        boot(tree, machine=machine)


def main(order: dict[str, Any]) -> None:
    """Carry out one order."""
    tree, machine = Path(order["tree"]), Path(order["machine"])
    machine.mkdir(parents=True)
    seed(tree, machine, order)
    bring_to(order["state"], tree, machine)
    if order.get("faults"):
        place = tree / "Windows/golden-stand-in/faults.json"
        place.parent.mkdir()
        place.write_text(json.dumps(order["faults"], indent=1))
        if order["faults"].get("unfit"):
            from . import unfit

            unfit.switch_on(tree, machine, order["faults"]["unfit"])


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
