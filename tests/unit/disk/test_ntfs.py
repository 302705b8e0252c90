"""Files of an NTFS volume."""

from __future__ import annotations

import hashlib
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.disk.cache import Cached
from golden.disk.damage import Damaged
from golden.disk.ntfs import Ntfs
from golden.disk.raw import RawFile
from golden.disk.source import BlockSource
from golden.disk.volumes import layout
from golden.errors import EndpointError, NotFound


@pytest.fixture
def volume(windows_disk: Path) -> Iterator[Ntfs]:
    """The Windows volume, open."""
    with RawFile(windows_disk) as disk:
        yield opened(disk)


def opened(disk: BlockSource) -> Ntfs:
    return Ntfs(disk, next(each for each in layout(disk).volumes if each.file_system == "ntfs"))


@pytest.mark.parametrize(
    "path",
    ["Windows/System32/config/SOFTWARE", "windows\\SYSTEM32\\Config\\software", "/WINDOWS/system32/config/Software"],
)
def test_paths_are_found_in_any_case_and_with_any_slash(volume: Ntfs, path: str) -> None:
    """A path leads to its file whatever case and slashes it is written with."""
    assert volume.open(path).read_at(0, 4) == b"regf"


def test_what_is_not_there_is_not_found(volume: Ntfs) -> None:
    """A path that leads nowhere is NotFound, and not a folder that happens to be on the way."""
    assert not volume.exists("Windows/System33")
    assert not volume.exists("empty.txt/below")
    with pytest.raises(NotFound, match=r"nothing\.txt"):
        volume.open("Windows/nothing.txt")


def test_a_file_is_hashed_in_pieces_and_read_anywhere(volume: Ntfs) -> None:
    """Contents come in pieces that together are the whole file, and from any offset."""
    whole = bytes(range(256)) * 12_000
    file = volume.open("program files/tool/data.BIN")
    assert file.size == len(whole)
    assert max(len(piece) for piece in file.pieces(1 << 16)) == 1 << 16
    assert file.sha256() == hashlib.sha256(whole).hexdigest()
    assert file.read_at(1_000_001, 300) == whole[1_000_001:1_000_301]
    assert file.read_at(len(whole) - 5, 300) == whole[-5:]
    assert volume.open("empty.txt").sha256() == hashlib.sha256(b"").hexdigest()


def test_folders_are_listed_with_names_of_any_script(volume: Ntfs) -> None:
    """A folder's entries come with their names, also beyond ASCII."""
    assert "ünïcode Näme.txt" in volume.list("Users")
    assert {"Windows", "Users", "Program Files"} <= set(volume.list("/"))


def test_a_clean_volume_is_told_from_a_dirty_one(windows_disk: Path, tmp_path: Path) -> None:
    """The dirty flag in $Volume, an open journal and a hibernated system are each seen."""
    with RawFile(windows_disk) as disk:
        volume = opened(disk)
        assert not (volume.is_dirty() or volume.is_journal_open() or volume.is_hibernated())
    data = bytearray(windows_disk.read_bytes())
    start = 2048 * 512 + (2 << 20)
    mft = start + struct.unpack_from("<Q", data, start + 0x30)[0] * 4096
    record = mft + 3 * 1024
    assert data[record : record + 4] == b"FILE"
    at = data.index(struct.pack("<I", 0x70), record)
    content = at + struct.unpack_from("<H", data, at + 0x14)[0]
    data[content + 10] |= 1
    marked = tmp_path / "dirty.raw"
    marked.write_bytes(data)
    with RawFile(marked) as disk:
        assert opened(disk).is_dirty()


def test_a_journal_with_a_client_in_use_is_open(windows_disk: Path, tmp_path: Path) -> None:
    """A restart page that names a log client in use, without the clean flag, means: not closed in order."""
    with RawFile(windows_disk) as disk:
        volume = opened(disk)
        extent = volume._volume.get_file_entry(2).get_extent(0)  # where $LogFile lies in its volume
    for flags, expected in ((0, True), (2, False)):
        copy = tmp_path / f"journal{flags}.raw"
        shutil.copy(windows_disk, copy)
        page = bytearray(4096)
        page[:4] = b"RSTR"
        struct.pack_into("<HH", page, 4, 30, 9)
        struct.pack_into("<IIH", page, 16, 4096, 4096, 0x30)
        struct.pack_into("<QHHHH", page, 0x30, 77, 1, 0xFFFF, 0, flags)
        with copy.open("r+b") as file:
            file.seek(2048 * 512 + (2 << 20) + extent[0])
            file.write(page)
        with RawFile(copy) as disk:
            assert opened(disk).is_journal_open() is expected


class Breaking:
    """A disk that breaks after a number of reads, as a network disk does."""

    def __init__(self, disk: BlockSource, reads: int) -> None:
        self._disk, self._left, self.size = disk, reads, disk.size

    def read_at(self, offset: int, size: int) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise EndpointError("the line broke")
        return self._disk.read_at(offset, size)


def test_a_source_that_breaks_is_named_and_not_called_damage(windows_disk: Path) -> None:
    """Wherever the source breaks, its own error comes out, never a library's or Damaged."""
    with RawFile(windows_disk) as disk:
        volume = next(each for each in layout(disk).volumes if each.file_system == "ntfs")
        met = 0
        for reads in range(0, 40):
            try:
                ntfs = Ntfs(Cached(Breaking(disk, reads), block=4096), volume)
                ntfs.open("Program Files/Tool/Data.bin").sha256()
            except EndpointError as error:
                assert error.brief == "the line broke"
                met += 1
        assert met > 5


def test_a_truncated_volume_is_damaged_and_not_a_traceback(windows_disk: Path, tmp_path: Path) -> None:
    """A volume cut anywhere gives Damaged or NotFound, in no time."""
    size = windows_disk.stat().st_size
    start = 2048 * 512 + (2 << 20)
    for cut in (start + 512, start + 5000, start + 20_000, start + (1 << 20), size // 2):
        copy = tmp_path / "cut.raw"
        with windows_disk.open("rb") as whole, copy.open("wb") as part:
            part.write(whole.read(cut))
        with RawFile(copy) as disk:
            volume = next(each for each in layout(RawFile(windows_disk)).volumes if each.file_system == "ntfs")
            try:
                opened_cut = Ntfs(disk, volume)
                opened_cut.open("Windows/System32/config/SOFTWARE").sha256()
            except (Damaged, NotFound):
                continue
