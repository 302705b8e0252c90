"""Small real disks for tests: hives by hivex, NTFS by mkntfs and wimlib, no root and no mounting."""

from __future__ import annotations

import json
import struct
import subprocess
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BUILD_HIVE = Path(__file__).with_name("build_hive.py")
SECTOR = 512
FIRST = 2048
"""Sector that the first partition starts at."""
BASIC_DATA = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")

Tree = dict[str, Any]


def key(values: Mapping[str, tuple[str, Any]] | None = None, **keys: Tree) -> Tree:
    """A key of a hive with its values and the keys below."""
    return {"values": dict(values or {}), "keys": keys}


def at(path: str, values: Mapping[str, tuple[str, Any]]) -> Tree:
    """A tree that holds one key with values."""
    tree: Tree = {"values": dict(values), "keys": {}}
    for part in reversed(path.split("\\")):
        tree = {"values": {}, "keys": {part: tree}}
    return tree


def merged(*trees: Tree) -> Tree:
    """One tree of several."""
    whole: Tree = {"values": {}, "keys": {}}
    for tree in trees:
        whole["values"] |= tree.get("values", {})
        for name, below in tree.get("keys", {}).items():
            whole["keys"][name] = merged(whole["keys"].get(name, {}), below)
    return whole


def hive(target: Path, tree: Tree) -> Path:
    """Write a hive; the binding belongs to Debian's own Python."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["/usr/bin/python3", str(BUILD_HIVE), str(target)], input=json.dumps(tree).encode(), check=True)
    return target


def dirty(path: Path) -> None:
    """Make a hive look as if writing it had been cut off."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 4, struct.unpack_from("<I", data, 8)[0] + 1)
    total = 0
    for (word,) in struct.iter_unpack("<I", data[:508]):
        total ^= word
    struct.pack_into("<I", data, 508, total)
    path.write_bytes(data)


def ntfs(folder: Path, target: Path, mebibytes: int = 16) -> Path:
    """An NTFS volume that holds what ``folder`` holds."""
    stage = target.with_suffix(".wim")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    everything = target.with_suffix(".ini")
    everything.write_text("[ExclusionList]\n")  # otherwise hiberfil.sys and its like are left out
    options = ["--no-acls", "--compress=none", f"--config={everything}"]
    subprocess.run(["wimcapture", folder, stage, "stage", *options], check=True, **quiet)
    with target.open("wb") as file:
        file.truncate(mebibytes << 20)
    subprocess.run(["mkntfs", "-F", "-Q", "-L", "Windows", target], check=True, **quiet)
    subprocess.run(["wimapply", stage, "1", target], check=True, **quiet)
    stage.unlink()
    return target


