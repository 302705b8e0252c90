"""docs/checks.md says of every check what has exercised it."""

from __future__ import annotations

import re
from pathlib import Path

from golden.windows.checks.catalogue import catalogue

PAGE = Path(__file__).parents[4] / "docs" / "checks.md"


def test_every_check_has_its_row() -> None:
    """The page lists the catalogue in its order, with the severity of each way."""
    rows = re.findall(r"^\| `([^`]+)` \| (\S+) \| (\S+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    known = [(one.id, one.online or "-", one.offline or "-") for one in catalogue().values()]
    assert rows == [(name, str(online), str(offline)) for name, online, offline in known]
