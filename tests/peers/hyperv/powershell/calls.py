"""Commands in a script: their arguments, functions, blocks, and what the peer registers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tests.peers.hyperv import registry
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.powershell.general import GENERAL
from tests.peers.hyperv.powershell.scopes import Arguments, Block, Context, Returning, Scope
from tests.peers.hyperv.powershell.statements import Statements
from tests.peers.hyperv.powershell.syntax import child, children, line, plain, refused, text
from tests.peers.hyperv.powershell.values import is_array, literal, text_of
from tests.peers.hyperv.tables import FUNCTIONS

if TYPE_CHECKING:
    from tree_sitter import Node

Command = Callable[[Arguments, "Iterator[Any] | None", Context], "Iterable[Any] | None"]


class Calls(Statements):
    """Runs commands of the table, functions of the script and blocks."""

    commands: Callable[[str], Command | None]
    data: Any
    call_block: Callable[..., Iterator[Any]]
    _body: Callable[..., Iterator[Any]]

    def _command(self, node: Node, piped: Iterator[Any] | None, scope: Scope) -> Iterator[Any]:
        name, called = child(node, "command_name"), child(node, "command_name_expr")
        if child(node, "redirection", "stop_parsing") is not None:
            raise refused(node, "redirection")
        if name is None:
            yield from self._called(node, called, scope)
            return
        number = literal(text(name))
        if number is not None:
            yield number
            return
        if ".." in text(name):
            first, _, last = text(name).partition("..")
            yield from range(int(first), int(last) + 1)
            return
        function = scope.function(text(name))
        if function is not None:
            yield from self._function(function, self._arguments(node, frozenset(), scope), piped, scope)
            return
        general = GENERAL.get(text(name).lower())
        command = self.commands(text(name)) or general
        if command is not general and general is not None and _has_block(node, scope):
            command = general  # only the language runs blocks
        if command is None:
            raise refused(node, "a command that is not known here")
        yield from self._ran(command, node, piped, scope)

    def _ran(self, command: Command, node: Node, piped: Iterator[Any] | None, scope: Scope) -> Iterator[Any]:
        arguments = self._arguments(node, getattr(command, "switches", frozenset()), scope)
        action = self._action(scope)
        if not getattr(command, "heeds_common", False):
            action = text_of(arguments.take("ErrorAction", "ea", other=action)).lower()
            arguments.take("WarningAction")
        else:
            action = text_of(next((v for n, v in arguments.named if n.lower() == "erroraction"), action)).lower()

        context = Context(self.data, line(node), action, self.write, self.check, self.call_block, self)
        try:
            yield from command(arguments, piped, context) or ()
        except Failure as wrong:
            if not hasattr(wrong, "line"):
                wrong.line = line(node)  # type: ignore[attr-defined]
            if wrong.terminating:
                raise
            context.error(wrong)

    def _function(self, function: Block, given: Arguments, piped: Iterator[Any] | None, scope: Scope) -> Iterator[Any]:
        inner = Scope(scope)
        if piped is not None:
            raise refused(function.node, "a function in the middle of a pipeline")
        try:
            yield from self._body(function, inner, given.named, given.positional)
        except Returning:
            return

    def _called(self, node: Node, called: Node | None, scope: Scope) -> Iterator[Any]:
        sign = child(node, "command_invokation_operator")
        block = self.value(called, scope) if called is not None else None
        if sign is None or text(sign).strip() != "&" or not isinstance(block, Block):
            raise refused(node, "what is called is no block and has no name")
        given = self._arguments(node, frozenset(), scope)
        inner = Scope(scope)
        try:
            yield from self._body(block, inner, given.named, given.positional)
        except Returning:
            return

    def _arguments(self, node: Node, switches: Iterable[str], scope: Scope) -> Arguments:
        elements = child(node, "command_elements")
        if elements is None:
            return Arguments()
        parts = children(elements)
        made = Arguments()
        waiting: str | None = None
        joined = False
        for part in parts:
            each = plain(part)
            if each.type == "command_argument_sep":
                joined = text(each).strip() == ":"
                continue
            if each.type == "command_parameter":
                if waiting is not None:
                    made.named.append((waiting, True))
                waiting = text(each).removeprefix("-").removesuffix(":")
                joined = text(each).endswith(":")
                continue
            if waiting is not None and waiting.lower() in switches and not joined:
                made.named.append((waiting, True))
                waiting = None
            if each.type == "variable" and text(each).startswith("@"):
                self._splatted(each, made, scope)
            elif waiting is not None:
                made.named.append((waiting, self._argument(each, scope)))
                waiting = None
            else:
                made.positional.append(self._argument(each, scope))
        if waiting is not None:
            made.named.append((waiting, True))
        return made

    def _argument(self, node: Node, scope: Scope) -> Any:
        if node.type in ("generic_token", "command_token", "path_command_name_token"):
            found = literal(text(node))
            return text(node) if found is None else found
        if node.type == "redirection":
            raise refused(node, "redirection")
        return self.value(node, scope)

    def _splatted(self, node: Node, made: Arguments, scope: Scope) -> None:
        found = scope.find(text(node).removeprefix("@"))
        if isinstance(found, dict):
            made.named += [(text_of(name), value) for name, value in found.items()]
        elif is_array(found):
            made.positional += list(found)
        else:
            raise refused(node, "this cannot be splatted")


def _has_block(node: Node, scope: Scope) -> bool:
    """Whether a script block is among the arguments, written there or in a variable."""
    elements = child(node, "command_elements")
    return any(
        plain(each).type == "script_block_expression"
        or (each.type != "command_parameter" and isinstance(scope.find(text(each).strip().removeprefix("$")), Block))
        for each in (children(elements) if elements is not None else [])
    )


def registered(scope: registry.Scope) -> Callable[[str], Command | None]:
    """The commands of the peer's registry, run in a scope of it."""

    def find(name: str) -> Command | None:
        if name.rsplit("\\", 1)[-1].lower() not in registry.commands():
            return None
        table = registry.commands()[name.rsplit("\\", 1)[-1].lower()].table
        switches = frozenset(
            each.name.lower() for one in table.sets.values() for each in one.values() if each.type == "switch"
        ) | {"verbose", "debug"}

        def run(arguments: Arguments, piped: Iterator[Any] | None, context: Context) -> Iterable[Any]:
            named = arguments.named
            if not any(key.lower() in ("erroraction", "ea") for key, _ in named):
                is_function = name.rsplit("\\", 1)[-1].lower() in FUNCTIONS
                # The script's preference does not reach into a module's functions; the runspace's own does.
                preference = context.runner.preference if is_function else context.preference
                named = [*named, ("ErrorAction", preference)]
            return registry.invoke(scope, name, named, arguments.positional, piped)

        run.switches, run.heeds_common = switches, True  # type: ignore[attr-defined]
        return run

    return find
