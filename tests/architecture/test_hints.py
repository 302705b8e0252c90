"""What hints, fixes and documents tell people to type is there to be typed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import golden
from golden.cli.verbs import VERBS
from tests.architecture.test_cli_verbs import commands

ROOT = Path(golden.__file__).parents[2]
COMMANDS: dict[str, Any] = dict(commands())
OPTIONS = {name: {option for one in command.params for option in one.opts} for name, command in COMMANDS.items()}
ALL = set().union(*OPTIONS.values()) | {"--help", "--version"}
OTHERS = {"--no-install-recommends"}
"""Options of other programs that hints name."""
DOCUMENTS = ["README.md", "docs/design.md", "docs/checks.md", "playbooks/README.md", "playbooks/answers/README.md"]


def hints() -> Iterator[tuple[str, str]]:
    """Every ``hint=`` and ``fix=`` of golden and its providers, what is put in left out."""
    for folder in ("src/golden", "providers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "standin" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.keyword) and node.arg in ("hint", "fix"):
                    parts = [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
                    yield f"{path.name}:{node.lineno}", "X".join(part for part in parts if isinstance(part, str))


def wrong(text: str) -> list[str]:
    """Commands of golden's with options that they do not have."""
    found = []
    for verb, rest in re.findall(r"\bgolden ([a-z]+)((?: [^;,.`#|\n]*)?)", text):
        if verb not in VERBS:
            continue  # golden does something, it is not typed
        words = rest.split()
        name = f"{verb} {words[0]}" if words and f"{verb} {words[0]}" in COMMANDS else verb
        known = OPTIONS.get(name, ALL) | {"--help", "--version"}
        found += [f"golden {name} {option}" for option in re.findall(r"--[a-z][a-z-]+", rest) if option not in known]
    return found


def test_every_option_in_a_hint_is_one_of_goldens() -> None:
    """No hint names an option that no command has, nor one that its command lacks."""
    all_hints = list(hints())
    assert len(all_hints) > 200
    bad = {
        place: option
        for place, text in all_hints
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)
        if option not in ALL | OTHERS
    }
    assert bad == {}
    assert {place: said for place, text in all_hints if (said := wrong(text))} == {}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_in_a_document_can_be_typed(name: str) -> None:
    """Documents name options that their commands have."""
    assert wrong((ROOT / name).read_text("utf-8")) == []
