"""cmd.exe: /c with one command line or a batch file; what it understands is in ``batch``."""

from __future__ import annotations

from . import batch
from .world import Unknown, World


def main(world: World, arguments: list[str]) -> int:
    """``cmd.exe [/d] [/s] [/q] /c COMMAND…``; the command's exit code."""
    rest = list(arguments)
    while rest and rest[0].lower() in ("/d", "/s", "/q", "/v:off", "/e:on"):
        rest.pop(0)
    if not rest or rest.pop(0).lower() != "/c" or not rest:
        raise Unknown("cmd.exe without /c COMMAND")
    words = [
        f'"{word}"' if (" " in word or not word) and not word.startswith('"') and len(rest) > 1 else word
        for word in rest
    ]
    if len(rest) == 1 and world.path(rest[0].strip('"')).is_file():
        words = [f'"{rest[0]}"']
    return batch.Batch(world, "", []).line(" ".join(words))
