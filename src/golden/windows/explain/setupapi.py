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
from golden.windows.log_text import Log, blocks, decoded, marked, parsed

_MARKS = (b">>>", b"<<<", b"!!!")
_STATUS = b"[Exit status: "
_START = re.compile(r"Section start (\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d)")
_ENTRY = re.compile(r"^\s*!!!\s+(?:\w{3}:)?\s*(.*)$")
_INF = re.compile(r"([^\\/\s'\"\[\]]{1,100}\.inf)\b", re.IGNORECASE)
_MOST_READ, _MOST_ERRORS, _MOST_SECTIONS = 300, 30, 200
Raw = tuple[int, bytes]


@dataclass(eq=False)
class _Section:
    """Kept as bytes: nearly all sections end well, and nothing of them is ever told."""

    head: Raw
    start: bytes = b""
    errors: list[Raw] = field(default_factory=list)
    status: Raw = (0, b"")

    @property
    def title(self) -> str:
        return decoded(self.head[1]).partition("[")[2].rstrip().removesuffix("]")


@dataclass(eq=False)
class _Reader:
    open: _Section | None = None
    failed: dict[bytes, _Section] = field(default_factory=dict)
    """By title: what was tried again and went well is no failure any more."""
    ended: int = 0

    def line(self, number: int, raw: bytes) -> None:
        bare = raw.lstrip()
        if bare.startswith(b">>>"):
            if bare[3:].lstrip().startswith(b"["):
                self.open = _Section((number, raw))
            elif self.open is not None:
                self.open.start = bare
        elif self.open is None:
            return
        elif bare.startswith(b"!!!"):
            if len(self.open.errors) < _MOST_ERRORS:
                self.open.errors.append((number, raw))
        elif bare.startswith(b"<<<") and _STATUS in bare:
            self.end(self.open, (number, raw))

    def end(self, section: _Section, status: Raw) -> None:
        self.open, self.ended = None, self.ended + 1
        title = section.head[1].strip()
        self.failed.pop(title, None)
        if b"FAILURE" in status[1]:
            section.status = status
            self.failed[title] = section
            if len(self.failed) > _MOST_SECTIONS:
                del self.failed[next(iter(self.failed))]


def read(log: Log, file: str) -> Told:
    """Sections that failed and were not mended later, the last one first."""
    reader = _Reader()
    for number, block in blocks(log):
        for at, raw in marked(number, block, (), _MARKS, _MOST_READ):
            reader.line(at, raw)
    causes = tuple(_cause(section, file) for section in reversed(reader.failed.values()))
    if causes:
        return Told("failed", "driver", causes=causes, time=causes[0].time)
    return Told("succeeded" if reader.ended else "nothing-found", "driver" if reader.ended else "unknown")


def _cause(section: _Section, file: str) -> Cause:
    head, status = parsed(*section.head), parsed(*section.status)
    errors = [parsed(*raw) for raw in section.errors]
    code = code_in(status.text)
    known = meaning(code, status.text)
    words = next((met.group(1) for line in errors[-1:] if (met := _ENTRY.match(line.text))), "")
    inner = next((one for line in errors if (one := code_in(line.text)) and one != code), "")
    if inner and not known.sentence:
        known = meaning(inner)
    named = next(filter(None, (_INF.search(text) for text in (section.title, *(line.text for line in errors)))), None)
    blame = named.group(1) if named else section.title.rpartition(" - ")[2]
    why = known.sentence or words or f"it ended with {code or 'a failure'}"
    began = _START.search(decoded(section.start))
    kept = [head, *errors[:2], *errors[-2:], status]
    return Cause(
        id="driver",
        sentence=shown(f"{blame} was not installed: {why}"),
        log="setupapi",
        blame=shown(blame),
        code=code,
        code_name=known.name,
        fix=known.fix,
        confirmed=known.confirmed,
        time="{}-{}-{} {}".format(*began.groups()) if began else "",
        evidence=tuple(quote(file, line) for line in {line.number: line for line in kept}.values()),
    )
