"""Findings as people and programs read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from golden.cli.talk import Talk

if TYPE_CHECKING:
    from golden.model import Finding

FAILED = 4
"""Exit code where there are errors; warnings alone are 0."""
_LOOKS = {"error": "red", "warning": "yellow", "info": "cyan"}


def tell(talk: Talk, found: Sequence[Finding], nothing: str) -> None:
    """Tell them; exit code 4 where one is an error."""
    from golden.app.moves import told_plainly

    talk.tell("findings", {"findings": [told_plainly(one) for one in found]}, _lines(talk, found, nothing))
    if any(one.severity == "error" for one in found):
        raise typer.Exit(FAILED)


def _lines(talk: Talk, found: Sequence[Finding], nothing: str) -> Iterator[str]:
    for one in found:
        yield f"{talk.paint(str(one.severity), _LOOKS[one.severity], 'bold')}  {one.id}: {one.sentence}"
        yield from (f"  {line}" for line in one.evidence.splitlines())
        if one.fix:
            yield f"  {talk.paint('fix', 'cyan')}: {one.fix}"
    if not found:
        yield talk.paint(nothing, "green")
