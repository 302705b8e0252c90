"""shutdown.exe: /s, /r and /p with /t N, /f, /d, /c; also Linux's shutdown as the guest agent calls it."""

from __future__ import annotations

import time

from .world import Unknown, World


def main(world: World, arguments: list[str]) -> int:
    """Ask the machine for power off or a restart; returns at once, as the real one does."""
    if "/a" in (word.lower() for word in arguments):
        world.complain("Unable to abort the system shutdown because no shutdown was in progress.(1116)")
        return 1116
    action, wait = _parsed(arguments)
    if not action:
        raise Unknown("shutdown without /s or /r")
    if world.fault("shutdown") == "never":
        return 0
    if wait:
        time.sleep(wait)
    world.power(action)
    return 0


def _parsed(arguments: list[str]) -> tuple[str, int]:
    action, wait, rest = "", 0, list(arguments)
    while rest:
        word = rest.pop(0).lower().replace("-", "/", 1)
        if word in ("/s", "/p", "/sg", "/h"):
            action = action or "off"
        elif word in ("/r", "/g"):
            action = "reboot"
        elif word == "/t":
            wait = int(rest.pop(0))
        elif word in ("/c", "/d"):
            rest.pop(0)
        elif word not in ("/f", "+0", "hypervisor initiated shutdown"):
            raise Unknown(f"the shutdown switch {word}")
    return action, wait
