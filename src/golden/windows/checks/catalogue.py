"""The checks as data: what each looks at, how much it matters, what to say and what to do. docs/facts: windows 3.2."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from golden.model import Finding, Severity

FILE = Path(__file__).with_name("catalogue.toml")
ONLINE, OFFLINE = "online", "offline"
UNCONFIRMED = " (by a sign that is not confirmed yet)"
"""Added to what is told where the fact behind it is marked [K]."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    id: str
    """Stable, e.g. ``appx.not-provisioned``."""
    looks_at: str
    """What it looks for, as part of a sentence."""
    source: str
    """Sections of docs/facts/windows.md."""
    sentence: str
    """What is said where it is met; ``{what}`` is what was met."""
    fix: str
    """What to do about it; empty where nothing needs doing."""
    online: Severity | None = None
    """How much it matters where the running guest shows it; None where that way cannot tell."""
    offline: Severity | None = None
    """The same of the powered-off disk."""
    unconfirmed: tuple[str, ...] = ()
    """Ways whose test rests on an unconfirmed fact ([K])."""
    safe: str = ""
    """What golden may do about it in a clone: ``restart``, ``wait``, or NAME of ``fix_NAME.ps1``; empty: nothing."""

    def finding(self, way: str, what: str = "", evidence: str = "") -> Finding:
        """What is told where the check has met something. ``way`` is online or offline."""
        severity = self.online if way == ONLINE else self.offline
        if severity is None:
            raise ValueError(f"{self.id} cannot be met {way}")
        sentence, fix = self.sentence.replace("{what}", what), self.fix.replace("{what}", what)
        if way in self.unconfirmed:
            sentence += UNCONFIRMED
        return Finding(self.id, severity, sentence, evidence, fix)


@cache
def catalogue() -> dict[str, Check]:
    """Every check by id, in the order they are told."""
    raw = tomllib.loads(FILE.read_text(encoding="utf-8"))["check"]
    return {one["id"]: _check(one) for one in raw}


def ids(way: str) -> tuple[str, ...]:
    """The checks that can be made that way."""
    return tuple(one.id for one in catalogue().values() if getattr(one, way) is not None)


def _check(raw: dict[str, object]) -> Check:
    ways = {way: Severity(str(raw[way])) for way in (ONLINE, OFFLINE) if way in raw}
    plain = {key: value for key, value in raw.items() if key not in (ONLINE, OFFLINE, "unconfirmed")}
    unconfirmed = raw.get("unconfirmed", [])
    assert isinstance(unconfirmed, list)
    return Check(**plain, **ways, unconfirmed=tuple(map(str, unconfirmed)))  # type: ignore[arg-type]
