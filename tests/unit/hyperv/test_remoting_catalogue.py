"""The constant scripts: what they declare is what PowerShell's own grammar reads, and nothing else is ever bound."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from golden_hyperv.remoting.catalogue import names, parsed, script

GRAMMAR = Parser(Language(tree_sitter_powershell.language()))


def declared(text: str) -> dict[str, bool]:
    """Parameters of the script itself, and whether they are mandatory, by the grammar."""
    root = GRAMMAR.parse(text.encode()).root_node
    block = next(one for one in root.children if one.type == "param_block")
    (listed,) = [one for one in block.children if one.type == "parameter_list"] or [None]
    found = {}
    for one in listed.children if listed is not None else ():
        if one.type == "script_parameter":
            (variable,) = [each for each in one.children if each.type == "variable"]
            words = " ".join(_text(each) for each in one.children if each.type == "attribute_list")
            found[_text(variable).removeprefix("$")] = "mandatory" in words.lower()
    return found


def _text(node: Node) -> str:
    return (node.text or b"").decode()


@pytest.mark.parametrize("name", names())
def test_a_script_declares_what_the_grammar_reads(name: str) -> None:
    """Our plain reading of param() and PowerShell's agree."""
    constant = script(name)
    expected = declared(constant.text)
    assert list(constant.parameters) == list(expected)
    assert constant.mandatory == {one for one, mandatory in expected.items() if mandatory}
    data = (files("golden_hyperv") / "scripts" / f"{name}.ps1").read_bytes()
    assert constant.sha256 == hashlib.sha256(data).hexdigest()
    assert constant.text == data.decode()


@pytest.mark.parametrize("name", names())
def test_a_script_builds_no_script(name: str) -> None:
    """No text is made into code on the host either."""
    banned = (
        r"Invoke-Expression|\biex\b|\[scriptblock\]::|NewScriptBlock|AddScript|-EncodedCommand|ExpandString|Add-Type"
    )
    assert not re.search(banned, script(name).text, re.IGNORECASE)


def test_there_are_scripts() -> None:
    """So that the tests above cannot pass on nothing."""
    assert {"file_read", "file_write", "file_finish", "quotas"} <= set(names())


@pytest.mark.parametrize(
    "text",
    [
        "param()",
        "# with (brackets\nparam(\n  [Parameter(Mandatory)] [string] $A,\n  # $B, 'not'\n[int] $C = 3\n)\n$x = 1",
        "<# param( $no ) #>\nparam([Parameter(Mandatory = $true)] [string[]] $A = @('x,y', \")\"), $B = (1, 2))",
        "[CmdletBinding()]\nparam([Parameter(Position=0,Mandatory)] [ValidateSet('a')] [string] $A, [switch] $B)",
        "param([hashtable] $A = @{ x = 1; y = (2) }, [Parameter(Mandatory)] [AllowEmptyString()] $B)",
    ],
)
def test_param_blocks_are_read_as_the_grammar_reads_them(text: str) -> None:
    """Comments, defaults with commas and brackets, attributes."""
    constant = parsed("x", text.encode())
    expected = declared(text)
    assert list(constant.parameters) == list(expected)
    assert constant.mandatory == {one for one, mandatory in expected.items() if mandatory}


@pytest.mark.parametrize(
    "text", ["", "$x = 1", "function f { param($a) }", "param($a", "param([string], $b)", "Get-VM; param()"]
)
def test_a_script_without_a_param_block_is_none(text: str) -> None:
    """It could take nothing, or anything."""
    with pytest.raises(ValueError, match="x"):
        parsed("x", text.encode())


@pytest.mark.parametrize("name", ["", "nothing", "../opening", "file_read.ps1", "FILE_READ", "file_read\n", "a/b", "."])
def test_only_scripts_of_the_catalogue_have_a_name(name: str) -> None:
    """No path, no other file."""
    with pytest.raises(ValueError, match="script"):
        script(name)


def test_parameters_are_checked_before_anything_is_sent() -> None:
    """Unknown and missing ones; case is PowerShell's business."""
    constant = parsed("x", b"param([Parameter(Mandatory)] [string] $Path, [int] $Size)")
    constant.check({"Path": "a"})
    constant.check({"path": "a", "SIZE": 1})
    for wrong in ({}, {"Size": 1}, {"Path": "a", "Force": True}, {"Path": "a", "-Size": 1}):
        with pytest.raises(ValueError, match="x "):
            constant.check(wrong)
