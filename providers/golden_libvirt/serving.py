"""A disk file of any format QEMU reads, served to this process alone by qemu-nbd, read-only."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from golden.errors import EndpointError
from golden.nbd import NbdDisk, connected
from golden.waiting import Deadline, Waiting
from golden_libvirt.faults import of_tool, translated
from golden_libvirt.tools import bound


@contextmanager
def served(disk: Path, disk_format: str) -> Iterator[NbdDisk]:
    """
    Open it; the server ends with the block, and also when this process is killed.

    The folder of its socket goes as soon as the line stands, so that a killed process leaves none behind. It lies
    in the system's folder for such things because a socket's path must be short (unix(7)).
    """
    folder = Path(tempfile.mkdtemp(prefix="golden-nbd-"))
    socket, ready, words = folder / "s", folder / "pid", folder / "words"
    argv = ("qemu-nbd", "-r", "-t", "-k", str(socket), "--pid-file", str(ready), "-f", disk_format, str(disk))
    child = None
    try:
        with translated(f"reading {disk.name}"), words.open("wb") as told:
            child = subprocess.Popen(bound(argv), stdin=subprocess.DEVNULL, stdout=told, stderr=told)
        _wait(child, ready, words, disk)
        with connected(socket) as source:
            shutil.rmtree(folder, ignore_errors=True)
            yield source
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if child is not None:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _wait(child: subprocess.Popen[bytes], ready: Path, words: Path, disk: Path) -> None:
    def is_there() -> bool:
        if child.poll() is not None:
            raise of_tool(f"reading {disk}", "qemu-nbd", words.read_text("utf-8", "replace").strip())
        return ready.exists()  # written once it listens

    if not disk.exists():
        raise EndpointError(f"reading {disk}: the disk is not there")
    Waiting(Deadline(20), tick=0.01).until("qemu-nbd to open the disk", is_there)
