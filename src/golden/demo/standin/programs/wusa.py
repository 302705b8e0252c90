"""wusa.exe FILE.msu /quiet /norestart; refuses a logon from outside, as the real one does."""

from __future__ import annotations

from . import servicing
from .world import Unknown, World

ACCESS_DENIED = 5
ALREADY = 2359302
NOT_APPLICABLE = 0x80240017


def main(world: World, arguments: list[str]) -> int:
    """One update; nothing is said, as without a desktop."""
    switches = {word.lower() for word in arguments if word.startswith("/")}
    names = [word for word in arguments if not word.startswith("/")]
    if switches != {"/quiet", "/norestart"} or len(names) != 1:
        raise Unknown(f"wusa.exe {' '.join(arguments)}")
    if servicing.is_remote(world):
        return ACCESS_DENIED
    servicing.maybe_restart(world, "wusa", "before")
    fault = servicing.fault_code(world, "wusa")
    if fault not in (None, 0, servicing.RESTART):
        return fault
    try:
        packages = servicing.identities(world.path(names[0]))
    except servicing.NotApplicable:
        return NOT_APPLICABLE
    except (ValueError, OSError):
        return 0x80070002
    if all(servicing.state(world, each) == servicing.INSTALLED for each in packages):
        return ALREADY
    servicing.add(world, packages, "WindowsUpdateAgent", restart=fault == servicing.RESTART)
    servicing.maybe_restart(world, "wusa", "after")
    return servicing.RESTART if fault == servicing.RESTART else 0
