"""The interpreter of golden's constant scripts means what PowerShell means, and refuses what it does not know."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.hyperv import registry
from tests.peers.hyperv.failures import Failure, Stopped
from tests.peers.hyperv.objects import Secret, Sized, Thing, credential, record
from tests.peers.hyperv.powershell import Arguments, Block, Context, Refused, Runner, registered


class World:
    """A folder as drive C:, a few commands, and what was written to the streams."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: list[tuple[str, Any]] = []
        self.runner = Runner(self.find, self.path, lambda stream, what: self.written.append((stream, what)), data=self)

    def path(self, windows: str) -> Path:
        assert windows.startswith("C:\\"), windows
        return self.folder.joinpath(*windows[3:].split("\\"))

    def find(self, name: str) -> Any:
        return {"get-thing": get_thing, "get-missing": get_missing, "get-hard": get_hard,
                "invoke-elsewhere": elsewhere}.get(name.lower())  # fmt: skip

    def run(self, text: str, **parameters: Any) -> list[Any]:
        return list(self.runner.run(text, parameters))


def get_thing(arguments: Arguments, piped: Any, context: Context) -> Iterator[Any]:
    """Gives what it was given, to be looked at."""
    yield record(Named=[f"{name}={value}" for name, value in arguments.named], Positional=arguments.positional)


get_thing.switches = frozenset({"force"})  # type: ignore[attr-defined]


def get_missing(arguments: Arguments, piped: Any, context: Context) -> Iterator[Any]:
    """Writes an error, and goes on."""
    context.error(Failure("It is not there.", "NotThere", "ObjectNotFound", "x", "System.IO.IOException"))
    yield "after"


def get_hard(arguments: Arguments, piped: Any, context: Context) -> Iterator[Any]:
    """Ends the pipeline, as ThrowTerminatingError does."""
    raise Failure("It cannot be.", "Hard", "InvalidOperation", terminating=True)


def elsewhere(arguments: Arguments, piped: Any, context: Context) -> Iterator[Any]:
    """Invoke-Command: runs a block in a runner of its own."""
    given = dict(arguments.named)
    other = Runner(lambda _: None, context.data.path, lambda *_: None, environment={"COMPUTERNAME": "GUEST"})
    arguments_ = given.get("ArgumentList", [])
    yield from other.invoke(given["ScriptBlock"], arguments_ if isinstance(arguments_, list) else [arguments_])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


