"""The linter's remarks as golden's findings, for a guest that is known."""

from __future__ import annotations

from pathlib import Path

from golden.errors import NotFound
from golden.model import Finding, GuestFacts, Severity
from golden.windows.answers.linting import lint_file
from golden.windows.answers.rules import Aim, edition_of

_ARCHITECTURES = {"x86_64": "amd64", "x86": "x86", "arm64": "arm64"}
"""Our words to those of answer files."""


def for_capture(path: Path, facts: GuestFacts) -> tuple[Finding, ...]:
    """What is to be said against capturing this guest with that answer file, and what OOBE will ask. NotFound."""
    if not path.exists():
        raise NotFound(f"there is no answer file {path}")
    # The product says more: an edition may be called ServerRdsh and be a Windows 10.
    edition = edition_of(facts.product if "windows" in facts.product.lower() else facts.edition)
    aim = Aim("capture", edition, _ARCHITECTURES.get(facts.architecture, ""))
    return tuple(
        Finding(
            id=one.rule,
            severity=Severity(one.severity),
            sentence=one.sentence,
            evidence=f"{path.name}:{one.line}:{one.column}" if one.line else path.name,
            fix=one.fix,
            line=one.line,
            column=one.column,
        )
        for one in lint_file(str(path), aim).remarks
    )
