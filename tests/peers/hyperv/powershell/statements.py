"""Statements of a script (about_If, about_Foreach, about_Switch, about_Try_Catch_Finally, about_Throw…)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.powershell import members, operators
from tests.peers.hyperv.powershell.expressions import Expressions, collected, enumerated
from tests.peers.hyperv.powershell.scopes import NOTHING, Block, Looping, Returning, Scope
from tests.peers.hyperv.powershell.syntax import child, children, line, plain, refused, text
from tests.peers.hyperv.powershell.values import convert, is_array, text_of, truth

if TYPE_CHECKING:
    from tree_sitter import Node

_TRY = "\0try"  # no name a script could write: whether a catch block is around
_ACTIONS = ("SilentlyContinue", "Stop", "Continue", "Inquire", "Ignore")


class Statements:
    """Executes statements in a scope; each yields what it writes."""

    write: Callable[[str, Any], None]
    check: Callable[[], None]
    _expressions: Expressions

    def _command(self, node: Node, piped: Iterator[Any] | None, scope: Scope) -> Iterator[Any]:
        raise NotImplementedError

    def statements(self, node: Node, scope: Scope) -> Iterator[Any]:
        """What the statements write."""
        for each in children(node):
            self.check()
            handler = getattr(self, f"_{each.type}", None)
            if handler is None:
                raise refused(each, f"{each.type} is not known here")
            try:
                yield from handler(each, scope)
            except Failure as wrong:
                if getattr(wrong, "thrown", False) or self._action(scope) == "stop" or scope.find(_TRY) is True:
                    raise
                self.write("error", wrong)  # ends the statement, not the script

    def _action(self, scope: Scope) -> str:
        found = scope.find("ErrorActionPreference")
        return text_of(found).lower() if found is not NOTHING else "continue"

    def _block(self, node: Node, scope: Scope) -> Iterator[Any]:
        inside = child(node, "statement_block") if node.type != "statement_block" else node
        lists = child(inside, "statement_list") if inside is not None else None
        if lists is not None:
            yield from self.statements(lists, scope)

    def _pipeline(self, node: Node, scope: Scope) -> Iterator[Any]:
        first = children(node)[0]
        if first.type == "assignment_expression":
            self._assignment(first, scope)
            return
        if len(children(node)) > 1:
            raise refused(node, "&& and || are not in Windows PowerShell")
        stages = children(first) if first.type == "pipeline_chain" else [first]
        flow: Iterator[Any] | None = None
        if stages[0].type not in ("command", "foreach_command"):
            inner = plain(stages[0])
            found = self._expressions.written(stages[0], scope)
            silent = inner.type.endswith(("increment_expression", "decrement_expression"))
            flow = iter(()) if silent else enumerated(found)
            stages = stages[1:]
        for stage in stages:
            if stage.type != "command":
                raise refused(stage, "no command in a pipeline")
            flow = self._command(stage, flow, scope)
        yield from flow or ()

    def value(self, node: Node, scope: Scope) -> Any:
        """What an expression is."""
        return self._expressions.value(node, scope)

    def assigned(self, node: Node, scope: Scope) -> Any:
        """What is on the right of ``=`` or in parentheses: an expression as it is, other outputs collected."""
        if node.type == "pipeline":
            first = children(node)[0]
            if first.type == "assignment_expression":
                return self._assignment(first, scope)
            stages = children(first) if first.type == "pipeline_chain" else [first]
            if len(stages) == 1 and stages[0].type != "command":
                return self.value(stages[0], scope)
            return collected(list(self._pipeline(node, scope)))
        handler = getattr(self, f"_{node.type}", None)
        if handler is not None and node.type.endswith("_statement"):
            return collected(list(handler(node, scope)))
        return self.value(node, scope)

    def _assignment(self, node: Node, scope: Scope) -> Any:
        target, sign, what = children(node)
        new = self.assigned(what, scope)
        operator = text(sign).strip()
        if operator != "=":
            if operator[:-1] not in ("+", "-", "*", "/", "%"):
                raise refused(sign)
            new = operators.arithmetic(operator[:-1], self.value(target, scope), new)
        self.assign(target, new, scope)
        return new

    def assign(self, target: Node, new: Any, scope: Scope) -> None:
        """Give a variable, a property or an element its value."""
        target = plain(target)
        if target.type == "variable":
            self._set_variable(target, new, scope)
        elif target.type == "cast_expression":
            kind, what = text(target.children[0])[1:-1], plain(target.children[-1])
            if what.type != "variable":
                raise refused(target, "a type before something that is no variable")
            self._set_variable(what, convert(kind, new), scope)
            scope.types[text(what).removeprefix("$").lower()] = kind
        elif target.type == "member_access":
            of, sign, name = target.children
            if text(sign) != ".":
                raise refused(target, "a static member cannot be set")
            members.set_property(self.value(of, scope), self._expressions._member_name(name, scope), new)
        elif target.type == "element_access":
            members.set_index(self.value(target.children[0], scope), self.value(target.children[2], scope), new)
        elif target.type == "array_literal_expression":
            names, values = children(target), list(new) if is_array(new) else [new]
            for at, name in enumerate(names):
                rest = values[at:]
                self.assign(name, (collected(rest) if at == len(names) - 1 else rest[0]) if rest else None, scope)
        else:
            raise refused(target, "this cannot be assigned to")

    def _set_variable(self, node: Node, new: Any, scope: Scope) -> None:
        name = text(node).strip().removeprefix("$").strip("{}")
        space, _, rest = name.partition(":")
        if name.lower() == "null":
            return
        if rest:
            if space.lower() not in ("script", "local"):
                raise refused(node, "a variable of a scope that is not known here")
            scope = scope.outermost() if space.lower() == "script" else scope
            name = rest
        kind = scope.types.get(name.lower())
        if name.lower() == "erroractionpreference" and text_of(new) not in _ACTIONS:
            raise refused(node, f"{text_of(new)} is no preference")
        scope.variables[name.lower()] = convert(kind, new) if kind else new

    def _if_statement(self, node: Node, scope: Scope) -> Iterator[Any]:
        condition, block = child(node, "pipeline"), child(node, "statement_block")
        assert condition is not None
        assert block is not None
        if truth(self.assigned(condition, scope)):
            yield from self._block(block, scope)
            return
        clauses = child(node, "elseif_clauses")
        for clause in children(clauses) if clauses is not None else []:
            condition = child(clause, "pipeline")
            assert condition is not None
            if truth(self.assigned(condition, scope)):
                yield from self._block(clause, scope)
                return
        otherwise = child(node, "else_clause")
        if otherwise is not None:
            yield from self._block(otherwise, scope)

    def _foreach_statement(self, node: Node, scope: Scope) -> Iterator[Any]:
        variable, what, block = child(node, "variable"), child(node, "pipeline"), child(node, "statement_block")
        if variable is None or what is None or block is None or len(children(node)) != 3:
            raise refused(node)
        found = self.assigned(what, scope)
        for each in [] if found is None else list(found) if is_array(found) else [found]:
            self._set_variable(variable, each, scope)
            try:
                yield from self._block(block, scope)
            except Looping as jump:
                if jump.word == "break":
                    return

    def _loop(self, node: Node, scope: Scope, *, until: bool = False, first: bool = False) -> Iterator[Any]:
        condition, block = child(node, "while_condition", "for_condition"), child(node, "statement_block")
        assert block is not None
        while first or condition is None or truth(self.assigned(children(condition)[0], scope)) != until:
            first = False
            self.check()
            try:
                yield from self._block(block, scope)
            except Looping as jump:
                if jump.word == "break":
                    return
            again = child(node, "for_iterator")
            if again is not None:
                list(self._pipeline(children(again)[0], scope))

    def _while_statement(self, node: Node, scope: Scope) -> Iterator[Any]:
        yield from self._loop(node, scope)

    def _do_statement(self, node: Node, scope: Scope) -> Iterator[Any]:
        until = any(text(each).lower() == "until" for each in node.children)
        yield from self._loop(node, scope, until=until, first=True)

    def _for_statement(self, node: Node, scope: Scope) -> Iterator[Any]:
        begin = child(node, "for_initializer")
        if begin is not None:
            list(self._pipeline(children(begin)[0], scope))
        yield from self._loop(node, scope)

    def _switch_statement(self, node: Node, scope: Scope) -> Iterator[Any]:
        condition, body = child(node, "switch_condition"), child(node, "switch_body")
        if condition is None or body is None or child(node, "switch_parameters") is not None:
            raise refused(node, "switch with options")
        found = self.assigned(children(condition)[0], scope)
        clauses = child(body, "switch_clauses")
        for item in list(found) if is_array(found) else [found]:
            try:
                yield from self._clauses(children(clauses) if clauses is not None else [], item, scope)
            except Looping as jump:
                if jump.word == "break":
                    return

    def _clauses(self, clauses: list[Node], item: Any, scope: Scope) -> Iterator[Any]:
        met = False
        for clause in clauses:
            head = child(clause, "switch_clause_condition")
            assert head is not None
            if text(head).lower() == "default":
                fits = not met and clause == clauses[-1]
                if clause != clauses[-1]:
                    raise refused(clause, "default is not the last")
            else:
                wanted = self.value(head.children[0], scope) if head.child_count else text(head)
                if isinstance(wanted, Block):
                    raise refused(clause, "a condition in a block")
                fits = bool(operators.compare("-eq", item, wanted)) if item is not None else wanted is None
            if fits:
                met = True
                scope.variables["_"] = item
                yield from self._block(clause, scope)

    def _flow_control_statement(self, node: Node, scope: Scope) -> Iterator[Any]:
        word = text(node.children[0]).lower()
        what = child(node, "pipeline")
        if word in ("break", "continue"):
            if len(node.children) > 1:
                raise refused(node, "labels")
            raise Looping(word)
        if word == "return":
            if what is not None:
                yield from self._pipeline(what, scope)
            raise Returning
        if word == "throw":
            if what is None:
                met = scope.find("_")  # what was caught goes on as it was, whatever $_ showed of it
                raise self._thrown(node, getattr(met, "caught", met))
            raise self._thrown(node, self.assigned(what, scope))
        raise refused(node)

    def _thrown(self, node: Node, what: Any) -> Failure:
        if isinstance(what, Failure):
            failure = what
        elif hasattr(what, "is_a") and what.is_a("System.Exception"):
            failure = what.keep if isinstance(what.keep, Failure) else Failure(
                text_of(what), text_of(what), "OperationStopped", None, what.types[0])  # fmt: skip
        elif what is NOTHING or what is None:
            failure = Failure("ScriptHalted", "ScriptHalted", "OperationStopped")
        else:
            failure = Failure(text_of(what), text_of(what), "OperationStopped", what)
        failure.terminating = True
        failure.thrown = True  # type: ignore[attr-defined]
        if not hasattr(failure, "line"):
            failure.line = line(node)  # type: ignore[attr-defined]
        return failure

    def _try_statement(self, node: Node, scope: Scope) -> Iterator[Any]:
        clauses, last = child(node, "catch_clauses"), child(node, "finally_clause")
        block = child(node, "statement_block")
        assert block is not None
        try:
            had = scope.find(_TRY) is True
            scope.variables[_TRY] = had or clauses is not None
            try:
                yield from self._block(block, scope)
            finally:
                scope.variables[_TRY] = had
        except Failure as wrong:
            clause = self._catching(children(clauses) if clauses is not None else [], wrong)
            if clause is None:
                raise
            before = scope.variables.get("_")
            scope.variables["_"] = _shown(clause, wrong)
            try:
                yield from self._block(clause, scope)
            finally:
                scope.variables["_"] = before
        finally:
            if last is not None:
                for each in self._block(last, scope):
                    raise refused(last, f"finally writes {text_of(each)}")

    def _catching(self, clauses: list[Node], wrong: Failure) -> Node | None:
        for clause in clauses:
            types = child(clause, "catch_type_list")
            if types is None or any(is_caught(wrong, text(each)[1:-1]) for each in children(types)):
                return clause
        return None

    def _function_statement(self, node: Node, scope: Scope) -> Iterator[Any]:
        name, body = child(node, "function_name"), child(node, "script_block")
        assert name is not None
        if child(node, "function_parameter_declaration") is not None:
            raise refused(node, "a function's parameters stand in param()")
        scope.functions[text(name).lower()] = Block(body if body is not None else node, scope)
        return iter(())


def is_caught(wrong: Failure, kind: str) -> bool:
    """Whether ``catch [kind]`` catches it: what was thrown, or what a method threw beneath it."""
    inner = getattr(wrong, "inner", None)
    return _is_of(wrong, kind) or (inner is not None and _is_of(inner, kind))


def _is_of(wrong: Failure, kind: str) -> bool:
    wanted = kind.lower().removeprefix("system.")
    return wanted == "exception" or any(
        wanted == each.lower().removeprefix("system.") for each in _with_bases(wrong.kind)
    )


def _shown(clause: Node, wrong: Failure) -> Failure:
    """
    What ``$_`` is in a catch block: where a type caught what a method threw, its exception is that one itself, not the
    MethodInvocationException round it (MiscOps.cs: FindMatchingHandler looks at the inner one first, and makes a record
    with the one that fitted). Without a type it is the outer one.
    """
    types, inner = child(clause, "catch_type_list"), getattr(wrong, "inner", None)
    if types is None or inner is None or not any(_is_of(inner, text(each)[1:-1]) for each in children(types)):
        return wrong
    made = Failure(inner.message, wrong.fqid, wrong.category, wrong.target, inner.kind, terminating=wrong.terminating)
    made.hresult, made.caught = inner.hresult, wrong  # type: ignore[attr-defined]
    return made


_BASES = {
    "System.IO.FileNotFoundException": "System.IO.IOException",
    "System.IO.DirectoryNotFoundException": "System.IO.IOException",
    "System.IO.EndOfStreamException": "System.IO.IOException",
    "System.Management.Automation.CommandNotFoundException": "System.Management.Automation.RuntimeException",
    "System.Management.Automation.ParameterBindingException": "System.Management.Automation.RuntimeException",
    "System.Management.Automation.MethodInvocationException": "System.Management.Automation.RuntimeException",
}


def _with_bases(kind: str) -> list[str]:
    found = [kind]
    while found[-1] in _BASES:
        found.append(_BASES[found[-1]])
    return found
