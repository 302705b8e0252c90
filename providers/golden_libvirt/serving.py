"""A disk file of any format QEMU reads, served to this process alone by qemu-nbd, read-only."""

from __future__ import annotations

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
    """Open it; the server ends with the block, and also when this process is killed."""
    with tempfile.TemporaryDirectory(prefix="golden-nbd-") as folder:
        socket = Path(folder) / "s"
        argv = (
            "qemu-nbd",
            "-r",
            "-t",
            "-k",
            str(socket),
            "--pid-file",
            str(Path(folder) / "pid"),
            "-f",
            disk_format,
            str(disk),
        )
        with translated(f"reading {disk.name}"), (Path(folder) / "words").open("wb") as words:
            child = subprocess.Popen(bound(argv), stdin=subprocess.DEVNULL, stdout=words, stderr=words)
        try:
            _wait(child, Path(folder) / "pid", Path(folder) / "words", disk)
            with connected(socket) as source:
                yield source
        finally:
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
