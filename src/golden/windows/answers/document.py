"""
Reading an answer file safely: every element with the line and column it begins at.

Expat does the parsing, with document types forbidden, so that no entity can grow or name another file. This module
and the rest of the package load nothing but expat: ``golden lint`` is to start as quickly as a script would.
"""

from __future__ import annotations

import os
import stat
from xml.parsers import expat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

UNATTEND = "urn:schemas-microsoft-com:unattend"
WCM = "http://schemas.microsoft.com/WMIConfig/2002/State"
CPI = "urn:schemas-microsoft-com:cpi"

MOST_BYTES = 8 << 20
"""Answer files are some kilobytes; the largest with whole scripts in them stay below one megabyte."""
MOST_ELEMENTS = 50_000
MOST_DEPTH = 100

_ALL = True
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

_JUNK = 9
_UNKNOWN_ENCODING = 18
_WRONG_ENCODING = 19
_UNDEFINED_ENTITY = 11
_NO_ELEMENTS = 3


class Unreadable(Exception):
    """Nothing can be said of the file but this one sentence: ``rule``, ``sentence``, ``fix`` and where."""

    def __init__(self, rule: str, sentence: str, fix: str = "", place: tuple[int, int] | None = None) -> None:
        """``place`` is (line, column), both from 1; None where the whole file is meant."""
        super().__init__(sentence)
        self.rule = rule
        self.sentence = sentence
        self.fix = fix
        self.place = place


class Element:
    """One element: ``name`` without its namespace ``space``, where it begins, and its text without outer blanks."""

    __slots__ = ("attributes", "children", "column", "line", "name", "space", "text")

    def __init__(self, space: str, name: str, attributes: dict[str, str], line: int, column: int) -> None:
        """``attributes`` are keyed by name, those of a namespace by "namespace name"."""
        self.space = space
        self.name = name
        self.attributes = attributes
        self.line = line
        self.column = column
        self.children = _NO_CHILDREN
        self.text = ""

    def child(self, name: str) -> Element | None:
        """The first child of that name, whatever its case."""
        return next(self.named(name), None)

    def named(self, name: str) -> Iterator[Element]:
        """Every child of that name, whatever its case."""
        name = name.lower()
        return (one for one in self.children if one.name.lower() == name)

    def at(self, path: str) -> Element | None:
        """The element below by names with slashes between them."""
        found: Element | None = self
        for name in path.split("/"):
            found = found.child(name) if found is not None else None
        return found

    @property
    def place(self) -> tuple[int, int]:
        """(line, column), both from 1."""
        return self.line, self.column

    @property
    def is_true(self) -> bool:
        """Whether it says true or 1."""
        return self.text.lower() in ("true", "1")


_NO_CHILDREN: list[Element] = []
"""One for all elements that have none; nothing is ever put into it."""


class Document:
    """A file that was read."""

    __slots__ = ("encoding", "root")

    def __init__(self, root: Element, encoding: str) -> None:
        """``encoding`` is the one its declaration names, or empty."""
        self.root = root
        self.encoding = encoding


def content_of(path: str) -> bytes:
    """The bytes of a file. OSError where it cannot be read; Unreadable where it is no regular file or far too large."""
    with open(path, "rb", opener=_without_waiting) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise Unreadable("answer.no-file", "this is no regular file", "name the answer file itself")
        if about.st_size > MOST_BYTES:
            raise _too_large(f"it has {about.st_size >> 20} MiB")
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise _too_large("it grew while it was read")
    return content


def parse(content: bytes) -> Document:
    """The elements of an answer file in UTF-8, UTF-16 or what its declaration names. Unreadable."""
    if not content.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
        raise Unreadable("answer.empty", "the file is empty", "golden answer new writes one to begin with")
    mark = 1 if content.startswith(_MARKS) else 0
    reader = _Reader(mark)
    try:
        reader.parser.Parse(content, _ALL)
    except expat.ExpatError as error:
        place = (error.lineno, error.offset + 1 - (mark if error.lineno == 1 else 0))
        raise _told(error, content, place) from None
    except (LookupError, ValueError) as error:  # What Python's codecs raise for encodings that expat asks them about.
        words = f"its declaration names an encoding that cannot be read ({type(error).__name__})"
        raise Unreadable("answer.encoding", words, "save it as UTF-8", (1, 1)) from None
    if reader.root is None:
        raise Unreadable("answer.not-well-formed", "it holds no element", "", (1, 1))
    return Document(reader.root, reader.encoding)


