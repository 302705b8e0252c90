"""Any bytes in place of an exported disk: a disk or one of golden's errors, in time."""

from __future__ import annotations

import random
import struct
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.disk.damage import Damaged
from golden.disk.raw import Memory
from golden.disk.vmdk import StreamVmdk
from golden.testing import stream_vmdk
from tests.fuzz.batches import FUZZED, mutations, within

pytestmark = pytest.mark.slow

WORDS = (
    b"KDMV",
    b"\n \r\n",
    b"\xff" * 8,
    bytes(512),
    *(struct.pack("<QII", 1, 0, kind) for kind in range(4)),
    *(struct.pack("<I", at) for at in (0, 1, 2, 128, 129, 1 << 31)),
    *(struct.pack("<Q", at) for at in (0, 1, 128, 1 << 20, 1 << 40, (1 << 63) + 1)),
)


@cache
def bases() -> tuple[bytes, ...]:
    """Two small streams: tables at the end, and the same with a header that says where they are."""
    choice = random.Random(3)
    with tempfile.TemporaryDirectory() as name:
        raw, made = Path(name) / "raw", Path(name) / "made"
        raw.write_bytes(choice.randbytes(3000) + bytes(200_000) + b"text " * 4000 + bytes(70_000))
        stream_vmdk.write(raw, made, 600_064)
        data = made.read_bytes()
    footer = data[-1024:-512]
    return data, footer + data[512:-1536]


def look(data: bytes) -> None:
    """What golden does with an exported disk, in short."""
    try:
        disk = StreamVmdk(Memory(data))
        for offset in (0, 65_536, 262_144, disk.size - 4096, disk.size // 2):
            assert len(disk.read_at(offset, 70_000)) == max(0, min(70_000, disk.size - offset)) or offset < 0
    except Damaged as error:
        assert error.brief


def test_the_good_ones_are_read() -> None:
    """What is mutated below is sound before."""
    for data in bases():
        assert len(StreamVmdk(Memory(data)).read_at(0, 1 << 20)) == 600_064


@FUZZED
@given(st.integers(min_value=0, max_value=2**64))
def test_any_bytes_as_an_exported_disk(seed: int) -> None:
    """Never another error than Damaged, never without end."""
    for data in mutations(seed, bases(), WORDS):
        within(lambda data=data: look(data), data)  # type: ignore[misc]
