"""Promises about reading disks from outside, room, and pictures of the screen."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from golden.disk.raw import RawFile
from golden.disk.vmdk import StreamVmdk
from golden.errors import Conflict, NotAble
from golden.model import Artifact, Machine, Origin, Role, Snapshot
from golden.provider import DiskExporter
from golden.testing.contract import Ground, must, refused

SECTOR = 512


def a_disk_is_read_from_outside(ground: Ground) -> None:
    """The disk of an origin, a frozen point and a clone that is off reads the same, and ends where it ends."""
    clone = ground.clone("read")
    things = (ground.bench.origin(), ground.base, clone)
    if not ground.hypervisor.abilities.open_disk:
        for thing in things:
            with refused(NotAble, "opening a disk where none can be"), ground.hypervisor.open_disk(thing):
                pass
        ground.hypervisor.destroy(clone)
        return
    first, *others = [_ends(ground, thing) for thing in things]
    must(all(other == first for other in others), "the same disk reads differently")
    ground.hypervisor.destroy(clone)


def a_disk_in_use_is_not_opened(ground: Ground) -> None:
    """Opening the disk of a machine that is on is Conflict."""
    if not ground.hypervisor.abilities.open_disk:
        return
    machine = ground.hypervisor.start(ground.clone("busy"))
    with refused(Conflict, "opening the disk of a machine that is on"), ground.hypervisor.open_disk(machine):
        pass
    ground.hypervisor.destroy(machine)


def an_export_is_the_whole_disk(ground: Ground) -> None:
    """What is exported of a machine that is off reads as one disk, again as the same; one that is on is Conflict."""
    exporter = ground.hypervisor
    if not ground.hypervisor.abilities.export_disk or not isinstance(exporter, DiskExporter):
        return
    clone = ground.clone("exported")
    with TemporaryDirectory() as name:
        folder = Path(name)
        exporter.export_disk(clone, folder / "once.vmdk")
        exporter.export_disk(clone, folder / "again.vmdk")
        once, again = (_ends_of_export(folder / f"{one}.vmdk") for one in ("once", "again"))
        must(once == again, "the same disk is exported differently")
        ground.hypervisor.start(clone)
        with refused(Conflict, "exporting the disk of a machine that is on"):
            exporter.export_disk(ground.now(clone), folder / "on.vmdk")
    ground.hypervisor.destroy(ground.now(clone))


def reading_writes_nothing(ground: Ground) -> None:
    """Reading a frozen disk from outside leaves its identity as it is."""
    if not ground.hypervisor.abilities.open_disk:
        return
    before = ground.hypervisor.identity(ground.base)
    _ends(ground, ground.base)
    must(ground.hypervisor.identity(ground.base) == before, "reading changed it")


def free_space_is_bytes_or_unknown(ground: Ground) -> None:
    """Free space is a number of bytes, or None."""
    free = ground.hypervisor.free_space()
    must(free is None or free >= 0, f"free space is {free}")


def the_screen_is_a_picture_or_not_able(ground: Ground) -> None:
    """The screen of a machine that is on is PNG or PPM, or NotAble; of one that is off it is NotAble."""
    machine = ground.clone("screen")
    with refused(NotAble, "a picture of a machine that is off"):
        ground.hypervisor.console_picture(machine)
    machine = ground.hypervisor.start(machine)
    if ground.hypervisor.abilities.console_picture:
        picture = ground.hypervisor.console_picture(machine)
        must(picture.startswith((b"\x89PNG", b"P6")), f"neither PNG nor PPM: {picture[:8]!r}")
    else:
        with refused(NotAble, "a picture where there are none"):
            ground.hypervisor.console_picture(machine)
    ground.hypervisor.destroy(machine)


def adopting_in_place_leaves_the_disk(ground: Ground) -> None:
    """An endpoint that cannot adopt in place says so; destroying what was adopted in place spares the user's disk."""
    origin, name = ground.bench.origin(), ground.name("place")
    if not ground.hypervisor.abilities.adopt_in_place:
        with refused(NotAble, "adopting in place where it cannot be"):
            ground.hypervisor.adopt(name, origin, ground.mark(Role.VERSION), in_place=True)
        must(ground.hypervisor.find(name) is None, "a refused adoption is left")
        return
    before = ground.hypervisor.examine(origin)
    machine = ground.hypervisor.adopt(name, origin, ground.mark(Role.VERSION), in_place=True)
    ground.hypervisor.destroy(machine)
    must(ground.hypervisor.examine(origin) == before, "the user's machine is not what it was")


def _ends(ground: Ground, thing: Machine | Snapshot | Artifact | Origin) -> tuple[int, bytes, bytes]:
    with ground.hypervisor.open_disk(thing) as disk:
        must(disk.size > 0, "the disk has no size")
        first, last = disk.read_at(0, SECTOR), disk.read_at(max(0, disk.size - SECTOR), SECTOR * 2)
        must(len(first) == min(SECTOR, disk.size), "the first sector is not whole")
        must(len(last) == min(SECTOR, disk.size), "reading past the end does not stop at the end")
        must(disk.read_at(disk.size, 1) == b"", "there is something after the end")
        return disk.size, first, last


def _ends_of_export(path: Path) -> tuple[int, bytes, bytes]:
    with RawFile(path) as file:
        disk = StreamVmdk(file)
        must(disk.size > 0 and disk.size % SECTOR == 0, f"the export is a disk of {disk.size} bytes")
        return disk.size, disk.read_at(0, SECTOR), disk.read_at(disk.size - SECTOR, SECTOR)


PROMISES = (
    a_disk_is_read_from_outside,
    a_disk_in_use_is_not_opened,
    an_export_is_the_whole_disk,
    reading_writes_nothing,
    free_space_is_bytes_or_unknown,
    the_screen_is_a_picture_or_not_able,
    adopting_in_place_leaves_the_disk,
)
