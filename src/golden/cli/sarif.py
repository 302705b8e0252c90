"""Findings in SARIF 2.1.0, which code hosts show beside the lines of a change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from golden import __version__
from golden.windows.answers.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from golden.windows.answers.linting import Report
    from golden.windows.answers.rules import Remark

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def written(reports: Sequence[tuple[str, Report]]) -> str:
    """The whole log: one run, the rules it used, and a result for each remark."""
    used = sorted({one.rule for _, report in reports for one in report.remarks})
    driver = {
        "name": "golden",
        "semanticVersion": __version__,
        "rules": [_rule(one) for one in used],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(path, one, used) for path, report in reports for one in report.remarks],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(name: str) -> dict[str, Any]:
    severity, words, section = RULES[name]
    return {
        "id": name,
        "shortDescription": {"text": words},
        "help": {"text": f"docs/facts/windows.md, section {section}"},
        "defaultConfiguration": {"level": _LEVELS[severity]},
    }


def _result(path: str, remark: Remark, used: list[str]) -> dict[str, Any]:
    words = f"{remark.sentence}. {remark.fix[:1].upper()}{remark.fix[1:]}" if remark.fix else remark.sentence
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(path)}}
    if remark.line is not None and remark.column is not None:
        place["region"] = {"startLine": remark.line, "startColumn": remark.column}
    return {
        "ruleId": remark.rule,
        "ruleIndex": used.index(remark.rule),
        "level": _LEVELS[remark.severity],
        "message": {"text": words},
        "locations": [{"physicalLocation": place}],
    }


def _uri(path: str) -> str:
    """Relative paths stay relative: SARIF's readers count them from the project's root."""
    file = Path(path)
    return file.as_uri() if file.is_absolute() else quote(file.as_posix())