MEANINGS = [
    # about_Arithmetic_Operators, about_Numeric_Literals
    ("'{0:X8} {0:x}' -f -2147024864", ["80070020 80070020"]), ("'{0:X8}' -f 255", ["000000FF"]),
    ("1 + 2 * 3", [7]), ("7 / 2", [3.5]), ("6 / 2", [3]), ("-7 % 3", [-1]), ("2147483647 + 1", [2147483648.0]),
    ("0x1F", [31]), ("4KB", [4096]), ("0xFFFFFFFF", [-1]), ("[int] 2.5", [2]), ("[int] 3.5", [4]), ("'5' + 1", ["51"]),
    ("5 + '1'", [6]), ("'ab' * 2", ["abab"]),
    # about_Comparison_Operators
    ("'ABC' -eq 'abc'", [True]), ("'ABC' -ceq 'abc'", [False]), ("1, 2, 3, 2 -eq 2", [2, 2]), ("$null -eq 0", [False]),
    ("'10' -lt 9", [True]), ("10 -lt '9'", [False]), ("'a.vhdx' -like '*.VHDX'", [True]), ("'x' -in 'X', 'y'", [True]),
    ("'a', 'b' -contains 'B'", [True]), ("'a', 'b' -notcontains 'c'", [True]), ("'v12' -match '^v(\\d+)$'; $Matches[1]",
                                                                              [True, "12"]),
    ("'a,b;c' -split '[,;]'", ["a", "b", "c"]), ("'a', 'b' -join '-'", ["a-b"]),
    ("'hello' -replace 'L+', 'x'", ["hexo"]),
    ("'John Doe' -replace '(\\w+) (\\w+)', '$2 $1'", ["Doe John"]), ("5 -is [int]", [True]), ("'x' -as [int]", [None]),
    ("[guid] 'a1b2c3d4-0000-0000-0000-000000000001' -eq 'A1B2C3D4-0000-0000-0000-000000000001'", [True]),
    ("1 -band 3 -bor 4", [5]), ("1 -shl 33", [2]), ("-not ''", [True]), ("$true -xor $true", [False]),
    # about_Booleans: of lists, a single element decides
    ("[bool] @()", [False]), ("[bool] @($false)", [False]), ("[bool] @($false, $false)", [True]),
    ("[bool] 'False'", [True]),
    ("[bool] @{}", [True]), ("[bool] $null", [False]),
    # about_Arrays
    ("$a = 1, 2, 3; $a[-1]; $a.Count; $a[0..1]", [3, 3, 1, 2]), ("$a = 1, 2; $a[5]", [None]), ("@($null).Count", [1]),
    ("@().Count", [0]), ("$a = @(); $a += 1, 2; $a.Count", [2]), ("$x = 5; $x.Count", [1]), (", (1, 2)", [[1, 2]]),
    ("$a, $b = 1, 2, 3; $a; $b.Count", [1, 2]), ("(1, 2), 3 | ForEach-Object { $_.Count }", [2, 1]),
    ("@(@{ a = 1 }, @{ a = 2 }).a", [1, 2]),
    # about_Hash_Tables, about_PSCustomObject
    ("$h = @{ Name = 'x'; 'b c' = 2 }; $h.name; $h['B C']; $h.ContainsKey('NAME'); $h.none", ["x", 2, True, None]),
    ("$h = [ordered]@{ z = 1; a = 2 }; $h.Keys; $h.b = 3; $h.Count", ["z", "a", 3]),
    ("$o = [pscustomobject]@{ A = 1; B = 'x' }; $o.a; $o.B = 'y'; \"$($o.B)\"; $o.c", [1, "y", None]),
    ("\"$([pscustomobject]@{ A = 1; B = 'x' })\"", ["@{A=1; B=x}"]),
    # about_Quoting_Rules
    ("$n = 'v'; \"a $n ${n}b `\"q`\" $(1 + 1)\"", ['a v vb "q" 2']), ("'it''s $n'", ["it's $n"]),
    # about_If, about_Switch, about_Foreach, about_While, about_Do, about_For, about_Break, about_Continue
    ("if (0) { 1 } elseif ('x') { 2 } else { 3 }", [2]), ("foreach ($i in 1..4) { if ($i -eq 2) { continue }\n$i\n"
                                                         "if ($i -eq 3) { break } }", [1, 3]),
    ("switch ('B') { 'a' { 1 }\n'b' { 2 }\ndefault { 3 } }", [2]), ("foreach ($i in $null) { 1 }", []),
    ("$i = 0; while ($i -lt 3) { $i++ }\n$i", [3]), ("$i = 0; do { $i++ } until ($i -ge 2)\n$i", [2]),
    ("for ($i = 0; $i -lt 2; $i++) { $i }", [0, 1]),
    # about_Return, about_Functions, about_Script_Blocks
    ("function Get-Two { param([int] $X)\n$X\nreturn 2\n3 }\nGet-Two -X '1'", [1, 2]),
    ("& { param($p) $p + 1 } 4", [5]),
    ("$x = 1; & { $x = 2 }; $x", [1]), ("$x = 1; 1..2 | ForEach-Object { $x += $_ }; $x", [4]),
    ("function F { return , @(1, 2) }\n(F).Count", [2]), ("$x = if ($true) { 'y' } else { 'n' }\n$x", ["y"]),
    ("$n = foreach ($i in 1..3) { $i * 2 }\n$n.Count", [3]),
    # about_Try_Catch_Finally, about_Throw
    ("try { throw 'x' } catch { $_.Exception.Message; $_.FullyQualifiedErrorId } finally { $null = 1 }", ["x", "x"]),
    ("try { Get-Hard; 1 } catch { $_.FullyQualifiedErrorId }", ["Hard"]), ("try { [int] 'x' } catch { 'no' }", ["no"]),
    ("try { Get-Missing } catch { 'caught' }", ["after"]),
    ("$ErrorActionPreference = 'Stop'; try { Get-Missing } catch [System.IO.IOException] { 'caught' }", ["caught"]),
    ("try { Get-Missing -ErrorAction Stop } catch { $_.TargetObject }", ["x"]),
    ("$ErrorActionPreference = 'Stop'; Get-Missing -ErrorAction SilentlyContinue", ["after"]),
    ("try { try { throw 'in' } finally { $x = 1 } } catch { \"$_ $x\" }", ["in 1"]),
    ("try { throw [System.IO.IOException]::new('io') } catch [System.ArgumentException] { 1 } catch { \"$_\" }",
     ["io"]),
    # pipelines
    ("1..5 | Where-Object { $_ % 2 } | Select-Object -First 2", [1, 3]),
    ("3, 1, 2 | Sort-Object -Descending", [3, 2, 1]),
    ("$r = 1..3 | Measure-Object -Sum; $r.Count; $r.Sum", [3, 6.0]), ("$null = 5; [void] 'x'.Trim()", []),
    ("@{ a = 1 } | ForEach-Object { $_.a }", [1]), ("$x = @(1 | Where-Object { $false }); $x.Count", [0]),
    # commands and their arguments
    ("(Get-Thing -Name 'a b' -Force 7 -Id:3).Named", ["Name=a b", "Force=True", "Id=3"]),
    ("$p = @{ Name = 'x'; Force = $true }; (Get-Thing @p).Named", ["Name=x", "Force=True"]),
    ("(Get-Thing bare 1, 2).Positional.Count", [2]), ("(Get-Thing -A (1 + 1) -B 'x'.Length).Named", ["A=2", "B=1"]),
    # .NET
    ("[System.IO.Path]::Combine('C:\\a', 'b.vhdx')", ["C:\\a\\b.vhdx"]), ("[string]::IsNullOrEmpty('')", [True]),
    ("[System.Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes('é'))", ["w6k="]),
    ("$b = [byte[]] (1, 0, 0, 0, 0, 0, 0, 128); [System.BitConverter]::ToUInt64($b, 0)", [0x8000000000000001]),
    ("[guid]::new([byte[]] (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))",
     [uuid.UUID("04030201-0605-0807-090a-0b0c0d0e0f10")]),
    ("'AbC'.ToLowerInvariant().Substring(1, 2)", ["bc"]), ("'a\\b'.Split('\\').Count", [2]),
    ("'v'.PadLeft(3, '0')", ["00v"]),
    ("([byte[]] @(1, 255) | ForEach-Object { $_.ToString('x2') }) -join ''", ["01ff"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MEANINGS, ids=[text[:60] for text, _ in MEANINGS])
def test_a_script_writes_what_powershell_writes(world: World, text: str, expected: list[Any]) -> None:
    """Each construct has the documented meaning."""
    assert world.run(text) == expected


PARAMETERS = """param([Parameter(Mandatory)] [string] $Path, [long] $Size = 5, [uint64] $Big, [guid] $Id,
    [switch] $Force, [string[]] $Names, [byte[]] $Data, [bool] $On,
    [hashtable] $Table, [pscredential] $Who, [securestring] $Hidden)
[pscustomobject]@{ Path = $Path; Size = $Size; Big = $Big; Id = $Id; Force = $Force; Names = $Names; Data = $Data
    On = $On; Table = $Table; Who = $Who; Hidden = $Hidden }"""


def test_parameters_are_converted_to_their_types(world: World) -> None:
    """Values arrive as what param() says, whatever the wire brought."""
    who = credential("administrator", Secret("hunter2"))
    hostile = "v1'; Remove-Item C:\\ -Recurse # $(calc) \"é’"  # noqa: RUF001 - meant
    made = world.run(PARAMETERS, Path=hostile, size="7", Big=1 << 63, Id="A1B2C3D4-0000-0000-0000-000000000001",
                     Force=True,
                     Names="one", Data=b"ab", On=1, Table={"A": 1}, Who=who, Hidden=Secret("x"))[0]  # fmt: skip
    assert made["Path"] == hostile
    assert (made["Size"], made["Big"], made["Force"], made["On"]) == (7, 1 << 63, True, True)
    assert made["Id"] == uuid.UUID("a1b2c3d4-0000-0000-0000-000000000001")
    assert (made["Names"], made["Data"], made["Table"], made["Who"]) == (["one"], b"ab", {"A": 1}, who)


def test_parameters_nobody_gives_have_their_types_nothing(world: World) -> None:
    """Text is empty, numbers are 0, a switch is off, the rest is $null; a default stands where there is one."""
    made = world.run(PARAMETERS, Path="x")[0]
    assert (made["Size"], made["Big"], made["Force"], made["Names"], made["Table"]) == (5, 0, False, None, None)


@pytest.mark.parametrize(
    ("given", "fqid"),
    [
        ({}, "MissingMandatoryParameter"),
        ({"Path": ""}, "ParameterArgumentValidationErrorEmptyStringNotAllowed"),
        ({"Path": None}, "ParameterArgumentValidationErrorNullNotAllowed"),
        ({"Path": "x", "Nothing": 1}, "NamedParameterNotFound"),
        ({"Path": "x", "Size": "many"}, "ParameterArgumentTransformationError"),
        ({"Path": "x", "Id": "no"}, "ParameterArgumentTransformationError"),
        ({"Path": "x", "Big": -1}, "ParameterArgumentTransformationError"),
        ({"Path": "x", "On": "yes"}, "ParameterArgumentTransformationError"),
        ({"Path": "x", "Who": "administrator"}, "ParameterArgumentTransformationError"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_as_powershell_does(
    world: World, given: dict[str, Any], fqid: str
) -> None:
    """Binding errors have PowerShell's ids, and nothing of the script runs."""
    with pytest.raises(Failure) as met:
        world.run(PARAMETERS, **given)
    assert met.value.fqid == fqid


@pytest.mark.parametrize(
    "text",
    [
        "Invoke-Expression '1'", "[scriptblock]::Create('1')", "$x = 'Get-Thing'; & $x", ". { 1 }", "Get-Nothing",
        "[System.Diagnostics.Process]::Start('cmd')", "'x'.Foo()", "$Error[0]", "1 > 'C:\\x'", "[Foo.Bar] 1",
        "Get-Thing | % { 1 }", "trap { 1 }", "switch -Regex ('a') { 'a' { 1 } }", "if (", "[decimal] 1", "iex '1'",
        "'a' -clike 'A'", "$global:x",
        "$ExecutionContext.InvokeCommand", "Add-Type -TypeDefinition 'x'", "class A { }", "Where-Object -Wrong 1",
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_with_its_line(world: World, text: str) -> None:
    """Nothing is passed over, and a script cannot catch it."""
    with pytest.raises(Refused) as met:
        world.run("$a = 1\ntry {\n" + text + "\n} catch { 'caught' }")
    assert met.value.line >= 1


def test_an_error_that_is_not_caught_ends_the_script_under_stop(world: World) -> None:
    """$ErrorActionPreference = 'Stop' makes an error end the script; Continue writes it and goes on."""
    assert world.run("Get-Missing; Get-Hard; 'end'") == ["after", "end"]
    assert [(stream, failure.fqid) for stream, failure in world.written] == [("error", "NotThere"), ("error", "Hard")]
    with pytest.raises(Failure, match="not there"):
        world.run("$ErrorActionPreference = 'Stop'\nGet-Missing\n'end'")


def test_strict_mode_ends_with_the_script(world: World) -> None:
    """Set-StrictMode makes missing variables and properties errors, in that script only."""
    for text, fqid in (
        ("$nothing", "VariableIsUndefined"),
        ("([pscustomobject]@{ a = 1 }).b", "PropertyNotFoundStrict"),
    ):
        with pytest.raises(Failure) as met:
            world.run(f"Set-StrictMode -Version Latest\n$ErrorActionPreference = 'Stop'\n{text}")
        assert met.value.fqid == fqid
        assert world.run(text) == [None]


def test_outputs_come_as_they_are_written_and_nothing_is_read_after_the_last_wanted(world: World) -> None:
    """A pipeline is live: a consumer that stops ends the script, finally included."""
    script = "try { foreach ($i in 1..3) { Write-Warning \"$i\"\n$i } } finally { Write-Warning 'closed' }"
    flow = world.runner.run(script)
    assert next(flow) == 1
    assert world.written == [("warning", "1")]
    flow.close()  # type: ignore[attr-defined]
    assert world.written == [("warning", "1"), ("warning", "closed")]


def test_a_run_can_be_stopped_while_it_sleeps(world: World) -> None:
    """The owner's check is asked at every statement and in sleep."""
    asked = []

    def check() -> None:
        asked.append(1)
        if len(asked) > 3:
            raise Stopped

    world.runner.check = check
    with pytest.raises(Stopped):
        world.run("try { Start-Sleep -Seconds 60 } catch { 'caught' }")


def test_a_block_runs_elsewhere_with_what_it_is_given(world: World) -> None:
    """Invoke-Command: its own variables, arguments by place, $using: from where the block was written."""
    script = """$seen = 'outer'
    Invoke-Elsewhere -ArgumentList 'a', @(1, 2) -ScriptBlock {
        param([string] $One, [int[]] $Many)
        $One + $Many.Count + $env:COMPUTERNAME + $using:seen + $seen
    }"""
    assert world.run(script) == ["a2GUESTouter"]


def test_files_are_where_the_owner_says(world: World) -> None:
    """Streams read and write what is there; their errors are .NET's, wrapped as PowerShell does it."""
    script = """param([string] $Path)
    $stream = [System.IO.File]::Open($Path, [System.IO.FileMode]::CreateNew, [System.IO.FileAccess]::ReadWrite)
    try {
        $data = [System.Text.Encoding]::ASCII.GetBytes('vhdxfile')
        $stream.Write($data, 0, $data.Length)
        [void] $stream.Seek(4, 'Begin')
        $buffer = New-Object -TypeName 'byte[]' -ArgumentList 4
        $stream.Read($buffer, 0, 4)
        , $buffer
        $stream.Length
    } finally { $stream.Dispose() }"""
    assert world.run(script, Path="C:\\a.bin") == [4, b"file", 8]
    assert (world.folder / "a.bin").read_bytes() == b"vhdxfile"
    with pytest.raises(Failure, match="already exists"):
        world.run("$ErrorActionPreference = 'Stop'\n" + script.replace("param([string] $Path)", "$Path = 'C:\\a.bin'"))


def test_a_typed_catch_shows_what_the_method_threw(world: World) -> None:
    """Its exception itself; a catch without a type that round it. What is thrown on is what was caught."""
    attempt = "try {{ [System.IO.File]::OpenRead('C:\\none') }} catch {} {{ {} }}"
    for kind in ("[System.IO.FileNotFoundException]", "[System.IO.IOException]", "[System.Exception]"):
        for what in ("$_.Exception.HResult", "$_.Exception.GetBaseException().HResult"):
            assert world.run(attempt.format(kind, what)) == [-2147024894]
        assert world.run(attempt.format(kind, "$null -eq $_.Exception.InnerException")) == [True]
        assert world.run(attempt.format(kind, "$_.Exception.Message")) == ["Could not find file 'C:\\none'."]
    for kind in ("", "[System.Management.Automation.MethodInvocationException]"):
        for what in ("$_.Exception.InnerException.HResult", "$_.Exception.GetBaseException().HResult"):
            assert world.run(attempt.format(kind, what)) == [-2147024894]
        assert world.run(attempt.format(kind, "$_.Exception.Message"))[0].startswith('Exception calling "OpenRead"')
    with pytest.raises(Failure, match=r"^Exception calling"):
        world.run(attempt.format("[System.IO.IOException]", "throw"))
    with pytest.raises(Failure, match=r"^Could not find"):
        world.run(attempt.format("[System.IO.IOException]", "throw $_"))


def test_a_file_made_read_only_is_not_written_to(world: World) -> None:
    """What golden relies on for parents holds for whoever runs the tests, root too."""
    (world.folder / "v1.vhdx").write_bytes(b"parent")
    (world.folder / "v1.vhdx").chmod(0o444)
    with pytest.raises(Failure, match="is denied"):
        world.run("$ErrorActionPreference = 'Stop'\n[System.IO.File]::OpenWrite('C:\\v1.vhdx')")


def test_commands_of_the_registry_are_bound_by_its_tables(world: World) -> None:
    """Through `registered` a script meets the same binder as a pipeline from the wire."""

    class Streams:
        def __getattr__(self, name: str) -> Any:
            return lambda *what: world.written.append((name, what))

    scope = registry.Scope("host", "someone", None, None, Streams())  # type: ignore[arg-type]
    runner = Runner(registered(scope), world.path, lambda *_: None, data=scope)
    assert list(runner.run("3, 1, 2 | Sort-Object | Select-Object -First 2")) == [1, 2]
    assert list(runner.run("1..4 | Where-Object { $_ -gt 2 }")) == [3, 4]
    with pytest.raises(Failure) as met:
        list(runner.run("$ErrorActionPreference = 'Stop'\n1 | Select-Object -Wrong 1"))
    assert met.value.fqid.startswith("NamedParameterNotFound")
    assert list(runner.run("Write-Error 'no' -ErrorAction SilentlyContinue; 'on'")) == ["on"]


def test_what_leaves_a_script_is_nobodys_any_more(world: World) -> None:
    """Bytes come out as bytes, numbers keep the width they were given, time is time."""
    made = world.run("[pscustomobject]@{ Data = [byte[]]::new(2); Size = [long] 1; When = Get-Date }")[0]
    assert isinstance(made, Thing)
    assert made["Data"] == b"\0\0"
    assert isinstance(made["Size"], Sized)
    assert made["Size"].width == "Int64"
    assert isinstance(made["When"], datetime.datetime)
    assert isinstance(world.run("{ 1 }")[0], Block)


def test_a_file_that_is_not_shared_is_nobody_elses(world: World) -> None:
    """FileShare.None keeps others out until it is disposed of, other runners as well; the error has its HRESULT."""
    take = "$one = [System.IO.File]::Open('C:\\l', 'OpenOrCreate', 'ReadWrite', 'None')"
    again = (
        "try { $two = [System.IO.File]::Open('C:\\l', 'Open', 'Read', 'ReadWrite'); $two.Dispose(); 'free' }"
        " catch { $_.Exception.InnerException.HResult }"
    )
    assert world.run(f"{take}; {again}; $one.Dispose(); {again}") == [-2147024864, "free"]
