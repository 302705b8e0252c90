"""ping.exe -n N ADDRESS: waits as long as N echoes take; there is no network."""

from __future__ import annotations

from .batch import pause
from .world import Unknown, World


def main(world: World, arguments: list[str]) -> int:
    """Only this computer answers, one echo a second."""
    address = next((word for word in arguments if word[0] not in "-/" and not word.isdigit()), "")
    if address.lower() not in ("127.0.0.1", "localhost", "::1"):
        raise Unknown(f"a network, and {address} in it")
    count = next((int(word) for word in arguments if word.isdigit()), 4)
    for number in range(count):
        if number:
            pause(1)
        world.say("Reply from 127.0.0.1: bytes=32 time<1ms TTL=128")
    return 0
