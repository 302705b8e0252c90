"""Registry hives: whatever a disk holds, reading it ends with values or with Damaged, in time and in little memory."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.disk.damage import Damaged
from golden.disk.hive import Hive
from tests.fuzz.batches import BATCH, FUZZED, within
from tests.unit.disk import disks

pytestmark = pytest.mark.slow

FIRST = 4096
"""Where cells begin; before them is the header with its checksum."""
SIGNS = (b"nk", b"vk", b"lf", b"lh", b"li", b"ri", b"db", b"sk")
WORDS = (0, 1, 2, 0x20, 0x7FFFFFFF, 0x80000000, 0x80000004, 0xFFFFFFFF, 0xFFFFFFF0, 0xFFFF0000, 0x10000, 16345, 1 << 24)


@pytest.fixture(scope="module")
def hive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small real hive, by hivex: keys in keys, every type of value, one value in pieces."""
    many = {f"Key{number:03}": {"values": {"n": ("dword", number)}, "keys": {}} for number in range(40)}
    tree = disks.merged(
        disks.at("A\\B\\C", {"text": ("sz", "x" * 50), "large": ("binary", "cd" * 2000), "n": ("dword", 1)}),
        disks.at("A\\D", {"list": ("multi_sz", ["1", "2"]), "": ("sz", "default")}),
        {"values": {}, "keys": {"Many": {"values": {}, "keys": many}}},
    )
    return disks.hive(tmp_path_factory.mktemp("fuzz") / "SMALL", tree).read_bytes()