def gpt(target: Path, *volumes: tuple[uuid.UUID, Path | int]) -> Path:
    """A GPT disk of volumes, each given as its type and a file of bytes or a number of empty MiB."""
    sizes = [what << 20 if isinstance(what, int) else what.stat().st_size for _, what in volumes]
    last = FIRST + sum(size // SECTOR for size in sizes) + 34
    entries, start = b"", FIRST
    with target.open("wb") as file:
        file.truncate((last + 1) * SECTOR)
        for (kind, what), size in zip(volumes, sizes, strict=True):
            end = start + size // SECTOR - 1
            entries += kind.bytes_le + uuid.UUID(int=start).bytes_le + struct.pack("<QQQ", start, end, 0) + bytes(72)
            if isinstance(what, Path):
                copy(what, file, start * SECTOR)
            start = end + 1
        table = entries.ljust(128 * 128, b"\0")
        for here, other, at_ in ((1, last, 2), (last, 1, last - 32)):
            file.seek(at_ * SECTOR)
            file.write(table)
            file.seek(here * SECTOR)
            file.write(_header(here, other, at_, last, table))
        file.seek(0)
        file.write(_mbr([(0xEE, 1, last)]))
    return target


def mbr(target: Path, volume: Path, kind: int = 7) -> Path:
    """An MBR disk with one volume."""
    size = volume.stat().st_size
    with target.open("wb") as file:
        file.truncate(FIRST * SECTOR + size)
        file.write(_mbr([(kind, FIRST, size // SECTOR)]))
        copy(volume, file, FIRST * SECTOR)
    return target


def copy(source: Path, file: Any, offset: int) -> None:
    """Copy a file into another, leaving holes where it holds zeros."""
    with source.open("rb") as data:
        while piece := data.read(65536):
            if piece.strip(b"\0"):
                file.seek(offset)
                file.write(piece)
            offset += len(piece)


def _header(here: int, other: int, table_at: int, last: int, table: bytes) -> bytes:
    def pack(check: int) -> bytes:
        return struct.pack(
            "<8sIIIIQQQQ16sQIII",
            b"EFI PART", 0x10000, 92, check, 0, here, other, 34, last - 33, uuid.UUID(int=7).bytes_le,
            table_at, 128, 128, zlib.crc32(table),
        )  # fmt: skip

    return pack(zlib.crc32(pack(0)))


def _mbr(parts: list[tuple[int, int, int]]) -> bytes:
    table = b"".join(
        struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", start, size) for kind, start, size in parts
    )
    return bytes(440) + b"\x01\x02\x03\x04\0\0" + table.ljust(64, b"\0") + b"\x55\xaa"


def program(machine: int = 0x8664) -> bytes:
    """The smallest thing that looks like a program of Windows for one architecture."""
    head = bytearray(1024)
    head[:2] = b"MZ"
    struct.pack_into("<I", head, 0x3C, 0x80)
    head[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<H", head, 0x84, machine)
    struct.pack_into("<H", head, 0x98, 0x20B)
    return bytes(head)


@dataclass
class Windows:
    """The tree of a Windows volume, to be changed before it is built."""

    image_state: str | None = "IMAGE_STATE_COMPLETE"
    setup_type: int | None = 0
    cmd_line: str | None = ""
    generalization_state: int | None = 7
    tag: bool = False
    log: bytes | None = None
    machine: int = 0x8664
    software: Tree = field(default_factory=dict)
    system: Tree = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def tree(self, folder: Path) -> Path:
        """Write the folder that becomes the volume."""
        system32 = folder / "Windows" / "System32"
        hive(system32 / "config" / "SOFTWARE", merged(self._software(), self.software))
        hive(system32 / "config" / "SYSTEM", merged(self._system(), self.system))
        sid = (b"\0" * 64 + struct.pack("<III", 111, 222, 333)).hex()
        hive(system32 / "config" / "SAM", at("SAM\\Domains\\Account", {"V": ("binary", sid)}))
        files = {"Windows/System32/kernel32.dll": program(self.machine), "Windows/System32/cmd.exe": program()}
        if self.tag:
            files["Windows/System32/Sysprep/Sysprep_succeeded.tag"] = b""
        if self.log is not None:
            files["Windows/System32/Sysprep/Panther/setupact.log"] = self.log
        for name, data in (files | self.files).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder

    def volume(self, folder: Path) -> Path:
        """The NTFS volume."""
        return ntfs(self.tree(folder / "tree"), folder / "windows.ntfs")

    def disk(self, folder: Path) -> Path:
        """A GPT disk with an EFI partition and the volume."""
        return gpt(folder / "disk.raw", (ESP, 2), (BASIC_DATA, self.volume(folder)))

    def _software(self) -> Tree:
        state = {} if self.image_state is None else {"ImageState": ("sz", self.image_state)}
        return merged(
            at("Microsoft\\Windows\\CurrentVersion\\Setup\\State", state),
            at(
                "Microsoft\\Windows NT\\CurrentVersion",
                {
                    "ProductName": ("sz", "Windows Server 2022 Standard"),
                    "EditionID": ("sz", "ServerStandard"),
                    "InstallationType": ("sz", "Server"),
                    "CurrentBuild": ("sz", "20348"),
                    "CurrentBuildNumber": ("sz", "20348"),
                    "CurrentMajorVersionNumber": ("dword", 10),
                    "CurrentMinorVersionNumber": ("dword", 0),
                    "UBR": ("dword", 2322),
                },
            ),
        )

    def _system(self) -> Tree:
        setup: dict[str, tuple[str, Any]] = {}
        if self.setup_type is not None:
            setup["SetupType"] = ("dword", self.setup_type)
        if self.cmd_line is not None:
            setup["CmdLine"] = ("sz", self.cmd_line)
        status = (
            {} if self.generalization_state is None else {"GeneralizationState": ("dword", self.generalization_state)}
        )
        name = "ControlSet001\\Control\\ComputerName\\ComputerName"
        return merged(
            at("Select", {"Current": ("dword", 1)}),
            at("Setup", setup),
            at("Setup\\Status\\SysprepStatus", status),
            at(name, {"ComputerName": ("sz", "WIN-REFERENCE")}),
        )
