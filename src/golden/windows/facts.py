"""What a powered-off disk tells of the Windows on it. docs/facts: windows 1.4, 6.1, 7.1, 8.1, 8.2."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from golden.disk.cache import Cached
from golden.disk.damage import Damaged
from golden.disk.hive import Data, Hive
from golden.disk.ntfs import Ntfs
from golden.disk.source import Files
from golden.disk.volumes import Layout, layout
from golden.errors import NotFound
from golden.guest.running import Running, Seen
from golden.model import Driver, GuestFacts, GuestState
from golden.windows.inside import RunningVolume
from golden.windows.state import CONFIG, decide, evidence, open_hive

T = TypeVar("T")

_CURRENT = "Microsoft\\Windows NT\\CurrentVersion"
_MACHINES = {0x8664: "x86_64", 0xAA64: "arm64", 0x14C: "x86"}
_NAMES = {"AMD64": "x86_64", "ARM64": "arm64", "X86": "x86"}
_FIRST_WINDOWS_11 = 22000


class NoWindows(NotFound):
    """There is no Windows on the disk that could be read; ``met`` says what was there instead."""

    def __init__(self, met: tuple[tuple[str, str], ...]) -> None:
        """``met`` is (what, value) pairs in the order they were met."""
        super().__init__(
            "there is no Windows on this disk that golden can read",
            details="\n".join(f"{what}: {value}" for what, value in met),
        )
        self.met = met


def read_facts(disk: Seen) -> GuestFacts:
    """
    State and identity of the Windows on a powered-off disk, or of one that is on.

    Where there is none, or it cannot be understood, the state is UNKNOWN, ``os`` is empty, and the evidence says what
    was met. Only errors of the source itself (EndpointError) are raised.
    """
    try:
        volume = windows_volume(disk)
    except NoWindows as error:
        return GuestFacts(os="", state=GuestState.UNKNOWN, evidence=error.met)
    try:
        return _facts(volume)
    except (Damaged, NotFound) as error:
        said = f"{error.brief} ({error.details})" if error.details else error.brief
        return GuestFacts(os="windows", state=GuestState.UNKNOWN, evidence=(("windows", said),))


def windows_volume(disk: Seen) -> Files:
    """The volume that Windows is on; of a running guest its drive C:. NoWindows where there is none."""
    if isinstance(disk, Running):
        return RunningVolume(disk)
    source = disk if isinstance(disk, Cached) else Cached(disk)
    try:
        found = layout(source)
    except Damaged as error:
        raise NoWindows((("partition table", f"{error.brief}: {error.details or ''}"),)) from error
    met = [("partition table", _table(found))]
    for volume in found.volumes:
        if volume.file_system != "ntfs":
            met.append((f"volume {volume.number}", _other(volume.file_system)))
            continue
        try:
            ntfs = Ntfs(source, volume)
            if ntfs.exists(f"{CONFIG}/SOFTWARE") and ntfs.exists(f"{CONFIG}/SYSTEM"):
                return ntfs
            met.append((f"volume {volume.number}", "ntfs without Windows\\System32\\config"))
        except Damaged as error:
            met.append((f"volume {volume.number}", f"ntfs that cannot be read: {error.details or error.brief}"))
    raise NoWindows(tuple(met))


def _table(found: Layout) -> str:
    if not found.volumes:
        return "none" if found.table == "none" else f"{found.table} without volumes"
    return found.table if found.table != "none" else "none; one volume fills the disk"


def _other(file_system: str) -> str:
    if file_system == "bitlocker":
        return "encrypted with BitLocker, so it cannot be read from outside"
    return file_system or "no file system that golden knows"


def _facts(volume: Files) -> GuestFacts:
    hives = {name: open_hive(volume, name) for name in ("SOFTWARE", "SYSTEM")}
    seen = evidence(volume, hives)
    software, system = hives["SOFTWARE"], hives["SYSTEM"]
    current = software.key(_CURRENT)
    about = current.values() if current else {}
    control = f"ControlSet{_number(system.value('Select', 'Current')) or 1:03d}"
    names = f"{control}\\Control\\ComputerName\\ComputerName"
    build = _text(about.get("CurrentBuild")) or _text(about.get("CurrentBuildNumber"))
    return GuestFacts(
        os="windows",
        state=decide(seen),
        evidence=seen.listed(),
        product=_product(about, build),
        edition=_text(about.get("EditionID")),
        version=_version(about),
        build=build,
        ubr=str(ubr) if (ubr := about.get("UBR")) is not None else "",
        architecture=_architecture(volume, system, control),
        computer_name=_text(system.value(names, "ComputerName")),
        machine_sid=_machine_sid(volume),
        drivers=_drivers(volume, system),
        stand_in=software.has("Golden\\StandIn"),
    )


def _product(about: Mapping[str, Data], build: str) -> str:
    name = _text(about.get("ProductName"))
    # Windows 11 calls itself "Windows 10" here.
    if build.isdigit() and int(build) >= _FIRST_WINDOWS_11 and about.get("InstallationType") == "Client":
        return name.replace("Windows 10", "Windows 11")
    return name


def _version(about: Mapping[str, Data]) -> str:
    major, minor = about.get("CurrentMajorVersionNumber"), about.get("CurrentMinorVersionNumber")
    if isinstance(major, int) and isinstance(minor, int):
        return f"{major}.{minor}"
    return _text(about.get("CurrentVersion"))


def _architecture(volume: Files, system: Hive, control: str) -> str:
    """The PE machine word of kernel32.dll; the registry's word where that file is compressed or missing."""
    file = volume.find("Windows/System32/kernel32.dll")
    head = file.read_at(0, 4096) if file else b""
    if head[:2] == b"MZ" and len(head) >= 64:
        at = struct.unpack_from("<I", head, 0x3C)[0]
        if at + 6 <= len(head) and head[at : at + 4] == b"PE\0\0":
            return _MACHINES.get(struct.unpack_from("<H", head, at + 4)[0], "")
    named = system.value(f"{control}\\Control\\Session Manager\\Environment", "PROCESSOR_ARCHITECTURE")
    return _NAMES.get(_text(named).upper(), "")


