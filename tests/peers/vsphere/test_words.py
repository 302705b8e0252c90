"""What the peer decides without any server: command lines, paths, names, rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.vsphere.rules import Rule, Rules
from tests.peers.vsphere.strict import escaped
from tests.peers.vsphere.windows_line import arguments, command, locate


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("/s /t 0", ["/s", "/t", "0"]),
        ('"a b" c""d ""', ["a b", "cd", ""]),
        (r'"C:\a b\\" x\y \\"q', ["C:\\a b\\", "x\\y", "\\q"]),
        (r"a\"b", ['a"b']),
        ('"say ""hi"""', ['say "hi"']),
    ],
)
def test_a_line_is_taken_apart_as_windows_does(line: str, words: list[str]) -> None:
    """Backslashes count before quotes only; a doubled quote inside quotes is one."""
    assert arguments(line) == words


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("/c echo x > y", "echo x > y"),
        ('/c "C:\\a b\\x.cmd" > y', '"C:\\a b\\x.cmd" > y'),
        ('/d /s /c ""C:\\a b\\x.cmd" "1 2" > "C:\\o p" 2>&1"', '"C:\\a b\\x.cmd" "1 2" > "C:\\o p" 2>&1'),
        ('/c "C:\\Program Files\\x.exe"', '"C:\\Program Files\\x.exe"'),
        ('/c ""C:\\a.cmd" x > y"', '"C:\\a.cmd" x > y'),
    ],
)
def test_cmd_takes_its_outer_quotes_off(line: str, text: str) -> None:
    """With /s always; without it unless the quotes are around a program's name alone."""
    assert command(line)[-1] == text


def test_a_path_is_found_whatever_its_case_and_never_outside(tmp_path: Path) -> None:
    """Other drives, relative paths, ``..`` and names that Windows refuses are nowhere."""
    (tmp_path / "Windows/Temp").mkdir(parents=True)
    assert locate(tmp_path, "c:\\WINDOWS/temp\\New.txt") == tmp_path / "Windows/Temp/New.txt"
    assert locate(tmp_path, "C:\\") == tmp_path
    for wrong in ("D:\\x", "x", "\\x", "C:x", "C:\\..\\x", "C:\\a*b", "C:\\a:b", ""):
        assert locate(tmp_path, wrong) is None, wrong


@pytest.mark.parametrize(
    ("name", "stored"),
    [("a/b", "a%2fb"), ("100%", "100%25"), ("a%2Fb%25", "a%2Fb%25"), ("a\\b", "a%5cb"), ("grün", "grün")],
)
def test_names_are_escaped_once(name: str, stored: str) -> None:
    """A per cent sign that already escapes is left alone."""
    assert escaped(name) == stored


def test_rules_count_only_the_calls_they_mean() -> None:
    """The second clone of that name, twice; then never again; one that never acted is listed."""
    rule = Rule("Clone.*", "drop-before", named="^job", nth=2, times=2)
    never = Rule("Destroy_Task", "delay")
    rules = Rules([rule, never])
    acted = [bool(rules.acting("CloneVM_Task", name)) for name in ("job", "x", "job", "my\njob", "job", "job")]
    assert acted == [False, False, True, True, False, False]
    assert rules.acting("XClone", "job") == []
    assert rules.unmet() == [never]
    with pytest.raises(AssertionError, match="a rule does one of"):
        Rule("x", "explode")
    with pytest.raises(AssertionError, match="which fault"):
        Rule("x", "fault")
