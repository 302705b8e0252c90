"""What a running script has around it: scopes with variables, script blocks, a command's arguments and context."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.powershell.syntax import text

if TYPE_CHECKING:
    from tree_sitter import Node

NOTHING = object()
"""No value, where None would be $null."""


@dataclass
class Scope:
    """Variables by lower-case name. Reading looks outwards, writing stays (about_Scopes)."""

    outer: Scope | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    """Variables that were given a type: what is assigned later is converted too."""
    functions: dict[str, Block] = field(default_factory=dict)

    def find(self, name: str) -> Any:
        """The value, NOTHING where the variable is not set."""
        scope: Scope | None = self
        while scope is not None:
            if name.lower() in scope.variables:
                return scope.variables[name.lower()]
            scope = scope.outer
        return NOTHING

    def function(self, name: str) -> Block | None:
        """A function of the script."""
        scope: Scope | None = self
        while scope is not None:
            if name.lower() in scope.functions:
                return scope.functions[name.lower()]
            scope = scope.outer
        return None

    def outermost(self) -> Scope:
        """Where ``$script:x`` lives."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope


@dataclass(frozen=True, eq=False)
class Block:
    """A script block: its tree, and the scope it was written in."""

    node: Node
    scope: Scope | None = None

    def __str__(self) -> str:
        return text(self.node).strip().removeprefix("{").removesuffix("}")

    def __call__(self) -> None:
        """Only so that the binder knows it for a script block."""
        raise NotImplementedError("a block is run by Runner.invoke or Context.call")


@dataclass
class Arguments:
    """What stands behind a command's name."""

    named: list[tuple[str, Any]] = field(default_factory=list)
    positional: list[Any] = field(default_factory=list)

    def take(self, *names: str, other: Any = None) -> Any:
        """The value of a parameter by one of its names, which is then no longer among them."""
        for at, (name, value) in enumerate(self.named):
            if name.lower() in {each.lower() for each in names}:
                del self.named[at]
                return value
        return other


@dataclass
class Context:
    """Where a command runs."""

    data: Any
    line: int
    preference: str
    write: Callable[[str, Any], None]
    check: Callable[[], None]
    call_block: Callable[..., Iterator[Any]]
    runner: Any

    def call(self, block: Block, item: Any = NOTHING, arguments: Iterable[Any] = ()) -> Iterator[Any]:
        """Run a block in the scope it was written in; ``$_`` is the item."""
        return self.call_block(block, item, arguments)

    def error(self, failure: Failure) -> None:
        """An error that does not end the command, unless the preference says so."""
        if self.preference == "stop":
            failure.terminating = True
            raise failure
        if self.preference not in ("silentlycontinue", "ignore"):
            self.write("error", failure)


class Returning(Exception):
    """``return``: what it returns is written already."""


class Looping(Exception):
    """``break`` or ``continue``."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word
