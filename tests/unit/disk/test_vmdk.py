"""Streams of exported disks: golden's reader against QEMU's streams, and QEMU's reader against those of the peer."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import pytest

from golden.disk.damage import Damaged
from golden.disk.raw import Memory, RawFile
from golden.disk.vmdk import StreamVmdk
from golden.disk.volumes import layout
from golden.errors import GoldenError
from golden.testing import stream_vmdk

GRAIN = 64 * 1024
SIZE = 40 * GRAIN + 3 * 512
"""Ends in the middle of a grain."""


def content() -> bytes:
    """A disk with grains of noise, of text and of nothing, and something in its very last sector."""
    choice = random.Random(5)
    parts = [choice.randbytes(GRAIN), bytes(GRAIN * 3), b"golden " * 9000 + bytes(GRAIN - 63000), bytes(GRAIN * 20)]
    body = b"".join(parts) + choice.randbytes(1000)
    return body + bytes(SIZE - 512 - len(body)) + choice.randbytes(512)


def by_qemu(raw: Path, target: Path, subformat: str = "streamOptimized") -> Path:
    """QEMU's stream: tables at the front."""
    subprocess.run(
        ["qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", f"subformat={subformat}", raw, target], check=True
    )
    return target


def by_us(raw: Path, target: Path) -> Path:
    """The peer's stream, as vSphere sends it: tables and a footer at the end."""
    stream_vmdk.write(raw, target, raw.stat().st_size)
    return target


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The disk as it is."""
    path = tmp_path_factory.mktemp("vmdk") / "disk.raw"
    path.write_bytes(content())
    return path


@pytest.fixture(scope="module", params=[by_qemu, by_us], ids=["qemu", "footer"])
def stream(request: pytest.FixtureRequest, raw: Path) -> Path:
    """The same disk as a stream, made by each of the two."""
    made: Path = request.param(raw, raw.with_name(f"{request.param.__name__}.vmdk"))
    return made


def test_a_stream_reads_as_the_disk_it_was_made_of(stream: Path) -> None:
    """Whole, in any part, and to its end and not beyond."""
    data, choice = content(), random.Random(2)
    with RawFile(stream) as file:
        disk = StreamVmdk(file)
        assert disk.size == SIZE
        assert disk.read_at(0, SIZE + 10) == data
        for _ in range(300):
            offset, size = choice.randrange(SIZE + 100), choice.randrange(3 * GRAIN)
            assert disk.read_at(offset, size) == data[offset : offset + size]
        assert (disk.read_at(SIZE, 1), disk.read_at(0, 0)) == (b"", b"")


def test_others_understand_the_peers_streams(raw: Path, tmp_path: Path) -> None:
    """QEMU reads them as the same disk: what is read by golden from vSphere's form is not golden's own idea of it."""
    made, back = by_us(raw, tmp_path / "made.vmdk"), tmp_path / "back.raw"
    subprocess.run(["qemu-img", "convert", "-f", "vmdk", "-O", "raw", made, back], check=True)
    assert back.read_bytes() == content()


def test_a_large_empty_disk_costs_nothing(tmp_path: Path) -> None:
    """Of 200 GiB with two sectors that hold something only these are written and read."""
    raw, made = tmp_path / "raw", tmp_path / "made.vmdk"
    with raw.open("wb") as file:
        file.write(b"first".ljust(512))
        file.seek(150 << 30)
        file.write(b"later".ljust(512))
    stream_vmdk.write(raw, made, 200 << 30)
    assert made.stat().st_size < 1 << 20
    with RawFile(made) as file:
        disk = StreamVmdk(file)
        assert disk.size == 200 << 30
        assert (disk.read_at(0, 5), disk.read_at(150 << 30, 5), disk.read_at(100 << 30, 4)) == (
            b"first",
            b"later",
            bytes(4),
        )


def test_a_windows_disk_is_found_in_a_stream(windows_disk: Path, tmp_path: Path) -> None:
    """Partitions and file systems are those of the disk."""
    made = by_us(windows_disk, tmp_path / "windows.vmdk")
    with RawFile(windows_disk) as plain, RawFile(made) as file:
        assert layout(StreamVmdk(file)) == layout(plain)
        assert StreamVmdk(file).read_at(0, plain.size) == plain.read_at(0, plain.size)


def test_a_stream_that_is_cut_off_is_refused_when_it_is_opened(stream: Path) -> None:
    """Wherever it was cut, and not only once the part that is missing is read."""
    data = stream.read_bytes()
    for length in [*range(0, len(data) - 512, 512 * 7), len(data) - 513]:
        if data[length:].strip(b"\0"):  # QEMU pads its last grain.
            with pytest.raises(Damaged):
                StreamVmdk(Memory(data[:length]))


def test_what_is_no_such_stream_is_refused(raw: Path, tmp_path: Path) -> None:
    """A raw disk, nothing, other kinds of VMDK, and a stream that was changed as text is."""
    sparse = by_qemu(raw, tmp_path / "sparse.vmdk", "monolithicSparse").read_bytes()
    text = bytearray(by_us(raw, tmp_path / "text.vmdk").read_bytes())
    text[73:77] = b"\n \n\n"
    for data in (content(), b"", b"KDMV", sparse, bytes(text)):
        with pytest.raises(Damaged):
            StreamVmdk(Memory(data))


def test_a_grain_that_was_spoiled_is_no_grain(raw: Path, tmp_path: Path) -> None:
    """One byte of its compressed data, its length, or the place it says it has."""
    data = by_us(raw, tmp_path / "made.vmdk").read_bytes()
    at = 128 * 512
    assert struct.unpack_from("<Q", data, at) == (0,)
    for place, byte in ((at + 12 + 5000, data[at + 12 + 5000] ^ 1), (at + 8, 7), (at, 128)):
        spoiled = bytearray(data)
        spoiled[place] = byte
        with pytest.raises(Damaged):
            StreamVmdk(Memory(bytes(spoiled))).read_at(0, 1)


def test_tables_that_point_anywhere_are_refused(raw: Path, tmp_path: Path) -> None:
    """Capacity without end, tables beyond the end, a grain of no size: said at once, in no time."""
    data = by_qemu(raw, tmp_path / "made.vmdk").read_bytes()
    for place, form, number in (
        (12, "<Q", (1 << 64) - 1),
        (12, "<Q", 1 << 50),
        (20, "<Q", 0),
        (20, "<Q", 1 << 40),
        (44, "<I", 0),
        (56, "<Q", 1 << 60),
    ):
        changed = bytearray(data)
        struct.pack_into(form, changed, place, number)
        with pytest.raises(GoldenError):
            StreamVmdk(Memory(bytes(changed)))
