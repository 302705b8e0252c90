"""
A machine's disk over an HttpNfcLease: straight from the ESXi host, checked against what the server says it sent.

While a lease is held nothing else is done with its machine. It runs out unless it is renewed by HttpNfcLeaseProgress in
its time-out, and is ended by HttpNfcLeaseComplete, or by HttpNfcLeaseAbort in every other case (facts 5a).
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from golden.errors import EndpointError, NotAble, Refused, TimedOut, Unreachable
from golden.waiting import Deadline, Watcher
from golden_vsphere import devices
from golden_vsphere.faults import BROKEN, Gone, LostAnswer, is_a, is_fault, untrusted
from golden_vsphere.inventory import Places
from golden_vsphere.leases import Lease, leased
from golden_vsphere.line import lacks_method
from golden_vsphere.machines import Held
from golden_vsphere.observing import QUESTION, come_to_rest
from golden_vsphere.reading import props
from golden_vsphere.transfer import Transfers

ATTEMPTS = 2
"""Times an export is tried whose stream breaks (long ones do now and then, none can be taken up) or lease is lost."""
AGAIN: tuple[type[Exception], ...] = (*BROKEN, LostAnswer)
RESTING = 60
"""Seconds vCenter may take to end an export's own task once its lease is over."""
ABANDONED = 900
"""Seconds until the lease of a golden that was killed has run out; vCenter's are 300 s (facts 5a)."""
RESERVE = 256 << 20
"""Bytes that are left to others, golden's own database among them, on the file system an export goes to."""
_LOOK = 64 << 20
"""Bytes between two looks at the room that is left."""
_HEX = {40: "sha1", 64: "sha256"}


class Exports:
    """Over one connection."""

    def __init__(self, places: Places, transfers: Transfers, watcher: Watcher) -> None:
        """Asks nothing yet."""
        self._line = places.line
        self._transfers = transfers
        self._watcher = watcher

    def export(self, held: Held, target: Path) -> None:
        """The system disk as a stream-optimized VMDK, whole. Raises foreign errors besides golden's own."""
        disk = _system_disk(held)
        must_have_room(target.parent, self._needed(held, disk), held.name)
        for last in (False,) * (ATTEMPTS - 1) + (True,):
            try:
                self._once(held, disk, target)
                break
            except AGAIN as error:
                if last or untrusted(error) is not None:
                    raise
                target.unlink(missing_ok=True)
            except Exception as error:
                if is_a(error, "Timedout"):
                    words = "vCenter took its lease away, since it heard nothing of it for too long"
                    raise Unreachable(f"exporting {held.name} did not work: {words}", details=str(error)) from error
                raise

    def wait_out(self, held: Held) -> None:
        """Until no export of an earlier golden holds a machine any more; one that was killed could not let go of it."""
        if held.seen.props.get(QUESTION) is None:
            self._rest(held, ABANDONED)

    def _rest(self, held: Held, seconds: float) -> None:
        with suppress(TimedOut, Gone):  # Whatever is done next with it says what is wrong.
            what = f"the export of {held.name} to end"
            come_to_rest(self._line, held.native, what, Deadline(seconds), self._watcher)

    def _once(self, held: Held, disk: Any, target: Path) -> None:
        self.wait_out(held)  # Also of a lease whose answer was lost.
        try:
            with leased(self._line, held.native, held.name, self._watcher) as lease:
                url = chosen(lease.urls, held.hardware, disk)
                arrived = self._fetch(held, lease, url, target, devices.capacity(disk))
                self._check(held, lease, url, arrived)
        finally:
            self._rest(held, RESTING)

    def _needed(self, held: Held, disk: Any) -> int:
        told = props(self._line, held.native, ("layoutEx.disk", "layoutEx.file"))
        return most(disk, told.get("layoutEx.disk", ()), told.get("layoutEx.file", ()))

    def _fetch(self, held: Held, lease: Lease, url: Any, target: Path, capacity: int) -> Arrived:
        arrived = Arrived()
        looked = 0
        with (
            self._transfers.whole(str(url.url), held.native, str(url.sslThumbprint or "")) as pieces,
            target.open("xb", buffering=0) as file,
        ):
            for piece in pieces:
                _write(file, piece, target, held.name)
                arrived.add(piece)
                lease.passed(arrived.size, capacity)
                self._watcher.progress(f"the disk of {held.name}", arrived.size, max(capacity, arrived.size))
                if arrived.size - looked >= _LOOK:
                    looked = arrived.size
                    must_have_room(target.parent, 0, held.name)
        return arrived

    def _check(self, held: Held, lease: Lease, url: Any, arrived: Arrived) -> None:
        """Against the manifest, where the server has one: it tells the size and a hash of what it has sent."""
        try:
            entries = self._line.ask(lease.native.HttpNfcLeaseGetManifest) or []
        except Exception as error:
            if is_fault(error) and lacks_method(error):
                return
            raise
        entry = next((one for one in entries if one.key == url.key), None)
        if entry is None:
            return
        wrong = arrived.differs(entry)
        if wrong:
            raise EndpointError(f"the exported disk of {held.name} is not what its host has sent", details=wrong)


