"""
VHDX files, [MS-VHDX] 2023: made, read and written here, differencing ones too, which qemu-img cannot make.

A block of a differencing disk is here always whole (state 6, FULLY_PRESENT): copy-on-write copies the parent's first.
Its children hold the ``DataWriteGuid`` of a parent in their locator; each write gives a new one, which breaks them.
"""

from __future__ import annotations

import os
import struct
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

KB64, MB = 1 << 16, 1 << 20
BAT_AT, BAT_MOST = 3 * MB, 1 * MB
METADATA_AT = 2 * MB
HEADERS = (KB64, 2 * KB64)
PRESENT = 6

BAT_REGION = uuid.UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
METADATA_REGION = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")
FILE_PARAMETERS = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
DISK_SIZE = uuid.UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
DISK_ID = uuid.UUID("beca12ab-b2e6-4523-93ef-c309e000c746")
LOGICAL_SECTOR = uuid.UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
PHYSICAL_SECTOR = uuid.UUID("cda348c7-445d-4471-9cc9-e9885251c556")
PARENT_LOCATOR = uuid.UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
LOCATOR_TYPE = uuid.UUID("b04aefb7-d19e-4a81-b789-25b8e9445913")


class Corrupt(Exception):
    """The file, or its chain, is not what it should be."""


def _table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_CRC = _table()


def crc32c(data: bytes | bytearray) -> int:
    """CRC-32C (Castagnoli)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


@dataclass(frozen=True)
class Locator:
    """Where a differencing disk's parent is, and what it was."""

    linkage: uuid.UUID
    relative: str
    absolute: str

    def packed(self) -> bytes:
        """[MS-VHDX] 2.6.2.6."""
        pairs = {
            "parent_linkage": f"{{{self.linkage}}}",
            "relative_path": self.relative,
            "absolute_win32_path": self.absolute,
        }
        body, entries, at = b"", b"", 20 + 12 * len(pairs)
        for key, value in pairs.items():
            name, text = key.encode("utf-16-le"), value.encode("utf-16-le")
            entries += struct.pack("<IIHH", at, at + len(name), len(name), len(text))
            body, at = body + name + text, at + len(name) + len(text)
        return LOCATOR_TYPE.bytes_le + struct.pack("<HH", 0, len(pairs)) + entries + body

    @classmethod
    def unpacked(cls, raw: bytes) -> Locator:
        """The locator in these bytes."""
        found = {}
        for at in range(struct.unpack_from("<H", raw, 18)[0]):
            key, value, keys, values = struct.unpack_from("<IIHH", raw, 20 + 12 * at)
            found[raw[key : key + keys].decode("utf-16-le")] = raw[value : value + values].decode("utf-16-le")
        return cls(
            uuid.UUID(found["parent_linkage"]), found.get("relative_path", ""), found.get("absolute_win32_path", "")
        )


