"""Results of checks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters; only ERROR stops."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check: a sentence with its evidence and what to do about it."""

    id: str
    severity: Severity
    sentence: str
    evidence: str = ""
    fix: str = ""
    line: int | None = None
    column: int | None = None
