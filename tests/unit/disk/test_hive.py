"""Registry hives, held against libregf where it can judge."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pyregf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.disk.damage import Damaged
from golden.disk.hive import Hive
from golden.disk.raw import Memory
from golden.errors import GoldenError
from tests.unit.disk import disks

MANY = {f"Key {number}": disks.key({"n": ("dword", number)}) for number in range(1500)}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hive with every kind of value, long and short, and a key with many others below."""
    tree = disks.merged(
        disks.at(
            "Microsoft\\Windows NT\\CurrentVersion",
            {
                "ProductName": ("sz", "Windows Sérver"),
                "UBR": ("dword", 0xFFFFFFFE),
                "": ("sz", "the default"),
                "List": ("multi_sz", ["a", "b c", "d"]),
                "Small": ("binary", "0102"),
                "Large": ("binary", "ab" * 16_000),
                "Empty": ("binary", ""),
            },
        ),
        {"keys": {"Many": {"keys": MANY}, "Grüße": disks.key({"ключ": ("sz", "значение")})}},
    )
    return disks.hive(tmp_path_factory.mktemp("hive") / "HIVE", tree)


@pytest.fixture(scope="module")
def hive(path: Path) -> Hive:
    """The hive, open."""
    return Hive.open(path.read_bytes())


def test_values_come_as_what_they_are(hive: Hive) -> None:
    """Text, numbers, lists and bytes of any length come out as they were written."""
    where = "microsoft\\WINDOWS nt\\CurrentVersion"
    assert hive.value(where, "productname") == "Windows Sérver"
    assert hive.value(where, "UBR") == 0xFFFFFFFE
    assert hive.value(where, "") == "the default"
    assert hive.value(where, "List") == ("a", "b c", "d")
    assert hive.value(where, "Small") == b"\x01\x02"
    assert hive.value(where, "Large") == b"\xab" * 16_000
    assert hive.value(where, "Empty") == b""
    assert hive.value("Grüße", "ключ") == "значение"


def test_a_value_beyond_16_kib_is_put_together_from_its_pieces(small: bytes) -> None:
    """Windows keeps large values in pieces of 16344 bytes; they come out as one."""
    parts = [bytes([number]) * size for number, size in ((1, 16344), (2, 16344), (3, 1000))]
    block, offsets = bytearray(32), []
    for part in parts:
        offsets.append(len(small) - 4096 + len(block))
        block += _cell(part)
    table = len(small) - 4096 + len(block)
    block += _cell(struct.pack("<III", *offsets))
    descriptor = len(small) - 4096 + len(block)
    block += _cell(b"db" + struct.pack("<HI", 3, table))
    data = bytearray(small) + block
    value = data.index(b"vk\x05\0" + struct.pack("<I", 2000))
    struct.pack_into("<II", data, value + 4, sum(map(len, parts)), descriptor)
    assert Hive.open(bytes(data)).value("A\\B\\C", "large") == b"".join(parts)


def _cell(body: bytes) -> bytes:
    size = (4 + len(body) + 7) & ~7
    return struct.pack("<i", -size) + body.ljust(size - 4, b"\0")


def test_what_is_missing_is_none(hive: Hive) -> None:
    """A missing key or value is None, an empty list or False, never an error."""
    assert hive.value("Microsoft\\Nothing", "x") is None
    assert hive.value("Microsoft", "x") is None
    assert hive.subkeys("Nothing") == ()
    assert hive.values("Nothing") == {}
    assert not hive.has("Microsoft\\Windows")
    assert hive.has("Microsoft\\Windows NT")


def test_a_key_with_many_below_is_read_whole(hive: Hive) -> None:
    """Lists of lists of subkeys are followed to their end."""
    assert set(hive.subkeys("Many")) == set(MANY)
    assert hive.value("Many\\Key 1499", "n") == 1499


