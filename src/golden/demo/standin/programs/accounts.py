"""Local accounts and their profiles as Windows keeps them: SAM by name and number, ProfileList, the folder in Users."""

from __future__ import annotations

import shutil

from .registry import Registry, registry_of
from .world import World

NAMES = "SAM\\Domains\\Account\\Users\\Names"
USERS = "SAM\\Domains\\Account\\Users"
PROFILES = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList"
FIRST = 0x3E9


def number_of(world: World, name: str) -> int | None:
    """The number of an account by its name in any case; None where there is none."""
    with _registry(world).open("SAM") as sam:
        for each in sam.children(NAMES):
            if each.lower() == name.lower():
                return sam.typed(f"{NAMES}\\{each}")[0][1]
    return None


def make(world: World, name: str) -> None:
    """A new account with the next number; nothing where it is there."""
    if number_of(world, name) is not None:
        return
    with _registry(world).open("SAM", write=True) as sam:
        taken = [int(each, 16) for each in sam.children(USERS) if each != "Names"]
        number = max(FIRST, *(each + 1 for each in taken))
        sam.set(f"{NAMES}\\{name}", "", b"", number)
        sam.set(f"{USERS}\\{number:08X}", "V", b"\0" * 16)


def log_on(world: World, name: str) -> None:
    """What the first logon leaves: a profile."""
    number = number_of(world, name)
    folder = world.path(f"C:\\Users\\{name}")
    folder.mkdir(parents=True, exist_ok=True)
    with _registry(world).open("SOFTWARE", write=True) as software:
        software.set(f"{PROFILES}\\{_sid(world, number or 0)}", "ProfileImagePath", f"C:\\Users\\{name}")


def remove_profile(world: World, name: str) -> None:
    """The profile of an account, with its folder."""
    number = number_of(world, name)
    with _registry(world).open("SOFTWARE", write=True) as software:
        software.delete_key(f"{PROFILES}\\{_sid(world, number or 0)}")
    shutil.rmtree(world.path(f"C:\\Users\\{name}"), ignore_errors=True)


def remove(world: World, name: str) -> bool:
    """The account; False where there was none."""
    number = number_of(world, name)
    if number is None:
        return False
    with _registry(world).open("SAM", write=True) as sam:
        for each in sam.children(NAMES):
            if each.lower() == name.lower():
                sam.delete_key(f"{NAMES}\\{each}")
        sam.delete_key(f"{USERS}\\{number:08X}")
    return True


def _sid(world: World, number: int) -> str:
    import struct

    value = _registry(world).get("HKLM\\SAM\\SAM\\Domains\\Account", "V")
    assert isinstance(value, bytes)
    return "S-1-5-21-{}-{}-{}-{}".format(*struct.unpack("<III", value[-12:]), number)


def _registry(world: World) -> Registry:
    return registry_of(world.root, world.machine)
