"""Files of an ext2, ext3 or ext4 volume, read through libfsext; symbolic links are followed as the guest would."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from typing import Any

import pyfsext

from golden.disk.cache import Cached, Stream
from golden.disk.damage import Damaged, reading
from golden.disk.source import BlockSource
from golden.disk.volumes import Volume

PIECE = 1 << 20
MOST_LINKS = 40
"""As the kernel's own limit."""
_SUPERBLOCK = 1024
_INCOMPATIBLE = _SUPERBLOCK + 0x60
_RECOVER = 0x0004


class ExtFile:
    """One file or folder of a volume."""

    def __init__(self, entry: Any, stream: Stream, path: str) -> None:
        """``entry`` is libfsext's; ``path`` is for messages."""
        self._entry = entry
        self._stream = stream
        self.path = path
        with reading(path, stream):
            mode = int(entry.file_mode)
            self.is_folder = stat.S_ISDIR(mode)
            self.is_file = stat.S_ISREG(mode)
            self.size = int(entry.size) if self.is_file else 0

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the file."""
        size = max(0, min(size, self.size - offset))
        if not size:
            return b""
        with reading(self.path, self._stream):
            return bytes(self._entry.read_buffer_at_offset(size, offset))

    def text(self, limit: int = 64 * 1024) -> str:
        """The start of a text file."""
        return self.read_at(0, limit).decode("utf-8", "replace")

    def sha256(self) -> str:
        """The content's SHA-256 in hex, read in pieces."""
        digest = hashlib.sha256()
        for offset in range(0, self.size, PIECE):
            digest.update(self.read_at(offset, PIECE))
        return digest.hexdigest()

    def names(self) -> Iterator[str]:
        """Names in a folder, in the volume's order."""
        with reading(self.path, self._stream):
            for index in range(int(self._entry.number_of_sub_file_entries)):
                yield str(self._entry.get_sub_file_entry(index).name)


class Ext:
    """One ext volume, read-only. Paths start at its root. Damaged where it cannot be understood."""

    def __init__(self, disk: BlockSource, volume: Volume) -> None:
        """Open the volume; a cache is put between it and the disk unless there is one already."""
        source = disk if isinstance(disk, Cached) else Cached(disk)
        self._stream = Stream(source, volume.offset, volume.size)
        self._volume = pyfsext.volume()
        with reading(f"the ext volume {volume.number}", self._stream):
            self._volume.open_file_object(self._stream)
            self._root = self._volume.root_directory

    @property
    def is_journal_open(self) -> bool:
        """Whether the journal still holds what the files do not: the guest was not shut down in order."""
        return bool(int.from_bytes(self._stream.read_at(_INCOMPATIBLE, 4), "little") & _RECOVER)

    def find(self, path: str) -> ExtFile | None:
        """What is at ``path`` after following every link; None where it leads nowhere."""
        left, walked, links = _parts(path), ["/"], 0
        entry = self._root
        while left:
            name = left.pop(0)
            if name == "..":
                walked = walked[:-1] or ["/"]
                entry = self._at(walked, path)
                continue
            entry = self._at([*walked, name], path) if self._is_folder(entry, path) else None
            if entry is None:
                return None
            link = self._link(entry, path)
            if link is None:
                walked.append(name)
                continue
            links += 1
            if links > MOST_LINKS:
                raise Damaged(f"{path} on the disk leads through more than {MOST_LINKS} links")
            walked = ["/"] if link.startswith("/") else walked
            entry = self._at(walked, path)
            left = [*_parts(link), *left]
        return ExtFile(entry, self._stream, path)

    def text(self, path: str) -> str | None:
        """The start of a text file; None where there is no such file."""
        file = self.find(path)
        return file.text() if file is not None and file.is_file else None

    def names(self, path: str) -> tuple[str, ...]:
        """Names in a folder; none where there is no such folder."""
        folder = self.find(path)
        return tuple(folder.names()) if folder is not None and folder.is_folder else ()

    def _at(self, walked: list[str], path: str) -> Any:
        # By its whole path: get_sub_file_entry_by_name of libfsext 20260821 fails with "invalid inode".
        if len(walked) == 1:
            return self._root
        with reading(path, self._stream):
            return self._volume.get_file_entry_by_path("/" + "/".join(walked[1:]))

    def _is_folder(self, entry: Any, path: str) -> bool:
        with reading(path, self._stream):
            return stat.S_ISDIR(int(entry.file_mode))

    def _link(self, entry: Any, path: str) -> str | None:
        with reading(path, self._stream):
            return str(entry.symbolic_link_target) if stat.S_ISLNK(int(entry.file_mode)) else None


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
