"""cmd.exe: /c with the built-in commands golden uses, and a small documented subset of batch files."""

from __future__ import annotations

import shutil

from programs.world import Unknown, World


def main(world: World, arguments: list[str]) -> int:
    """``cmd.exe [/d] [/s] /c COMMAND…``."""
    rest = list(arguments)
    while rest and rest[0].lower() in ("/d", "/s", "/q", "/v:off", "/e:on"):
        rest.pop(0)
    if not rest or rest.pop(0).lower() != "/c" or not rest:
        raise Unknown("cmd.exe without /c COMMAND")
    if rest[0].lower() == "mkdir":
        return make_folder(world, rest[1:])
    if rest[0].lower() == "rmdir":
        return remove_folder(world, rest[1:])
    raise Unknown(f"the command {rest[0]}")


def make_folder(world: World, arguments: list[str]) -> int:
    """``mkdir PATH``: parents too; a folder that is there is an error, as in the real one."""
    code = 0
    for name in arguments:
        path = world.path(name)
        if path.exists():
            world.complain(f"A subdirectory or file {name} already exists.")
            code = 1
        else:
            path.mkdir(parents=True)
    return code


def remove_folder(world: World, arguments: list[str]) -> int:
    """``rmdir [/s] [/q] PATH``."""
    code = 0
    for name in (a for a in arguments if a.lower() not in ("/s", "/q")):
        path = world.path(name)
        if not path.is_dir():
            world.complain("The system cannot find the file specified.")
            code = 2
        elif "/s" in [a.lower() for a in arguments]:
            shutil.rmtree(path)
        else:
            path.rmdir()
    return code
