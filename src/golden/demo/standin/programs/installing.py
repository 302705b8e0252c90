"""
What installers do: files, an Uninstall key, a service's restart; and the set-up programs of the stand-in.

An installer of the stand-in is any file with a trailer: the line ``golden stand-in installer`` and a JSON object
{"key", "name", "version", "files": {path: text}, "exit", "wow64", "wants": text of the command line} after it.
"""

from __future__ import annotations

import json
from pathlib import Path

from . import servicing
from .registry import registry_of
from .world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MARK = b"\r\ngolden stand-in installer\r\n"
UNINSTALL = "Microsoft\\Windows\\CurrentVersion\\Uninstall"


def trailer(path: Path) -> dict[str, Any] | None:
    """What the file says it installs; None for a file that is no installer of the stand-in."""
    _, mark, told = path.read_bytes().rpartition(MARK)
    return dict(json.loads(told)) if mark else None


def install(world: World, told: dict[str, Any]) -> None:
    """Do it: files first, then the Uninstall key."""
    for name, text in told.get("files", {}).items():
        place = world.path(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode())
    if told.get("key"):
        base = "\\".join((*(("WOW6432Node",) if told.get("wow64") else ()), UNINSTALL, told["key"]))
        with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as hive:
            hive.set(base, "DisplayName", told.get("name", told["key"]))
            hive.set(base, "DisplayVersion", told.get("version", "1.0"))


def run_setup(world: World, path: Path, arguments: list[str]) -> int:
    """A set-up program: what its trailer says, if its command line is the one it wants."""
    told = trailer(path) or {}
    line = " ".join(arguments)
    if "wants" in told and line != told["wants"]:
        world.complain(f"{path.name} does not know: {line}")
        return 87
    servicing.maybe_restart(world, "setup", "before")
    code = servicing.fault_code(world, "setup")
    code = int(told.get("exit", 0)) if code is None else code
    if code in told.get("installs", (0, 3010, 1641, code)):
        install(world, told)
    servicing.maybe_restart(world, "setup", "after")
    return code
