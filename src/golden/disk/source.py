"""What every way of reading a powered-off disk gives: a size and bytes at an offset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class BlockSource(Protocol):
    """A disk as one row of bytes, read-only. Implementations raise EndpointError when the reading breaks."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the disk."""


class File(Protocol):
    """A file or folder of a Windows volume; a BlockSource of its content."""

    @property
    def path(self) -> str:
        """From the volume's root, for messages."""

    @property
    def name(self) -> str:
        """As the volume writes it."""

    @property
    def is_folder(self) -> bool:
        """Whether it has entries rather than content."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def attributes(self) -> int:
        """FILE_ATTRIBUTE_* flags."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the file."""

    def pieces(self, size: int = ...) -> Iterator[bytes]:
        """The whole content in pieces of at most ``size`` bytes."""

    def sha256(self) -> str:
        """The content's SHA-256 in hex."""

    def entries(self) -> Iterator[File]:
        """What a folder holds."""


class Files(Protocol):
    """A Windows volume, whether it is powered off or seen through its running guest; paths in any case and slash."""

    def find(self, path: str) -> File | None:
        """The file or folder at ``path``, None where there is none."""

    def open(self, path: str) -> File:
        """The file or folder at ``path``; NotFound where there is none."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at ``path``."""

    def list(self, path: str) -> tuple[str, ...]:
        """Names in the folder ``path``; NotFound where there is none."""

    def records(self) -> Iterator[bytes]:
        """Every record of the master file table; NotAble where it is not to be had."""

    def is_dirty(self) -> bool:
        """Whether Windows has marked the volume as needing a check."""

    def is_journal_open(self) -> bool:
        """Whether the volume was not closed cleanly."""

    def is_hibernated(self) -> bool:
        """Whether a hibernated system waits on it."""