def test_the_whole_hive_reads_as_libregf_reads_it(path: Path, hive: Hive) -> None:
    """Key by key and value by value, our reader and libregf agree."""
    theirs = pyregf.file()
    theirs.open(str(path))

    def compare(key: object, ours: object) -> int:
        assert [value.name or "" for value in key.values] == list(ours.values())  # type: ignore[attr-defined]
        for value in key.values:  # type: ignore[attr-defined]
            mine = next(v for v in hive.values_of(ours.node) if v.name == (value.name or ""))  # type: ignore[attr-defined]
            if len(mine.data) == 2:
                continue  # libregf gives zeros for two bytes that are kept in the value itself
            assert (mine.type, mine.data) == (value.type, value.data or b"")
        below = {each.name: each for each in ours.below()}  # type: ignore[attr-defined]
        assert list(below) == [each.name for each in key.sub_keys]  # type: ignore[attr-defined]
        return 1 + sum(compare(each, below[each.name]) for each in key.sub_keys)  # type: ignore[attr-defined]

    assert compare(theirs.root_key, hive.key("")) > 1500


def test_a_hive_that_was_cut_off_while_written_is_dirty(path: Path, tmp_path: Path) -> None:
    """Different sequence numbers mean the last changes are in log files, which is said."""
    copy = tmp_path / "HIVE"
    copy.write_bytes(path.read_bytes())
    disks.dirty(copy)
    assert Hive.open(copy.read_bytes()).dirty
    assert not Hive.open(path.read_bytes()).dirty


@pytest.mark.parametrize("data", [b"", b"regf", b"MZ" + bytes(8192), bytes(8192), b"regf" + bytes(8192)])
def test_what_is_no_hive_is_said_to_be_none(data: bytes) -> None:
    """Anything that is no hive is Damaged with its name."""
    with pytest.raises(Damaged, match="SOFTWARE"):
        Hive.open(data, "SOFTWARE")


def test_only_a_few_blocks_of_a_large_hive_are_read(path: Path) -> None:
    """Looking one value up reads a small part of the hive."""

    class Counting(Memory):
        read = 0

        def read_at(self, offset: int, size: int) -> bytes:
            Counting.read += size
            return super().read_at(offset, size)

    data = path.read_bytes()
    Hive.open(Counting(data)).value("Microsoft\\Windows NT\\CurrentVersion", "UBR")
    assert Counting.read < len(data) / 20


def walk(hive: Hive) -> None:
    """Read everything there is, with an end even where the hive has none."""
    steps = 0
    waiting = [hive.key("")]
    while waiting and steps < 3000:
        key = waiting.pop()
        steps += 1
        if key is not None:
            key.values()
            for number, below in enumerate(key.below()):
                if number > 2000:
                    break
                waiting.append(below)


@settings(max_examples=150, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 255)), min_size=1, max_size=12))
def test_damage_anywhere_is_damaged_and_not_a_traceback(small: bytes, flips: list[tuple[int, int]]) -> None:
    """Bytes changed at random places give values or Damaged, never anything else."""
    data = bytearray(small)
    for at, value in flips:
        data[at % (len(data) - 4096) + 4096] = value
    try:
        walk(Hive.open(bytes(data)))
    except GoldenError as error:
        assert isinstance(error, Damaged)


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 12_000))
def test_a_hive_cut_anywhere_is_damaged_and_not_a_traceback(small: bytes, cut: int) -> None:
    """A hive that ends too soon gives values or Damaged."""
    try:
        walk(Hive.open(small[:cut]))
    except GoldenError as error:
        assert isinstance(error, Damaged)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small hive to be damaged."""
    tree = disks.merged(
        disks.at("A\\B\\C", {"text": ("sz", "x" * 50), "large": ("binary", "cd" * 2000), "n": ("dword", 1)}),
        disks.at("A\\D", {"list": ("multi_sz", ["1", "2"])}),
    )
    return disks.hive(tmp_path_factory.mktemp("small") / "SMALL", tree).read_bytes()


def test_a_key_that_holds_itself_has_an_end(small: bytes) -> None:
    """A list of subkeys that leads back to its own key is followed only as far as it is asked for."""
    data = bytearray(small)
    at = data.index(b"lf") if b"lf" in data else data.index(b"lh")
    root = struct.unpack_from("<I", data, 36)[0]
    struct.pack_into("<I", data, at + 4, root)
    walk(Hive.open(bytes(data)))
    assert io.BytesIO(bytes(data)).read(4) == b"regf"
