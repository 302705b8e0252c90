"""
Local accounts, profiles and scheduled tasks of a powered-off Windows. docs/facts: windows 8.1, 8.2, 8.3.

Only names and numbers are read: what else the hives keep of an account (hashes, secrets) is never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from golden.disk.damage import Damaged
from golden.disk.hive import Hive
from golden.disk.source import Files
from golden.errors import NotFound
from golden.windows.state import open_hive

_NAMES = "SAM\\Domains\\Account\\Users\\Names"
_PROFILES = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList"
_TASKS = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree"
_TASK_FILES = "Windows/System32/Tasks"
_MOST = 20_000
"""Tasks of one guest."""
_DEEPEST = 32
"""Folders in folders; one that leads back into itself ends here."""


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """One local account."""

    name: str
    number: int
    """The last part of its SID (RID), e.g. 500 for the built-in administrator."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One user's profile."""

    sid: str
    folder: str
    """As Windows writes it, e.g. ``C:\\Users\\Administrator``."""


def accounts(volume: Files) -> tuple[LocalAccount, ...]:
    """Every local account. Damaged or NotFound where the SAM cannot be read: nothing is known then."""
    sam = open_hive(volume, "SAM")
    if sam.dirty:
        raise Damaged("the accounts of this Windows cannot be read", details="SAM was not written to its end")
    names = sam.key(_NAMES)
    if names is None:
        raise Damaged("the accounts of this Windows cannot be read", details=f"SAM has no key {_NAMES}")
    found = []
    for key in names.below():
        # The number is kept where other values keep their type.
        number = next((value.type for value in key.hive.values_of(key.node, only="")), 0)
        found.append(LocalAccount(key.name, number))
    return tuple(found)


def profiles(software: Hive) -> tuple[Profile, ...]:
    """Every profile that Windows knows of, those of services included."""
    listed = software.key(_PROFILES)
    found = []
    for key in listed.below() if listed else ():
        place = key.value("ProfileImagePath")
        found.append(Profile(key.name, place if isinstance(place, str) else ""))
    return tuple(found)


def tasks(volume: Files, software: Hive) -> tuple[str, ...]:
    """Names of scheduled tasks with their folders, from both places that Windows keeps them in."""
    found = set(_task_keys(software)) | set(_task_files(volume))
    return tuple(sorted(found))


def identity(software: Hive, machine_sid: str) -> tuple[tuple[str, str], ...]:
    """What makes this Windows one particular machine; both are given anew at the first boot of a sealed one."""
    guid = software.value("Microsoft\\Cryptography", "MachineGuid")
    told = (("machine SID", machine_sid), ("MachineGuid", guid if isinstance(guid, str) else ""))
    return tuple((name, value or "not readable") for name, value in told)


def has_secret(volume: Files, name: str) -> bool:
    """Whether the SECURITY hive holds an LSA secret of that name; what it holds is not looked at."""
    try:
        return open_hive(volume, "SECURITY").has(f"Policy\\Secrets\\{name}")
    except (Damaged, NotFound):
        return False


def _task_keys(software: Hive) -> Iterator[str]:
    root = software.key(_TASKS)
    waiting = [("", root)] if root else []
    for _ in range(_MOST):
        if not waiting:
            return
        stem, key = waiting.pop()
        if key.value("Id") is not None:
            yield stem
        if stem.count("\\") < _DEEPEST:
            waiting += [(f"{stem}\\{below.name}".lstrip("\\"), below) for below in key.below()]


def _task_files(volume: Files) -> Iterator[str]:
    root = volume.find(_TASK_FILES)
    waiting = [("", root)] if root else []
    for _ in range(_MOST):
        if not waiting:
            return
        stem, folder = waiting.pop()
        if not folder.is_folder:
            yield stem
            continue
        if stem.count("\\") < _DEEPEST:
            waiting += [(f"{stem}\\{entry.name}".lstrip("\\"), entry) for entry in folder.entries()]