def create(
    path: Path, size: int, *, block: int = 0, fixed: bool = False, logical: int = 512, physical: int = 4096,
    parent: Locator | None = None, disk_id: uuid.UUID | None = None,
) -> None:  # fmt: skip
    """
    A new disk of ``size`` bytes, all zero or all the parent's. Hyper-V's defaults: blocks of 32 MiB, 2 MiB where it
    has a parent. FileExistsError where the file is there.
    """
    block = block or (2 * MB if parent else 32 * MB)
    count, ratio = -(-size // block), (1 << 23) * logical // block
    entries = -(-count // ratio) * (ratio + 1) if parent else count + (count - 1) // ratio
    room = -(-entries * 8 // MB) * MB
    begin = BAT_AT + max(room, BAT_MOST)
    with path.open("xb") as file:
        file.write(b"vhdxfile" + "golden's test peer".encode("utf-16-le").ljust(512, b"\0"))
        for at, sequence in zip(HEADERS, (1, 2), strict=True):
            file.seek(at)
            file.write(_header(sequence, uuid.uuid4(), uuid.uuid4()))
        regions = _regions(max(room, BAT_MOST))
        for at in (3 * KB64, 4 * KB64):
            file.seek(at)
            file.write(regions)
        file.seek(METADATA_AT)
        flags = (1 if fixed else 0) | (2 if parent else 0)
        file.write(_metadata(size, block, flags, logical, physical, disk_id or uuid.uuid4(), parent))
        if fixed:
            file.seek(BAT_AT)
            table = bytearray(entries * 8)
            for number in range(count):
                place = begin + number * block
                struct.pack_into("<Q", table, 8 * (number + number // ratio), PRESENT | (place // MB) << 20)
            file.write(table)
        file.truncate(begin + (count * block if fixed else 0))


def _header(sequence: int, file_write: uuid.UUID, data_write: uuid.UUID) -> bytes:
    raw = bytearray(4096)
    struct.pack_into(
        "<4sIQ16s16s16sHHIQ", raw, 0, b"head", 0, sequence, file_write.bytes_le, data_write.bytes_le, bytes(16), 0, 1,
        MB, MB,
    )  # fmt: skip
    struct.pack_into("<I", raw, 4, crc32c(raw))
    return bytes(raw)


def _regions(bat: int) -> bytes:
    raw = bytearray(KB64)
    struct.pack_into("<4sIII", raw, 0, b"regi", 0, 2, 0)
    struct.pack_into("<16sQII", raw, 16, BAT_REGION.bytes_le, BAT_AT, bat, 1)
    struct.pack_into("<16sQII", raw, 48, METADATA_REGION.bytes_le, METADATA_AT, MB, 1)
    struct.pack_into("<I", raw, 4, crc32c(raw))
    return bytes(raw)


def _metadata(
    size: int, block: int, flags: int, logical: int, physical: int, disk_id: uuid.UUID, parent: Locator | None
) -> bytes:
    items = [
        (FILE_PARAMETERS, struct.pack("<II", block, flags), 4),
        (DISK_SIZE, struct.pack("<Q", size), 6),
        (DISK_ID, disk_id.bytes_le, 6),
        (LOGICAL_SECTOR, struct.pack("<I", logical), 6),
        (PHYSICAL_SECTOR, struct.pack("<I", physical), 6),
    ]
    if parent is not None:
        items.append((PARENT_LOCATOR, parent.packed(), 4))
    raw = bytearray(MB)
    struct.pack_into("<8sHH", raw, 0, b"metadata", 0, len(items))
    at = KB64
    for number, (item, data, kind) in enumerate(items):
        struct.pack_into("<16sIIII", raw, 32 + 32 * number, item.bytes_le, at, len(data), kind, 0)
        raw[at : at + len(data)] = data
        at += -(-len(data) // 8) * 8
    return bytes(raw)


class Disk:
    """One VHDX file, opened; its parents are opened by ``find`` when they are needed. Close it with ``with``."""

    def __init__(self, path: Path, find: Callable[[Path, Locator], Path] | None = None, *, write: bool = False) -> None:
        self.path, self._find, self._write = path, find, write
        self._file = path.open("r+b" if write else "rb")
        try:
            self._read()
        except (struct.error, KeyError, UnicodeDecodeError, IndexError) as wrong:
            self._file.close()
            raise Corrupt(f"{path.name} is no VHDX: {wrong!r}") from None
        except Corrupt:
            self._file.close()
            raise
        self._parent: Disk | None = None
        self._changed = False

    def _read(self) -> None:
        if self._at(0, 8) != b"vhdxfile":
            raise Corrupt(f"{self.path.name} is no VHDX")
        self.sequence, self._header_at, self.file_write, self.data_write = self._headers()
        regions = self._at(3 * KB64, KB64)
        found = {}
        for number in range(struct.unpack_from("<I", regions, 8)[0]):
            kind, at, length, _ = struct.unpack_from("<16sQII", regions, 16 + 32 * number)
            found[uuid.UUID(bytes_le=kind)] = (at, length)
        self._bat_at, self._metadata_at = found[BAT_REGION][0], found[METADATA_REGION][0]
        self._items = self._metadata_items()
        self.block, flags = struct.unpack("<II", self._item(FILE_PARAMETERS))
        self.fixed, has_parent = bool(flags & 1), bool(flags & 2)
        self.size = struct.unpack("<Q", self._item(DISK_SIZE))[0]
        self.disk_id = uuid.UUID(bytes_le=self._item(DISK_ID))
        self.logical = struct.unpack("<I", self._item(LOGICAL_SECTOR))[0]
        self.physical = struct.unpack("<I", self._item(PHYSICAL_SECTOR))[0]
        self.locator = Locator.unpacked(self._item(PARENT_LOCATOR)) if has_parent else None
        self._ratio = (1 << 23) * self.logical // self.block
        self.blocks = -(-self.size // self.block)
        length = 8 * (self.blocks + self.blocks // self._ratio + 1)
        self._bat = bytearray(self._at(self._bat_at, length))

    def _headers(self) -> tuple[int, int, uuid.UUID, uuid.UUID]:
        valid = []
        for at in HEADERS:
            raw = bytearray(self._at(at, 4096))
            told = struct.unpack_from("<I", raw, 4)[0]
            struct.pack_into("<I", raw, 4, 0)
            if raw[:4] == b"head" and crc32c(raw) == told:
                ids = (uuid.UUID(bytes_le=bytes(raw[16:32])), uuid.UUID(bytes_le=bytes(raw[32:48])))
                valid.append((struct.unpack_from("<Q", raw, 8)[0], at, *ids))
        if not valid:
            raise Corrupt(f"{self.path.name} has no valid header")
        return max(valid)

    def _metadata_items(self) -> dict[uuid.UUID, tuple[int, int]]:
        raw = self._at(self._metadata_at, KB64)
        found = {}
        for number in range(struct.unpack_from("<H", raw, 10)[0]):
            kind, at, length = struct.unpack_from("<16sII", raw, 32 + 32 * number)
            found[uuid.UUID(bytes_le=kind)] = (self._metadata_at + at, length)
        return found

    def _item(self, kind: uuid.UUID) -> bytes:
        return self._at(*self._items[kind])

    def _at(self, at: int, length: int) -> bytes:
        self._file.seek(at)
        return self._file.read(length)

    def __enter__(self) -> Disk:
        return self

    def __exit__(self, *over: object) -> None:
        self.close()

    def close(self) -> None:
        """Write down what changed, and let go."""
        if self._changed:
            self._new_header(uuid.uuid4())
            self._changed = False
        if self._parent is not None:
            self._parent.close()
            self._parent = None
        self._file.close()

    @property
    def parent(self) -> Disk | None:
        """The parent, opened; Corrupt where it is not found or is not the one this disk was made from."""
        if self.locator is None or self._parent is not None:
            return self._parent
        assert self._find is not None, "who looks for parents?"
        opened = Disk(self._find(self.path, self.locator), self._find)
        if opened.data_write != self.locator.linkage:
            opened.close()
            raise Corrupt(
                f"there exists an ID mismatch between the differencing virtual hard disk {self.path.name} and its "
                f"parent {opened.path.name}"
            )
        self._parent = opened
        return opened

    def _entry(self, number: int) -> tuple[int, int]:
        value = struct.unpack_from("<Q", self._bat, 8 * (number + number // self._ratio))[0]
        return value & 7, (value >> 20) * MB

    def block_at(self, number: int) -> bytes | None:
        """A block as it is read, None where nobody in the chain has it."""
        state, at = self._entry(number)
        if state == PRESENT:
            return self._at(at, self.block).ljust(self.block, b"\0")
        if state in (2, 3) or self.locator is None:
            return None
        parent = self.parent
        assert parent is not None
        if parent.block == self.block:
            return parent.block_at(number) if number < parent.blocks else None
        raw = parent.read(number * self.block, min(self.block, max(0, parent.size - number * self.block)))
        return raw.ljust(self.block, b"\0") if raw.strip(b"\0") else None

    def read(self, at: int, length: int) -> bytes:
        """Bytes of the disk."""
        out = bytearray()
        length = max(0, min(length, self.size - at))
        while len(out) < length:
            number, skew = divmod(at + len(out), self.block)
            want = min(length - len(out), self.block - skew)
            state, place = self._entry(number)
            if state == PRESENT:
                out += self._at(place + skew, want).ljust(want, b"\0")
            else:
                whole = self.block_at(number)
                out += bytes(want) if whole is None else whole[skew : skew + want]
        return bytes(out)

    def write(self, at: int, data: bytes) -> int:
        """Write bytes, copying whole blocks; what is there already is left alone. How many blocks changed."""
        assert self._write, "opened to be read"
        moved, done = 0, 0
        while done < len(data):
            number, skew = divmod(at + done, self.block)
            part = data[done : done + self.block - skew]
            done += len(part)
            before = self.block_at(number)
            block = bytearray(before if before is not None else bytes(self.block))
            if block[skew : skew + len(part)] == part:
                continue
            block[skew : skew + len(part)] = part
            self._put(number, bytes(block))
            moved += 1
        return moved

    def _put(self, number: int, data: bytes) -> None:
        state, at = self._entry(number)
        if state != PRESENT:
            at = -(-self._file.seek(0, os.SEEK_END) // MB) * MB
            index = 8 * (number + number // self._ratio)
            struct.pack_into("<Q", self._bat, index, PRESENT | (at // MB) << 20)
            self._file.seek(self._bat_at + index)
            self._file.write(self._bat[index : index + 8])
            self._file.truncate(at + self.block)
        for step in range(0, self.block, KB64):  # holes stay holes where a page is empty
            page = data[step : step + KB64]
            if state == PRESENT or page.strip(b"\0"):
                self._file.seek(at + step)
                self._file.write(page)
        self._changed = True

    def _new_header(self, data_write: uuid.UUID) -> None:
        at = HEADERS[0] if self._header_at == HEADERS[1] else HEADERS[1]
        self.sequence, self._header_at, self.data_write = self.sequence + 1, at, data_write
        self._file.seek(at)
        self._file.write(_header(self.sequence, uuid.uuid4(), data_write))
        self._file.flush()

    def touch(self) -> None:
        """A write that changes nothing anybody reads, as attaching a disk for writing does at once."""
        self._changed = True

    def reset_id(self) -> None:
        """A new disk identifier."""
        self._file.seek(self._items[DISK_ID][0])
        self._file.write(uuid.uuid4().bytes_le)
        self._changed = True

    def set_locator(self, locator: Locator) -> None:
        """Another parent."""
        at, _ = self._items[PARENT_LOCATOR]
        packed = locator.packed()
        self._file.seek(at)
        self._file.write(packed)
        number = list(self._items).index(PARENT_LOCATOR)
        self._file.seek(self._metadata_at + 32 + 32 * number + 20)
        self._file.write(struct.pack("<I", len(packed)))
        self._changed = True

    def allocated(self) -> Iterator[int]:
        """Numbers of the blocks that somebody in the chain has."""
        parent = self.parent if self.locator is not None else None
        for number in range(self.blocks):
            if self._entry(number)[0] == PRESENT or (parent is not None and parent.block_at(number) is not None):
                yield number


def locator(child: Path, parent: Path, windows: str, linkage: uuid.UUID) -> Locator:
    """The locator of a new child; ``windows`` is the parent's path as the host calls it."""
    relative = os.path.relpath(parent, child.parent).replace("/", "\\")
    if windows.startswith("\\\\") and "shares" not in child.parts:
        relative = ".\\none"  # No relative path leads from a drive to a share.
    return Locator(linkage, relative if relative.startswith("..") else ".\\" + relative, str(PureWindowsPath(windows)))
