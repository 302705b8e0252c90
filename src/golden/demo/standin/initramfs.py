"""The guest's initramfs: busybox, ntfs-3g, the real qemu-ga, Python with the stand-in programs, kernel modules."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from golden.demo.standin.kernel import Kernel, modules_in_order
from golden.demo.standin.tools import PYTHON, call, libraries

HERE = Path(__file__).parent
APPLETS = ("sh", "cat", "cp", "cut", "dd", "echo", "grep", "insmod", "kill", "mkdir", "mkfifo", "mount", "poweroff",
           "reboot", "sleep", "sync", "umount", "usleep")  # fmt: skip

OS_RELEASE = b"""NAME="Microsoft Windows"
ID=mswindows
VERSION="Microsoft Windows Server 2022 (golden stand-in)"
PRETTY_NAME="Windows Server 2022 Standard (golden stand-in)"
VERSION_ID=2022
VARIANT="server"
VARIANT_ID=server
"""


@dataclass
class Archive:
    """Files by their path in the guest, written as an uncompressed cpio (unpacking costs more than reading it)."""

    files: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def add(self, path: str, data: bytes, mode: int = 0o100644) -> None:
        """One file, and the folders above it."""
        for parent in reversed(Path(path).parents[:-1]):
            self.files.setdefault(str(parent), (0o040755, b""))
        self.files[path] = (mode, data)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self.add(path, target.encode(), 0o120777)

    def program(self, source: Path, path: str) -> None:
        """A program with every library it needs."""
        self.add(path, source.read_bytes(), 0o100755)
        for library in libraries(source):
            self.library(library)

    def library(self, source: Path) -> None:
        """A shared library where the loader looks for it."""
        place = "lib64" if source.name.startswith("ld-linux") else "lib/x86_64-linux-gnu"
        self.add(f"{place}/{source.name}", source.read_bytes(), 0o100755)

    def write(self, target: Path) -> None:
        """The archive as the kernel reads it ("newc")."""
        with target.open("wb") as out:
            entries = [*sorted(self.files.items()), ("TRAILER!!!", (0, b""))]
            for number, (path, (mode, data)) in enumerate(entries, 1):
                numbers = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path) + 1, 0)
                head = b"070701" + b"".join(b"%08X" % n for n in numbers) + path.encode() + b"\0"
                out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))


def write_initramfs(kernel: Kernel, work: Path, target: Path) -> None:
    """Build the programs in ``work`` and write the whole initramfs to ``target``."""
    archive = Archive()
    for folder in ("dev", "mnt", "proc", "run", "sys", "tmp", "sbin"):
        archive.add(f"{folder}/.keep", b"")
    archive.add("init", (HERE / "guest/init.sh").read_bytes(), 0o100755)
    archive.add("bin/busybox", Path("/bin/busybox").read_bytes(), 0o100755)
    for applet in APPLETS:
        archive.link(f"bin/{applet}", "busybox")
    archive.program(Path("/bin/ntfs-3g"), "bin/ntfs-3g")
    archive.program(Path("/usr/sbin/qemu-ga"), "bin/qemu-ga")
    archive.program(Path(os.path.realpath(PYTHON)), "usr/bin/python3")
    archive.link("bin/python3", "/usr/bin/python3")
    for source, path, options in (
        ("client.c", "bin/client", ["-static"]),
        ("volume_flag.c", "bin/volume_flag", ["-static"]),
        ("power_button.c", "bin/power_button", ["-static"]),
        ("shim.c", "lib/shim.so", ["-shared", "-fPIC"]),
    ):
        built = work / Path(path).name
        call(["gcc", "-O2", "-Wall", *options, "-o", built, HERE / "guest" / source])
        archive.add(path, built.read_bytes(), 0o100755)
    archive.link("sbin/shutdown", "/bin/client")
    archive.add("etc/os-release", OS_RELEASE)
    _add_python(archive, work / "python")
    modules = modules_in_order(kernel)
    for module in modules:
        archive.add(f"modules/{module.name}", module.read_bytes())
    archive.add("modules/order", "\n".join(module.name for module in modules).encode() + b"\n")
    archive.write(target)


CONVERTERS = Path("/usr/lib/x86_64-linux-gnu/gconv")
ALIASES = b"""alias LATIN1// ISO-8859-1//
alias UTF16LE// UTF-16LE//
module ISO-8859-1// INTERNAL ISO8859-1 1
module INTERNAL ISO-8859-1// ISO8859-1 1
module UTF-16// INTERNAL UTF-16 1
module INTERNAL UTF-16// UTF-16 1
module UTF-16LE// INTERNAL UTF-16 1
module INTERNAL UTF-16LE// UTF-16 1
"""


def _add_python(archive: Archive, folder: Path) -> None:
    inputs = [HERE / "programs", HERE / "guest/server.py", HERE.parents[1] / "windows/scripts"]
    call([PYTHON, "-I", "-S", "-B", HERE / "guest/pack.py", folder, *inputs])
    for name in ("ISO8859-1.so", "UTF-16.so"):  # hivex asks iconv for every name in a hive
        archive.add(f"{str(CONVERTERS)[1:]}/{name}", (CONVERTERS / name).read_bytes(), 0o100755)
    archive.add(f"{str(CONVERTERS)[1:]}/gconv-modules", ALIASES)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            archive.add(str(path.relative_to(folder)), path.read_bytes())
            if path.suffix == ".so":
                for library in libraries(path):
                    archive.library(library)
