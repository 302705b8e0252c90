"""Files of a daemon's host seen and read through libvirt itself, for endpoints whose files cannot be opened here."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import platform
import posixpath
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from golden.errors import EndpointError, NotAble, NotFound
from golden_libvirt.connection import Line
from golden_libvirt.faults import (
    NO_STORAGE_POOL,
    NO_STORAGE_VOL,
    OPERATION_FAILED,
    SYSTEM_ERROR,
    code_of,
    translated,
)
from golden_libvirt.qcow2 import Qcow2, Source
from golden_libvirt.record import Maker

_DEEPEST = 64
LOOK = "golden-look-"
"""How the names of pools begin that golden makes to see one folder, for a moment; the rest says whose they are."""
_MOST_LOOKS = 64


def by_path(line: Line, path: str) -> tuple[Any, Any]:
    """
    The volume that is a file on the daemon's host, and the pool that was made to see it (None where one had it).

    Whoever asks destroys that pool afterwards; destroying a pool leaves its files alone.
    """
    with translated(f"looking at {path} on the host"):
        try:
            volume = line.native.storageVolLookupByPath(path)
            if not volume.storagePoolLookupByVolume().name().startswith(LOOK):
                return volume, None
        except line.libvirt.libvirtError as error:
            if code_of(error) not in (NO_STORAGE_VOL, NO_STORAGE_POOL):
                raise
        where = Path(path)
        pool = _look(line, str(where.parent))
        try:
            return pool.storageVolLookupByName(where.name), pool
        except BaseException:
            with contextlib.suppress(line.libvirt.libvirtError):
                pool.destroy()
            raise


def _look(line: Line, folder: str) -> Any:
    """
    A pool of this process's own over a folder: one that has it already may be off, or have looked before the file was
    there and not look again (it builds a volume), or be another process's that takes it away any moment.
    """
    for one in line.native.listAllStoragePools(0):
        if one.name().startswith(LOOK):
            if _is_left(one.name()):
                with contextlib.suppress(line.libvirt.libvirtError):
                    one.destroy()
        elif not one.isActive():
            about = ET.fromstring(one.XMLDesc(0))  # noqa: S314 - libvirt's own words
            if about.findtext("target/path") == folder and about.get("type") != "dir":
                one.create(0)  # What is mounted only by it. Left on: others may have begun to use it.
    for dots in range(_MOST_LOOKS):
        wanted = ET.Element("pool", type="dir")
        ET.SubElement(wanted, "name").text = f"{LOOK}{_ours()}-{secrets.token_hex(2)}"
        # libvirt refuses a second pool of the same folder and compares what is written (docs/facts: Storage pools).
        ET.SubElement(ET.SubElement(wanted, "target"), "path").text = folder + "/." * dots
        try:
            return line.native.storagePoolCreateXML(ET.tostring(wanted, encoding="unicode"), 0)
        except line.libvirt.libvirtError as error:
            if code_of(error) == SYSTEM_ERROR and error.get_int1() == errno.ENOENT:
                raise NotFound(f"there is no folder {folder} on libvirt's host", details=str(error)) from error
            if code_of(error) != OPERATION_FAILED or dots == _MOST_LOOKS - 1:
                raise
    raise AssertionError


def _ours() -> str:
    """What tells this process from any other of any computer that uses the same daemon."""
    place = "".join((platform.node(), _read("/etc/machine-id"), str(Path("/proc/self/ns/pid").readlink())))
    maker = Maker.this()
    return f"{hashlib.sha256(place.encode()).hexdigest()[:8]}-{maker.pid}-{maker.started}"


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii").strip()
    except OSError:
        return ""


def _is_left(name: str) -> bool:
    """Whether it is a look of a process of this computer that is not any more."""
    made = re.fullmatch(rf"{LOOK}([0-9a-f]{{8}})-(\d+)-(\d+)-[0-9a-f]{{4}}", name)
    if made is None or made[1] != _ours().partition("-")[0]:
        return False
    maker = Maker(int(made[2]), made[3])
    return maker != Maker.this() and not maker.is_another()


@contextmanager
def open_volume(line: Line, path: str, disk_format: str) -> Iterator[Source]:
    """
    The disk whose file the endpoint has at ``path``, and all that lies below it; ``disk_format`` qcow2 or raw.

    Only the bytes that are asked for travel. NotAble where something below lies in no storage pool, or is of a format
    that only QEMU reads.
    """
    native, made_for_it = by_path(line, path)
    try:
        yield _opened(line, native, disk_format, 0)
    finally:
        if made_for_it is not None:
            with contextlib.suppress(line.libvirt.libvirtError):
                made_for_it.destroy()


def _opened(line: Line, native: Any, disk_format: str, depth: int) -> Source:
    with translated("looking at a volume"):
        path = str(native.path())
    file = _Volume(line, native, path)
    if disk_format == "raw":
        return file
    if disk_format != "qcow2" or depth > _DEEPEST:
        what = f"its format is {disk_format}" if depth <= _DEEPEST else "its chain has no end"
        raise NotAble(f"{path} cannot be read from afar: {what}", hint="run golden on the host of the hypervisor")
    disk = Qcow2(file, path)
    if disk.backing:
        below = _below(line, native, path, disk.backing)
        disk.put_on(_opened(line, below, disk.backing_format or "raw", depth + 1))
    return disk


def _below(line: Line, native: Any, path: str, backing: str) -> Any:
    """The volume that a backing file's name means; relative names are beside the file that holds them."""
    folder = posixpath.dirname(posixpath.normpath(path))
    whole = posixpath.normpath(posixpath.join(folder, backing))
    try:
        if posixpath.dirname(whole) == folder:
            return native.storagePoolLookupByVolume().storageVolLookupByName(posixpath.basename(whole))
        return line.native.storageVolLookupByPath(whole)
    except line.libvirt.libvirtError as error:
        raise NotAble(
            f"{whole}, which lies below {path}, is in no storage pool of the endpoint, so it cannot be read from here",
            details=str(error),
            hint="make a pool of its folder (virsh pool-define-as, pool-start, pool-autostart), or run golden there",
        ) from error


class _Volume:
    """The bytes of a volume's file."""

    def __init__(self, line: Line, native: Any, name: str) -> None:
        self._line = line
        self._native = native
        self._name = name
        with translated(f"looking at the volume {name}"):
            about = ET.fromstring(native.XMLDesc(0))  # noqa: S314 - libvirt's own words
        self.size = int(about.findtext("physical") or about.findtext("allocation") or 0)
        """Of the file itself; a qcow2's capacity is another thing."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the file."""
        size = max(0, min(size, self.size - offset))
        if not size:
            return b""
        pieces, left = [], size
        with translated(f"reading the volume {self._name}"):
            stream = self._line.native.newStream(0)
            done = False
            try:
                self._native.download(stream, offset, size, 0)
                while left > 0 and (piece := stream.recv(min(left, 1 << 18))):
                    pieces.append(piece)
                    left -= len(piece)
                stream.finish()
                done = True
            finally:
                if not done:
                    with contextlib.suppress(self._line.libvirt.libvirtError):
                        stream.abort()
        if left:
            raise EndpointError(f"the volume {self._name} ended {left} bytes early")
        return b"".join(pieces)
