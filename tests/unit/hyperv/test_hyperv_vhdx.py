"""The identity of a VHDX is read from the header that counts, of files that qemu-img made."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from golden_hyperv.vhdx import SIZE, crc32c, current


def headers(path: Path) -> bytearray:
    """Both headers of a file, as the host's script gives them."""
    with path.open("rb") as file:
        found = bytearray()
        for at in (64 << 10, 128 << 10):
            file.seek(at)
            found += file.read(SIZE)
    return found


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A real one, written to once."""
    if shutil.which("qemu-img") is None:
        pytest.skip("qemu-img is not installed")
    path = tmp_path / "disk.vhdx"
    subprocess.run(["qemu-img", "create", "-q", "-f", "vhdx", str(path), "8M"], check=True)
    return path


def test_the_checksum_is_castagnolis() -> None:
    """The check value of CRC-32C in RFC 3720."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_a_real_file_has_an_identity(disk: Path) -> None:
    """And a write through it changes it."""
    before = current(bytes(headers(disk)))
    assert before is not None and before.data_write.int
    subprocess.run(["qemu-io", "-f", "vhdx", "-c", "write 0 64k", str(disk)], check=True, stdout=subprocess.DEVNULL)
    after = current(bytes(headers(disk)))
    assert after is not None and after.data_write != before.data_write


def test_the_newer_valid_header_counts(disk: Path) -> None:
    """A torn newer one does not: its checksum is wrong."""
    both = headers(disk)
    newest = current(bytes(both))
    assert newest is not None
    first = struct.unpack_from("<Q", both, 8)[0] == newest.sequence
    torn = bytearray(both)
    torn[(0 if first else SIZE) + 100] ^= 1
    older = current(bytes(torn))
    assert older is not None and older.sequence < newest.sequence
    torn[(SIZE if first else 0) + 100] ^= 1
    assert current(bytes(torn)) is None


def test_what_is_no_vhdx_has_none() -> None:
    """Zeros, and nothing at all."""
    assert current(bytes(2 * SIZE)) is None
    assert current(b"") is None
