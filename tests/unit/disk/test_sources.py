"""Ways to the bytes of a disk: a file, NBD, and the cache between them and the readers."""

from __future__ import annotations

import random
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.disk.cache import Cached, Stream
from golden.disk.raw import Memory, RawFile
from golden.errors import EndpointError, NotFound, Unreachable
from golden.nbd import connected
from golden.waiting import Deadline, Waiting

DATA = random.Random(7).randbytes(300_000)


class Counting(Memory):
    """Bytes that count how often they are asked for."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.asked: list[tuple[int, int]] = []

    def read_at(self, offset: int, size: int) -> bytes:
        self.asked.append((offset, size))
        return super().read_at(offset, size)


def test_a_cache_gives_the_same_bytes_with_fewer_questions() -> None:
    """Whatever is asked for in whatever order, the bytes are the source's own, and repeats are not asked again."""
    source = Counting(DATA)
    cached = Cached(source, block=4096, blocks=16)
    choice = random.Random(1)
    for _ in range(2000):
        offset, size = choice.randrange(0, len(DATA) + 100), choice.randrange(0, 70_000)
        assert cached.read_at(offset, size) == DATA[offset : offset + size]
    source.asked.clear()
    for _ in range(50):
        assert cached.read_at(10_000, 100) == DATA[10_000:10_100]
    assert len(source.asked) <= 1


def test_a_cache_stays_within_its_bound() -> None:
    """However much is read, no more blocks are held than were allowed."""
    cached = Cached(Memory(DATA), block=4096, blocks=8)
    for offset in range(0, len(DATA), 1000):
        cached.read_at(offset, 10)
    assert len(cached._held) <= 8


def test_a_stream_is_a_window_on_its_source() -> None:
    """A stream starts at its offset and ends at its size, whatever is asked of it."""
    stream = Stream(Memory(DATA), 1000, 500)
    assert stream.read() == DATA[1000:1500]
    assert stream.seek(-100, 2) == 400
    assert stream.read(1000) == DATA[1400:1500]
    assert stream.read(10) == b""


def test_a_missing_disk_file_is_not_found(tmp_path: Path) -> None:
    """A disk image that is not there is NotFound with its path."""
    with pytest.raises(NotFound, match=r"nothing\.raw"):
        RawFile(tmp_path / "nothing.raw")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A real NBD server, qemu-nbd, with one export."""
    assert shutil.which("qemu-nbd"), "qemu-utils is needed"
    disk = tmp_path / "disk.raw"
    disk.write_bytes(DATA[: 512 * 500])
    where = tmp_path / "nbd"
    argv = ["qemu-nbd", "--persistent", "--read-only", "-f", "raw", "-x", "disk", "-k", str(where), str(disk)]
    server = subprocess.Popen(argv)
    Waiting(Deadline(20), tick=0.02).until("qemu-nbd to listen", where.exists)
    yield where
    server.terminate()
    server.wait()


def test_an_nbd_export_reads_as_the_disk_behind_it(served: Path) -> None:
    """Any part of an export reads as the same part of the disk, to its end and not beyond."""
    with connected(served, "disk") as source:
        assert source.size == 512 * 500
        assert source.read_at(0, 512 * 500) == DATA[: 512 * 500]
        assert source.read_at(1001, 4097) == DATA[1001:5098]
        assert source.read_at(512 * 500 - 3, 100) == DATA[512 * 500 - 3 : 512 * 500]


def test_an_unknown_export_and_a_missing_server_are_told_apart(served: Path, tmp_path: Path) -> None:
    """No such export is the server's no; nobody there is Unreachable."""
    with pytest.raises(EndpointError, match="refuses the disk"), connected(served, "other"):
        pass
    with pytest.raises(Unreachable, match="reaching the disk server"), connected(tmp_path / "nobody"):
        pass


@pytest.mark.parametrize(
    "words",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"NBDMAGICIHAVEOPT\0\1", b"NBDMAGICIHAVEOPT\0\1" + bytes(40),
     b"NBDMAGICIHAVEOPT\0\1" + struct.pack(">QIII", 0x3E889045565A9, 7, 3, 1 << 31)],
)  # fmt: skip
def test_a_server_that_speaks_nonsense_is_an_endpoint_error(words: bytes) -> None:
    """Whatever a wrong server says or leaves unsaid, the error is one of golden's and comes soon."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        line, _ = listener.accept()
        with line:
            line.sendall(words)
            line.settimeout(2)
            try:
                line.recv(100)
            except OSError:
                return

    thread = threading.Thread(target=answer)
    thread.start()
    began = time.monotonic()
    with pytest.raises(EndpointError), connected(listener.getsockname(), "disk", timeout=5):
        pass
    assert time.monotonic() - began < 4
    thread.join()
    listener.close()
