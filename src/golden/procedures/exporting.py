"""Reading a disk that an endpoint does not open: a copy of it, downloaded whole, read here, and taken away again."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from golden.disk.raw import RawFile
from golden.disk.source import BlockSource
from golden.disk.vmdk import StreamVmdk
from golden.errors import NotAble, StateUnusable
from golden.model import Machine
from golden.procedures.shop import Shop
from golden.provider import DiskExporter

NAME = "exported.vmdk"


@contextlib.contextmanager
def exported(shop: Shop, machine: Machine) -> Iterator[BlockSource]:
    """
    The system disk of a machine that is off. Its copy lies in the job's scratch folder for the length of the block;
    where golden was killed in it, whoever runs a job next takes the folder away.
    """
    if not isinstance(shop.hypervisor, DiskExporter):
        raise NotAble(f"this endpoint exports no disks, that of {machine.name} neither")
    shutil.rmtree(shop.scratch, ignore_errors=True)  # This job's alone: what an attempt left that was cut off.
    try:
        shop.scratch.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise StateUnusable(f"nothing can be written to {shop.scratch}", details=error.strerror) from error
    try:
        shop.watcher.doing(f"exporting the disk of {machine.name}, to read its seal from outside")
        target = shop.scratch / NAME
        shop.hypervisor.export_disk(machine, target)
        with RawFile(target) as file:
            yield StreamVmdk(file)
    finally:
        shutil.rmtree(shop.scratch, ignore_errors=True)
        with contextlib.suppress(OSError):  # Another job's folder lies in it.
            shop.scratch.parent.rmdir()
