"""dism.exe: /Online /Add-Package and /Remove-Package, on the packages of Component Based Servicing."""

from __future__ import annotations

from . import servicing
from .world import Unknown, World

LOG = "C:\\Windows\\Logs\\DISM\\dism.log"
BAD_SWITCH = 87
NOT_FOUND = 2
UNKNOWN_PACKAGE = 0x800F0805


def main(world: World, arguments: list[str]) -> int:
    """One order."""
    given: dict[str, list[str]] = {}
    for word in arguments:
        name, _, value = word.partition(":")
        given.setdefault(name.lower(), []).append(value)
    world.say("", "Deployment Image Servicing and Management tool", "Version: 10.0.20348.1", "")
    verb = next((name for name in ("/add-package", "/remove-package") if name in given), None)
    known = {"/online", "/quiet", "/norestart", "/add-package", "/remove-package", "/packagepath", "/packagename"}
    if "/online" not in given or verb is None or (unknown := set(given) - known):
        if "/online" in given and verb is not None and unknown:
            return _said(world, f"The {unknown.pop()} option is unknown.", BAD_SWITCH)
        raise Unknown(f"dism.exe {' '.join(arguments)}")
    servicing.maybe_restart(world, "dism", "before")
    fault = servicing.fault_code(world, "dism")
    if fault not in (None, 0, servicing.RESTART):
        return _said(world, f"An error occurred. {fault:#x}", fault)
    act = _add if verb == "/add-package" else _remove
    code = act(world, given, restart=fault == servicing.RESTART)
    servicing.maybe_restart(world, "dism", "after")
    return code


def _said(world: World, text: str, code: int) -> int:
    world.say(f"Error: {code:#x}" if code > 0xFFFF else f"Error: {code}", "", text, "",
              f"The DISM log file can be found at {LOG}")  # fmt: skip
    place = world.path(LOG)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a") as log:
        log.write(f"2026-01-01 00:00:00, Error                 DISM   DISM Package Manager: {text} - {code:#x}\r\n")
    return code


def _add(world: World, given: dict[str, list[str]], *, restart: bool) -> int:
    for name in given.get("/packagepath", []):
        path = world.path(name)
        if not path.is_file():
            return _said(world, f"Could not open {name}.", NOT_FOUND)
        try:
            packages = servicing.identities(path)
        except servicing.NotApplicable:
            return _said(world, "The specified package is not applicable to this image.", servicing.NOT_APPLICABLE)
        except ValueError as error:
            return _said(world, str(error), 0x800F0922)
        servicing.add(world, packages, "DISM Package Manager Provider", restart=restart)
    world.say("The operation completed successfully.")
    return servicing.RESTART if restart else 0


def _remove(world: World, given: dict[str, list[str]], *, restart: bool) -> int:
    for name in given.get("/packagename", []):
        if not servicing.remove(world, name):
            return _said(world, "The specified package name is not valid.", UNKNOWN_PACKAGE)
    world.say("The operation completed successfully.")
    return servicing.RESTART if restart else 0
