"""
setupapi.dev.log: which driver or device did not go in, and why. docs/facts: windows 5.1.

The format is Microsoft's "Format of a Text Log Section": a section begins with ``>>>  [title]`` and ``>>>  Section
start``, its error entries begin with ``!!!``, and it ends with ``<<<  [Exit status: SUCCESS]`` or ``FAILURE(0x…)``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from golden.windows.explain.codes import code_in, meaning
from golden.windows.explain.nouns import Cause, Told, quote, shown
from golden.windows.log_text import Line, Log, blocks, marked, parsed

_FRAMES = (b">>>", b"<<<")
_ERRORS = (b"!!!",)
_TITLE = re.compile(r"^\s*>>>\s+\[(.+)\]\s*$")
_START = re.compile(r"^\s*>>>\s+Section start (\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d)")
_STATUS = re.compile(r"^\s*<<<\s+\[Exit status: (SUCCESS|FAILURE\((0x[0-9a-f]{1,8})\))", re.IGNORECASE)
_ENTRY = re.compile(r"^\s*!!!\s+(?:\w{3}:)?\s*(.*)$")
_INF = re.compile(r"([^\\/\s'\"\[\]]{1,100}\.inf)\b", re.IGNORECASE)
_MOST_READ, _MOST_ERRORS, _MOST_SECTIONS = 2000, 30, 200


@dataclass(slots=True)
class _Section:
    title: str
    head: Line
    time: str = ""
    errors: list[Line] = field(default_factory=list)
    status: Line | None = None


@dataclass(slots=True)
class _Reader:
    open: _Section | None = None
    failed: dict[str, _Section] = field(default_factory=dict)
    """By title: what was tried again and went well is no failure any more."""
    ended: int = 0

    def line(self, line: Line) -> None:
        if met := _TITLE.match(line.text):
            self.open = _Section(met.group(1), line)
        elif self.open is None:
            return
        elif met := _START.match(line.text):
            self.open.time = "{}-{}-{} {}".format(*met.groups())
        elif met := _STATUS.match(line.text):
            self.end(self.open, line, failed=bool(met.group(2)))
        elif _ENTRY.match(line.text) and len(self.open.errors) < _MOST_ERRORS:
            self.open.errors.append(line)

    def end(self, section: _Section, line: Line, *, failed: bool) -> None:
        self.open, self.ended = None, self.ended + 1
        self.failed.pop(section.title, None)
        if failed:
            section.status = line
            self.failed[section.title] = section
            if len(self.failed) > _MOST_SECTIONS:
                del self.failed[next(iter(self.failed))]


def read(log: Log, file: str) -> Told:
    """Sections that failed and were not mended later, the last one first."""
    reader = _Reader()
    for number, block in blocks(log):
        for at, raw in marked(number, block, _FRAMES, _ERRORS, _MOST_READ):
            reader.line(parsed(at, raw))
    causes = tuple(_cause(section, file) for section in reversed(reader.failed.values()))
    if causes:
        return Told("failed", "driver", causes=causes, time=causes[0].time)
    return Told("succeeded" if reader.ended else "nothing-found", "driver" if reader.ended else "unknown")


def _cause(section: _Section, file: str) -> Cause:
    status = section.status or section.head
    code = code_in(status.text)
    known = meaning(code, status.text)
    words = next((met.group(1) for line in section.errors[-1:] if (met := _ENTRY.match(line.text))), "")
    inner = _inner(section, code)
    if inner and not known.sentence:
        known = meaning(inner)
    named = _INF.search(section.title) or next(filter(None, (_INF.search(line.text) for line in section.errors)), None)
    blame = named.group(1) if named else section.title.rpartition(" - ")[2]
    why = known.sentence or words or f"it ended with {code or 'a failure'}"
    kept = [section.head, *section.errors[:2], *section.errors[-2:], status]
    return Cause(
        id="driver",
        sentence=shown(f"{blame} was not installed: {why}"),
        log="setupapi",
        blame=shown(blame),
        code=code,
        code_name=known.name,
        fix=known.fix,
        confirmed=known.confirmed,
        time=section.time,
        evidence=tuple(quote(file, line) for line in {line.number: line for line in kept}.values()),
    )


def _inner(section: _Section, code: str) -> str:
    """A code of an error entry that says more than the section's own."""
    return next((one for line in section.errors if (one := code_in(line.text)) and one != code), "")