def summed(data: bytearray) -> bytes:
    """With a right checksum, so that what was changed is read at all."""
    total = 0
    for (word,) in struct.iter_unpack("<I", data[:508]):
        total ^= word
    struct.pack_into("<I", data, 508, {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(total, total))
    return bytes(data)


def cells(data: bytes) -> list[int]:
    """Where what looks like a cell's content begins."""
    return [at for at in range(FIRST + 36, len(data) - 8, 8) if data[at : at + 2] in SIGNS]


def mutated(seed: int, hive: bytes) -> Iterator[bytes]:
    """A batch of hives with fields changed where they matter: counts, offsets, sizes, kinds; cut or plainly damaged."""
    rng = random.Random(seed)
    known = cells(hive)
    for _ in range(BATCH):
        data = bytearray(hive)
        for _ in range(rng.choice((1, 1, 2, 5, 20))):
            cell = rng.choice(known)
            match rng.randrange(7):
                case 0:
                    struct.pack_into("<I", data, cell + 4 * rng.randrange(20), rng.choice(WORDS))
                case 1:
                    other = rng.choice(known) - 4 - FIRST
                    struct.pack_into("<I", data, cell + 4 * rng.randrange(20), other)
                case 2:
                    struct.pack_into("<i", data, cell - 4, rng.choice((-8, 8, -16, -(1 << 31), 0, -1 << 20, -4096)))
                case 3:
                    data[cell : cell + 2] = rng.choice(SIGNS)
                case 4:
                    struct.pack_into("<H", data, cell + 2 * rng.randrange(1, 40), rng.choice((0, 1, 0xFFFF, 0x100)))
                case 5:
                    at = rng.randrange(FIRST, len(data))
                    data[at : at + 8] = rng.randbytes(min(8, len(data) - at))
                case _:
                    struct.pack_into("<I", data, rng.choice((4, 8, 20, 24, 36, 40)), rng.choice((*WORDS, known[0])))
        if rng.random() < 0.1:
            del data[rng.randrange(FIRST, len(data)) :]
        yield summed(data)


def read(data: bytes) -> None:
    """Every key and value that can be come to, up to a bound, and what golden asks of hives by name."""
    try:
        hive = Hive.open(data, "SMALL")
    except Damaged:
        return
    for path in ("A\\B\\C", "a\\d", "Many\\Key017", "A\\none", ""):
        try:
            hive.value(path, "n")
            hive.subkeys(path)
        except Damaged as error:
            assert "SMALL" in error.brief
    waiting, seen = [hive.key("")] if _has_root(hive) else [], 0
    while waiting and seen < 300:
        key, seen = waiting.pop(), seen + 1
        assert key is not None
        try:
            assert all(isinstance(name, str) for name in key.values())
            for number, below in enumerate(key.below()):
                if number > 100:
                    break
                waiting.append(below)
        except Damaged as error:
            assert "SMALL" in error.brief


def _has_root(hive: Hive) -> bool:
    try:
        return hive.has("")
    except Damaged:
        return False


@FUZZED
@given(seed=st.integers(0, 1 << 62))
def test_any_damage_gives_values_or_damaged(hive: bytes, seed: int) -> None:
    """22,500 hives whose fields were changed where the reader follows them."""
    for data in mutated(seed, hive):
        within(lambda data=data: read(data), data)  # type: ignore[misc]


def crafted(*contents: bytes) -> tuple[bytearray, list[int]]:
    """A hive of one bin with these cells one after the other, and their offsets; the first is the root."""
    data, offsets = bytearray(FIRST + 32), []
    for content in contents:
        offsets.append(len(data) - FIRST)
        size = (4 + len(content) + 7) & ~7
        data += struct.pack("<i", -size) + content.ljust(size - 4, b"\0")
    data[:4] = b"regf"
    struct.pack_into("<IIQII", data, 4, 1, 1, 0, 1, 5)
    struct.pack_into("<I", data, 36, offsets[0])
    return data, offsets


def key(subkeys: int, count: int = 0, values: int = 0xFFFFFFFF, value_count: int = 0) -> bytes:
    """A key's cell without a name."""
    cell = bytearray(76)
    cell[:2] = b"nk"
    struct.pack_into("<III", cell, 20, count, 0, subkeys)
    struct.pack_into("<II", cell, 36, value_count, values)
    return bytes(cell)


def test_lists_of_lists_of_nothing_have_an_end() -> None:
    """A list that names a list a thousand times, which names another a thousand times, is not walked to its end."""
    listed = [b"ri" + struct.pack("<H", 1000) + bytes(4000) for _ in range(3)]
    data, at = crafted(key(0, 1), *listed, b"lf\0\0")
    struct.pack_into("<I", data, FIRST + at[0] + 4 + 28, at[1])
    for outer, inner in ((1, 2), (2, 3), (3, 4)):
        struct.pack_into("<1000I", data, FIRST + at[outer] + 8, *[at[inner]] * 1000)

    def subkeys() -> None:
        with pytest.raises(Damaged):
            Hive.open(summed(data)).subkeys("")

    within(subkeys, "lists")


def test_one_large_value_named_a_thousand_times_takes_no_memory() -> None:
    """Values of a key that would come to more than any key holds are Damaged before they are kept."""
    large = bytes(1 << 20)
    value = b"vk" + struct.pack("<HIIIHH", 0, len(large), 0, 3, 1, 0)
    data, at = crafted(key(0xFFFFFFFF, 0, 0, 1000), bytes(4000), value, large)
    struct.pack_into("<I", data, FIRST + at[0] + 4 + 40, at[1])
    struct.pack_into("<1000I", data, FIRST + at[1] + 4, *[at[2]] * 1000)
    struct.pack_into("<I", data, FIRST + at[2] + 4 + 8, at[3])

    def values() -> None:
        with pytest.raises(Damaged, match="no end"):
            Hive.open(summed(data)).values("")

    within(values, "values")


def test_the_hive_that_is_fuzzed_is_read_whole(hive: bytes, tmp_path: Path) -> None:
    """Unchanged, everything that was put into it is there: the fuzzing begins from something real."""
    opened = Hive.open(hive)
    assert opened.value("A\\B\\C", "n") == 1
    assert len(opened.subkeys("Many")) == 40
    assert len(cells(hive)) > 100
