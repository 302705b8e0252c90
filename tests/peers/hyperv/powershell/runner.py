"""Runs scripts: what is given to a script and what comes out. See the package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.peers.hyperv.powershell import binding
from tests.peers.hyperv.powershell.calls import Calls, Command
from tests.peers.hyperv.powershell.expressions import Expressions
from tests.peers.hyperv.powershell.scopes import NOTHING, Block, Returning, Scope
from tests.peers.hyperv.powershell.statics import Statics
from tests.peers.hyperv.powershell.syntax import child, children, parse, refused
from tests.peers.hyperv.powershell.values import outgoing


class Runner(Calls):
    """Executes scripts over a table of commands. See the package for what each argument is."""

    def __init__(
        self,
        commands: Callable[[str], Command | None],
        path: Callable[[str], Path],
        write: Callable[[str, Any], None],
        *,
        data: Any = None,
        variables: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        check: Callable[[], None] = lambda: None,
        preference: str = "Continue",
        busy: Callable[[Path], bool] = lambda path: False,
        meets: Callable[[str, Path], bool] = lambda method, path: False,
    ) -> None:
        self.commands, self.write, self.data, self.check = commands, write, data, check
        self.statics = Statics(path, busy, meets)
        self.environment = {name.lower(): value for name, value in (environment or {}).items()}
        self.variables = {name.lower(): value for name, value in (variables or {}).items()}
        self.preference = preference
        self.strict = False
        self.using: Scope | None = None
        self._expressions = Expressions(self)

    def run(self, script: str, parameters: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """What a script writes, as it writes it. Failure where it ends with an error, Refused for what is not known."""
        yield from self.invoke(Block(parse(script)), (), parameters)

    def invoke(
        self, block: Block, arguments: Iterable[Any] = (), parameters: Mapping[str, Any] | None = None
    ) -> Iterator[Any]:
        """What a block writes, run here in a scope of its own; ``$using:`` is what it sees where it was written."""
        before, self.using = (self.using, self.strict), block.scope
        self.strict = False
        outermost = Scope(variables={"erroractionpreference": self.preference, **self.variables})
        try:
            for each in self._body(block, Scope(outermost), list((parameters or {}).items()), list(arguments)):
                yield outgoing(each)
        except Returning:
            pass
        finally:
            self.using, self.strict = before

    def call_block(self, block: Block, item: Any = NOTHING, arguments: Iterable[Any] = ()) -> Iterator[Any]:
        """A block where it was written and in that scope, as Where-Object and ForEach-Object run theirs."""
        scope = block.scope or Scope()
        had = scope.variables.get("_", NOTHING)
        if item is not NOTHING:
            scope.variables["_"] = scope.variables["psitem"] = item
        try:
            yield from self._body(block, scope, [], list(arguments))
        except Returning:
            return
        finally:
            if item is not NOTHING:
                scope.variables["_"] = scope.variables["psitem"] = None if had is NOTHING else had

    def _body(self, block: Block, scope: Scope, named: list[tuple[str, Any]], positional: list[Any]) -> Iterator[Any]:
        node, head = block.node, child(block.node, "param_block")
        inside = node if node.type == "script_block" else child(node, "script_block")
        if head is None and inside is not None:
            head = child(inside, "param_block")
        parameters = binding.declared(head)
        values, types, left = binding.bind(
            parameters, named, positional, lambda each: self.value(each, scope), takes_more=head is None
        )
        scope.variables.update(values)
        scope.types.update(types)
        if parameters or left or head is not None:
            scope.variables["psboundparameters"] = {name: values.get(name.lower(), value) for name, value in named}
            scope.variables["args"] = left
        body = child(inside, "script_block_body") if inside is not None else None
        lists = child(body or node, "statement_list")
        for each in children(body or node):
            if each.type not in ("statement_list", "param_block", "script_block", "script_block_body"):
                raise refused(each, f"{each.type} is not known here")
        if lists is not None:
            yield from self.statements(lists, scope)
