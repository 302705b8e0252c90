"""The frozen files of a point: their cheap identity, and every byte of them hashed over the datastore's own HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from golden.errors import EndpointError, NotFound, Refused
from golden.model import DiskFile, FileStamp
from golden.waiting import Deadline, Watcher
from golden_vsphere import devices
from golden_vsphere.faults import BROKEN, of_network, untrusted
from golden_vsphere.inventory import Places
from golden_vsphere.machines import Held, Point
from golden_vsphere.observing import BACK, BREAKS, is_back
from golden_vsphere.reading import props

SNAPSHOT = (
    "config.hardware.device",
    "config.hardware.numCPU",
    "config.hardware.memoryMB",
    "config.firmware",
    "config.guestId",
    "config.version",
)
SHOWN = 1 << 20
"""Bytes between two reports of how far a file is: pieces come as the network has them."""
KEEP = 300
"""Seconds between two calls by SOAP while files are read: a session ends after 30 idle minutes (facts 1)."""
_EXTENTS = ("diskExtent", "diskDescriptor")


@dataclass(frozen=True, slots=True)
class Frozen:
    """One frozen point as vCenter has it now."""

    hardware: list[Any]
    definition: str
    """What the frozen machine is, as JSON of leaf values."""

    def stamps(self, where: str) -> tuple[FileStamp, ...]:
        """
        Of each disk what vCenter knows without reading it: its uuid, its content id (which the first write to a
        disk changes, as VMDK's CID does), its change id where changes are tracked, and its size.
        """
        disks = tuple(FileStamp(_called(disk), _stamp(disk)) for disk in devices.disks(self.hardware))
        return (*disks, FileStamp(where, hashlib.sha256(self.definition.encode()).hexdigest()[:16]))


def _called(disk: Any) -> str:
    """By its key in the machine: a file's name changes where its datastore is renamed or its machine is moved."""
    return f"disk {disk.key}"


def _stamp(disk: Any) -> str:
    backing = disk.backing
    known = (backing.uuid, backing.contentId, backing.changeId, devices.capacity(disk), devices.depth([disk]))
    return ",".join("" if value is None else str(value) for value in known)


def read(places: Places, point: Point) -> Frozen:
    """The state that a snapshot holds."""
    told = props(places.line, point.native, SNAPSHOT)
    hardware = list(told.pop("config.hardware.device", ()))
    kinds = sorted(f"{type(one).__name__} {one.key}" for one in hardware)
    return Frozen(hardware, json.dumps({**told, "devices": kinds}, sort_keys=True, default=str))


def hashed(places: Places, held: Held, frozen: Frozen, where: str, watcher: Watcher) -> tuple[DiskFile, ...]:
    """Every disk's files, read whole over the network; and the definition."""
    layout = props(places.line, held.native, ("layoutEx.file",)).get("layoutEx.file", ())
    sizes = {str(file.name): int(file.size or 0) for file in layout if str(file.type) in _EXTENTS}
    reading = Reading(places, watcher)
    found = []
    for disk in devices.disks(frozen.hardware):
        name = str(disk.backing.fileName)
        size, digest = 0, hashlib.sha256()
        for part in _parts(name, sizes):
            watcher.doing(f"reading {part}")
            size += reading.add(part, digest, sizes.get(part, 0))
        found.append(DiskFile(_called(disk), "disk", "vmdk", size, digest.hexdigest(), local=False))
    text = frozen.definition.encode()
    definition = DiskFile(where, "definition", "json", len(text), hashlib.sha256(text).hexdigest(), local=False)
    return (*found, definition)


def _parts(descriptor: str, known: Container[str]) -> list[str]:
    """A disk's descriptor and extents, by VMFS's rule for their names: ``disk.vmdk``, ``disk-flat.vmdk``."""
    stem = descriptor.removesuffix(".vmdk")
    extents = [f"{stem}-{kind}.vmdk" for kind in ("flat", "delta", "sesparse")]
    return [descriptor, *(extent for extent in extents if extent in known)]


@dataclass(slots=True)
class Reading:
    """Datastores' files over plain HTTP, which takes hours: the session is kept alive, and a broken stream goes on."""

    places: Places
    watcher: Watcher
    keep: float = KEEP
    """Seconds between two calls that keep the session from ending."""
    _kept: Deadline = field(init=False, repr=False)

    def add(self, name: str, digest: Any, whole: int) -> int:
        """Add a file to a hash; its length. ``whole`` is what vCenter says of it."""
        size = broken = 0
        while True:
            try:
                for piece in self._pieces(name, size):
                    digest.update(piece)
                    size, broken = size + len(piece), 0
                    if size // SHOWN > (size - len(piece)) // SHOWN:
                        self.watcher.progress(f"reading {name}", size, max(whole, size))
            except BROKEN as error:
                broken, line = broken + 1, self.places.line
                if broken > BREAKS or untrusted(error) or not is_back(line, Deadline(BACK), self.watcher):
                    raise of_network(f"reading {name}", error) from error
            else:
                self.watcher.progress(f"reading {name}", size, size)
                return size

    def _pieces(self, name: str, at: int) -> Iterator[bytes]:
        """From an offset on; of a server that gives no ranges the beginning is dropped."""
        with self._asked(name, at) as answer:
            skip = 0 if answer.status_code == httpx.codes.PARTIAL_CONTENT else at
            for piece in answer.iter_raw():
                rest = piece[skip:]
                skip -= len(piece) - len(rest)
                if rest:
                    yield rest
                if self._kept.left <= 0:
                    self._stay()
        if skip:
            raise EndpointError(f"{name} became shorter while golden read it")

    def _stay(self) -> None:
        self.places.line.stay()
        self._kept = Deadline(self.keep)

    @contextmanager
    def _asked(self, name: str, at: int) -> Iterator[httpx.Response]:
        """The answer that holds the file from an offset on, or all of it."""
        store, _, path = name.removeprefix("[").partition("] ")
        address = self.places.address
        url = httpx.URL(
            f"https://{_bracketed(address.host)}:{address.port}/folder/{quote(path)}",
            params={"dcPath": "/".join(self.places.path), "dsName": store},
        )
        with self.places.line.http() as client:
            answer = self._sent(client, url, {"Range": f"bytes={at}-"} if at else {})
            try:
                _must_be_given(answer, name, store, at)
                yield answer
            finally:
                answer.close()

    def _sent(self, client: httpx.Client, url: httpx.URL, more: dict[str, str]) -> httpx.Response:
        """Once more where the session is over, of which plain HTTP tells by a status only."""
        headers = {"Accept-Encoding": "identity", **more}
        for again in (True, False):
            self._stay()
            request = client.build_request("GET", url, headers=headers, cookies=self.places.line.cookies())
            answer = client.send(request, stream=True)
            if answer.status_code != httpx.codes.UNAUTHORIZED or not again:
                return answer
            answer.close()
        raise AssertionError


def _must_be_given(answer: httpx.Response, name: str, store: str, at: int) -> None:
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise NotFound(f"the frozen file {name} is not there", hint="golden doctor")
    if answer.status_code == httpx.codes.FORBIDDEN:
        raise Refused(
            f"golden's account may not read {name}",
            details=f"HTTP status {answer.status_code}; Datastore.Browse and Datastore.FileManagement on {store}",
            hint="golden endpoint check",
        )
    if answer.status_code == httpx.codes.PARTIAL_CONTENT:
        if answer.headers.get("Content-Range", "").startswith(f"bytes {at}-"):
            return
        raise EndpointError(f"the datastore gives another part of {name}", details=answer.headers.get("Content-Range"))
    if answer.status_code != httpx.codes.OK:
        told = f"HTTP status {answer.status_code}"
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            told += ", though golden's session lives"
        raise EndpointError(f"the datastore does not give {name}", details=told)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
