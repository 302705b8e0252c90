"""
Logs of Windows Installer (``msiexec /l*v``): the action that failed. docs/facts: windows 5.4.

Return values in the log are not exit codes: 3 is a fatal error (Microsoft's "Logging of Action Return Values").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from golden.windows.explain.codes import meaning
from golden.windows.explain.nouns import Cause, Told, quote, shown
from golden.windows.log_text import Line, Log, blocks, marked, parsed

_FRAMES = (b"logging started", b"MainEngineThread is returning", b"error status:", b"Product Name: ")
_ERRORS = (b"eturn value 3", b"returned actual error code", b": Error ", b"Error 1", b"Error 2")
_ENDED = re.compile(r"Action ended [\d:.]+: ([^\s.]{1,200})\. Return value 3", re.IGNORECASE)
_ACTION = re.compile(r"CustomAction (\S{1,200}) returned actual error code (-?\d{1,12})")
_WORDS = re.compile(r"\bError (\d{4,5})\b\.? ?(.*)")
_RETURNING = re.compile(r"MainEngineThread is returning (\d{1,10})|error status: (\d{1,10})")
_PRODUCT = re.compile(r"Product(?: Name)?: (.{1,200}?)(?:\. Product Version|\. Installation| -- |$)")
_GOOD = {0, 3010, 1641}
_MOST_READ = 500


@dataclass(eq=False)
class _Attempt:
    product: str = ""
    code: int | None = None
    actions: list[tuple[str, Line]] = field(default_factory=list)
    words: list[tuple[str, Line]] = field(default_factory=list)
    end: Line | None = None


def read(log: Log, file: str) -> Told:
    """The last installation of the log."""
    attempt: _Attempt | None = None
    for number, block in blocks(log):
        for at, raw in marked(number, block, _FRAMES, _ERRORS, _MOST_READ):
            line = parsed(at, raw)
            if "logging started" in line.text or attempt is None:
                attempt = _Attempt()
            _take(attempt, line)
    if attempt is None:
        return Told("nothing-found")
    if attempt.code in _GOOD or (attempt.code is None and not attempt.actions):
        return Told("succeeded" if attempt.code in _GOOD else "nothing-found", "program")
    return Told("failed", "program", causes=(_cause(attempt, file),))


def _take(attempt: _Attempt, line: Line) -> None:
    if met := _RETURNING.search(line.text):
        attempt.code, attempt.end = int(met.group(1) or met.group(2)), line
    if met := _PRODUCT.search(line.text):
        attempt.product = attempt.product or met.group(1).strip()
    if met := _ENDED.search(line.text) or _ACTION.search(line.text):
        attempt.actions.append((met.group(1), line))
    elif met := _WORDS.search(line.text):
        attempt.words.append((met.group(2).strip(), line))


def _cause(attempt: _Attempt, file: str) -> Cause:
    code = str(attempt.code or 1603)
    known = meaning(code)
    action = attempt.actions[0] if attempt.actions else None
    words = next((text for text, _line in attempt.words if text), "") if attempt.words else ""
    part = f" in the action {action[0]}" if action else ""
    why = words or known.sentence or f"it ended with {code}"
    lines = [attempt.words[0][1]] if attempt.words else []
    lines += [line for line in (action[1] if action else None, attempt.end) if line is not None]
    return Cause(
        id="program",
        sentence=shown(f"{attempt.product or 'the program'} was not installed{part}: {why}"),
        log="msi",
        blame=shown(attempt.product or (action[0] if action else "")),
        code=code,
        code_name=known.name,
        fix=known.fix,
        confirmed=known.confirmed,
        evidence=tuple(quote(file, line) for line in {one.number: one for one in lines}.values()),
    )
