"""golden's PowerShell scripts by their syntax trees: every command and parameter is one that was looked up."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from golden.windows.dialect import SCRIPTS
from tests.unit.windows.powershell import used

ALLOWED = tomllib.loads(Path(__file__).with_name("powershell.toml").read_text())
COMMANDS = {name: {f"-{each}" for each in parameters} for name, parameters in ALLOWED["commands"].items()}
TYPES = {name.lower() for name in ALLOWED["types"]["names"]}
SHIPPED = sorted(SCRIPTS.rglob("*.ps1"))


def complaints(content: bytes) -> list[str]:
    """What a script uses that is not on the list."""
    found = used(content)
    told = [*found.evasions, *(f"the type {name}" for name in sorted(found.types) if name.lower() not in TYPES)]
    for name, parameters in found.commands:
        if name not in COMMANDS:
            told.append(f"the command {name}")
        else:
            told += [f"{name} {each}" for each in sorted(parameters - COMMANDS[name])]
    return told


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_script_uses_only_what_was_looked_up(path: Path) -> None:
    """It parses, names every command whole and from the list, and builds no code of text."""
    assert complaints(path.read_bytes()) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_script_is_plain_text_that_says_what_it_takes_and_answers(path: Path) -> None:
    """Windows PowerShell reads files without a mark in the local code page, so they are ASCII; they stop at errors."""
    text = path.read_bytes().decode("ascii")
    assert text.startswith("# ")
    # The probe is to be parsed by PowerShell 2, which wants a value there.
    mandatory = "Mandatory = $true" if path.name == "probe.ps1" else "Mandatory"
    assert f"\nparam([Parameter({mandatory})][string]$" in text
    assert "\n$ErrorActionPreference = 'Stop'\n" in text


def test_the_probe_uses_nothing_that_powershell_2_lacks_before_it_has_looked() -> None:
    """What it does until it has told the version is in PowerShell 2; JSON, CIM and -Raw are not."""
    text = (SCRIPTS / "probe.ps1").read_text(encoding="ascii")
    before, _, after = text.partition("$p = Get-Content")
    assert before.endswith("    exit 0\n}\n")
    found = used(before.encode())
    assert {name for name, _parameters in found.commands} == {"Get-ItemProperty", "Set-Content"}
    assert not any(word in before.partition("param(")[2] for word in ("Json", "-Raw", "pscustomobject", " -in "))
    assert "ConvertFrom-Json" in after


def test_the_list_holds_nothing_that_no_script_uses() -> None:
    """What a script stopped using goes, so that the list stays worth reading."""
    found = [used(path.read_bytes()) for path in SHIPPED]
    spoken = {(name, each) for one in found for name, parameters in one.commands for each in (*parameters, "")}
    listed = {(name, each) for name, parameters in COMMANDS.items() for each in (*parameters, "")}
    assert listed - spoken == set()
    assert TYPES - {name.lower() for one in found for name in one.types} == set()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("Invoke-Expression $text", "the command Invoke-Expression"),
        ("iex $text", "the command iex"),
        ("ls C:\\", "the command ls"),
        ("Get-Content -Raw | % { $_ }", "the command %"),
        ("get-item -LiteralPath x", "the command get-item"),
        ("net user $name $password /add", "the command net"),
        ("Get-Item -Lit x", "Get-Item -Lit"),
        ("Get-Item -LiteralPath x -Stream y", "Get-Item -Stream"),
        ("& $program", "what is called is not named"),
        ("& 'C:\\x.exe' /s", "what is called is not named"),
        (". $file", "what is called is not named"),
        ("Get-Item @all", "parameters that are not named"),
        ("$all = @{ LiteralPath = 'x'; Stream = 'y' }; Get-Item @all", "Get-Item -Stream"),
        ("$all = @{ LiteralPath = 'x' }; $all.Stream = 'y'; Get-Item @all", "Get-Item -Stream"),
        ("[scriptblock]::Create($text)", "code made of text"),
        ("[System.Reflection.Assembly]::Load($bytes)", "the type System.Reflection.Assembly"),
        ("New-Object System.Net.WebClient", "the type System.Net.WebClient"),
        ("New-Object -ComObject WScript.Shell", "the type WScript.Shell"),
        ("$all = [byte[]]::new(5)", "PowerShell 4 does not know: [byte[]]::new(5)"),
        ("class Thing { [string]$Name }", "PowerShell 4 does not know: class Thing"),
        ("enum Kind { One }", "PowerShell 4 does not know: enum Kind"),
        ("if ($x { }", "no PowerShell"),
        ("function Get-It { iex $args }; Get-It", "the command iex"),
    ],
)
def test_what_must_not_be_used_is_found(script: str, said: str) -> None:
    """Aliases, shortened parameters, code made of text, and calls that no list can see."""
    assert any(told == said or said in told for told in complaints(script.encode())), complaints(script.encode())


def test_what_is_a_scripts_own_is_no_complaint() -> None:
    """Functions of the script, and script blocks that it hands to them."""
    script = "function Get-It([scriptblock]$ask) { & $ask }\nGet-It { Get-Item -LiteralPath x -Force }"
    assert complaints(script.encode()) == []
