"""
A short cut for reading commands that are typed plainly: they run without loading the parser of options.

The parser takes longer to load than all the rest of ``golden status``. Whatever is not understood here at first
sight (any other option, a second argument, settings in the environment) goes the long way and means the same.
"""

from __future__ import annotations

import os

from golden.cli.talk import OUTPUTS, Talk

TYPE_CHECKING = False  # typing takes longer to load than a whole linter.
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

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
INSTANT = "lint"
"""Over before anybody could stop it, so it needs no signals of its own."""
_OF_LINT = {"--edition": "edition", "--arch": "arch", "--for": "purpose"}
VARIABLES = tuple(f"GOLDEN_{name}" for name in ("OUTPUT", "QUIET", "VERBOSE", "NO_COLOR", "NO_INPUT", "YES"))


def is_instant(arguments: Sequence[str]) -> bool:
    """Whether the command is over at once."""
    return bool(arguments) and arguments[0] == INSTANT


def found(arguments: Sequence[str]) -> Callable[[], int | None] | None:
    """What to call instead of the parser, which answers an exit code or nothing; None where it must be asked."""
    if not arguments or any(name in os.environ for name in VARIABLES):
        return None
    if is_instant(arguments):
        return _lint(arguments[1:])
    if arguments[0] not in MODULES:
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
    from functools import partial
    from importlib import import_module

    act: Callable[..., None] = import_module(f"golden.cli.{MODULES[verb]}").COMMANDS[verb]
    return partial(act, Talk(ways), *address)


def _lint(arguments: Sequence[str]) -> Callable[[], int] | None:
    ways: dict[str, Any] = {}
    given: dict[str, str] = {}
    files: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word in SWITCHES:
            ways[SWITCHES[word]] = True
        elif word in ("-o", "--output") and rest and rest[0] in (*OUTPUTS, "sarif"):
            ways["output"] = rest.pop(0)
        elif word in _OF_LINT and rest and not rest[0].startswith("-"):
            given[_OF_LINT[word]] = rest.pop(0)
        elif word.startswith("-") or not word:
            return None
        else:
            files.append(word)
    if not files:
        return None
    from golden.cli.lint import checked

    return lambda: checked(Talk(ways), files, **given)
