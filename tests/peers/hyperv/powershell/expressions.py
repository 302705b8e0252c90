"""Expressions of a script: from the syntax tree to a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import Thing, record
from tests.peers.hyperv.powershell import members, operators
from tests.peers.hyperv.powershell.scopes import NOTHING, Block, Scope
from tests.peers.hyperv.powershell.syntax import Refused, child, children, line, plain, refused, text
from tests.peers.hyperv.powershell.values import convert, is_array, literal, number_of, text_of, truth

if TYPE_CHECKING:
    from tree_sitter import Node

    from tests.peers.hyperv.powershell.runner import Runner

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_CONSTANTS = {"true": True, "false": False, "null": None}
_AUTOMATIC = frozenset({
    "error", "host", "myinvocation", "psscriptroot", "pscommandpath", "pwd", "home", "profile", "lastexitcode", "ofs",
    "pid", "executioncontext", "psculture", "psuiculture", "stacktrace", "nestedpromptlevel", "input", "this", "event",
    "sender", "foreach", "switch", "shellid",
})  # fmt: skip
"""Variables that PowerShell sets and this interpreter does not."""


class Expressions:
    """Evaluates in a scope; what is no expression is handed back to the runner."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    def value(self, node: Node, scope: Scope) -> Any:
        """What an expression is; $null for a method that gives nothing."""
        found = self.written(node, scope)
        return None if found is NOTHING else found

    def written(self, node: Node, scope: Scope) -> Any:
        """The same, NOTHING for what writes nothing where it is a statement."""
        node = plain(node)
        found = getattr(self, f"_{node.type}", None)
        if found is None:
            raise refused(node, f"{node.type} is not known here")
        try:
            return found(node, scope)
        except Refused as wrong:
            raise Refused(wrong.what, wrong.line or line(node)) from None
        except Failure as wrong:
            if not hasattr(wrong, "line"):
                wrong.line = line(node)  # type: ignore[attr-defined]
            raise

    # -- what is written out

    def _decimal_integer_literal(self, node: Node, _: Scope) -> Any:
        return _literal(node)

    _hexadecimal_integer_literal = _real_literal = _decimal_integer_literal

    def _verbatim_string_characters(self, node: Node, _: Scope) -> str:
        return text(node)[1:-1].replace("''", "'")

    def _verbatim_here_string_characters(self, node: Node, _: Scope) -> str:
        body = text(node)[2:-2].lstrip(" \t")
        return re.sub(r"^\r?\n|\r?\n$", "", body)

    def _expandable_string_literal(self, node: Node, scope: Scope) -> str:
        """``"a $x $($y.b)"``: what is expanded is a value among other text, never code."""
        raw, start = node.text or b"", node.start_byte
        made, at = "", 1
        for each in node.children:
            if each.type not in ("variable", "sub_expression"):
                continue
            made += _unescaped(raw[at : each.start_byte - start].decode())
            made += text_of(self.value(each, scope))
            at = each.end_byte - start
        return made + _unescaped(raw[at : len(raw.rstrip()) - 1].decode())

    def _type_literal(self, node: Node, _: Scope) -> Any:
        name = text(node)[1:-1]
        if self.runner.statics.knows(name):
            return Thing("System.RuntimeType", text=name, FullName=name)
        convert(name, None) if name.lower() not in ("guid", "datetime") else None
        return Thing("System.RuntimeType", text=name, FullName=name)

    def _script_block_expression(self, node: Node, scope: Scope) -> Block:
        return Block(node, scope)

    def _hash_literal_expression(self, node: Node, scope: Scope) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        body = child(node, "hash_literal_body")
        for entry in children(body) if body is not None else []:
            name, what = [each for each in children(entry) if each.type != "comment"][:2]
            name = plain(name.children[0]) if name.type == "key_expression" and name.child_count == 1 else name
            key = text(name) if name.type == "simple_name" else self.value(name, scope)
            if operators.key_of(made, key) is not None:
                raise refused(entry, "a key that is there already")
            made[key] = self.runner.assigned(what, scope)
        return made

    def _array_expression(self, node: Node, scope: Scope) -> list[Any]:
        inside = child(node, "statement_list")
        return list(self.runner.statements(inside, scope)) if inside is not None else []

    def _sub_expression(self, node: Node, scope: Scope) -> Any:
        return collected(self._array_expression(node, scope))

    def _parenthesized_expression(self, node: Node, scope: Scope) -> Any:
        return self.runner.assigned(children(node)[0], scope)

    def _array_literal_expression(self, node: Node, scope: Scope) -> list[Any]:
        return [self.value(each, scope) for each in children(node)]

    # -- variables

    def _variable(self, node: Node, scope: Scope) -> Any:
        name = text(node).strip().removeprefix("$").strip("{}")
        if name.lower() in _CONSTANTS:
            return _CONSTANTS[name.lower()]
        space, _, rest = name.partition(":")
        if rest and space.lower() == "env":
            return self.runner.environment.get(rest.lower())
        if rest and space.lower() == "using":
            found = self.runner.using.find(rest) if self.runner.using is not None else NOTHING
        elif rest and space.lower() == "script":
            found = scope.outermost().find(rest)
        elif rest and space.lower() != "local":
            raise refused(node, "a variable of a scope that is not known here")
        else:
            found = scope.find(rest or name)
        if found is NOTHING and name.lower() in _AUTOMATIC:
            raise refused(node, "a variable that PowerShell sets and this interpreter does not")
        if found is NOTHING:
            if self.runner.strict:
                raise Failure(f"The variable '${name}' cannot be retrieved because it has not been set.",
                              "VariableIsUndefined", "InvalidOperation", name, terminating=True)  # fmt: skip
            return None
        return found

    # -- operators

    def _logical_expression(self, node: Node, scope: Scope) -> bool:
        left, sign, right = node.children
        word = text(sign).strip().lower()
        if word == "-and":
            return truth(self.value(left, scope)) and truth(self.value(right, scope))
        if word == "-or":
            return truth(self.value(left, scope)) or truth(self.value(right, scope))
        if word == "-xor":
            return truth(self.value(left, scope)) != truth(self.value(right, scope))
        raise refused(sign)

    _logical_argument_expression = _logical_expression

    def _bitwise_expression(self, node: Node, scope: Scope) -> int:
        left, sign, right = node.children
        return operators.bits(text(sign).strip().lower(), self.value(left, scope), self.value(right, scope))

    _bitwise_argument_expression = _bitwise_expression

    def _comparison_expression(self, node: Node, scope: Scope) -> Any:
        left, sign, right = node.children
        word = text(sign).strip().lower()
        one = self.value(left, scope)
        if word in ("-is", "-isnot", "-as"):
            named = plain(right).type == "type_literal"
            kind = text(plain(right))[1:-1] if named else text_of(self.value(right, scope))
            if word == "-as":
                return operators.as_type(one, kind)
            return operators.is_type(one, kind) == (word == "-is")
        two = self.value(right, scope)
        if word in ("-shl", "-shr"):
            return operators.bits(word, one, two)
        if word in ("-match", "-imatch", "-cmatch"):
            found = operators.match_table(word, one, two)
            if found is not None:
                scope.variables["matches"] = found
        return operators.compare(word, one, two)

    _comparison_argument_expression = _comparison_expression

    def _additive_expression(self, node: Node, scope: Scope) -> Any:
        left, sign, right = node.children
        return operators.arithmetic(text(sign).strip(), self.value(left, scope), self.value(right, scope))

    _multiplicative_expression = _additive_expression
    _additive_argument_expression = _multiplicative_argument_expression = _additive_expression

    def _format_expression(self, node: Node, scope: Scope) -> str:
        left, _, right = node.children
        return operators.formatted(self.value(left, scope), self.value(right, scope))

    _format_argument_expression = _format_expression

    def _range_expression(self, node: Node, scope: Scope) -> list[int]:
        ends = (self.value(each, scope) for each in (node.children[0], node.children[2]))
        first, last = (int(number_of(each, "Int32")) for each in ends)
        return list(range(first, last + 1)) if first <= last else list(range(first, last - 1, -1))

    _range_argument_expression = _range_expression

    def _expression_with_unary_operator(self, node: Node, scope: Scope) -> Any:
        sign, operand = node.children[0], node.children[-1]
        word = text(sign).strip().lower()
        if word in ("-not", "!"):
            return not truth(self.value(operand, scope))
        if word == "-":
            return operators.arithmetic("-", 0, self.value(operand, scope))
        if word == "+":
            return operators.arithmetic("+", 0, self.value(operand, scope))
        if word == ",":
            return [self.value(operand, scope)]
        if word == "-join":
            return operators.compare("-join", self.value(operand, scope), "")
        if word == "-split":
            return text_of(self.value(operand, scope)).split()
        if word == "-bnot":
            return operators.bits("-bxor", self.value(operand, scope), -1)
        raise refused(node, "an operator that is not known here")

    def _cast_expression(self, node: Node, scope: Scope) -> Any:
        kind, what = node.children[0], node.children[-1]
        name = text(kind)[1:-1]
        given = self.value(what, scope)
        if name.lower() == "void":
            return NOTHING
        if name.lower() == "pscustomobject" and isinstance(given, dict):
            return record(**{text_of(key): value for key, value in given.items()})
        return convert(name, given)

    def _pre_increment_expression(self, node: Node, scope: Scope) -> Any:
        return self._step(node.children[-1], node.children[0], scope)[1]

    def _post_increment_expression(self, node: Node, scope: Scope) -> Any:
        return self._step(node.children[0], node.children[-1], scope)[0]

    _pre_decrement_expression, _post_decrement_expression = _pre_increment_expression, _post_increment_expression

    def _step(self, target: Node, sign: Node, scope: Scope) -> tuple[Any, Any]:
        old = self.value(target, scope)
        new = operators.arithmetic(text(sign).strip()[0], old, 1)
        self.runner.assign(target, new, scope)
        return old, new

    # -- members

    def _member_name(self, node: Node, scope: Scope) -> str:
        inner = plain(node.children[0])
        return text(inner) if inner.type == "simple_name" else text_of(self.value(inner, scope))

    def _member_access(self, node: Node, scope: Scope) -> Any:
        of, sign, name = node.children
        if text(sign) == "::":
            return self.runner.statics.get(self._static(of), self._member_name(name, scope))
        return members.get(self.value(of, scope), self._member_name(name, scope), strict=self.runner.strict)

    def _static(self, node: Node) -> str:
        if plain(node).type != "type_literal":
            raise refused(node, "a static member of something that is not named")
        return text(plain(node))[1:-1]

    def _invokation_expression(self, node: Node, scope: Scope) -> Any:
        of, sign, name, arguments = node.children
        given_list = child(arguments, "argument_expression_list")
        given = [self.value(each, scope) for each in children(given_list)] if given_list is not None else []
        if text(sign) == "::":
            result = self.runner.statics.call(self._static(of), self._member_name(name, scope), given)
            return NOTHING if result is None else result
        result = members.call(self.value(of, scope), self._member_name(name, scope), given)
        return NOTHING if result is None else result

    def _element_access(self, node: Node, scope: Scope) -> Any:
        of, _, key = node.children[:3]
        return members.index(self.value(of, scope), self.value(key, scope), strict=self.runner.strict)


def _literal(node: Node) -> Any:
    found = literal(text(node))
    if found is None:
        raise refused(node, "a number that is not known here")
    return found


def _unescaped(raw: str) -> str:
    raw = raw.replace('""', '"')
    return re.sub(r"`(.)", lambda found: _ESCAPES.get(found[1], found[1]), raw, flags=re.DOTALL)


def collected(values: list[Any]) -> Any:
    """What a pipeline's outputs are as one value."""
    return values[0] if len(values) == 1 else (values or None)


def enumerated(value: Any) -> Iterator[Any]:
    """What is written where an expression is a statement."""
    if is_array(value):
        yield from value
    elif value is not NOTHING:
        yield value
