"""
What lies on a virtual disk: the tree of one volume, as a tar from 1 MiB on, behind a sector that says how long it is.

It stands for the file system: blocks of a disk differ where trees differ, chains hold it as they hold anything, and
what reads disks (qemu-img, dissect) reads it like any other bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from pathlib import Path

from tests.peers.hyperv.host.vhdx import MB, Disk

MAGIC = b"golden peer tree"


def has_tree(disk: Disk) -> bool:
    """Whether a volume lies on it."""
    return disk.read(MB, len(MAGIC)) == MAGIC


def load(disk: Disk, folder: Path) -> bool:
    """Unpack the volume into a folder that is not there; False where the disk is empty."""
    head = disk.read(MB, 512)
    if head[: len(MAGIC)] != MAGIC:
        return False
    length = int.from_bytes(head[16:24], "little")
    data = disk.read(MB + 512, length)
    assert hashlib.sha256(data).digest() == head[24:56], "the volume on this disk is torn"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(folder, filter="fully_trusted")
    return True


def store(disk: Disk, folder: Path) -> int:
    """Write a folder onto the disk as its volume; how many of the disk's blocks changed."""
    data = packed(folder)
    if MB + 512 + len(data) > disk.size:
        raise OSError(28, "the volume does not fit onto the disk")
    head = MAGIC + len(data).to_bytes(8, "little") + hashlib.sha256(data).digest()
    return disk.write(MB, head.ljust(512, b"\0") + data)


def packed(folder: Path) -> bytes:
    """A tar of a folder that is the same whenever the folder is."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for root, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted([*folders, *files]):
                place = Path(root) / name
                info = tar.gettarinfo(str(place), str(place.relative_to(folder)))
                if info is None:  # a socket, or gone in the meantime
                    continue
                info.uid = info.gid = 0
                info.uname = info.gname = ""
                if info.isreg():
                    with place.open("rb") as file:
                        tar.addfile(info, file)
                else:
                    tar.addfile(info)
    return out.getvalue()
