"""The checks that a powered-off disk answers. Nothing is started and nothing is written. docs/facts: windows 3.2."""

from __future__ import annotations

from collections.abc import Mapping

from golden.disk.cache import Cached
from golden.disk.damage import Damaged
from golden.disk.hive import Data
from golden.disk.hive import Hive as File
from golden.disk.hive import Key as Node
from golden.disk.source import BlockSource, Files
from golden.errors import NotFound
from golden.model import Checked, Finding
from golden.windows.checks import rules
from golden.windows.checks.catalogue import OFFLINE, ONLINE, catalogue, ids
from golden.windows.checks.disk_rules import DISK_RULES, AppxPackages, Shown
from golden.windows.checks.picture import FILES, PROVIDERS, READS, Key, Picture, Provider, Read
from golden.windows.checks.provider import library
from golden.windows.checks.rules import Wish
from golden.windows.facts import NoWindows, windows_volume
from golden.windows.state import evidence, open_hive

APPX = "Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore"
ABOUT_THE_DISK = ("disk.unreadable", "disk.hibernated", "disk.unclean", "disk.hive-dirty", "disk.hive-damaged")
RUNNING = "only the running guest can tell"
Hives = Mapping[str, File]


def inspect(disk: BlockSource, wish: Wish) -> Checked:
    """
    Every check that the disk answers; a disk without a Windows that can be read is a finding too.

    Only errors of the source itself (EndpointError) are raised. Where the content may be old (a hive or the volume was
    not closed in order, or a system is hibernated) a check that met nothing counts as not made.
    """
    source = disk if isinstance(disk, Cached) else Cached(disk)
    try:
        volume = windows_volume(source)
    except NoWindows as error:
        return _unreadable(error)
    hives, trouble = _hives(volume)
    picture, appx = _picture(volume, hives, trouble), _appx(hives, trouble)
    doubts = _doubts(volume, hives, trouble)
    try:
        state = evidence(volume, hives) if len(hives) == 2 else None
    except (Damaged, NotFound):
        state = None
    found = together(
        rules.judge(OFFLINE, DISK_RULES, Shown(volume, picture, state, appx), wish),
        rules.judge(OFFLINE, rules.RULES, picture, wish),
    )
    if doubts:
        found = rules.doubted(found, f"what was not found may only not be there yet: {_ids(doubts)}")
    left = tuple((name, RUNNING) for name in ids(ONLINE) if name not in ids(OFFLINE))
    return in_order(together(Checked(doubts, ABOUT_THE_DISK, left), found))


def together(*parts: Checked) -> Checked:
    """Several parts as one."""
    return Checked(
        tuple(one for part in parts for one in part.findings),
        tuple(dict.fromkeys(name for part in parts for name in part.made)),
        tuple(one for part in parts for one in part.unmade),
    )


def in_order(checked: Checked) -> Checked:
    """In the order of the catalogue."""
    rank = {name: number for number, name in enumerate(catalogue())}
    return Checked(
        tuple(sorted(checked.findings, key=lambda one: rank[one.id])),
        tuple(sorted(checked.made, key=lambda name: rank[name])),
        tuple(sorted(checked.unmade, key=lambda pair: rank[pair[0]])),
    )


def _unreadable(error: NoWindows) -> Checked:
    evidence = "\n".join(f"{name}: {value}" for name, value in error.met)
    findings = [catalogue()["disk.unreadable"].finding(OFFLINE, evidence=evidence)]
    made = ["disk.unreadable"]
    for name, value in error.met:
        if "BitLocker" in value:
            findings.append(catalogue()["bitlocker.encrypted"].finding(OFFLINE, f"{name} of the disk", value))
            made.append("bitlocker.encrypted")
    unmade = tuple((name, "there is no Windows on the disk that can be read") for name in catalogue())
    left = tuple(pair for pair in unmade if pair[0] not in made)
    return in_order(Checked(tuple(findings), tuple(dict.fromkeys(made)), left))


def _hives(volume: Files) -> tuple[dict[str, File], dict[str, str]]:
    """The hives that can be read, and why others cannot."""
    found, trouble = {}, {}
    for name in ("SOFTWARE", "SYSTEM"):
        try:
            found[name] = open_hive(volume, name)
        except (Damaged, NotFound) as error:
            trouble[name] = error.brief
    return found, trouble


