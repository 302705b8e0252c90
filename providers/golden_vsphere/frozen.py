"""The frozen files of a point: their cheap identity, and every byte of them hashed over the datastore's own HTTP."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from golden.errors import EndpointError, NotFound, Refused
from golden.model import DiskFile, FileStamp
from golden.waiting import Watcher
from golden_vsphere import devices
from golden_vsphere.faults import translated
from golden_vsphere.inventory import Places
from golden_vsphere.machines import Held, Point
from golden_vsphere.reading import props

SNAPSHOT = (
    "config.hardware.device",
    "config.hardware.numCPU",
    "config.hardware.memoryMB",
    "config.firmware",
    "config.guestId",
    "config.version",
)
PIECE = 1 << 20
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
        disks = tuple(FileStamp(str(disk.backing.fileName), _stamp(disk)) for disk in devices.disks(self.hardware))
        return (*disks, FileStamp(where, hashlib.sha256(self.definition.encode()).hexdigest()[:16]))


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
    """Every disk's files, read whole over the network, under the disk's name; and the definition."""
    layout = props(places.line, held.native, ("layoutEx.file",)).get("layoutEx.file", ())
    files = {str(file.name): file for file in layout if str(file.type) in _EXTENTS}
    found = []
    for disk in devices.disks(frozen.hardware):
        name = str(disk.backing.fileName)
        size, digest = 0, hashlib.sha256()
        for part in _parts(name, files):
            watcher.doing(f"reading {part}")
            size += _read(places, part, digest)
        found.append(DiskFile(name, "disk", "vmdk", size, digest.hexdigest(), local=False))
    text = frozen.definition.encode()
    definition = DiskFile(where, "definition", "json", len(text), hashlib.sha256(text).hexdigest(), local=False)
    return (*found, definition)


def _parts(descriptor: str, files: dict[str, Any]) -> list[str]:
    """A disk's descriptor and extents, by VMFS's rule for their names: ``disk.vmdk``, ``disk-flat.vmdk``."""
    stem = descriptor.removesuffix(".vmdk")
    extents = [f"{stem}-{kind}.vmdk" for kind in ("flat", "delta", "sesparse")]
    return [descriptor, *(extent for extent in extents if extent in files)]


def _read(places: Places, name: str, digest: Any) -> int:
    """Add a datastore's file to a hash; its length."""
    store, _, path = name.removeprefix("[").partition("] ")
    address = places.address
    url = f"https://{_bracketed(address.host)}:{address.port}/folder/{quote(path)}"
    query = {"dcPath": "/".join(places.path), "dsName": store}
    size = 0
    with (
        translated(f"reading {name}"),
        places.line.http() as client,
        client.stream("GET", url, params=query, cookies=places.line.cookies()) as answer,
    ):
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(f"the frozen file {name} is not there", hint="golden doctor")
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise Refused(
                f"golden's account may not read {name}",
                details=f"HTTP status {answer.status_code}; Datastore.Browse and Datastore.FileManagement on {store}",
                hint="golden endpoint check",
            )
        if answer.status_code != httpx.codes.OK:
            raise EndpointError(f"the datastore does not give {name}", details=f"HTTP status {answer.status_code}")
        for piece in answer.iter_bytes(PIECE):
            digest.update(piece)
            size += len(piece)
    return size


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
