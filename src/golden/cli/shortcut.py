"""
A short cut for reading commands that are typed plainly: they run without loading the parser of options.

The parser takes longer to load than all the rest of ``golden status``. Whatever is not understood here at first
sight (any other option, a second argument, settings in the environment) goes the long way and means the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from golden.cli.talk import OUTPUTS, Talk

MODULES = {
    "status": "overview",
    "list": "overview",
    "log": "lineage",
    "show": "lineage",
    "resolve": "channels",
    "jobs": "jobs",
    "explain": "explain",
}
"""The commands that may be cut short, by module."""
ADDRESSED = ("log", "show", "resolve", "explain")
SWITCHES = {"-q": "quiet", "--quiet": "quiet", "--no-color": "no_color"}
VARIABLES = tuple(f"GOLDEN_{name}" for name in ("OUTPUT", "QUIET", "VERBOSE", "NO_COLOR", "NO_INPUT", "YES"))


def found(arguments: Sequence[str]) -> Callable[[], None] | None:
    """What to call instead of the parser; None where it must be asked."""
    if not arguments or arguments[0] not in MODULES or any(name in os.environ for name in VARIABLES):
        return None
    verb, *rest = arguments
    ways: dict[str, Any] = {}
    address: list[str] = []
    while rest:
        word = rest.pop(0)
        if word in SWITCHES:
            ways[SWITCHES[word]] = True
        elif word in ("-o", "--output") and rest and rest[0] in OUTPUTS:
            ways["output"] = rest.pop(0)
        elif word.startswith("-") or not word or address or verb not in ADDRESSED:
            return None
        else:
            address.append(word)
    act: Callable[..., None] = import_module(f"golden.cli.{MODULES[verb]}").COMMANDS[verb]
    return partial(act, Talk(ways), *address)
