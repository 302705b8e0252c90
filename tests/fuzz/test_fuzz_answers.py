"""Whatever the bytes are, the linter ends in time with findings whose places are in the file, and no error."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import product
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from golden.cli import sarif
from golden.windows.answers.components import SETTING_PASSES, components
from golden.windows.answers.linting import Report, lint
from golden.windows.answers.rules import RULES, Aim
from golden.windows.answers.writing import Wish, written

pytestmark = pytest.mark.slow

T = TypeVar("T")

LONGEST = 1.0
"""Seconds for one input."""
EXAMPLES = 3500
"""Of each test; every example is two inputs, itself and cut off: 21,000 in all."""
GOOD = [written(Wish("client", "de-DE", account="a")), written(Wish("server", "en-US", password="x"))]
SEEDS = [*GOOD, GOOD[0].replace(b"'utf-8'", b"'utf-16'").decode().encode("utf-16")]
AIMS = [Aim(*one) for one in product(("capture", "install"), ("", "client", "server"), ("", "amd64", "x86", "arm64"))]
NAMES = [
    *("unattend", "settings", "component", "OOBE", "UserAccounts", "LocalAccounts", "LocalAccount", "Name"),
    *("Password", "Value", "PlainText", "AdministratorPassword", "SkipRearm", "Generalize", "Reseal", "AutoLogon"),
    *("Enabled", "RunSynchronous", "RunSynchronousCommand", "FirstLogonCommands", "SynchronousCommand", "Disk"),
    *sorted({name for _, name in SETTING_PASSES}),
    *("TimeZone", "offlineImage", "x", "ä"),
]
VALUES = [
    *("", "1", "true", "false", "*", "%N%", "NONE", "a/b", "*SENSITIVE*DATA*DELETED*", "UABhAHMAcwB3AA==", "&amp;lt;"),
    *("\u200e\u202e", "\U0001f600" * 30, "&#x9b;2J", "é\n\té", "<![CDATA[<a>]]>", "<!-- x -->1"),
]
PASSES = ["generalize", "specialize", "oobeSystem", "OOBESYSTEM", "windowsPE", "oobeUser", "", "x", "&#10;"]
COMPONENTS = [*[name for name, _ in components().values()], *["Microsoft-Windows-Shell-Setup"] * 40, "", "x", "&#10;"]
SPACES = ["", ' xmlns=""', ' xmlns="urn:x"', ' xmlns:wcm="urn:y"', ' wcm:action="add"', ' action="add"']
PIECES = [
    *(b"<", b">", b"</", b"/>", b"&", b"&#0;", b"&amp;", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?xml ", b"\0"),
    *(b"<!DOCTYPE a>", b"<settings pass='oobeSystem'>", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"<unattend>"),
    *(b"<?xml version='1.0' encoding='%s'?>" % name for name in (b"utf-7", b"utf-16", b"idna", b"hex", b"cp1252")),
    *(b"<unattend xmlns='urn:schemas-microsoft-com:unattend'>", b"</unattend>", b"\r", b"\n", b"'", b'"', b"="),
]
FAST = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
TAPES = st.binary(max_size=48)
"""What hypothesis draws is a row of bytes that is read as choices: one draw is quick, and it shrinks well."""


class Tape:
    """Choices, one after the other; the first one of everything where the tape has ended."""

    def __init__(self, content: bytes) -> None:
        self.left = content

    def number(self, below: int) -> int:
        size = 1 if below <= 256 else 2
        value, self.left = int.from_bytes(self.left[:size]), self.left[size:]
        return value % below

    def one(self, choices: Sequence[T]) -> T:
        return choices[self.number(len(choices))]


def judged(content: bytes, aim: Aim) -> Report:
    """Lint it, and what is left of it where it was cut off."""
    _judged(content[: len(content) * 2 // 3], aim)
    return _judged(content, aim)


def _judged(content: bytes, aim: Aim) -> Report:
    """Lint it; every remark is one of the rules', and stands in the file."""
    begun = time.perf_counter()
    report = lint(content, aim)
    assert time.perf_counter() - begun < LONGEST
    lines = content.replace(b"\r", b"\n").count(b"\n") + 1
    for one in report.remarks:
        assert RULES[one.rule][0] == one.severity
        assert one.sentence.isprintable()
        assert one.line is None or (1 <= one.line <= lines and one.column is not None and one.column >= 1)
    return report


@given(content=TAPES, raw=st.booleans())
@settings(FAST, max_examples=EXAMPLES)
def test_any_bytes_are_answered(content: bytes, raw: bool) -> None:
    """Pieces of XML in any order, and bytes as they come."""
    tape = Tape(content)
    aim = tape.one(AIMS)
    judged(tape.left if raw else b"".join(tape.one(PIECES) for _ in range(len(content))), aim)


@given(content=TAPES)
@settings(FAST, max_examples=EXAMPLES)
def test_right_files_with_wounds_are_answered(content: bytes) -> None:
    """Bytes taken out and put in anywhere."""
    tape = Tape(content)
    aim, wounded = tape.one(AIMS), tape.one(SEEDS)
    for _ in range(1 + tape.number(4)):
        at = tape.number(len(wounded) + 1)
        piece = tape.one(PIECES) if tape.number(2) else bytes([tape.number(256)])
        wounded = wounded[:at] + piece + wounded[at + tape.number(40) :]
    judged(wounded, aim)


def markup(tape: Tape, depth: int = 0) -> str:
    """Any element with anything in it."""
    name, space = tape.one(NAMES), tape.one(SPACES)
    below = tape.number(4) if depth < 4 and tape.left else 0
    inside = "".join(markup(tape, depth + 1) for _ in range(below)) or tape.one(VALUES)
    return f"<{name}{space}>{inside}</{name}>"


@given(content=TAPES)
@settings(FAST, max_examples=EXAMPLES)
def test_any_settings_are_judged(content: bytes) -> None:
    """Well-formed files with any settings in any component and pass; SARIF of them is JSON."""
    tape = Tape(content)
    aim = tape.one(AIMS)
    text = ""
    while tape.left:
        about = (
            f'name="{tape.one(COMPONENTS)}" processorArchitecture="{tape.one(["amd64", "AMD64", "x86", "z80", ""])}"'
        )
        text += f'<settings pass="{tape.one(PASSES)}">\n<component {about}>{markup(tape)}</component></settings>'
    spaces = 'xmlns="urn:schemas-microsoft-com:unattend" xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State"'
    report = judged(f"<unattend {spaces}>{text}</unattend>".encode(), aim)
    assert not {one.rule for one in report.remarks} & {"answer.not-well-formed", "answer.document-type"}
    if len(report.remarks) < 10:  # All of them would take longer than the linter.
        assert json.loads(sarif.written([("a b.xml", report)]))["version"] == "2.1.0"
