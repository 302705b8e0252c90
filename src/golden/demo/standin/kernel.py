"""Debian's cloud kernel: the installed one, or one that is fetched into the cache without being installed."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from golden.demo.standin.tools import call
from golden.errors import EndpointError

WANTED = ("virtio_pci", "virtio_blk", "virtio_console", "virtio_scsi", "sd_mod", "fuse", "button", "evdev")
"""Kernel modules the guest loads, each after what it depends on."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel image and the folder of its modules."""

    image: Path
    modules: Path

    @property
    def version(self) -> str:
        """E.g. 6.1.0-56-cloud-amd64."""
        return self.modules.name


def find_kernel(cache: Path) -> Kernel:
    """The newest installed cloud kernel that we may read, or Debian's current one in ``cache``."""
    return _newest(Path("/")) or _newest_fetched(cache) or _fetched(cache)


def _newest(base: Path) -> Kernel | None:
    images = sorted(base.glob("boot/vmlinuz-*-cloud-amd64"), key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)])
    for image in reversed(images):
        version = image.name.removeprefix("vmlinuz-")
        for folder in (base / "lib/modules" / version, base / "usr/lib/modules" / version):
            if folder.is_dir() and os.access(image, os.R_OK):
                return Kernel(image, folder)
    return None


def _newest_fetched(cache: Path) -> Kernel | None:
    return next((k for p in sorted(cache.glob("kernel-*"), reverse=True) if (k := _newest(p))), None)


def _fetched(cache: Path) -> Kernel:
    """``apt-get download`` and ``dpkg-deb -x``: neither root nor an installed kernel is needed."""
    try:
        depends = call(["apt-cache", "depends", "--important", "linux-image-cloud-amd64"])
        package = next(line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line)
    except (EndpointError, StopIteration) as error:
        raise _no_kernel(str(error)) from error
    with tempfile.TemporaryDirectory(dir=cache, prefix=".kernel") as temporary:
        try:
            call(["apt-get", "download", package], cwd=Path(temporary))
            archive = next(Path(temporary).glob("*.deb"))
            call(["dpkg-deb", "-x", archive, Path(temporary) / "tree"])
        except (EndpointError, StopIteration) as error:
            raise _no_kernel(getattr(error, "details", None) or str(error)) from error
        target = cache / f"kernel-{package}"
        try:
            (Path(temporary) / "tree").rename(target)
        except OSError:
            if _newest(target) is None:  # Else another process was quicker, with the same package.
                raise
    found = _newest(target)
    if found is None:
        raise _no_kernel(f"{package} holds no kernel")
    return found


def _no_kernel(details: str) -> EndpointError:
    return EndpointError(
        "the stand-in guest cannot be built: there is no Debian cloud kernel here, and none could be fetched",
        details=details,
        hint="apt-get update && apt-get install --no-install-recommends linux-image-cloud-amd64",
    )


def modules_in_order(kernel: Kernel) -> list[Path]:
    """The files of the wanted modules in the order of loading; what is built into the kernel is left out."""
    files = {path.name.split(".")[0].replace("-", "_"): path for path in kernel.modules.rglob("*.ko")}
    order: list[Path] = []

    def add(name: str) -> None:
        path = files.get(name.replace("-", "_"))
        if path is None or path in order:
            return
        match = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for dependency in match[1].decode().split(",") if match else []:
            add(dependency)
        order.append(path)

    for name in WANTED:
        add(name)
    return order
