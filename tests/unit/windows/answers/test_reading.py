"""Reading answer files safely: places of elements, encodings, and files that mean harm."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from golden.windows.answers.document import MOST_BYTES, Unreadable, content_of, parse
from golden.windows.answers.linting import lint_file
from golden.windows.answers.rules import Aim
from tests.unit.windows.answers.samples import CLIENT, found, good

BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;">]>
<unattend xmlns="urn:schemas-microsoft-com:unattend">&f;</unattend>"""
OUTSIDE = '<!DOCTYPE u [<!ENTITY x SYSTEM "file://{}">]><unattend xmlns="urn:u">&x;</unattend>'
TEXT = '<unattend>\n\t<a>\n  <bä c="1"/><d>é</d><e/></a>\n</unattend>'


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode("utf-16"),
    ],
    ids=["utf-8", "utf-8 with its mark", "utf-16", "utf-16 without", "big endian", "with crlf"],
)
def test_every_element_knows_its_line_and_column(content: bytes) -> None:
    """Counted from 1 in letters, whatever the encoding and the line ends are."""
    root = parse(content).root
    (inner,) = root.children
    assert root.place == (1, 1)
    assert (inner.name, inner.place) == ("a", (2, 2))
    assert [(one.name, one.place) for one in inner.children] == [("bä", (3, 3)), ("d", (3, 14)), ("e", (3, 22))]
    assert inner.at("d") is not None
    assert inner.children[1].text == "é"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_of_answer_files_mean_the_same(encoding: str) -> None:
    """A file says the same in UTF-8 and UTF-16, with and without a byte order mark."""
    text = good().replace("encoding='utf-8'", "")
    told = [(one.rule, one.line, one.column) for one in found(text.encode(encoding)).remarks]
    assert told == [(one.rule, one.line, one.column) for one in found(text).remarks]
    assert told


@pytest.mark.parametrize("piece", ["ab<!--c-->", "ab<![CDATA[c]]>", "ab&amp;c\r\n", "net user &lt;<!---->"])
def test_text_in_a_million_pieces_is_read_in_one_go(piece: str) -> None:
    """The largest file there may be, in as many pieces as it can have: the time grows with its size, not its square."""
    frame = (
        '<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="specialize"><component><Path>{}</Path>'
    )
    many = (MOST_BYTES - 1000) // len(piece)
    content = (frame.format(piece * many) + "</component></settings></unattend>").encode()
    begun = time.process_time()
    report = found(content)
    assert time.process_time() - begun < 15
    assert report.remarks
    assert all(one.rule not in ("answer.not-well-formed", "answer.too-large") for one in report.remarks)


def test_pieces_of_a_text_are_put_together_as_they_stand() -> None:
    """Blanks within stay, blanks around go."""
    root = parse(b"<a> \n one<!-- x --> <![CDATA[ two]]> three\n </a>").root
    assert root.text == "one  two three"


def test_a_bomb_is_refused_before_it_grows() -> None:
    """Entities are never declared, let alone expanded: the document type itself is refused, with its place."""
    begun = time.monotonic()
    (remark,) = found(BOMB).remarks
    assert (remark.rule, remark.line) == ("answer.document-type", 2)
    assert time.monotonic() - begun < 1


def test_no_other_file_is_read(tmp_path: Path) -> None:
    """An external entity is refused with its document type."""
    (tmp_path / "secret").write_text("hunter2")
    report = found(OUTSIDE.format(tmp_path / "secret"))
    assert [one.rule for one in report.remarks] == ["answer.document-type"]
    assert "hunter2" not in report.remarks[0].sentence


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A file of 100 MB and more is refused by its size alone."""
    huge = tmp_path / "huge.xml"
    huge.touch()
    os.truncate(huge, 200 << 30)  # Nobody could read that within the limit of this test.
    (remark,) = lint_file(str(huge), Aim()).remarks
    assert remark.rule == "answer.too-large"
    assert "204800 MiB" in remark.sentence


def test_a_file_of_the_largest_size_is_read_in_time() -> None:
    """As large as is taken, in one text of many pieces: still no wait."""
    text = "&lt;x" * ((MOST_BYTES - 1000) // 5)
    begun = time.monotonic()
    parse(f"<unattend>{text}</unattend>".encode())
    assert time.monotonic() - begun < 2


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A named pipe is not waited for, and a device is not read."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        assert [one.rule for one in lint_file(str(path), Aim()).remarks] == ["answer.no-file"]


def test_a_cut_file_is_told_where_it_ends() -> None:
    """Cut off anywhere, the file is not well-formed, and never taken for a whole one."""
    whole = good(CLIENT).rstrip().encode()
    for end in range(60, len(whole), 7):
        with pytest.raises(Unreadable) as met:
            parse(whole[:end])
        assert met.value.rule == "answer.not-well-formed"
        assert met.value.place is not None


def test_bytes_of_a_file_are_read_as_they_are(tmp_path: Path) -> None:
    """Nothing is decoded on the way."""
    (tmp_path / "a.xml").write_bytes(b"\xff\xfe<\0")
    assert content_of(str(tmp_path / "a.xml")) == b"\xff\xfe<\0"
