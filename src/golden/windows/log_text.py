"""
Text of logs in any amount: only the lines that carry a mark are turned into text, all others are passed over as bytes.

Logs come in pieces of any size and in any of the encodings Windows writes (UTF-16, UTF-8, 8-bit). Looking for a few
words in bytes is some hundred times faster than decoding every line, which is what makes a log of 200 MB a matter of
seconds. docs/facts: windows 1.2.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from golden.errors import NotFound, UsageError

PIECE = 512 * 1024
LONGEST = 64 * 1024
"""Bytes of a line that are looked at."""
_AT_END = 20
"""How many of a block's last marked lines are read even where there are too many to read all."""
_LINE = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d), (Info|Warning|Error)\s+(?:\[(0x[0-9a-f]{1,16})\]\s+)?(\w+)?\s?(.*)$",
    re.IGNORECASE,
)
_REPRINT = re.compile(
    r"^(\d\d)-(\d\d)-(\d{4}) (\d\d:\d\d:\d\d)\S*\s+(\w+)\s+\d{1,20} \((0x[0-9a-f]{1,16})\)\s+(.*)$", re.IGNORECASE
)
"""ConfigMgr's reprint: the month first, no level, the bracket code as if it were the number of a thread."""
_BAD_WORDS = re.compile(
    r"\b(?:error|failed|failure|halting)\b|\bis on for|\bnot provisioned|turned on if|require a reboot", re.I
)


class HasPieces(Protocol):
    """A file that is read in pieces, such as one on a volume of a powered-off disk."""

    def pieces(self) -> Iterator[bytes]:
        """The whole content from its beginning."""


Log = bytes | Path | HasPieces | Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log."""

    number: int
    time: str
    level: str
    """Info | Warning | Error, or empty where the line has no head of its own."""
    code: str
    """The bracket code in lower case, e.g. ``0x0f00d8``; empty where there is none."""
    message: str
    text: str
    """The whole line."""


def parsed(number: int, raw: bytes) -> Line:
    """A line taken apart; what has no head is all message."""
    text = decoded(raw)
    if met := _LINE.match(text):
        time, level, code, _component, message = met.groups()
        return Line(number, time, level.capitalize(), (code or "").lower(), message, text)
    if met := _REPRINT.match(text):
        month, day, year, clock, _component, thread, message = met.groups()
        code = f"0x{int(thread, 16):06x}" if int(thread, 16) else ""
        return Line(number, f"{year}-{month}-{day} {clock}", _level(message), code, message, text)
    return Line(number, "", "", "", text, text)


def is_reprint(block: bytes) -> bool:
    """Whether the first lines are ConfigMgr's."""
    return any(_REPRINT.match(decoded(raw)) for raw in block[:LONGEST].split(b"\n", 20)[:20])


def blocks(log: Log) -> Iterator[tuple[int, bytes]]:
    """(number of its first line, some whole lines) through a whole log; byte order marks and UTF-16 are gone."""
    number, kept = 1, b""
    for piece in narrow(pieces(log)):
        cut = piece.rfind(b"\n") + 1
        if not cut:
            kept = kept[:LONGEST] if len(kept) >= LONGEST else kept + piece
            continue
        block, kept = kept + piece[:cut], piece[cut:]
        yield number, block
        number += block.count(b"\n")
    if kept:
        yield number, kept


def marked(
    number: int, block: bytes, always: Sequence[bytes], often: Sequence[bytes], most: int
) -> Iterator[tuple[int, bytes]]:
    """
    The lines of a block that hold a mark, in order.

    Every line with one of ``always``; of those with one of ``often`` the first ``most`` and the last few.
    """
    ends: dict[int, int] = {}
    kept = _spans(block, often, ends)
    if len(kept) > most + _AT_END:
        del kept[most:-_AT_END]
    seen = 0
    for start in sorted({*kept, *_spans(block, always, ends)}):
        number += block.count(b"\n", seen, start)
        seen = start
        yield number, block[start : ends[start]]


def _spans(block: bytes, marks: Sequence[bytes], ends: dict[int, int]) -> list[int]:
    """Where the lines with one of the marks begin, in order; where they end is put into ``ends``."""
    found = set()
    for mark in marks:
        at = block.find(mark)
        while at >= 0:
            end = block.find(b"\n", at)
            end = len(block) if end < 0 else end
            start = block.rfind(b"\n", 0, at) + 1
            ends[start] = end
            found.add(start)
            at = block.find(mark, end)
    return sorted(found)


def decoded(raw: bytes) -> str:
    """One line as text; lines longer than 64 KiB are cut."""
    raw = raw[:LONGEST].rstrip(b"\r\n")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def narrow(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces without byte order mark, and UTF-16 turned into UTF-8."""
    first = next(pieces, b"")
    while len(first) < 4 and (more := next(pieces, b"")):
        first += more
    wide, mark = _wide(first)
    if not wide:
        yield first.removeprefix(b"\xef\xbb\xbf")
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(wide)("replace")
    yield decoder.decode(first[mark:]).encode("utf-8", "replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")


def _wide(first: bytes) -> tuple[str, int]:
    """The kind of UTF-16 that a log begins with, and how long its mark is."""
    for mark, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if first.startswith(mark):
            return codec, 2
    if len(first) >= 4 and first[1] == first[3] == 0 and first[0] and first[2]:
        return "utf-16-le", 0
    if len(first) >= 4 and first[0] == first[2] == 0 and first[1] and first[3]:
        return "utf-16-be", 0
    return "", 0


def pieces(log: Log) -> Iterator[bytes]:
    """The bytes of a log. NotFound where it is a path to nothing, UsageError where it cannot be read."""
    if isinstance(log, bytes):
        return (log[at : at + PIECE] for at in range(0, len(log), PIECE))
    if isinstance(log, Path):
        return _read(log)
    return log.pieces() if hasattr(log, "pieces") else iter(log)


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
    except FileNotFoundError as error:
        raise NotFound(f"there is no log {path}") from error
    except OSError as error:
        raise UsageError(f"the log {path} cannot be read", details=str(error)) from error


def _level(message: str) -> str:
    return "Error" if _BAD_WORDS.search(message) else "Info"
