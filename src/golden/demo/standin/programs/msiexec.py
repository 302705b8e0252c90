"""msiexec.exe /i FILE /qn /norestart /l*v LOG [NAME=VALUE]…, on packages with the stand-in's trailer."""

from __future__ import annotations

import time
from pathlib import Path

from . import servicing
from .installing import install, trailer
from .world import Unknown, World

CANNOT_OPEN, LOG_PATH, BUSY, NOT_VALID = 1619, 1622, 1618, 1620


def main(world: World, arguments: list[str]) -> int:
    """One installation; its log is UTF-16, as the real one's."""
    words, package, log, properties = list(arguments), None, None, []
    while words:
        word = words.pop(0)
        if word.lower() == "/i":
            package = words.pop(0)
        elif word.lower() == "/l*v":
            log = words.pop(0)
        elif "=" in word:
            properties.append(word)
        elif word.lower() not in ("/qn", "/norestart"):
            raise Unknown(f"the msiexec.exe switch {word}")
    if package is None or log is None or "/norestart" not in [word.lower() for word in arguments]:
        raise Unknown(f"msiexec.exe {' '.join(arguments)}")
    place = world.path(log)
    if not place.parent.is_dir():
        return LOG_PATH
    return _install(world, world.path(package), place, properties)


def _install(world: World, path: Path, log: Path, properties: list[str]) -> int:
    lines = [f"=== Verbose logging started: {time.strftime('%d.%m.%Y  %H:%M:%S')} ===",
             f"MSI (s) Command Line: {' '.join(properties)}"]  # fmt: skip
    servicing.maybe_restart(world, "msiexec", "before")
    code = servicing.fault_code(world, "msiexec") or 0
    if not path.is_file():
        code = CANNOT_OPEN
    elif path.read_bytes()[:8].hex() != "d0cf11e0a1b11ae1":
        code = NOT_VALID
    elif code in (0, 3010, 1641):
        told = trailer(path)
        if told is None:
            raise Unknown(f"what {path.name} installs")
        install(world, {**told, "files": {**told.get("files", {}), **_recorded(told, properties)}})
        lines.append("MSI (s) Product: installed. Return value 1.")
    elif code == 1603:
        lines += [
            "CustomAction Broken returned actual error code 1603",
            "Action ended: InstallFinalize. Return value 3.",
        ]
    lines.append(f"MSI (s) MainEngineThread is returning {code}")
    log.write_bytes("\r\n".join(lines).encode("utf-16"))
    servicing.maybe_restart(world, "msiexec", "after")
    return code


def _recorded(told: dict[str, object], properties: list[str]) -> dict[str, str]:
    """The properties that were given, in a file that the package names for them."""
    return {str(told["record"]): "\n".join(properties)} if "record" in told else {}
