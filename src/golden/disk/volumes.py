"""From a disk to its volumes: partition table (GPT, MBR or none) and what each volume's first sector says."""

from __future__ import annotations

from dataclasses import dataclass

import pyvsgpt
import pyvsmbr

from golden.disk.cache import Stream
from golden.disk.damage import Damaged, reading
from golden.disk.source import BlockSource

MOST_VOLUMES = 256
_START = 0x10048
"""Bytes of a volume that are looked at; the last eight are where btrfs writes its name."""


@dataclass(frozen=True, slots=True)
class Volume:
    """One partition, or the whole disk where it has no partition table."""

    number: int
    """Counted from 1 in the order of the table."""
    type: str
    """GPT: type GUID in lower case; MBR: ``0x07``; empty without a table."""
    offset: int
    """Bytes from the start of the disk."""
    size: int
    """Bytes."""
    file_system: str
    """ntfs | bitlocker | refs | exfat | fat | ext | xfs | btrfs | lvm | luks | empty where none of these."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a disk is divided."""

    table: str
    """gpt | mbr | none"""
    volumes: tuple[Volume, ...]


def layout(disk: BlockSource) -> Layout:
    """The disk's partition table and volumes; Damaged where a table is there but makes no sense."""
    if disk.size < 1024:
        return Layout("none", ())
    whole = file_system(disk.read_at(0, 2048))
    if whole:
        return Layout("none", (Volume(1, "", 0, disk.size, whole),))
    if b"EFI PART" in (disk.read_at(512, 8), disk.read_at(4096, 8)) or disk.read_at(disk.size - 512, 8) == b"EFI PART":
        return Layout("gpt", _gpt(disk))
    if disk.read_at(510, 2) == b"\x55\xaa":
        return Layout("mbr", _mbr(disk))
    bare = volume_content(disk.read_at(0, _START))
    return Layout("none", (Volume(1, "", 0, disk.size, bare),) if bare else ())


def file_system(start: bytes) -> str:
    """The file system by the first 2048 bytes of its volume; empty where it is none that golden knows."""
    label = start[3:11]
    known = {b"NTFS    ": "ntfs", b"-FVE-FS-": "bitlocker", b"ReFS\0\0\0\0": "refs", b"EXFAT   ": "exfat"}
    if label in known:
        return known[label]
    if start[:4] == b"XFSB":
        return "xfs"
    if start[0x438:0x43A] == b"\x53\xef":
        return "ext"
    if start[510:512] == b"\x55\xaa" and (start[54:57] == b"FAT" or start[82:87] == b"FAT32"):
        return "fat"
    return ""


def volume_content(start: bytes) -> str:
    """
    As ``file_system``, by more bytes, with what Linux systems use beside.

    Never asked of a disk with a partition table: what it was before may still stand between that and the first volume.
    """
    if known := file_system(start[:2048]):
        return known
    if start[:6] == b"LUKS\xba\xbe":
        return "luks"
    if any(start[at : at + 8] == b"LABELONE" and start[at + 24 : at + 28] == b"LVM2" for at in range(0, 2048, 512)):
        return "lvm"
    return "btrfs" if start[0x10040:0x10048] == b"_BHRfS_M" else ""


def _gpt(disk: BlockSource) -> tuple[Volume, ...]:
    stream = Stream(disk)
    found = []
    with reading("the disk's GPT partition table", stream):
        table = pyvsgpt.volume()
        table.open_file_object(stream)
        for part in table.partitions:
            found.append((str(part.type_identifier).lower(), part.volume_offset, part.size))
            if len(found) > MOST_VOLUMES:
                raise Damaged(f"the disk's GPT partition table names more than {MOST_VOLUMES} partitions")
    return _volumes(disk, found)


def _mbr(disk: BlockSource) -> tuple[Volume, ...]:
    stream = Stream(disk)
    found = []
    with reading("the disk's MBR partition table", stream):
        table = pyvsmbr.volume()
        table.open_file_object(stream)
        for part in table.partitions:
            found.append((f"0x{part.type:02x}", part.volume_offset, part.size))
            if len(found) > MOST_VOLUMES:
                raise Damaged(f"the disk's MBR partition table names more than {MOST_VOLUMES} partitions")
    return _volumes(disk, found)


def _volumes(disk: BlockSource, found: list[tuple[str, int, int]]) -> tuple[Volume, ...]:
    return tuple(
        Volume(number, kind, offset, size, volume_content(disk.read_at(offset, min(size, _START))))
        for number, (kind, offset, size) in enumerate(found, 1)
        if 0 < offset < disk.size and size > 0
    )
