"""The Debian programs and packages that the stand-in is made of; a clear sentence where one is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from golden.errors import EndpointError

PYTHON = "/usr/bin/python3"
"""Debian's own: python3-hivex is visible to no other."""

PACKAGES = {
    "/bin/busybox": "busybox-static",
    "/usr/sbin/qemu-ga": "qemu-guest-agent",
    "/bin/ntfs-3g": "ntfs-3g",
    "/sbin/mkntfs": "ntfs-3g",
    "/usr/bin/gcc": "gcc libc6-dev",
    "/usr/bin/wimapply": "wimtools",
    "/sbin/sfdisk": "fdisk",
    "/usr/bin/mformat": "mtools",
    "/usr/bin/qemu-img": "qemu-utils",
    PYTHON: "python3",
    "/usr/lib/python3/dist-packages/hivex/__init__.py": "python3-hivex",
}
"""A file of each package that the build needs, and the package."""


def need_packages() -> None:
    """Raise EndpointError that names every missing apt package at once."""
    missing = sorted({package for file, package in PACKAGES.items() if not Path(file).exists()})
    if missing:
        raise EndpointError(
            f"the stand-in guest cannot be built: {len(missing)} Debian packages are missing",
            details=", ".join(missing),
            hint="apt-get install --no-install-recommends " + " ".join(missing),
        )


def call(argv: Sequence[str | Path], *, cwd: Path | None = None, stdin: bytes | None = None) -> str:
    """Run a tool to its end; its output, or EndpointError with its words."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment = {"PATH": path, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "MTOOLS_SKIP_CHECK": "1"}
    program = shutil.which(str(argv[0]), path=path)
    if program is None:
        raise EndpointError(f"the stand-in guest cannot be built: there is no program {argv[0]}")
    ran = subprocess.run(
        [program, *map(str, argv[1:])], cwd=cwd, input=stdin, capture_output=True, env=environment, check=False
    )
    if ran.returncode:
        raise EndpointError(
            f"the stand-in guest cannot be built: {argv[0]} ended with code {ran.returncode}",
            details=(ran.stderr or ran.stdout).decode(errors="replace")[-2000:],
        )
    return ran.stdout.decode(errors="replace")


def versions() -> str:
    """Names and versions of the installed packages, one a line: part of the cache's key."""
    names = sorted({name for value in PACKAGES.values() for name in value.split()})
    known = call(["dpkg-query", "-W", *names, "libc6"])
    files = [Path(os.path.realpath(name)) for name in PACKAGES]
    return known + "\n".join(f"{path} {path.stat().st_size} {int(path.stat().st_mtime)}" for path in files)


def libraries(program: Path) -> list[Path]:
    """The shared libraries a program needs, loader included, as ldd finds them."""
    found = []
    for line in call(["ldd", program]).splitlines():
        words = line.replace("=>", " ").split()
        found += [Path(word) for word in words if word.startswith("/")][-1:]
    return found
