"""One command of a pipeline: a name and named parameters, never text that is parsed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_COMMAND = re.compile(r"[A-Za-z]+-[A-Za-z][A-Za-z0-9]*")
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Command:
    """
    ``Command("Get-VM", {"Id": vm_id})``; ``True`` sets a switch.

    Values may be str, bool, int (32 bits where it fits, else 64), ``UInt64``, float, bytes, UUID, aware datetime, None,
    lists, dicts with string keys, ``Secret`` and ``Credential``. ValueError for a name that is no cmdlet's name: it is
    ours, never a user's, and data travels as values only.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _COMMAND.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of a cmdlet")
        for name in self.parameters:
            check_parameter(name)
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))


def check_parameter(name: str) -> None:
    """ValueError for what cannot be the name of a parameter."""
    if not _PARAMETER.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a parameter")
