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
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from golden.errors import NotFound, UsageError

PIECE = 120 * 1024
"""Below what malloc fetches anew from the system for each block, which costs more than looking at the bytes."""
LONGEST = 2048
"""Bytes of a line that are looked at."""
_AT_END = 4
"""How many of a block's last lines with a mark are read even where there are too many to read all."""
_LINE = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d), (Info|Warning|Error)\s+(?:\[(0x[0-9a-f]{1,16})\]\s+)?(\w+)?\s?(.*)$",
    re.IGNORECASE,
)


class HasPieces(Protocol):
    """A file that is read in pieces, such as one on a volume of a powered-off disk."""

    def pieces(self) -> Iterator[bytes]:
        """The whole content from its beginning."""


Log = bytes | Path | HasPieces | Iterable[bytes]


class Line(NamedTuple):
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
    if is_reprint(raw) and (met := _reprint().match(text)):
        month, day, year, clock, _component, thread, message = met.groups()
        code = f"0x{int(thread, 16):06x}" if int(thread, 16) else ""
        return Line(number, f"{year}-{month}-{day} {clock}", _level(message), code, message, text)
    return Line(number, "", "", "", text, text)


def is_reprint(raw: bytes) -> bool:
    """Whether a line is one of ConfigMgr's."""
    return raw[2:3] == raw[5:6] == b"-" and raw[:2].isdigit() and _reprint().match(decoded(raw)) is not None


@cache
def _reprint() -> re.Pattern[str]:
    """ConfigMgr's reprint: the month first, no level, the bracket code as if it were the number of a thread."""
    head = r"^(\d\d)-(\d\d)-(\d{4}) (\d\d:\d\d:\d\d)\S*\s+(\w+)\s+\d{1,20} \((0x[0-9a-f]{1,16})\)\s+(.*)$"
    return re.compile(head, re.IGNORECASE)


@cache
def _bad_words() -> re.Pattern[str]:
    words = r"\b(?:error|failed|failure|halting)\b|\bnot (?:provisioned|running|have)\b"
    return re.compile(words + r"|\bis on for|turned on if|require a reboot", re.IGNORECASE)


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
    seen = 0
    for start in sorted(_spans(block, often, ends, most) | _spans(block, always, ends, len(block))):
        number += block.count(b"\n", seen, start)
        seen = start
        yield number, block[start : ends[start]]


def _spans(block: bytes, marks: Sequence[bytes], ends: dict[int, int], most: int) -> set[int]:
    """Where the first ``most`` and the last few lines of each mark begin; where they end is put into ``ends``."""
    found: set[int] = set()
    for mark in marks:
        at, left = block.find(mark), most
        while at >= 0 and left:
            end = block.find(b"\n", at)
            end = len(block) if end < 0 else end
            start = block.rfind(b"\n", 0, at) + 1
            if at + len(mark) - start <= LONGEST:
                ends[start] = end
                found.add(start)
            at, left = block.find(mark, end), left - 1
        bound, left = len(block), _AT_END if at >= 0 else 0
        while left and (at := block.rfind(mark, 0, bound)) >= 0:
            start = block.rfind(b"\n", 0, at) + 1
            if start in found:
                break
            if at + len(mark) - start <= LONGEST:
                end = block.find(b"\n", at)
                ends[start] = len(block) if end < 0 else end
                found.add(start)
            bound, left = start, left - 1
    return found


def decoded(raw: bytes) -> str:
    """One line as text; long lines are cut."""
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
    return "Error" if _bad_words().search(message) else "Info"
