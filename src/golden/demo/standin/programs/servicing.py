"""What Component Based Servicing keeps: packages with their state, what waits for a restart, what a start finishes."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from . import cabinet
from .registry import registry_of
from .world import Unknown, World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CBS = "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing"
PACKAGES = f"{CBS}\\Packages"
INSTALLED, PENDING = 0x70, 0x60
RESTART = 3010
NOT_APPLICABLE = 0x800F081E


class NotApplicable(Exception):
    """The package is for another architecture."""


def identities(path: Path) -> list[str]:
    """The packages that a .cab, or the .cab inside of an .msu, brings. ValueError where it is no such file."""
    files = cabinet.read(path.read_bytes(), path.name)
    found = [_identity(data) for name, data in files.items() if name.lower() == "update.mum"]
    for name, data in files.items():
        if name.lower().endswith(".cab") and name.lower() != "wsusscan.cab":
            inner = cabinet.read(data, name)
            found += [_identity(inner[each]) for each in inner if each.lower() == "update.mum"]
    if not found:
        raise ValueError(f"{path.name} holds no update.mum")
    return found


def _identity(manifest: bytes) -> str:
    said = dict(re.findall(r'(\w+)="([^"]*)"', re.search(r"<assemblyIdentity[^>]*>", manifest.decode())[0]))  # type: ignore[index]
    if said["processorArchitecture"] not in ("amd64", "x86", "neutral"):
        raise NotApplicable
    return f"{said['name']}~{said['publicKeyToken']}~{said['processorArchitecture']}~~{said['version']}"


def state(world: World, package: str) -> int | None:
    """A package's CurrentState; None where it is not known."""
    with registry_of(world.root, world.machine).open("SOFTWARE") as hive:
        found = hive.get(f"{PACKAGES}\\{package}", "CurrentState")
    return found if isinstance(found, int) else None


def add(world: World, packages: list[str], client: str, *, restart: bool) -> None:
    """Install packages, at once or with the next start."""
    with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as hive:
        for package in packages:
            hive.set(f"{PACKAGES}\\{package}", "CurrentState", PENDING if restart else INSTALLED)
            hive.set(f"{PACKAGES}\\{package}", "InstallClient", client)
        if restart:
            hive.add(f"{CBS}\\RebootPending")


def remove(world: World, package: str) -> bool:
    """Uninstall a package; False where there is none of that name."""
    with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as hive:
        return hive.delete_key(f"{PACKAGES}\\{package}")


def at_boot(world: World) -> None:
    """
    Finish what waits for a restart.

    Fault ``servicing``: a number of starts that it takes (the pending key stays until then), or "stuck": for ever.
    """
    registry = registry_of(world.root, world.machine)
    with registry.open("SOFTWARE") as hive:
        if not hive.has(f"{CBS}\\RebootPending"):
            return
    fault = world.fault("servicing")
    if fault == "stuck" or (isinstance(fault, int) and counted(world, "servicing-starts") < fault):
        return
    with registry.open("SOFTWARE", write=True) as hive:
        for package in hive.children(PACKAGES):
            if hive.get(f"{PACKAGES}\\{package}", "CurrentState") == PENDING:
                hive.set(f"{PACKAGES}\\{package}", "CurrentState", INSTALLED)
        hive.delete_key(f"{CBS}\\RebootPending")


def counted(world: World, what: str) -> int:
    """How often this has been asked in this machine, this time included."""
    place = world.machine / f"count-{what}"
    number = (int(place.read_text()) if place.is_file() else 0) + 1
    place.write_text(str(number))
    return number


def fault_code(world: World, program: str) -> int | None:
    """The exit code that a test wants of a program: a number, or a list with one for each call (the last one stays)."""
    fault: Any = world.fault(program)
    if isinstance(fault, list):
        fault = fault[min(counted(world, program), len(fault)) - 1]
    if fault is None or isinstance(fault, int):
        return fault
    raise Unknown(f"the fault {json.dumps({program: fault})}")


def maybe_restart(world: World, program: str, when: str) -> None:
    """Fault ``restart`` {"program": …, "when": "before" | "after"}: the guest restarts by itself under the program."""
    fault = world.fault("restart")
    if isinstance(fault, dict) and fault.get("program") == program and fault.get("when") == when:
        world.power("reboot")
        time.sleep(3600)


def is_remote(world: World) -> bool:
    """Whether this program has the token of a logon from outside, which an SSH server's children have."""
    return "SSH_CONNECTION" in world.env
