"""Files of an NTFS volume, read through libfsntfs: names in any case, contents in pieces."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import Any

import pyfsntfs

from golden.disk.cache import Cached, Stream
from golden.disk.damage import Damaged, reading
from golden.disk.source import BlockSource
from golden.disk.volumes import Volume
from golden.errors import NotFound

PIECE = 1 << 20
_TABLE, _LOGFILE, _VOLUME = 0, 2, 3
"""Fixed numbers in the master file table."""
_VOLUME_INFORMATION = 0x70
_DIRTY = 0x0001
_CLEANLY_CLOSED = 0x0002


class NtfsFile:
    """One file of a volume; a BlockSource of its default data stream."""

    def __init__(self, entry: Any, stream: Stream, path: str) -> None:
        """``entry`` is libfsntfs's; ``path`` is for messages."""
        self._entry = entry
        self._stream = stream
        self.path = path
        with reading(path, stream):
            self.name: str = entry.name or ""
            self.is_folder: bool = bool(entry.has_directory_entries_index())
            self._size: int = 0 if self.is_folder or not entry.has_default_data_stream() else int(entry.size)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the file."""
        size = max(0, min(size, self._size - offset))
        if not size:
            return b""
        with reading(self.path, self._stream):
            return bytes(self._entry.read_buffer_at_offset(size, offset))

    @property
    def attributes(self) -> int:
        """FILE_ATTRIBUTE_* flags, e.g. 0x400 for a file that is stored behind a reparse point."""
        with reading(self.path, self._stream):
            return int(self._entry.file_attribute_flags or 0)

    def pieces(self, size: int = PIECE) -> Iterator[bytes]:
        """The whole content in pieces of at most ``size`` bytes."""
        done = 0
        while done < self._size and (piece := self.read_at(done, min(size, self._size - done))):
            yield piece
            done += len(piece)

    def sha256(self) -> str:
        """The content's SHA-256 in hex."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()

    def entries(self) -> Iterator[NtfsFile]:
        """What a folder holds, in the volume's order."""
        with reading(self.path, self._stream):
            count = int(self._entry.number_of_sub_file_entries)
        for index in range(count):
            with reading(self.path, self._stream):
                below = self._entry.get_sub_file_entry(index)
            yield NtfsFile(below, self._stream, self.path)


class Ntfs:
    """
    One NTFS volume, read-only.

    Paths are given from the volume's root with forward or back slashes, in any case. Damaged is raised where the
    volume cannot be understood, NotFound where a path leads nowhere.
    """

    def __init__(self, disk: BlockSource, volume: Volume) -> None:
        """Open the volume; a cache is put between it and the disk unless there is one already."""
        source = disk if isinstance(disk, Cached) else Cached(disk)
        self.volume = volume
        self._stream = Stream(source, volume.offset, volume.size)
        self._volume = pyfsntfs.volume()
        with reading(f"the NTFS volume {volume.number}", self._stream):
            self._volume.open_file_object(self._stream)

    def find(self, path: str) -> NtfsFile | None:
        """The file or folder at ``path``, None where there is none."""
        plain = "\\" + path.replace("/", "\\").strip("\\")
        try:
            with reading(path, self._stream):
                entry = self._volume.get_file_entry_by_path(plain)
        except Damaged:
            # The library calls a volume damaged when a file stands where the path wants a folder.
            above = plain.rpartition("\\")[0]
            parent = self.find(above) if above else None
            if above and (parent is None or not parent.is_folder):
                return None
            raise
        return None if entry is None else NtfsFile(entry, self._stream, path)

    def open(self, path: str) -> NtfsFile:
        """The file or folder at ``path``; NotFound where there is none."""
        found = self.find(path)
        if found is None:
            raise NotFound(f"there is no {path} on the disk")
        return found

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at ``path``."""
        return self.find(path) is not None

    def list(self, path: str) -> tuple[str, ...]:
        """Names in the folder ``path``; NotFound where there is none."""
        return tuple(entry.name for entry in self.open(path).entries())

    def records(self) -> Iterator[bytes]:
        """Every record of the master file table as it lies on the volume, some hundred thousand of a KiB each."""
        with reading("the NTFS volume's master file table", self._stream):
            start = self._stream.read_at(0, 512)
            table = NtfsFile(self._volume.get_file_entry(_TABLE), self._stream, "$MFT")
        cluster, told = start[13] * struct.unpack_from("<H", start, 11)[0], struct.unpack_from("<b", start, 64)[0]
        size = 1 << -told if told < 0 else told * cluster
        if not 256 <= size <= PIECE or size & (size - 1):
            raise Damaged("the NTFS volume is damaged: its records have an impossible size", details=str(size))
        for piece in table.pieces():
            yield from (piece[at : at + size] for at in range(0, len(piece) - size + 1, size))

    def is_dirty(self) -> bool:
        """Whether Windows has marked the volume as needing a check."""
        with reading("the NTFS volume's information", self._stream):
            for attribute in self._volume.get_file_entry(_VOLUME).attributes:
                if attribute.attribute_type == _VOLUME_INFORMATION:
                    return bool(attribute.flags & _DIRTY)
        return False

    def is_journal_open(self) -> bool:
        """
        Whether $LogFile says the volume was not closed cleanly (a power cut), as ntfs-3g.probe judges it.

        Only restart pages are read: a log client is in use and the clean flag is missing. A journal filled with
        0xFF was emptied on purpose and is clean.
        """
        with reading("the NTFS volume's journal", self._stream):
            entry = self._volume.get_file_entry(_LOGFILE)
            start = bytes(entry.read_buffer_at_offset(min(int(entry.size), 16384), 0))
        pages = [page for at in (0, 4096) if (page := _restart_page(start[at : at + 4096]))]
        if not pages:
            return bool(start.strip(b"\xff"))
        _lsn, clients, flags = max(pages)
        return clients != 0xFFFF and not flags & _CLEANLY_CLOSED

    def is_hibernated(self) -> bool:
        """Whether a hibernated system waits in hiberfil.sys (its first word is then ``hibr``)."""
        file = self.find("hiberfil.sys")
        return file is not None and file.read_at(0, 4).lower() == b"hibr"


def _restart_page(page: bytes) -> tuple[int, int, int] | None:
    """(log sequence number, first log client in use, flags) of one restart page of $LogFile."""
    if page[:4] != b"RSTR" or len(page) < 64:
        return None
    at = struct.unpack_from("<H", page, 0x18)[0]
    if at + 16 > len(page):
        return None
    lsn, _count, _free, in_use, flags = struct.unpack_from("<QHHHH", page, at)
    return lsn, in_use, flags
