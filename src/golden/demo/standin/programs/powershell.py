"""powershell.exe -File: golden's shipped scripts, known by SHA-256, and users' scripts in a small subset."""

from __future__ import annotations

from . import ps1, shipped
from .world import Unknown, World

WITH_VALUE = ("-executionpolicy", "-version", "-windowstyle", "-outputformat", "-inputformat")
ALONE = ("-noprofile", "-noninteractive", "-nologo", "-mta", "-sta")


def main(world: World, arguments: list[str]) -> int:
    """Run the file that ``-File`` names with what follows it; 0xFFFD0000 where there is no such file."""
    rest = list(arguments)
    while rest and rest[0].lower() != "-file":
        switch = rest.pop(0).lower()
        if switch in WITH_VALUE:
            rest.pop(0)
        elif switch not in ALONE:
            raise Unknown(f"powershell.exe {switch}")
    if len(rest) < 2:
        raise Unknown("powershell.exe without -File SCRIPT")
    path = world.path(rest[1])
    if not path.is_file():
        world.complain(f"The argument '{rest[1]}' to the -File parameter does not exist. Provide the path to an "
                       "existing '.ps1' file as an argument to the -File parameter.")  # fmt: skip
        return 0xFFFD0000
    content = path.read_bytes()
    name = shipped.name_of(content)
    if name is not None:
        return shipped.run(world, name, rest[2:])
    return ps1.run(world, rest[1], content, rest[2:])
