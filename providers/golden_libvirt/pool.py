"""Volumes of one storage pool: the only way to disks on a host whose files are not ours to see."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from xml.etree import ElementTree as ET

from golden.errors import Conflict, EndpointError, NotFound, TimedOut
from golden.waiting import Deadline, Silent, Waiting, Watcher
from golden_libvirt.connection import Line
from golden_libvirt.faults import (
    INTERNAL_ERROR,
    NO_STORAGE_POOL,
    NO_STORAGE_VOL,
    OPERATION_INVALID,
    code_of,
    is_libvirt,
    is_lost,
    translated,
)
from golden_libvirt.record import Record
from golden_libvirt.volume_disk import LOOK

PIECE = 256 * 1024
HEADER = 64 * 1024
BUSY_LIMIT = 600
"""Seconds that a volume which the daemon is still writing for a killed client is waited for."""
LOOK_LIMIT = 1
"""The same where what the daemon knows of the pool without another look is good enough."""
_MAKING = ("build", "start", "autostart")


class Readable(Protocol):
    """What an upload is read from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes; b"" at the end."""


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume as the daemon shows it now."""

    name: str
    path: str
    """On the daemon's host."""
    capacity: int
    """Bytes a guest sees."""
    length: int
    """Bytes of the file."""
    stamp: str
    """Time of the last writing as the daemon tells it."""


