"""Every constant script that golden runs on a host parses, and uses only what the tables know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import golden_hyperv
from tests.peers.hyperv.binder import full_name
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.powershell.general import GENERAL
from tests.peers.hyperv.powershell.statics import Statics
from tests.peers.hyperv.powershell.syntax import Refused, parse
from tests.peers.hyperv.powershell.values import convert
from tests.peers.hyperv.registry import commands
from tests.peers.hyperv.tables import FUNCTIONS, tables
from tests.unit.windows.powershell import used

SCRIPTS = sorted((Path(golden_hyperv.__file__).parent / "scripts").glob("*.ps1"))
ATTRIBUTES = ("parameter", "validateset", "validatenotnullorempty", "allowemptystring", "allownull",
              "allowemptycollection", "cmdletbinding")  # fmt: skip


def findings(content: str) -> list[str]:
    """What a script does that it may not."""
    try:
        parse(content)
    except Refused as wrong:
        return [str(wrong)]
    found = used(content.encode())
    wrongs = list(found.evasions)
    known = {**tables(), **{name: command.table for name, command in commands().items()}}
    for name, parameters in found.commands:
        if name.lower() in known:
            table = known[name.lower()]
            if name != table.command:
                wrongs.append(f"{name}: written {table.command}")
            for each in parameters:
                try:
                    full = full_name(table, each)
                except Failure as wrong:
                    wrongs.append(f"{name}: {wrong}")
                    continue
                if full != each.lstrip("-").rstrip(":"):
                    wrongs.append(f"{name} {each}: written -{full}")
        elif name.lower() in GENERAL:
            more = {"erroraction", "warningaction", *GENERAL[name.lower()].parameters}
            wrongs += [
                f"{name} {each}: no such parameter" for each in parameters if each.lstrip("-").lower() not in more
            ]
        else:
            wrongs.append(f"{name}: not in the tables")
    statics = Statics(Path)
    wrongs += [f"[{each}]: not in the list" for each in found.types if not _is_known(each, statics)]
    return wrongs


def _is_known(name: str, statics: Statics) -> bool:
    if name.lower() in ATTRIBUTES or statics.knows(name):
        return True
    try:
        convert(name, None)
    except Refused:
        return False
    except Failure:
        return True
    return True


@pytest.mark.parametrize("script", SCRIPTS, ids=[each.stem for each in SCRIPTS])
def test_a_constant_script_uses_what_the_tables_know(script: Path) -> None:
    """Canonical names of commands and parameters, no aliases, no code made of text, types of the list."""
    assert findings(script.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=[each.stem for each in SCRIPTS])
def test_a_constant_script_begins_with_its_parameters(script: Path) -> None:
    """What a script is for stands at its top, then param() with a type for each, then errors that end it."""
    text = script.read_text(encoding="utf-8")
    assert text.isascii(), "Windows PowerShell 5.1 reads a script without a mark as ANSI"
    code = re.sub(r"(?m)^\s*#.*\n", "", text)
    assert code.startswith(("param(", "[CmdletBinding()]\nparam(", "$ErrorActionPreference"))
    assert "$ErrorActionPreference = 'Stop'" in code


def unstopped(content: str) -> list[str]:
    """Functions of modules that a script calls without an -ErrorAction of their own."""
    return [
        name
        for name, parameters in used(content.encode()).commands
        if name.lower() in FUNCTIONS and "-erroraction" not in {each.lower() for each in parameters}
    ]


@pytest.mark.parametrize("script", SCRIPTS, ids=[each.stem for each in SCRIPTS])
def test_functions_of_modules_are_told_to_stop(script: Path) -> None:
    """The script's own preference does not reach them, so that they would go on after an error."""
    assert unstopped(script.read_text(encoding="utf-8")) == []


def test_a_function_that_is_not_told_to_stop_is_found() -> None:
    """By the check, and by what the interpreter then does."""
    assert unstopped("$x = (Get-FileHash -LiteralPath 'x').Hash; Get-Item -Path 'x'") == ["Get-FileHash"]
    assert unstopped("Get-Volume -FilePath 'x' -ErrorAction Stop") == []


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        ("Invoke-Expression 'x'", "Invoke-Expression: not in the tables"),
        ("iex 'x'", "iex: not in the tables"),
        ("$x = [scriptblock]::Create('x')", "code made of text"),
        ("$x = 'Get-VM'; & $x", "what is called is not named"),
        ("Get-VM -Nmae 'x'", "A parameter cannot be found"),
        ("Get-VM -Na 'x'", "written -Name"),
        ("get-vm -Name 'x'", "written Get-VM"),
        ("Get-VM | % { 1 }", "not in the tables"),
        ("[System.Diagnostics.Process]::Start('cmd')", "not in the list"),
        ("if (", "no PowerShell"),
        ("$p = Get-Thing; Get-VM @p", "parameters that are not named"),
    ],
)
def test_the_check_finds_what_it_is_for(content: str, finding: str) -> None:
    """A script that goes round the lists is found out."""
    assert any(finding in each for each in findings(content)), findings(content)


def test_every_command_that_golden_sends_stands_in_what_is_proved() -> None:
    """Those of the scripts, and those of structured pipelines, each by its name in the documents' table."""
    package = Path(golden_hyperv.__file__).parent
    sent = {name for script in SCRIPTS for name, _ in used(script.read_bytes()).commands}
    for module in package.rglob("*.py"):
        sent.update(re.findall(r'"([A-Z][a-z]+-[A-Z][A-Za-z]+)"', module.read_text(encoding="utf-8")))
    proved = (package.parents[1] / "docs/proven.md").read_text(encoding="utf-8")
    table = proved.partition("## Hyper-V, command by command")[2].partition("\n## ")[0]
    assert "New-VHD" in sent and table
    assert sorted(name for name in sent if f"`{name}`" not in table) == []
