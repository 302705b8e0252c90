"""
The scripts golden may run on a host: files of this package, constant, with data bound to the names they declare.

Nothing is ever put into their text. What is declared is read from the ``param`` block each begins with, in the plain
form the scripts are written in; a test holds it against PowerShell's own grammar.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OPENING = re.compile(r"(?:\s|#[^\n]*\n|<#.*?#>|\[CmdletBinding\(\)\])*param\s*\(", re.IGNORECASE | re.DOTALL)
_VARIABLE = re.compile(r"\$([A-Za-z][A-Za-z0-9_]*)")
_MANDATORY = re.compile(r"\[Parameter\([^)]*\bMandatory\b(?!\s*=\s*\$false)[^)]*\)\]", re.IGNORECASE)
_TOKEN = re.compile(r"<#.*?#>|#[^\n]*|'[^']*'|\"[^\"]*\"|.", re.DOTALL)
_PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Script:
    """One constant script."""

    name: str
    text: str
    sha256: str
    """Of its bytes, for logs and peers."""
    parameters: tuple[str, ...]
    mandatory: frozenset[str]

    def check(self, given: Mapping[str, Any]) -> None:
        """ValueError for a parameter it does not declare and for a mandatory one that is missing."""
        known = {name.casefold() for name in self.parameters}
        if unknown := [name for name in given if name.casefold() not in known]:
            raise ValueError(f"{self.name} has no parameter {unknown[0]}; it has {', '.join(self.parameters)}")
        names = {name.casefold() for name in given}
        if missing := sorted(name for name in self.mandatory if name.casefold() not in names):
            raise ValueError(f"{self.name} needs {missing[0]}")


@cache
def script(name: str) -> Script:
    """A script by the name of its file. ValueError for none."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a script")
    try:
        data = (files("golden_hyperv") / "scripts" / f"{name}.ps1").read_bytes()
    except FileNotFoundError:
        raise ValueError(f"there is no script {name}") from None
    return parsed(name, data)


def names() -> list[str]:
    """All there are."""
    folder = files("golden_hyperv") / "scripts"
    return sorted(one.name.removesuffix(".ps1") for one in folder.iterdir() if one.name.endswith(".ps1"))


def parsed(name: str, data: bytes) -> Script:
    """A script from its bytes. ValueError where it does not begin with a ``param`` block in the plain form."""
    text = data.decode("utf-8")
    met = _OPENING.match(text)
    if met is None:
        raise ValueError(f"{name} does not begin with param(…)")
    declared: list[str] = []
    mandatory: set[str] = set()
    for part in _parts(name, text, met.end()):
        variable = _VARIABLE.search(_without_attributes(part))
        if variable is None:
            raise ValueError(f"{name}: what is declared by {part.strip()!r}?")
        declared.append(variable[1])
        if _MANDATORY.search(part):
            mandatory.add(variable[1])
    return Script(name, text, hashlib.sha256(data).hexdigest(), tuple(declared), frozenset(mandatory))


def _parts(name: str, text: str, start: int) -> Iterator[str]:
    """The declarations of a param block that opened just before ``start``, without comments."""
    closing, part = [")"], ""
    for token in _TOKEN.finditer(text, start):
        one = token[0]
        if one in _PAIRS:
            closing.append(_PAIRS[one])
        elif one == closing[-1]:
            closing.pop()
        if not closing:
            if part.strip():
                yield part
            return
        if one == "," and len(closing) == 1:
            yield part
            part = ""
        elif not one.startswith(("#", "<#")):
            part += one
    raise ValueError(f"{name}: its param block does not end")


def _without_attributes(part: str) -> str:
    """``[Parameter(Mandatory)] [string] $Path = $x`` without what stands in brackets."""
    depth, plain = 0, ""
    for one in part:
        depth += (one == "[") - (one == "]")
        plain += one if depth == 0 and one != "]" else ""
    return plain
