"""A disk in a storage pool read through libvirt itself, for endpoints whose files cannot be opened from here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree as ET

from golden.errors import EndpointError, NotAble
from golden_libvirt.connection import Line
from golden_libvirt.faults import translated
from golden_libvirt.pool import by_path
from golden_libvirt.qcow2 import Qcow2, Source

_DEEPEST = 64


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
        disk.put_on(_opened(line, _below(line, path, disk.backing), disk.backing_format or "raw", depth + 1))
    return disk


def _below(line: Line, path: str, backing: str) -> Any:
    """The volume that a backing file's name means; relative names are beside the file that holds them."""
    whole = backing if backing.startswith("/") else f"{path.rpartition('/')[0]}/{backing}"
    try:
        return line.native.storageVolLookupByPath(whole)
    except line.libvirt.libvirtError as error:
        raise NotAble(
            f"{whole}, which lies below {path}, is in no storage pool of the endpoint, so it cannot be read from here",
            details=str(error),
            hint="make a pool of its folder (virsh pool-create-as), or run golden on that host",
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