def _machine_sid(volume: Files) -> str:
    value = _optional(volume, "SAM", lambda hive: hive.value("SAM\\Domains\\Account", "V"))
    if not isinstance(value, bytes) or len(value) < 12:
        return ""
    return "S-1-5-21-{}-{}-{}".format(*struct.unpack("<III", value[-12:]))


def _drivers(volume: Files, system: Hive) -> tuple[Driver, ...]:
    """Third-party packages (published as oem*.inf), from both places that Windows keeps them in."""
    found = {driver.published or driver.inf: driver for driver in _packages(system)}
    for driver in _optional(volume, "DRIVERS", lambda hive: tuple(_packages(hive))) or ():
        found.setdefault(driver.published or driver.inf, driver)
    return tuple(sorted(found.values(), key=lambda driver: (driver.inf, driver.published)))


def _packages(hive: Hive) -> Iterator[Driver]:
    database = hive.key("DriverDatabase\\DriverPackages")
    for package in database.below() if database else ():
        published = _text(package.value(""))
        if not published.lower().startswith("oem"):
            continue
        about = package.values()
        inf = _text(about.get("InfName")) or package.name.rsplit("_", 2)[0]
        yield Driver(inf, published, _text(about.get("Provider")), _driver_version(about.get("Version")))


def _driver_version(value: Data | None) -> str:
    """Four words, highest first, after class GUID and date in the Version value."""
    if not isinstance(value, bytes) or len(value) < 40:
        return ""
    return ".".join(str(word) for word in reversed(struct.unpack_from("<HHHH", value, 32)))


def _optional(volume: Files, name: str, ask: Callable[[Hive], T]) -> T | None:
    """Ask a hive that need not be there; None where it is missing or damaged."""
    try:
        return ask(open_hive(volume, name))
    except (Damaged, NotFound):
        return None


def _text(value: Data | None) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Data | None) -> int | None:
    return value if isinstance(value, int) else None


def published_drivers(volume: Files) -> tuple[Driver, ...]:
    """Third-party driver packages of the Windows on a volume. Damaged or NotFound where its hives cannot be read."""
    return _drivers(volume, open_hive(volume, "SYSTEM"))