def _doubts(volume: Files, hives: Hives, trouble: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings that make everything else doubtful."""
    found = []
    try:
        if volume.is_hibernated():
            found.append(_told("disk.hibernated", evidence="hiberfil.sys begins with a system that waits"))
        if volume.is_dirty():
            found.append(_told("disk.unclean", "Windows has marked it as needing a check"))
        elif volume.is_journal_open():
            found.append(_told("disk.unclean", "its journal was not closed"))
    except Damaged as error:
        found.append(_told("disk.unclean", "whether it was cannot be read", error.details or error.brief))
    for name, hive in hives.items():
        if hive.dirty:
            found.append(_told("disk.hive-dirty", name, "its two sequence numbers differ"))
    found += [_told("disk.hive-damaged", name, why) for name, why in trouble.items() if name in ("SOFTWARE", "SYSTEM")]
    return tuple(found)


def _told(check: str, what: str = "", evidence: str = "") -> Finding:
    return catalogue()[check].finding(OFFLINE, what, evidence)


def _ids(findings: tuple[Finding, ...]) -> str:
    return ", ".join(dict.fromkeys(one.id for one in findings))


def _picture(volume: Files, hives: Hives, trouble: dict[str, str]) -> Picture:
    """The keys and files that the rules ask for; ``trouble`` gets what could not be read."""
    keys: dict[str, Key | None] = {}
    for read in READS:
        hive = read.key.partition("\\")[0]
        if hive not in hives or hive in trouble:
            continue
        try:
            node = hives[hive].key(_place(hives, read.key))
            keys[read.key] = None if node is None else _key(node, read)
        except Damaged as error:
            trouble[hive] = error.brief
    files: dict[str, bool] = {}
    try:
        files = {path: _is_file(volume, path) for path in FILES}
        providers = _providers(volume, keys)
    except Damaged as error:
        trouble["files"] = trouble["providers"] = error.brief
        providers = None
    return Picture(keys, files, providers, trouble)


def _place(hives: Hives, path: str) -> str:
    """The path below the hive's root; the current control set by its number."""
    hive, _, below = path.partition("\\")
    if below.startswith("CurrentControlSet\\"):
        number = hives[hive].value("Select", "Current")
        below = f"ControlSet{number if isinstance(number, int) else 1:03d}\\" + below.partition("\\")[2]
    return below


def _key(node: Node, read: Read) -> Key:
    values: dict[str, Data] = {}
    if read.names or read.present:
        shown = node.values()
        values = {name.lower(): data for name, data in shown.items() if _wanted(name, read.names)}
        values |= {name.lower(): int(bool(data)) for name, data in shown.items() if _wanted(name, read.present)}
    below: dict[str, dict[str, Data]] = {}
    for child in node.below() if read.below else ():
        told = child.values() if read.of_below else {}
        below[child.name] = {name.lower(): data for name, data in told.items() if _wanted(name, read.of_below)}
    return Key(values, below)


def _wanted(name: str, names: tuple[str, ...]) -> bool:
    return names == ("*",) or name.lower() in (one.lower() for one in names)


def _is_file(volume: Files, path: str) -> bool:
    found = volume.find(path)
    return found is not None and not found.is_folder


def _providers(volume: Files, keys: Mapping[str, Key | None]) -> tuple[Provider, ...] | None:
    found = []
    for path in PROVIDERS:
        if path not in keys:
            return None
        key = keys[path]
        for data in key.values.values() if key else ():
            if isinstance(data, str) and data.strip():
                place = library(data)
                there = None if place is None else _is_file(volume, place[3:])
                found.append(Provider(path.rpartition("\\")[2], data, there))
    return tuple(found)


def _appx(hives: Hives, trouble: Mapping[str, str]) -> AppxPackages | None:
    if "SOFTWARE" not in hives or "SOFTWARE" in trouble:
        return None
    software = hives["SOFTWARE"]
    try:
        users = {
            sid: software.subkeys(f"{APPX}\\{sid}")
            for sid in software.subkeys(APPX)
            if sid.upper().startswith("S-1-5-21-")
        }
        shared = (software.subkeys(f"{APPX}\\{name}") for name in ("Applications", "InboxApplications"))
        return AppxPackages(next(shared), users, next(shared))
    except Damaged:
        return None
