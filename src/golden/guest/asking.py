"""
What users may ask for in an update: each kind of change with its file endings and options, the same on the command line
and in playbooks. Whether a guest takes a kind is its family's to say.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from golden.errors import GoldenError, UsageError
from golden.guest.family import Wanted

_AS_KEYS = (
    (re.compile(r"--copy '[^:']*:([^']*)'.*"), r"destination = '\1'"),
    (re.compile(r"--(?:remove|feature|capability) ([^\s,]+)"), r'name = "\1"'),
    (re.compile(r"--(args|ok-codes|dependency|license|store)\b"), r"\1"),
)
"""Options of the command line in a sentence, and how a playbook says the same."""
SCRIPT_ENDINGS = (".ps1", ".cmd", ".bat", ".sh")


@dataclass(frozen=True, slots=True)
class Asked:
    """One kind of change as users name it."""

    source: bool = True
    """It brings a file or folder; else it has a name."""
    endings: tuple[str, ...] = ()
    """Of files that ``--add`` takes for this kind."""
    options: tuple[str, ...] = ()
    """Options that may follow it."""


KINDS: Mapping[str, Asked] = {
    "driver": Asked(endings=(".inf",)),
    "update": Asked(endings=(".msu", ".cab"), options=("dependency",)),
    "msi": Asked(endings=(".msi",), options=("args",)),
    "setup": Asked(endings=(".exe",), options=("args", "ok-codes")),
    "appx": Asked(endings=(".appx", ".msix", ".appxbundle", ".msixbundle"), options=("dependency", "license")),
    "registry": Asked(endings=(".reg",)),
    "certificate": Asked(endings=(".cer", ".crt"), options=("store",)),
    "script": Asked(options=("args",)),
    "file": Asked(),
    "feature": Asked(source=False),
    "capability": Asked(source=False),
    "windows-update": Asked(source=False),
    "remove": Asked(source=False),
}
OPTIONS = ("args", "ok-codes", "dependency", "license", "store")
PATHS = ("dependency", "license")
"""Options whose value is a file on this computer."""
SEVERAL = ("dependency",)
"""Options that may be given more than once."""
UPDATE_CATEGORIES = ("all", "critical", "definitions", "drivers", "rollups", "security", "service-packs", "updates")


def kind_by_ending(name: str) -> str:
    """The kind of change that ``--add`` means by a file's ending. UsageError that says what to type instead."""
    ending = Path(name).suffix.lower()
    for kind, asked in KINDS.items():
        if ending in asked.endings:
            return kind
    if ending in SCRIPT_ENDINGS:
        raise UsageError(f"{name} is a script", hint=f"--run {name}")
    known = ", ".join(ending for asked in KINDS.values() for ending in asked.endings)
    raise UsageError(
        f"golden cannot add {name!r}: --add takes files that end in {known}",
        details="scripts (.ps1 .cmd .bat .sh) are run with --run, files and folders are copied with --copy SRC:DEST",
        hint="--add driver.inf",
    )


def with_option(wanted: Wanted, option: str, value: str) -> Wanted:
    """The same with one of its options. UsageError where its kind has no such option, or has it once only."""
    called = wanted.source.name or wanted.name
    if option not in KINDS[wanted.kind].options:
        takes = [kind for kind, asked in KINDS.items() if option in asked.options]
        raise UsageError(f"--{option} does not go with {called}", hint=f"it follows a change of: {', '.join(takes)}")
    if option not in SEVERAL and any(name == option for name, _ in wanted.options):
        raise UsageError(f"--{option} was given twice for {called}")
    if wanted.kind == "script":
        return replace(wanted, arguments=split(value, windows=wanted.source.suffix.lower() != ".sh"))
    return replace(wanted, options=(*wanted.options, (option, value)))


def split(text: str, *, windows: bool) -> tuple[str, ...]:
    """The arguments of a script from one line, by Windows' rules (backslashes stay) or a shell's."""
    if windows:
        return _split_as_windows(text)
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--args {text!r}: {error}") from error


def categories(text: str) -> str:
    """Categories of Windows Update, checked and in a steady order; empty means all."""
    asked = [part.strip().lower() for part in text.split(",") if part.strip()] or ["all"]
    for each in asked:
        if each not in UPDATE_CATEGORIES:
            near = difflib.get_close_matches(each, UPDATE_CATEGORIES, 1)
            raise UsageError(
                f"Windows Update has no category {each!r} that golden knows",
                hint=f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(UPDATE_CATEGORIES)}",
            )
    return "all" if "all" in asked else ",".join(sorted(set(asked)))


def as_asked(error: GoldenError, wanted: Wanted) -> GoldenError:
    """
    What is wrong with a change, as whoever asked for it reads it: of a playbook with the place and the key, where its
    value is what is complained of, and with keys where an option of the command line is meant.
    """
    if not wanted.where:
        return error
    values = {"kind": f"kind {wanted.kind!r}", "destination": repr(wanted.destination), "name": repr(wanted.name)}
    values["source"] = wanted.source.name
    met = [key for key, value in values.items() if value.strip("'") and value in error.brief]
    place = ": ".join((wanted.where, *met[:1]))
    words, hint = _as_keys(error.brief), _as_keys(error.hint) if error.hint else None
    return type(error)(f"{place}: {words}", details=error.details, hint=hint)


def _as_keys(text: str) -> str:
    for typed, written in _AS_KEYS:
        text = typed.sub(written, text)
    return text


def _split_as_windows(text: str) -> tuple[str, ...]:
    """As CommandLineToArgvW: quotes hold blanks together, and backslashes count only before a quote."""
    found: list[str] = []
    word, quoted, begun, slashes = "", False, False, 0
    for char in text:
        if char == "\\":
            slashes += 1
            continue
        if char == '"':
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            slashes, begun = 0, True
            continue
        if slashes:
            word, slashes, begun = word + "\\" * slashes, 0, True
        if char in " \t" and not quoted:
            if begun:
                found.append(word)
            word, begun = "", False
            continue
        word, begun = word + char, True
    word += "\\" * slashes
    if quoted:
        raise UsageError(f"--args {text!r}: a quotation mark is not closed")
    if begun or slashes:
        found.append(word)
    return tuple(found)
