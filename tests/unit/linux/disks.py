"""Small real ext4 disks of made-up Linux systems, built without root."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

MACHINE_ID = "0123456789abcdef0123456789abcdef"
OS_RELEASE = """PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
# a comment
BROKEN="no end
"""


def tree(folder: Path) -> Path:
    """A virgin Debian-like root file system with merged /usr and links as Debian has them."""
    for name in ("usr/bin", "usr/sbin", "usr/lib", "etc/ssh", "var/lib/dbus", "var/log", "root", "home/ann", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "var/tmp").mkdir()
    (folder / "bin").symlink_to("usr/bin")
    (folder / "usr/lib/os-release").write_text(OS_RELEASE)
    (folder / "etc/os-release").symlink_to("../usr/lib/os-release")
    (folder / "etc/hostname").write_text("reference\n")
    (folder / "etc/machine-id").write_text(f"{MACHINE_ID}\n")
    (folder / "usr/bin/dash").write_bytes(elf(0x3E))
    (folder / "usr/bin/sh").symlink_to("dash")
    return folder


def elf(machine: int) -> bytes:
    """The start of a program for one machine, by its number in the ELF standard."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, machine) + bytes(44)


def disk(folder: Path, target: Path, *, partitioned: bool = False) -> Path:
    """An ext4 volume with the folder's content, on a whole disk or in the first partition of an MBR."""
    start = 1 << 20 if partitioned else 0
    with target.open("wb") as file:
        file.truncate(start + (24 << 20))
        if partitioned:
            sectors = (24 << 20) // 512
            entry = struct.pack("<B3sB3sII", 0x80, b"\0\2\0", 0x83, b"\0\0\0", start // 512, sectors)
            file.seek(446)
            file.write(entry + bytes(48) + b"\x55\xaa")
    options = ["-E", f"offset={start}"] if partitioned else []
    subprocess.run(
        ["/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", str(folder), *options, str(target), "24M"], check=True
    )
    return target
