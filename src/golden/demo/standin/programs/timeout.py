"""timeout.exe /t N [/nobreak]: waits."""

from __future__ import annotations

from .batch import pause
from .world import Unknown, World


def main(world: World, arguments: list[str]) -> int:
    """Wait the seconds after /t."""
    numbers = [word for word in arguments if word.isdigit()]
    if not numbers:
        raise Unknown("timeout without seconds")
    world.say("", f"Waiting for {numbers[0]} seconds, press CTRL+C to quit ...")
    pause(int(numbers[0]))
    return 0
