"""pnputil.exe: /add-driver INF /install, /enum-drivers, /delete-driver on the driver store and its hive keys."""

from __future__ import annotations

import hashlib
import re
import shutil
import struct
from pathlib import Path

from .registry import Hive, Value, registry_of
from .world import Unknown, World

STORE = "C:\\Windows\\System32\\DriverStore\\FileRepository"
INVALID_INF = 0xE0000100  # ERROR_EXPECTED_SECTION_NAME and its like
NO_MORE_ITEMS = 259
NOT_FOUND = 2


def main(world: World, arguments: list[str]) -> int:
    """One order; an INF at a time."""
    world.say("Microsoft PnP Utility", "")
    verb, rest = (arguments[0].lower() if arguments else ""), arguments[1:]
    if verb in ("/add-driver", "-a") or (verb == "-i" and rest[:1] == ["-a"]):
        names = [word for word in rest if word != "-a" and not word.startswith("/")]
        return _add(world, names[0], install="/install" in [w.lower() for w in rest] or verb == "-i")
    if verb in ("/enum-drivers", "-e"):
        return _enumerate(world)
    if verb in ("/delete-driver", "-d"):
        return _delete(world, rest[0])
    raise Unknown(f"pnputil.exe {verb}")


class Inf:
    """As much of an INF as the driver store needs."""

    def __init__(self, path: Path, sections: dict[str, list[str]]) -> None:
        """``sections`` are lines by lower-case name."""
        self.path = path
        self.sections = sections

    @classmethod
    def read(cls, path: Path) -> Inf:
        """Sections by lower-case name; ``;`` comments off, continued lines joined. ValueError for no INF."""
        data = path.read_bytes()
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        sections: dict[str, list[str]] = {}
        lines = sections.setdefault("", [])
        for line in re.sub(r"\\[ \t]*\r?\n", " ", data.decode(encoding, "replace")).splitlines():
            text = re.sub(r'("[^"]*")|;.*', lambda m: m[1] or "", line).strip()
            if match := re.fullmatch(r"\[([^\]]+)\]", text):
                lines = sections.setdefault(match[1].lower(), [])
            elif text:
                lines.append(text)
        inf = cls(path, sections)
        if inf.value("signature").lower() not in ("$windows nt$", "$chicago$"):
            raise ValueError("no INF signature")
        return inf

    def value(self, name: str) -> str:
        """An entry of [Version], with its %token% filled in; empty where there is none."""
        for key, _, value in (line.partition("=") for line in self.sections.get("version", [])):
            if key.strip().lower() == name:
                return self._filled(value.strip().strip('"'))
        return ""

    def _filled(self, text: str) -> str:
        strings = {
            key.strip().lower(): value.strip().strip('"')
            for key, _, value in (line.partition("=") for line in self.sections.get("strings", []))
        }
        return re.sub(r"%([^%]*)%", lambda m: strings.get(m[1].lower(), m[0]) if m[1] else "%", text)

    @property
    def catalog(self) -> str:
        """The catalog for this platform; empty for a package without one."""
        return self.value("catalogfile.ntamd64") or self.value("catalogfile.nt") or self.value("catalogfile")

    def files(self) -> list[str]:
        """Paths of the source files relative to the INF (docs/facts: windows 5.2)."""
        folders = {}
        for line in self._section("sourcedisksnames"):
            number, _, rest = line.partition("=")
            parts = [part.strip().strip('"') for part in rest.split(",")]
            folders[number.strip()] = parts[3] if len(parts) > 3 else ""
        found: dict[str, str] = {}
        for line in self._section("sourcedisksfiles"):
            name, _, rest = line.partition("=")
            parts = [part.strip().strip('"') for part in rest.split(",")]
            pieces = [folders.get(parts[0], ""), parts[1] if len(parts) > 1 else "", name.strip().strip('"')]
            place = "\\".join(piece.strip("\\") for piece in pieces if piece.strip("\\."))
            found[name.strip().lower()] = place
        return list(found.values())

    def _section(self, name: str) -> list[str]:
        """What is said for every platform, and then what is said for this one, which wins."""
        return self.sections.get(name, []) + self.sections.get(f"{name}.amd64", [])


def _add(world: World, name: str, *, install: bool) -> int:
    world.say(f"Adding driver package:  {name.rsplit(chr(92), 1)[-1]}")
    fault = world.fault("pnputil")
    path = world.path(name)
    if not path.is_file():
        return _failed(world, "The system cannot find the file specified.", NOT_FOUND)
    if isinstance(fault, int) and fault not in (NO_MORE_ITEMS, 3010):
        return _failed(world, f"error {fault:#x}", fault)
    try:
        inf = Inf.read(path)
    except ValueError:
        return _failed(world, "The style of the INF is different than what was requested.", INVALID_INF)
    base = world.windows(path.parent)
    wanted = [*inf.files(), *([inf.catalog] if inf.catalog else [])]
    missing = [file for file in wanted if not world.path(f"{base}\\{file}").is_file()]
    if missing:
        return _failed(world, f"The system cannot find the file specified. ({missing[0]})", NOT_FOUND)
    published = _publish(world, inf, [(file, world.path(f"{base}\\{file}")) for file in wanted], name)
    world.say("Driver package added successfully.", f"Published Name:         {published}")
    if fault == NO_MORE_ITEMS:
        world.say("Driver package is up-to-date on device:  none; no matching device is present.")
    elif install:
        world.say(f"Driver package installed on device: ROOT\\GOLDEN\\0000 ({inf.path.name})")
    if fault == 3010:
        world.say("System reboot is needed to complete install operations!")
    world.say("", "Total driver packages:  1", "Added driver packages:  1")
    return fault if isinstance(fault, int) else 0


