"""Builds the stand-in guest from Debian packages, cached by content; needs neither root nor a network as a rule."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from golden.demo.standin.disk import DiskOrder, write_disk
from golden.demo.standin.initramfs import write_initramfs
from golden.demo.standin.kernel import Kernel, find_kernel
from golden.demo.standin.tools import need_packages, versions
from golden.waiting import Silent, Watcher

HERE = Path(__file__).parent
SCRIPTS = HERE.parents[1] / "windows/scripts"
CMDLINE = "console=ttyS0 quiet"
"""Kernel command line that belongs to it; ``console`` may be left out."""
MEMORY_MIB = 256


@dataclass(frozen=True, slots=True)
class StandIn:
    """A stand-in guest ready to boot by its kernel and initrd. Read-only files: use the disk as a backing file."""

    kernel: Path
    initrd: Path
    disk: Path
    """qcow2."""
    key: str
    """SHA-256 of all that went into it."""
    cmdline: str = CMDLINE
    memory_mib: int = MEMORY_MIB


def build(
    cache: Path,
    *,
    watcher: Watcher | None = None,
    state: str = "VIRGIN",
    disk_size: int = 4 << 30,
    firmware: str = "uefi",
    order: DiskOrder | None = None,
) -> StandIn:
    """
    The stand-in guest, from ``cache`` if it was built of the same files and packages before.

    ``order`` says more about the disk than ``state``, ``disk_size`` and ``firmware`` and stands instead of them.
    Kernel and initrd are shared by all disks. Whoever is killed half-way leaves nothing that looks finished.
    Raises EndpointError that names what is missing, UsageError for a disk that cannot be.
    """
    watcher = watcher or Silent()
    order = (order or DiskOrder(state=state, disk_size=disk_size, firmware=firmware)).checked()
    need_packages()
    cache = cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    kernel = find_kernel(cache)
    system_key = _digest(_inputs(kernel))
    disk_key = _digest([system_key, json.dumps(asdict(order), sort_keys=True)])

    def system(folder: Path, work: Path) -> None:
        watcher.doing("building the stand-in guest's kernel and initramfs")
        shutil.copyfile(kernel.image, folder / "vmlinuz")
        write_initramfs(kernel, work, folder / "initrd")

    def disk(folder: Path, work: Path) -> None:
        watcher.doing(f"building the stand-in guest's disk ({order.state})")
        write_disk(order, work, folder / "disk.qcow2")

    made = _once(cache / system_key[:32], system)
    drive = _once(cache / disk_key[:32], disk) / "disk.qcow2"
    return StandIn(made / "vmlinuz", made / "initrd", drive, disk_key)


def _once(folder: Path, make: Callable[[Path, Path], None]) -> Path:
    """The finished ``folder``; made beside it and renamed, so that it is there whole or not at all."""
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as temporary:
        product, work = Path(temporary) / "product", Path(temporary) / "work"
        product.mkdir()
        work.mkdir()
        make(product, work)
        for path in product.iterdir():
            path.chmod(0o444)
        try:
            product.rename(folder)
        except OSError:  # another process was faster; what it made is the same
            if not folder.is_dir():
                raise
    return folder


def _inputs(kernel: Kernel) -> list[str]:
    """All that decides what is built: our files, golden's shipped scripts, packages, kernel."""
    files = [p for folder in (HERE, SCRIPTS) for p in sorted(folder.rglob("*")) if p.suffix in _KINDS and p.is_file()]
    ours = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files]
    return [*ours, versions(), kernel.version, str(kernel.image.stat().st_size)]


_KINDS = (".py", ".c", ".sh", ".ps1")


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
