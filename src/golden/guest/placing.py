"""
Putting a piece of a file in its place, for ways in that only move whole files (VMware's guest operations).

The piece is a file of its own in the guest; a script of the family's checks its SHA-256 and writes it at its offset,
so doing it again does no harm. The answer is ``{"sha256": …}`` of the piece as it arrived; with another one than asked
for nothing was written.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from golden.guest.dialect import Script

_GOLDEN = Path(__file__).parents[1]
_POWERSHELL = (
    "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
    "-NoProfile",
    "-NonInteractive",
    "-ExecutionPolicy",
    "Bypass",
    "-File",
)


@dataclass(frozen=True, slots=True)
class Placer:
    """One family's script, and how it is called."""

    script: Script
    encode: Callable[[Mapping[str, object]], bytes]
    """Parameters (piece, target, offset, sha256) as the script reads them."""
    argv: Callable[[str, str, str], tuple[str, ...]]
    """The argument list for the paths of script, parameters and result in the guest."""


def _lines(parameters: Mapping[str, object]) -> bytes:
    """``KEY BASE64`` lines, as all of golden's shell scripts read them."""
    encoded = ((key, base64.b64encode(str(value).encode()).decode("ascii")) for key, value in parameters.items())
    return "".join(f"{key} {text}\n" for key, text in encoded).encode("ascii")


PLACERS: dict[str, Placer] = {
    "windows": Placer(
        Script(_GOLDEN / "windows/scripts/place.ps1"),
        lambda parameters: json.dumps(dict(parameters)).encode(),
        lambda script, order, result: (*_POWERSHELL, script, "-Parameters", order, "-Result", result),
    ),
    "linux": Placer(
        Script(_GOLDEN / "linux/scripts/place.sh"),
        _lines,
        lambda script, order, result: ("/bin/sh", script, order, result),
    ),
}
