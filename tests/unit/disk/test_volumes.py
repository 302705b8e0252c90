"""From a disk to its volumes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from golden.disk.damage import Damaged
from golden.disk.raw import Memory, RawFile
from golden.disk.volumes import file_system, layout
from tests.unit.disk import disks


def test_a_gpt_disk_shows_its_volumes_with_types_and_file_systems(windows_disk: Path) -> None:
    """Each partition of a GPT disk is given with type GUID, offset, size and file system."""
    with RawFile(windows_disk) as disk:
        found = layout(disk)
    assert found.table == "gpt"
    assert [volume.file_system for volume in found.volumes] == ["", "ntfs"]
    assert [volume.type for volume in found.volumes] == [str(disks.ESP), str(disks.BASIC_DATA)]
    assert [volume.offset for volume in found.volumes] == [2048 * 512, 2048 * 512 + (2 << 20)]
    assert found.volumes[1].size == 16 << 20


def test_an_mbr_disk_shows_its_volumes(tmp_path: Path) -> None:
    """The partitions of an MBR disk are found too."""
    volume = disks.ntfs(_folder(tmp_path), tmp_path / "v.ntfs", 4)
    with RawFile(disks.mbr(tmp_path / "disk.raw", volume)) as disk:
        found = layout(disk)
    assert found.table == "mbr"
    assert [(each.type, each.offset, each.file_system) for each in found.volumes] == [("0x07", 1 << 20, "ntfs")]


def test_a_disk_without_table_is_one_volume(tmp_path: Path) -> None:
    """A file system that fills the disk is a single volume; a blank disk has none."""
    volume = disks.ntfs(_folder(tmp_path), tmp_path / "v.ntfs", 4)
    with RawFile(volume) as disk:
        assert [each.file_system for each in layout(disk).volumes] == ["ntfs"]
    assert layout(Memory(bytes(1 << 20))).volumes == ()
    assert layout(Memory(b"")).volumes == ()


@pytest.mark.parametrize(
    ("place", "label", "name"),
    [(3, b"NTFS    ", "ntfs"), (3, b"-FVE-FS-", "bitlocker"), (3, b"ReFS\0\0\0\0", "refs"), (0, b"XFSB", "xfs"),
     (0x438, b"\x53\xef", "ext"), (3, b"nothing!", "")],
)  # fmt: skip
def test_the_first_sector_tells_the_file_system(place: int, label: bytes, name: str) -> None:
    """A volume's file system is known by its first bytes; BitLocker is told from NTFS."""
    start = bytearray(2048)
    start[place : place + len(label)] = label
    assert file_system(bytes(start)) == name


def test_a_damaged_gpt_is_said_to_be_damaged(windows_disk: Path) -> None:
    """A GPT whose header makes no sense is an error of golden's own, not a traceback."""
    data = bytearray(windows_disk.read_bytes())
    struct.pack_into("<I", data, 512 + 84, 3)  # size of an entry
    data[-512:] = bytes(512)
    with pytest.raises(Damaged, match="GPT"):
        layout(Memory(bytes(data)))


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    return folder
