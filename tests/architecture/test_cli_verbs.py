"""Every verb is documented, and every exit code is one of the documented ones."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import golden
from golden import errors
from golden.cli.verbs import VERBS, parser, program
from golden.errors import GoldenError

EXPECTED = {
    *("init", "adopt", "update", "check", "capture", "publish", "promote", "rollback"),
    *("status", "list", "log", "show", "resolve", "jobs", "logs", "explain", "lint", "answer"),
    *("verify", "doctor", "prune", "gc", "resume", "cancel"),
    *("endpoint", "library", "demo", "selftest"),
}
CODES = {1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 20}


def commands() -> list[tuple[str, Any]]:
    """Every command that does something, by the words that are typed."""
    found: list[tuple[str, Any]] = []
    for name in VERBS:
        command = parser(name)
        inner = getattr(command, "commands", None)
        found += [(f"{name} {key}", one) for key, one in inner.items()] if inner else [(name, command)]
    return found


def kinds(above: type[GoldenError] = GoldenError) -> list[type[GoldenError]]:
    """The tree of errors that stands in errors.py."""
    below = [kind for kind in above.__subclasses__() if kind.__module__ == errors.__name__]
    return [above, *(one for kind in below for one in kinds(kind))]


def test_all_verbs_are_there() -> None:
    """The verbs that are promised are the verbs there are."""
    assert set(VERBS) == EXPECTED


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_has_help_and_an_example(name: str, command: Any) -> None:
    """The help of every command says what it does, gives an example that begins with it, and explains every option."""
    assert len(command.help) > 20
    assert command.help.endswith(".")
    assert command.epilog.startswith(f"Example: golden {name}")
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            assert parameter.help, f"golden {name} {parameter.opts}"


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_common_options_are_taken_everywhere(name: str, command: Any) -> None:
    """-o -q -v --no-color --no-input -y mean the same after every verb."""
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--output", "--quiet", "--verbose", "--no-color", "--no-input", "--yes"} <= options


def test_the_listing_needs_no_module_of_a_verb() -> None:
    """`golden --help` lists every verb with its sentence."""
    command = program()
    with command.make_context("golden", [], resilient_parsing=True) as context:
        text = " ".join(command.get_help(context).split())
    for name, entry in VERBS.items():
        assert f"{name} {' '.join(entry.help.split())}" in text


def test_every_error_is_drawn_in_the_tree_with_its_code() -> None:
    """errors.py's drawing names every error with the exit code and id its class has; ids are unique."""
    drawing = errors.__doc__ or ""
    for kind in kinds():
        assert re.search(rf"{kind.__name__} +exit +{kind.exit_code} +{kind.id}\b", drawing), kind
        assert kind.exit_code in CODES
        assert kind.__doc__
    ids = [kind.id for kind in kinds()]
    assert sorted(ids) == sorted(set(ids))


def test_exit_codes_have_one_meaning_each() -> None:
    """Errors that share an exit code are below one error that owns it."""
    owners: dict[int, set[str]] = {}
    for kind in kinds():
        owner = next(one for one in reversed(kind.__mro__) if getattr(one, "exit_code", None) == kind.exit_code)
        owners.setdefault(kind.exit_code, set()).add(owner.__name__)
    assert all(len(names) == 1 for names in owners.values()), owners


def test_only_the_command_line_imports_typer_rich_and_tomlkit() -> None:
    """Nobody else draws or parses options, and golden.toml is edited in one place."""
    root = Path(inspect.getfile(golden)).parent
    for path in root.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {alias.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
        names |= {(n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        if path.parent != root / "cli":
            assert names & {"typer", "rich", "click", "tomlkit"} == set(), path