class Pool:
    """One storage pool of one connection."""

    def __init__(self, line: Line, name: str, watcher: Watcher | None = None) -> None:
        """NotFound with a command that makes it where it is not there; started where it is not."""
        self._line = line
        self._watcher = watcher or Silent()
        self.name = name
        with translated(f"opening the storage pool {name}"):
            try:
                self.native = line.native.storagePoolLookupByName(name)
            except line.libvirt.libvirtError as error:
                if code_of(error) != NO_STORAGE_POOL:
                    raise
                uri = line.native.getURI()
                folder = f"$HOME/.local/share/libvirt/{name}" if "/session" in uri else f"/var/lib/libvirt/{name}"
                raise NotFound(
                    f"there is no storage pool {name}", details=str(error), hint=_make_it(uri, name, folder)
                ) from error
            if not self.native.isActive():
                self._start()

    def _start(self) -> None:
        try:
            self.native.create(0)
        except self._line.libvirt.libvirtError as error:
            brief = f"the storage pool {self.name} cannot be started"
            hint = f"is what it lies on mounted there? virsh -c {self._line.native.getURI()} pool-start {self.name}"
            raise EndpointError(brief, details=str(error), hint=hint) from error

    @property
    def folder(self) -> str:
        """Where its volumes lie on the daemon's host."""
        with translated(f"asking for the folder of the pool {self.name}"):
            return _xml(self.native.XMLDesc(0)).findtext("target/path", "")

    def free(self) -> int:
        """Bytes free."""
        with translated(f"asking for the room in the pool {self.name}"):
            with contextlib.suppress(TimedOut):
                self._refresh(LOOK_LIMIT)
            return int(self.native.info()[3])

    def names(self) -> tuple[str, ...]:
        """Every volume, as the folder is now; while the daemon builds one, those that were made through it."""
        with translated(f"listing the pool {self.name}"):
            with contextlib.suppress(TimedOut):
                self._refresh(LOOK_LIMIT)
            return tuple(sorted(volume.name() for volume in self.native.listAllVolumes(0)))

    def _refresh(self, limit: float) -> None:
        """
        Have the daemon read the folder. TimedOut where it builds a volume of this pool for so long, for whomever: it
        refuses to read meanwhile (docs/facts: libvirt, Storage pools).
        """

        def is_read() -> bool:
            try:
                self.native.refresh(0)
            except self._line.libvirt.libvirtError as error:
                # "… has asynchronous jobs running", in the daemon's language.
                if code_of(error) != INTERNAL_ERROR or is_lost(error):
                    raise
                return False
            return True

        waiting = Waiting(Deadline(limit), watcher=self._watcher)
        what = f"libvirt to have built other volumes of the storage pool {self.name}"
        waiting.until(what, is_read, hint="the same command again when it is done")

    def find(self, name: str) -> Volume | None:
        """One volume; None where there is none."""
        native = self._find(name)
        if native is None:
            return None
        with translated(f"looking at the volume {name}"):
            try:
                about = _xml(native.XMLDesc(0))
            except self._line.libvirt.libvirtError as error:
                if code_of(error) != NO_STORAGE_VOL:  # Its file went since the daemon read the folder.
                    raise
                return None
            length = int(about.findtext("physical") or about.findtext("allocation") or 0)
            capacity = int(about.findtext("capacity") or 0)
            return Volume(name, native.path(), capacity, length, about.findtext("target/timestamps/mtime", ""))

    def find_written(self, name: str) -> Volume | None:
        """One volume that QEMU may have written itself, so that the daemon knows it only after another look."""
        found = self.find(name)
        if found is not None:
            return found
        with translated(f"looking for the volume {name}"):
            self._refresh(BUSY_LIMIT)
        return self.find(name)

    def get(self, name: str) -> Volume:
        """One volume; NotFound where there is none."""
        found = self.find(name)
        if found is None:
            raise NotFound(f"the volume {name} is not in the storage pool {self.name}")
        return found

    def elsewhere(self, name: str) -> str | None:
        """Another pool of the daemon's, now on, that has a volume of that name."""
        line = self._line
        with translated(f"looking for the volume {name} in other pools"):
            for other in line.native.listAllStoragePools(line.libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
                if other.name() == self.name or other.name().startswith(LOOK):
                    continue
                try:
                    other.storageVolLookupByName(name)
                except line.libvirt.libvirtError as error:
                    if code_of(error) not in (NO_STORAGE_VOL, NO_STORAGE_POOL, OPERATION_INVALID):  # Off by now.
                        raise
                else:
                    return str(other.name())
        return None

    def must_hold(self, entry: Record) -> None:
        """Conflict where the disks of a machine are in another pool than this."""
        if entry.pool not in ("", self.name) and not any(self.find(disk.file) for disk in entry.disks):
            raise misplaced(entry.name, entry.pool, self.name)

    def make_overlay(self, name: str, backing: str, backing_format: str) -> None:
        """A qcow2 that holds only differences to another volume of the pool."""
        below = self.get(backing)
        text = _volume_xml(name, "qcow2", below.capacity, (below.path, backing_format))
        with translated(f"making the volume {name}"):
            self.native.createXML(text, 0)

    def make_copy(self, name: str, source: Any) -> None:
        """A standalone qcow2 with the content of a volume (libvirt's own object) and its chain; the daemon copies."""
        with translated(f"copying into the volume {name}"):
            text = _volume_xml(name, "qcow2", int(source.info()[1]), None)
            self.native.createXMLFrom(text, source, 0)

    def native_volume(self, name: str) -> Any:
        """libvirt's own object. NotFound."""
        native = self._find(name)
        if native is None:
            raise NotFound(f"the volume {name} is not in the storage pool {self.name}")
        return native

    def upload(self, name: str, content: Readable, size: int, volume_format: str, capacity: int) -> str:
        """A new volume with these bytes; their SHA-256. A volume with that name is Conflict."""
        digest = hashlib.sha256()
        with translated(f"uploading {name}"):
            native = self.native.createXML(_volume_xml(name, volume_format, capacity, None, lazy=True), 0)
            self._send(native, content, size, digest.update)
        return digest.hexdigest()

    def put_text(self, name: str, data: bytes) -> None:
        """A small raw volume with these bytes, in place of any with that name."""
        self.delete(name)
        self.upload(name, io.BytesIO(data), len(data), "raw", len(data))

    def pieces(self, name: str, limit: int = 0) -> Iterator[bytes]:
        """The volume's file in pieces, from its start; at most ``limit`` bytes, 0 = all."""
        native = self._find(name)
        if native is None:
            raise NotFound(f"the volume {name} is not in the storage pool {self.name}")
        with translated(f"reading the volume {name}"):
            stream = self._line.native.newStream(0)
            self._once_free(name, lambda: native.download(stream, 0, limit, 0))
            done = False
            try:
                while piece := stream.recv(PIECE):
                    yield piece
                stream.finish()
                done = True
            finally:
                if not done:
                    with contextlib.suppress(self._line.libvirt.libvirtError):
                        stream.abort()

    def sha256(self, name: str) -> str:
        """The hash of the volume's whole file."""
        digest = hashlib.sha256()
        for piece in self.pieces(name):
            digest.update(piece)
        return digest.hexdigest()

    def stamp(self, name: str) -> str:
        """The cheap identity of a volume: length, time of the last writing, and the hash of its start."""
        volume = self.get(name)
        start = hashlib.sha256(b"".join(self.pieces(name, min(HEADER, volume.length) or 1))).hexdigest()
        return f"{volume.length}:{volume.stamp}:{start}"

    def delete(self, name: str) -> None:
        """Absent is success; a volume that the daemon still writes is waited for."""

        def away() -> None:
            native = self._find(name)
            if native is not None:
                native.delete(0)

        with translated(f"deleting the volume {name}"):
            self._once_free(name, away)

    def _once_free(self, name: str, act: Callable[[], None]) -> None:
        """Do something to a volume once the daemon has written it, or copied it elsewhere. TimedOut."""

        def is_done() -> bool:
            try:
                act()
            except self._line.libvirt.libvirtError as error:
                # "is still being allocated", "is still in use", in the daemon's language.
                if code_of(error) == OPERATION_INVALID and self.native.isActive():
                    return False
                raise
            return True

        waiting = Waiting(Deadline(BUSY_LIMIT), watcher=self._watcher)
        waiting.until(f"the volume {name} to be let go", is_done, hint="the same command again when it is")

    def _send(self, native: Any, content: Readable, size: int, seen: Callable[[bytes], None]) -> None:
        stream = self._line.native.newStream(0)
        try:
            native.upload(stream, 0, size, 0)
            while piece := content.read(PIECE):
                seen(piece)
                sent = 0
                while sent < len(piece):
                    sent += stream.send(piece[sent:])
            stream.finish()
        except BaseException:
            with contextlib.suppress(self._line.libvirt.libvirtError):
                stream.abort()
            with contextlib.suppress(self._line.libvirt.libvirtError):
                native.delete(0)
            raise

    def _find(self, name: str) -> Any:
        with translated(f"looking for the volume {name}"):
            try:
                return self.native.storageVolLookupByName(name)
            except Exception as error:
                if not is_libvirt(error) or code_of(error) != NO_STORAGE_VOL:
                    raise
            return None


def misplaced(what: str, there: str, here: str) -> Conflict:
    """What to say of a thing that is in another pool than the endpoint's."""
    return Conflict(
        f"{what} is in the storage pool {there}, and its endpoint uses {here}",
        hint=f'pool = "{there}" in the endpoint\'s table of golden.toml',
    )


def _make_it(uri: str, name: str, folder: str) -> str:
    """The command that makes a pool which is there after a restart too."""
    orders = (f"pool-define-as {name} dir --target {folder}", *(f"pool-{verb} {name}" for verb in _MAKING))
    return f'virsh -c {shlex.quote(uri)} "{"; ".join(orders)}"'


def _volume_xml(name: str, kind: str, capacity: int, backing: tuple[str, str] | None, *, lazy: bool = False) -> str:
    volume = ET.Element("volume")
    ET.SubElement(volume, "name").text = name
    ET.SubElement(volume, "capacity").text = str(capacity)
    if lazy:
        ET.SubElement(volume, "allocation").text = "0"
    target = ET.SubElement(volume, "target")
    ET.SubElement(target, "format", type=kind)
    if backing is not None:
        below = ET.SubElement(volume, "backingStore")
        ET.SubElement(below, "path").text = backing[0]
        ET.SubElement(below, "format", type=backing[1])
    return ET.tostring(volume, encoding="unicode")


def _xml(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - libvirt's own words
