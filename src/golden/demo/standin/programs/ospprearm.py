"""OSPPREARM.EXE of Office: notes that it ran; the fault ``office`` gives the exit code."""

from __future__ import annotations

from .world import World


def main(world: World, arguments: list[str]) -> int:  # noqa: ARG001
    """One rearm of Office."""
    code = world.fault("office") or 0
    (world.machine / "office-rearmed").write_text(str(code))
    return int(code)