class Arrived:
    """What has come of a stream: so many bytes, and their hashes."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.size = 0
        self._digests = {"sha1": hashlib.sha1(usedforsecurity=False), "sha256": hashlib.sha256()}

    def add(self, piece: bytes) -> None:
        """The next bytes."""
        self.size += len(piece)
        for digest in self._digests.values():
            digest.update(piece)

    def differs(self, entry: Any) -> str:
        """How a manifest's entry says something else, or nothing. A checksum of an unknown kind says nothing."""
        if int(entry.size) != self.size:
            return f"sent {entry.size} bytes, arrived {self.size}"
        for told in (entry.checksum, entry.sha1):
            wanted = str(told or "").lower()
            kind = _HEX.get(len(wanted), "") if re.fullmatch("[0-9a-f]*", wanted) else ""
            if kind and wanted != (met := self._digests[kind].hexdigest()):
                return f"{kind} sent {wanted}, arrived {met}"
        return ""


def most(disk: Any, layout: Iterable[Any], files: Iterable[Any]) -> int:
    """
    Bytes that an export of a disk takes at most: what its chain takes on the datastore where vCenter tells of all of
    it, never more than the disk can hold; and a sector for each grain that cannot be made smaller.
    """
    sizes, found = {file.key: int(file.size) for file in files}, devices.capacity(disk)
    for one in layout:
        keys = [key for unit in one.chain for key in unit.fileKey]
        is_whole = len(one.chain) == len(devices.chain(disk)) and all(key in sizes for key in keys)
        if one.key == disk.key and is_whole and (told := sum(sizes[key] for key in keys)):
            found = min(found, told)
    return found + found // 64


def must_have_room(folder: Path, needed: int, name: str) -> None:
    """Refused, with the numbers, where an export would not fit on this computer."""
    free = shutil.disk_usage(folder).free
    if free < needed + RESERVE:
        raise Refused(
            f"this computer has too little room for the exported disk of {name}",
            details=f"needed {_gib(needed + RESERVE)} in {folder}, free {_gib(free)}",
            hint='[golden] state = elsewhere in golden.toml; or proof = "guest" for the endpoint',
        )


def chosen(urls: Sequence[Any], hardware: Iterable[Any], disk: Any) -> Any:
    """
    What a lease offers of a disk: its key ends with the disk's controller and place, as in
    ``/vm-42/ParaVirtualSCSIController0:0``. The first disk where no key does.
    """
    offered = [url for url in urls if url.disk] or [url for url in urls if str(url.url).endswith(".vmdk")]
    if not offered:
        raise EndpointError("the export offers no disk", details=", ".join(str(url.key) for url in urls) or None)
    controller = next((one for one in hardware if one.key == disk.controllerKey), None)
    kind = type(controller).__name__.rpartition(".")[2]
    place = f"{kind}{getattr(controller, 'busNumber', None)}:{disk.unitNumber}"
    return next((url for url in offered if str(url.key).rpartition("/")[2] == place), offered[0])


def _system_disk(held: Held) -> Any:
    found = devices.disks(held.hardware)
    if not found:
        raise NotAble(f"{held.name} has no disk to be exported")
    return found[0]


def _write(file: Any, piece: bytes, target: Path, name: str) -> None:
    try:
        left = memoryview(piece)
        while left:
            left = left[file.write(left) :]
    except OSError as error:  # Not the network's: what came of that is an error of httpx's.
        brief = f"the exported disk of {name} cannot be written to {target.parent}"
        raise Refused(brief, details=f"{error.strerror}; free {_gib(shutil.disk_usage(target.parent).free)}") from error


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
