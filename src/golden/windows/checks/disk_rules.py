"""Rules for what only the powered-off disk shows: state, encrypted and compressed files, AppX by the registry."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from golden.disk.source import Files
from golden.model import GuestState
from golden.windows.checks.picture import Picture, Unread
from golden.windows.checks.rules import Met, Rule, Wish
from golden.windows.state import CLEAN, Evidence, decide, open_hive

ENCRYPTED, REPARSE = 0x4000, 0x400
"""FILE_ATTRIBUTE_*."""
SYSTEM_FILES = ("Windows/explorer.exe", "Windows/System32/ntdll.dll", "Windows/System32/shell32.dll")
"""Files that Compact OS keeps compressed, behind a reparse point. docs/facts: windows 6.1."""
PRIMARY_DOMAIN = "Policy\\PolPrDmS"
_OF_A_DOMAIN, _SID_SIZE = bytes([1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0]), 24
"""How the SID of a domain begins (S-1-5-21, four sub-authorities), and its bytes in all."""
SYSTEM_APPS, STORE_APPS = "Windows/SystemApps", "Program Files/WindowsApps"
_FRAMEWORK = re.compile(rb"<\s*(?:\w+:)?Framework\s*>\s*true\s*<", re.IGNORECASE)
_MOST_MANIFEST = 4 << 20
_MOST_NAMED = 5
_MOST_FILES = 4_000_000
_STANDARD_INFORMATION, _FILE_NAME, _END = 0x10, 0x30, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class AppxPackages:
    """AppX packages by full name, as the registry keeps them. docs/facts: windows 3.2 [K], 8.2 [K]."""

    provisioned: tuple[str, ...]
    of_users: Mapping[str, tuple[str, ...]]
    """By SID."""
    inbox: tuple[str, ...] = ()
    """Windows' own, which belong to every user and are never provisioned."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a Windows volume shows."""

    volume: Files
    picture: Picture
    state: Evidence | None
    """None where a hive cannot be read."""
    appx: AppxPackages | None


def _state(shown: Shown, _wish: Wish) -> Iterator[Met]:
    state = _decided(shown)
    if state not in (GuestState.VIRGIN, GuestState.DEPLOYED):
        yield Met(state.value, _listed(shown))


def _deployed(shown: Shown, _wish: Wish) -> Iterator[Met]:
    if _decided(shown) is GuestState.DEPLOYED:
        yield Met(evidence=_listed(shown))


def _decided(shown: Shown) -> GuestState:
    """The state by all but whether the volume was closed in order, which is told by itself."""
    if shown.state is None:
        raise Unread("the registry cannot be read")
    return decide(replace(shown.state, volume=CLEAN, hives=CLEAN))


def _listed(shown: Shown) -> str:
    return "\n".join(f"{name} = {value}" for name, value in shown.state.listed()) if shown.state else ""


def _bitlocker(_shown: Shown, _wish: Wish) -> Iterator[Met]:
    """A volume whose files can be read begins with NTFS' name, not with BitLocker's."""
    return iter(())


def _efs(shown: Shown, _wish: Wish) -> Iterator[Met]:
    count = 0
    names: list[str] = []
    for number, record in enumerate(shown.volume.records()):
        if number > _MOST_FILES:
            raise Unread(f"the volume has more than {_MOST_FILES} files")
        if name := encrypted_file(record):
            count += 1
            if len(names) < _MOST_NAMED:
                names.append(name)
    if count:
        yield Met(str(count), "\n".join(names))


def encrypted_file(record: bytes) -> str:
    """The name of the file of a record of the master file table, if EFS encrypts it; empty otherwise."""
    if record[:4] != b"FILE" or record[0x16] & 3 != 1:  # in use, and no folder
        return ""
    flags, name, at = 0, "?", int.from_bytes(record[0x14:0x16], "little")
    while at + 24 <= len(record):
        kind, size = struct.unpack_from("<II", record, at)
        if kind == _END or kind > _FILE_NAME or size < 24 or at + size > len(record):
            break
        start = at + struct.unpack_from("<H", record, at + 20)[0]
        if kind == _STANDARD_INFORMATION and start + 36 <= len(record):
            flags = struct.unpack_from("<I", record, start + 32)[0]
            if not flags & ENCRYPTED:
                return ""
        if kind == _FILE_NAME and start + 66 <= len(record):
            name = record[start + 66 : start + 66 + 2 * record[start + 64]].decode("utf-16-le", "replace")
        at += size
    return name if flags & ENCRYPTED else ""


def _compact(shown: Shown, _wish: Wish) -> Iterator[Met]:
    for path in SYSTEM_FILES:
        file = shown.volume.find(path)
        if file is not None and not file.is_folder and file.attributes & REPARSE:
            yield Met("C:\\" + path.replace("/", "\\"), "it lies behind a reparse point")
            return


def _appx(shown: Shown, _wish: Wish) -> Iterator[Met]:
    if shown.appx is None:
        raise Unread("the registry cannot be read")
    for name, users in unprovisioned(shown.appx).items():
        if not is_windows_own(shown.volume, name):
            yield Met(name, "\n".join(f"registered for {sid}" for sid in users))


def is_windows_own(volume: Files, full: str) -> bool:
    """
    Whether a package is a part of Windows or a framework, neither of which sysprep looks at (docs/facts: windows 3.2).

    The registry does not tell, but where it lies does, and its manifest, whose form Microsoft documents.
    """
    name, _, rest = full.partition("_")
    if volume.find(f"{SYSTEM_APPS}/{name}_{rest.rpartition('_')[2]}") is not None:
        return True
    manifest = volume.find(f"{STORE_APPS}/{full}/AppxManifest.xml")
    if manifest is None or manifest.is_folder or manifest.size > _MOST_MANIFEST:
        return False
    content = manifest.read_at(0, manifest.size).replace(b"\0", b"")
    return _FRAMEWORK.search(content) is not None


def unprovisioned(packages: AppxPackages) -> dict[str, tuple[str, ...]]:
    """Full names of packages that a user has and whose name is not among the provisioned ones, with the users."""
    known = {full.partition("_")[0].lower() for full in (*packages.provisioned, *packages.inbox)}
    found: dict[str, tuple[str, ...]] = {}
    for sid, names in packages.of_users.items():
        for full in names:
            if full.partition("_")[0].lower() not in known:
                found[full] = (*found.get(full, ()), sid)
    return found


def _domain_policy(shown: Shown, _wish: Wish) -> Iterator[Met]:
    """The primary domain of the security policy, where a domain's SID stands in it."""
    raw = open_hive(shown.volume, "SECURITY").value(PRIMARY_DOMAIN, "")
    if (
        isinstance(raw, bytes)
        and raw[:8] == _OF_A_DOMAIN[:8]
        and raw[8:12] == _OF_A_DOMAIN[8:]
        and len(raw) >= _SID_SIZE
    ):
        numbers = "-".join(map(str, struct.unpack_from("<III", raw, 12)))
        yield Met(f"S-1-5-21-{numbers}", f"SECURITY\\{PRIMARY_DOMAIN}")


DISK_RULES: dict[str, Rule] = {
    "sysprep.state": _state,
    "sysprep.deployed": _deployed,
    "appx.not-provisioned": _appx,
    "bitlocker.encrypted": _bitlocker,
    "domain.policy": _domain_policy,
    "efs.encrypted": _efs,
    "compact-os.on": _compact,
}
"""Rules that take ``Shown``."""
