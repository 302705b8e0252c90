"""Several kinds of option in the order they were typed, which parsers of options forget."""

from __future__ import annotations

from collections import deque
from typing import Any

from typer.core import TyperCommand

_typed: list[str] = []


class OrderedCommand(TyperCommand):
    """A command that remembers in which order its options came."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Ask the parser twice: once for the order, once to go on as usual."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        _typed[:] = [parameter.name for parameter in order if parameter.name]
        return super().parse_args(ctx, args)


def in_order(given: dict[str, list[str]]) -> list[tuple[str, str]]:
    """(option, value) pairs as typed."""
    left = {name: deque(values) for name, values in given.items()}
    typed = [(name, left[name].popleft()) for name in _typed if left.get(name)]
    return typed + [(name, value) for name, values in left.items() for value in values]
