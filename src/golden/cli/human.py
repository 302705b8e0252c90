"""Sizes, ages and columns as people read them; ``humanize`` takes too long to load for commands that only read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from golden.errors import UsageError

_UNITS = (("s", 60), ("min", 60), ("h", 24), ("days", 30), ("months", 12))


PROVED_FROM = {
    "disk": "read from the powered-off disk",
    "guest": "read from the guest before it was switched off",
    "export": "read from an export of the powered-off disk, a way that no real vCenter has seen yet",
}
"""How a proof was got, by its ``way``."""


def size(count: int | None) -> str:
    """Bytes: ``512 B``, ``1.5 GiB``."""
    value = float(count or 0)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def age(moment: str | None, now: datetime | None = None) -> str:
    """How long ago an ISO 8601 moment was: ``just now``, ``3 min ago``."""
    if not moment:
        return "-"
    value = ((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds()
    if value < 10:
        return "just now"
    for unit, many in _UNITS:
        if value < many:
            return f"{value:.0f} {unit if value >= 1.5 else unit.removesuffix('s') or unit} ago"
        value /= many
    return f"{value:.1f} years ago"


def seconds(value: float) -> str:
    """A duration: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``1 h 2 min``."""
    if value < 10 and isinstance(value, float):
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def duration(text: str | None, default: float) -> float:
    """Seconds from ``90``, ``90s``, ``30m`` or ``2h``. UsageError otherwise."""
    if text is None:
        return default
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|m|min|h)?", text.strip(), re.ASCII)
    value = float(found[1]) * {"m": 60, "min": 60, "h": 3600}.get(found[2] or "s", 1) if found else 0
    if not value:
        raise UsageError(f"{text!r} is no time", hint="seconds, or 90s, 30m, 2h")
    return value


def moment(iso: str | None) -> str:
    """A moment in local time, as people write it; what cannot be read stays as it is."""
    if not iso:
        return "-"
    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return iso


def columns(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Rows as lines, every column as wide as its widest cell; the columns of ``right`` end flush."""
    if not rows:
        return []
    widths = [max(width(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = []
        for at, cell in enumerate(row):
            pad = " " * (widths[at] - width(cell))
            cells.append(pad + cell if at in right else cell + pad)
        lines.append("  ".join(cells).rstrip())
    return lines


def width(text: str) -> int:
    """How many places a text takes, colors not counted."""
    if "\x1b" not in text:
        return len(text)
    return len(re.sub(r"\x1b\[[0-9;]*m", "", text))