def _failed(world: World, text: str, code: int) -> int:
    world.say(f"Failed to add driver package: {text}", "", "Total driver packages:  1", "Added driver packages:  0")
    return code


def _publish(world: World, inf: Inf, files: list[tuple[str, Path]], origin: str) -> str:
    digest = hashlib.sha256(inf.path.read_bytes())
    for _, source in files:
        digest.update(source.read_bytes())
    package = f"{inf.path.name.lower()}_amd64_{digest.hexdigest()[:16]}"
    with registry_of(world.root, world.machine).open("SYSTEM", write=True) as system:
        known = system.get(f"DriverDatabase\\DriverPackages\\{package}", "")
        if known:
            return str(known)
        published = _next_name(system)
        folder = world.path(f"{STORE}\\{package}")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(inf.path, folder / inf.path.name)
        for name, source in files:
            target = folder.joinpath(*name.split("\\"))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        shutil.copyfile(inf.path, world.path(f"C:\\Windows\\INF\\{published}"))
        key = f"DriverDatabase\\DriverPackages\\{package}"
        about: dict[str, Value] = {
            "": published, "InfName": inf.path.name, "Provider": inf.value("provider"), "Catalog": inf.catalog,
            "OemPath": world.full(origin).rsplit("\\", 1)[0], "SignerName": "", "SignerScore": 0x80000000,
            "StatusFlags": 18, "Version": _version(inf),
        }  # fmt: skip
        for value, data in about.items():
            system.set(key, value, data)
        system.set(f"DriverDatabase\\DriverInfFiles\\{published}", "", [package])
        system.set(f"DriverDatabase\\DriverInfFiles\\{published}", "Active", package)
    return published


def _next_name(system: Hive) -> str:
    taken = {name.lower() for name in system.children("DriverDatabase\\DriverInfFiles")}
    return next(f"oem{n}.inf" for n in range(10000) if f"oem{n}.inf" not in taken)


def _version(inf: Inf) -> bytes:
    """
    As the driver database packs it: architecture, class GUID, date as FILETIME, version as four words.

    The layout is our working knowledge, not a published one.
    """
    date, _, number = inf.value("driverver").partition(",")
    day = re.fullmatch(r"\s*(\d+)/(\d+)/(\d{4})\s*", date)
    filetime = 0
    if day:
        from datetime import UTC, datetime

        days = datetime(int(day[3]), int(day[1]), int(day[2]), tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)
        filetime = days.days * 86_400 * 10_000_000
    words = [int(part) & 0xFFFF for part in number.strip().split(".") if part.isdigit()][:4]
    words += [0] * (4 - len(words))
    import uuid

    try:
        guid = uuid.UUID(inf.value("classguid")).bytes_le
    except ValueError:
        guid = b"\0" * 16
    return struct.pack("<II16sQ4HQ", 0xFF00, 9, guid, filetime, *reversed(words), 0)


def _packages(system: Hive) -> list[tuple[str, str]]:
    base = "DriverDatabase\\DriverPackages"
    return sorted((str(system.get(f"{base}\\{name}", "")), name) for name in system.children(base))


def _enumerate(world: World) -> int:
    with registry_of(world.root, world.machine).open("SYSTEM") as system:
        for published, package in _packages(system):
            key = f"DriverDatabase\\DriverPackages\\{package}"
            about = {name: str(system.get(key, name) or "Unknown") for name in ("InfName", "Provider", "SignerName")}
            world.say(f"Published Name:     {published}", f"Original Name:      {about['InfName']}",
                      f"Provider Name:      {about['Provider']}",
                      f"Signer Name:        {about['SignerName']}", "")  # fmt: skip
    return 0


def _delete(world: World, name: str) -> int:
    with registry_of(world.root, world.machine).open("SYSTEM", write=True) as system:
        package = next((p for published, p in _packages(system) if published.lower() == name.lower()), None)
        if package is None:
            world.say("Failed to delete driver package: The system cannot find the file specified.")
            return NOT_FOUND
        system.delete_key(f"DriverDatabase\\DriverPackages\\{package}")
        system.delete_key(f"DriverDatabase\\DriverInfFiles\\{name}")
    shutil.rmtree(world.path(f"{STORE}\\{package}"))
    world.path(f"C:\\Windows\\INF\\{name}").unlink(missing_ok=True)
    world.say("Driver package deleted successfully.")
    return 0
