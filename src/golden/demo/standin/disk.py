"""The guest's disk: a partition table, an EFI system partition and an NTFS volume, made without root or mounts."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from golden.demo.standin.tools import PYTHON, call
from golden.errors import EndpointError, UsageError

HERE = Path(__file__).parent
MIB = 1 << 20
GPT_GUID = "6f1d2c3b-4a59-4768-9786-a5b4c3d2e1f0"
DISK_GUID = "0c1d2e3f-4051-4263-8475-8697a8b9cadb"
MBR_ID = 0x60D3_2022
STATES = ("VIRGIN", "SEALED", "SEALED_AUDIT", "DEPLOYED", "BROKEN", "FAILED_EARLY", "UNKNOWN")


@dataclass(frozen=True, slots=True)
class DiskOrder:
    """What disk is wanted; sizes in bytes. The NTFS volume stays small on a large disk."""

    state: str = "VIRGIN"
    disk_size: int = 4 << 30
    volume_size: int = 3 << 30
    firmware: str = "uefi"
    faults: Mapping[str, object] = field(default_factory=dict)
    """Baked in as C:\\Windows\\golden-stand-in\\faults.json; they act from the first boot on."""
    rearm: int = 1001

    def checked(self) -> DiskOrder:
        """This order. UsageError where no disk can be made of it."""
        if self.state not in STATES:
            raise UsageError(f"the stand-in has no state {self.state}", hint="one of " + " ".join(STATES))
        if self.firmware not in ("uefi", "bios"):
            raise UsageError(f"the stand-in has no firmware {self.firmware}", hint="uefi or bios")
        if self.volume_size % MIB or self.volume_size < 16 * MIB or self.disk_size < self.volume_size + 256 * MIB:
            raise UsageError("the stand-in's NTFS volume is whole MiB, 16 at least, and 256 less than the disk")
        return self

    @property
    def volume_offset(self) -> int:
        """Where the NTFS volume begins: after 1 MiB, on UEFI also after the ESP (100 MiB) and the MSR (16 MiB)."""
        return (117 if self.firmware == "uefi" else 1) * MIB


def write_disk(order: DiskOrder, work: Path, target: Path) -> None:
    """Make the disk in the folder ``work`` and leave it as the qcow2 ``target``."""
    tree = work / "tree"
    _write_tree(order, work, tree)
    volume = work / "volume.ntfs"
    _sparse(volume, order.volume_size)
    sectors = str(order.volume_offset // 512)
    call(["mkntfs", "-F", "-Q", "-q", "-L", "Windows", "-p", sectors, "-H", "255", "-S", "63", volume])
    call(["wimcapture", tree, work / "tree.wim", "tree", "--no-acls", "--compress=none"])
    call(["wimapply", work / "tree.wim", "1", volume])
    raw = work / "disk.raw"
    _sparse(raw, order.disk_size)
    call(["sfdisk", "-q", raw], stdin=_partitions(order).encode())
    _copy_sparse(volume, raw, order.volume_offset)
    if order.firmware == "uefi":
        _write_esp(work, raw)
    call(["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", "-o", "lazy_refcounts=off", raw, target])


def _write_tree(order: DiskOrder, work: Path, tree: Path) -> None:
    wanted: dict[str, object] = {
        "tree": str(tree), "machine": str(work / "machine"), "state": order.state, "faults": dict(order.faults),
        "rearm": order.rearm,
    }  # fmt: skip
    if order.firmware == "uefi":
        wanted["gpt_guid"] = GPT_GUID
    else:
        wanted |= {"mbr_id": MBR_ID, "offset": order.volume_offset}
    (work / "order.json").write_text(json.dumps(wanted))
    environment = {"PATH": os.defpath, "PYTHONPATH": str(HERE), "LC_ALL": "C.UTF-8"}
    ran = subprocess.run(
        [PYTHON, "-B", "-m", "programs.seed", str(work / "order.json")],
        capture_output=True, text=True, env=environment, cwd=work, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise EndpointError("the stand-in's Windows tree could not be made", details=ran.stderr[-2000:])


def _partitions(order: DiskOrder) -> str:
    size = order.volume_size // 512
    start = order.volume_offset // 512
    if order.firmware == "bios":
        return f"label: dos\nlabel-id: {MBR_ID:#x}\nstart={start}, size={size}, type=7, bootable\n"
    return (
        f"label: gpt\nlabel-id: {DISK_GUID}\n"
        'start=2048, size=204800, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name="EFI system partition"\n'
        'start=206848, size=32768, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE, name="Microsoft reserved partition"\n'
        f"start={start}, size={size}, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, uuid={GPT_GUID}, "
        'name="Basic data partition"\n'
    )


def _write_esp(work: Path, raw: Path) -> None:
    """Windows' boot files by name; nothing starts from them (the stand-in is booted by kernel and initrd)."""
    place = f"{raw}@@{MIB}"
    call(["mformat", "-i", place, "-T", "204800", "-h", "255", "-s", "63", "-v", "SYSTEM", "::"])
    call(["mmd", "-i", place, "::/EFI", "::/EFI/Boot", "::/EFI/Microsoft", "::/EFI/Microsoft/Boot"])
    stub = work / "tree/Windows/System32/cmd.exe"
    call(["mcopy", "-i", place, stub, "::/EFI/Boot/bootx64.efi"])
    call(["mcopy", "-i", place, stub, "::/EFI/Microsoft/Boot/bootmgfw.efi"])


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def _copy_sparse(source: Path, target: Path, offset: int) -> None:
    """Only what was written: a volume of some GiB holds a few MiB."""
    with source.open("rb") as reader, target.open("r+b") as writer:
        at, size = 0, source.stat().st_size
        while at < size:
            try:
                at = os.lseek(reader.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(reader.fileno(), at, os.SEEK_HOLE)
            reader.seek(at)
            writer.seek(offset + at)
            while at < end:
                piece = reader.read(min(MIB, end - at))
                writer.write(piece)
                at += len(piece)
