"""The syntax tree of a script, and what is refused because this interpreter does not know it."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_powershell.language()))

_WRAPPERS = frozenset({
    "pipeline_chain", "logical_expression", "bitwise_expression", "comparison_expression", "additive_expression",
    "multiplicative_expression", "format_expression", "range_expression", "array_literal_expression",
    "unary_expression", "string_literal", "integer_literal", "logical_argument_expression",
    "bitwise_argument_expression", "comparison_argument_expression", "additive_argument_expression",
    "multiplicative_argument_expression", "format_argument_expression", "range_argument_expression",
    "argument_expression", "expression_with_unary_operator", "left_assignment_expression", "while_condition",
    "for_initializer", "for_condition", "for_iterator", "command_name_expr", "path_command_name",
})  # fmt: skip


class Refused(Exception):
    """The script uses what this interpreter does not know, or is no PowerShell."""

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {what}" if line else what)
        self.what = what
        self.line = line


def parse(text: str) -> Node:
    """The program; Refused where the text does not parse."""
    root = _PARSER.parse(text.encode()).root_node
    for node in every(root):
        if node.type == "ERROR" or node.is_missing:
            raise refused(node, "no PowerShell")
    return root


def every(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in node.children:
        yield from every(child)


def plain(node: Node) -> Node:
    """The node below the grammar's levels that have one child only."""
    while node.type in _WRAPPERS and node.child_count == 1:
        node = node.children[0]
    return node


def text(node: Node) -> str:
    """As it is written."""
    return (node.text or b"").decode()


def line(node: Node) -> int:
    """Counted from 1."""
    return int(node.start_point.row) + 1


def child(node: Node, *types: str) -> Node | None:
    """The first child of one of these types."""
    return next((each for each in node.children if each.type in types), None)


def children(node: Node) -> list[Node]:
    """Children that mean something: no punctuation, no comments."""
    return [each for each in node.children if each.is_named and each.type not in ("comment", "empty_statement")]


def refused(node: Node, what: str = "not known here") -> Refused:
    """With the line and its text."""
    return Refused(f"{what}: {text(node).strip().splitlines()[0][:80] if text(node).strip() else node.type}",
                   line(node))  # fmt: skip
