"""What a client sends to be run: commands with parameters, piped into each other, or a constant script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.peers.hyperv import registry
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.registry import Scope


@dataclass(frozen=True)
class Line:
    """One command of a pipeline; ``last`` ends a statement. A parameter without a name is positional."""

    text: str
    is_script: bool
    last: bool
    parameters: list[tuple[str | None, Any]]


def execute(scope: Scope, lines: list[Line]) -> Iterator[Any]:
    """Run the statements, one after the other; what the last command of each writes comes out."""
    piped: Iterator[Any] | None = None
    for at, line in enumerate(lines):
        named = [(name, value) for name, value in line.parameters if name]
        positional = [value for name, value in line.parameters if not name]
        if line.is_script:
            piped = _script(scope, line.text, named, positional, piped)
        else:
            piped = _recorded(scope, line.text, named, positional, piped)
        if line.last or at == len(lines) - 1:
            yield from piped
            piped = None


def _recorded(
    scope: Scope, name: str, named: list[tuple[str, Any]], positional: list[Any], piped: Iterable[Any] | None
) -> Iterator[Any]:
    return registry.invoke(scope, name, named, positional, piped)


def _script(
    scope: Scope, text: str, named: list[tuple[str, Any]], positional: list[Any], piped: Iterable[Any] | None
) -> Iterator[Any]:
    from tests.peers.hyperv.scripts import run_script

    if piped is not None:
        raise Failure("The peer pipes nothing into scripts.", "NotModelled", "NotImplemented", terminating=True)
    yield from run_script(scope, text, dict(named), positional)