class _Reader:
    """Expat's handlers and what they have seen."""

    def __init__(self, mark: int) -> None:
        """``mark`` is how many columns of the first line a byte order mark takes, which no editor counts."""
        self._mark = mark
        self.root: Element | None = None
        self.encoding = ""
        self._open: list[Element] = []
        self._pieces: list[list[str] | None] = []
        """Text of each open element; it comes in as many pieces as there are comments and CDATA sections in it."""
        self._names: dict[str, tuple[str, str]] = {}
        self._count = 0
        parser = self.parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.buffer_size = 1 << 20  # Text in many small pieces would be put together again and again.
        parser.StartDoctypeDeclHandler = self._document_type
        parser.XmlDeclHandler = self._declaration
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        names = self._names.get(tag)
        if names is None:
            space, _, name = tag.rpartition(" ")
            names = self._names[tag] = (space, name)
        parser = self.parser
        line, column = parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
        if line == 1:
            column -= self._mark
        element = Element(names[0], names[1], attributes, line, column)
        above = self._open
        if above:
            top = above[-1]
            if top.children:
                top.children.append(element)
            else:
                top.children = [element]
        else:
            self.root = element
        above.append(element)
        self._pieces.append(None)
        self._count += 1
        if self._count > MOST_ELEMENTS or len(above) > MOST_DEPTH:
            self._refuse(element)

    def _refuse(self, element: Element) -> None:
        if len(self._open) > MOST_DEPTH:
            words = f"elements stand within one another more than {MOST_DEPTH} deep"
        else:
            words = f"it has more than {MOST_ELEMENTS} elements"
        raise Unreadable("answer.too-large", f"{words}; this is no answer file", "", element.place)

    def _end(self, _tag: str) -> None:
        done, pieces = self._open.pop(), self._pieces.pop()
        if pieces:
            done.text = (pieces[0] if len(pieces) == 1 else "".join(pieces)).strip()

    def _characters(self, text: str) -> None:
        pieces = self._pieces[-1]
        if pieces is not None:
            pieces.append(text)
        elif not text.isspace():
            self._pieces[-1] = [text]

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self.encoding = encoding or ""

    def _document_type(self, *_words: object) -> None:
        place = (self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1)
        words = "it declares a document type (<!DOCTYPE …>), which an answer file never needs and which can hide a bomb"
        raise Unreadable("answer.document-type", words, "take the declaration out", place)


def _told(error: expat.ExpatError, content: bytes, place: tuple[int, int]) -> Unreadable:
    said = expat.ErrorString(error.code) or "it cannot be parsed"
    if error.code == _JUNK and _goes_on(error, content):
        words = "a second document begins here; Windows reads one <unattend> in a file"
        return Unreadable("answer.several-documents", words, "put each answer file into a file of its own", place)
    if error.code in (_UNKNOWN_ENCODING, _WRONG_ENCODING):
        words = "its bytes are not in the encoding that its declaration names"
        return Unreadable("answer.encoding", words, "save it as UTF-8, and let the declaration say so", place)
    if error.code == _NO_ELEMENTS:
        return Unreadable("answer.not-well-formed", "it ends before its last element does", "is it cut off?", place)
    if error.code == _UNDEFINED_ENTITY:
        words = "an entity stands here that XML does not define"
        return Unreadable("answer.not-well-formed", words, "write & as &amp;", place)
    return Unreadable("answer.not-well-formed", f"this is not well-formed XML: {said}", _hint(error.code), place)


def _goes_on(error: expat.ExpatError, content: bytes) -> bool:
    """Whether what follows the first document begins like another."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:4]:
        content = content.replace(b"\0", b"")
        return content.count(b"<unattend") > 1
    line = content.split(b"\n")[error.lineno - 1 : error.lineno]
    return bool(line) and line[0].decode("utf-8", "replace")[error.offset :].lstrip("\ufeff").startswith("<")


def _hint(code: int) -> str:
    return {
        4: "write < as &lt; and & as &amp; in text",
        7: "the element that is closed here is not the one that was opened last",
        8: "take one of the two attributes away",
        27: 'declare the prefix, e.g. xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State"',
    }.get(code, "")


def _too_large(met: str) -> Unreadable:
    return Unreadable(
        "answer.too-large", f"{met}; an answer file stays below {MOST_BYTES >> 20} MiB", "is it another file?"
    )


def _without_waiting(path: str, flags: int) -> int:
    """A named pipe must not be waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
