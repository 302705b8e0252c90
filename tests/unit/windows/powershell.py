"""What a PowerShell script uses, by its syntax tree: commands with their parameters, types, and ways around a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

_OF_5 = ("class_statement", "enum_statement")
_PARSER = Parser(Language(tree_sitter_powershell.language()))


@dataclass
class Used:
    """What one script uses."""

    commands: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    """(name, parameters), as written; functions of the script's own are left out."""
    types: set[str] = field(default_factory=set)
    """Types in brackets, and what New-Object makes."""
    evasions: list[str] = field(default_factory=list)
    """
    Syntax errors, script blocks made of text, calls of what is not named (``& $x``, ``. file``), and what came with
    PowerShell 5.

    ``& $x`` is no evasion where ``$x`` is declared as a [scriptblock] in the same script: it is code of the script's.
    """


def used(content: bytes) -> Used:
    """Everything that a script uses."""
    root = _PARSER.parse(content).root_node
    found = Used()
    own = {_text(name).lower() for node in _all(root) if node.type == "function_statement"
           for name in node.children if name.type == "function_name"}  # fmt: skip
    tables = _tables(root)
    blocks = {_text(node).lower().partition("]")[2].strip() for node in _all(root) if node.type == "script_parameter"
              and _text(node).lower().startswith("[scriptblock]")}  # fmt: skip
    for node in _all(root):
        if node.type == "ERROR" or node.is_missing:
            found.evasions.append(f"line {node.start_point.row + 1}: no PowerShell: {_text(node)[:60]}")
        elif node.type == "type_name" and (node.parent is None or node.parent.type != "type_name"):
            found.types.add(_text(node))
        elif node.type == "invokation_expression" and _text(node).lower().startswith("[scriptblock]"):
            found.evasions.append(f"line {node.start_point.row + 1}: code made of text: {_text(node)[:60]}")
        elif node.type in _OF_5 or (node.type == "invokation_expression" and _is_new(node)):
            found.evasions.append(f"line {node.start_point.row + 1}: PowerShell 4 does not know: {_text(node)[:60]}")
        elif node.type == "command" and not _is_block(node, blocks):
            _command(node, own, tables, found)
    return found


def _is_new(node: Node) -> bool:
    """``[type]::new(…)``, which is New-Object in what Server 2012 R2 has."""
    sign, name = (_text(each).lower() for each in node.children[1:3])
    return (sign, name) == ("::", "new")


def _tables(root: Node) -> dict[str, set[str]]:
    """Parameters that a table of the script's own names: ``$x = @{ Online = $true }`` and ``$x.Force = $true``."""
    found: dict[str, set[str]] = {}
    for node in _all(root):
        if node.type != "left_assignment_expression" or node.parent is None:
            continue
        name, _, key = _text(node).removeprefix("$").partition(".")
        if key and name.lower() in found:
            found[name.lower()].add(f"-{key}")
        elif _text(node.parent).partition("=")[2].lstrip().startswith("@{"):
            keys = (each for each in _all(node.parent) if each.type == "key_expression")
            found[name.lower()] = {f"-{_text(each)}" for each in keys}
    return found


def _is_block(node: Node, blocks: set[str]) -> bool:
    called = next((child for child in node.children if child.type == "command_name_expr"), None)
    return called is not None and _text(node).startswith("& ") and _text(called).lower() in blocks


def _command(node: Node, own: set[str], tables: dict[str, set[str]], found: Used) -> None:
    name = next((child for child in node.children if child.type == "command_name"), None)
    if name is None:
        found.evasions.append(f"line {node.start_point.row + 1}: what is called is not named: {_text(node)[:60]}")
        return
    elements = [each for child in node.children if child.type == "command_elements" for each in child.children]
    parameters = frozenset(_text(each) for each in elements if each.type == "command_parameter")
    words = [_text(each) for each in elements if each.type not in ("command_argument_sep", "command_parameter")]
    for word in words:
        if word.startswith("@") and word[1:2].isalpha():
            named = tables.get(word[1:].lower())
            if named is None:
                found.evasions.append(
                    f"line {node.start_point.row + 1}: parameters that are not named: {_text(node)[:60]}"
                )
            parameters |= named or set()
    if _text(name).lower() == "new-object" and words:
        found.types.add(words[0].strip("'\""))
    if _text(name).lower() not in own:
        found.commands.append((_text(name), parameters))


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _all(child)


def _text(node: Node) -> str:
    return (node.text or b"").decode()
