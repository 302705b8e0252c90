"""ExportVm and ExportSnapshot: leases that have to be renewed, and disks of the guests' trees, served by the host."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from golden.testing import stream_vmdk
from tests.peers.vsphere.disks import DEVICES, SNAPSHOT, disks
from tests.peers.vsphere.guests import Guests
from tests.peers.vsphere.rules import Rule
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.server import Asked
from tests.peers.vsphere.upstream import Dropped, Reply, Streamed, Upstream, Vanished, kind_of, value
from tests.peers.vsphere.wire import VIM, Call, Fault, leaf, tag
from tests.unit.disk.disks import BASIC_DATA, ESP, gpt, ntfs

KIND = "HttpNfcLease"
STREAM = [("Content-Type", "application/x-vnd.vmware-streamVmdk")]
PIECE = 64 * 1024
BLOCKED = ("MarkAsTemplate", "MarkAsVirtualMachine", "UnregisterVM")
"""Calls beside tasks that a leased machine refuses."""


@dataclass
class Offer:
    """One file of an export."""

    key: str
    path: Path
    disk: bool
    size: int = 0
    sha1: str = ""


@dataclass
class Lease:
    """One export: its machine, its task, until when it holds."""

    moid: str
    machine: str
    task: str
    until: float
    state: str = "initializing"
    offers: dict[str, Offer] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)


class Exports:
    """The leases. ``address`` and ``thumbprint`` are the host's; ``seconds`` to prepare one, ``timeout`` of each."""

    def __init__(self, upstream: Upstream, guests: Guests, folder: Path, seconds: float, timeout: float) -> None:
        self._up, self._guests, self._folder, self._seconds, self.timeout = upstream, guests, folder, seconds, timeout
        self.address = self.thumbprint = ""
        self.leases: dict[str, Lease] = {}
        self.broken: list[str] = []
        """What went wrong in the peer itself; the client sees SystemError."""
        self._lock = threading.RLock()
        self._threads: list[threading.Thread] = []

    def end(self) -> None:
        """No lease holds any more."""
        with self._lock:
            held = list(self.leases.values())
        for lease in held:
            lease.over.set()
        for thread in self._threads:
            thread.join(10)

    def held(self) -> list[str]:
        """Machines that are leased now."""
        with self._lock:
            return [one.machine for one in self.leases.values() if one.state in ("initializing", "ready")]

    def soap(self, asked: Asked, call: Call) -> str | None:
        """An export begins, is renewed or ends; everything else that is done with a leased machine is refused."""
        if call.method in ("ExportVm", "ExportSnapshot"):
            return self._begin(asked, call)
        if call.kind == KIND and call.this in self.leases:
            act = getattr(self, "_" + call.method, None)
            if act is None:
                raise Fault("MethodNotFound", {"receiver": (KIND, call.this), "method": call.method})
            answered = act(self.leases[call.this], call)
            assert isinstance(answered, str)
            return answered
        if call.method.endswith("_Task") or call.method in BLOCKED:
            machine = call.this
            if call.kind == SNAPSHOT:
                machine = self._up.texts(SNAPSHOT, call.this, "vm").get("vm", "")
            self._refuse_leased(machine)
        return None

    def _refuse_leased(self, machine: str) -> None:
        with self._lock:
            for lease in self.leases.values():
                if lease.machine == machine and lease.state in ("initializing", "ready"):
                    raise Fault("TaskInProgress", {"task": ("Task", lease.task)})

    def _begin(self, asked: Asked, call: Call) -> str:
        machine = call.this
        if call.kind == SNAPSHOT:
            machine = self._up.texts(SNAPSHOT, call.this, "vm")["vm"]
        seen = self._up.texts(VM, machine, "runtime.powerState", "config.template")
        if seen.get("config.template") == "true":
            raise Fault("NotSupported", message="The operation is not supported on the object: it is a template.")
        if call.kind == VM and seen.get("runtime.powerState") != "poweredOff":
            raise Fault("InvalidPowerState", {"requestedState": "poweredOff", "existingState": "poweredOn"})
        with self._lock:
            self._refuse_leased(machine)
            moid, task = self._up.lease(VM, machine), self._up.task(VM, machine, "VirtualMachine.exportVm")
            self._up.change("Task", task, {"info.state": value("running", "TaskInfoState")})
            lease = self.leases[moid] = Lease(moid, machine, task, time.monotonic() + 60)
        thread = threading.Thread(target=self._run, args=(lease, call.kind, call.this, asked.rules), daemon=True)
        self._threads.append(thread)
        thread.start()
        return f'<returnval type="{KIND}">{moid}</returnval>'

    def _run(self, lease: Lease, kind: str, source: str, rules: list[Rule]) -> None:
        with suppress(OSError, Vanished):  # The simulator is gone.
            if lease.over.wait(self._seconds):
                return
            for rule in rules:
                if rule.do == "task":
                    self._end(lease, "error", Fault(rule.kind, rule.detail))
                    return
            try:
                self._prepare(lease, kind, source)
            except Exception as error:
                self.broken.append(f"an export: {error!r}")
                self._end(lease, "error", Fault("SystemError", {"reason": f"the peer broke: {error!r}"}))
                return
            lease.until = time.monotonic() + self.timeout
            self._show(lease)
            while not lease.over.wait(max(0.01, lease.until - time.monotonic())):
                if time.monotonic() >= lease.until:
                    self._end(lease, "error", Fault("Timedout", message="Operation timed out."))

    def _end(self, lease: Lease, state: str, fault: Fault | None = None) -> None:
        with self._lock:
            if lease.over.is_set():
                raise Fault("InvalidState")
            lease.state = state
            lease.over.set()
        changes: dict[str, str | None] = {"state": value(state, "HttpNfcLeaseState")}
        if fault is not None:
            inner = f'<fault xsi:type="{fault.kind}">{fault.leaves()}</fault>'
            said = f"<localizedMessage>{escape(fault.message)}</localizedMessage>"
            changes["error"] = f'<val xmlns="{VIM}" xsi:type="LocalizedMethodFault">{inner}{said}</val>'
            self._up.change("Task", lease.task, {"info.error": changes["error"]})
        self._up.change(KIND, lease.moid, changes)
        over = value("success" if fault is None else "error", "TaskInfoState")
        self._up.change("Task", lease.task, {"info.state": over})

    def _show(self, lease: Lease) -> None:
        urls = "".join(
            f"<deviceUrl>{leaf('key', one.key)}<importKey/>{leaf('url', self._url(lease, name))}"
            f"{leaf('sslThumbprint', self.thumbprint)}{leaf('disk', one.disk)}{leaf('targetId', name)}"
            + ("" if one.disk else leaf("fileSize", one.path.stat().st_size))
            + "</deviceUrl>"
            for name, one in lease.offers.items()
        )
        info = (
            f'<val xmlns="{VIM}" xsi:type="HttpNfcLeaseInfo">{leaf("lease", (KIND, lease.moid))}'
            f"{leaf('entity', (VM, lease.machine))}{urls}{leaf('totalDiskCapacityInKB', 0)}"
            f"{leaf('leaseTimeout', max(1, round(self.timeout)))}</val>"
        )
        with self._lock:
            if not lease.over.is_set():
                lease.state = "ready"
                self._up.change(KIND, lease.moid, {"info": info})
                self._up.change(KIND, lease.moid, {"state": value("ready", "HttpNfcLeaseState")})

    def _url(self, lease: Lease, name: str) -> str:
        return f"https://{self.address}/nfc/{lease.moid}-{secrets.token_hex(8)}/{name}"

    def _HttpNfcLeaseProgress(self, lease: Lease, call: Call) -> str:  # noqa: N802
        if lease.over.is_set():
            raise Fault("Timedout")
        lease.until = time.monotonic() + self.timeout
        return ""

    def _HttpNfcLeaseComplete(self, lease: Lease, call: Call) -> str:  # noqa: N802
        self._end(lease, "done")
        return ""

    def _HttpNfcLeaseAbort(self, lease: Lease, call: Call) -> str:  # noqa: N802
        self._end(lease, "error", Fault("RequestCanceled", message="The task was canceled by a user."))
        return ""

    def _HttpNfcLeaseGetManifest(self, lease: Lease, call: Call) -> str:  # noqa: N802
        if lease.state != "ready":
            raise Fault("InvalidState")
        return "".join(
            f"<returnval>{leaf('key', one.key)}{leaf('sha1', one.sha1)}{leaf('checksum', one.sha1)}"
            f"{leaf('checksumType', 'sha1')}{leaf('size', one.size)}{leaf('disk', one.disk)}</returnval>"
            for one in lease.offers.values()
            if one.sha1
        )

    def rest(self, asked: Asked) -> Reply | None:
        """A file of a lease that holds, without a session: its URL is the ticket."""
        if not asked.path.startswith("/nfc/"):
            return None
        _, _, ticket, name = asked.path.split("/", 3)
        lease = self.leases.get(ticket.rpartition("-")[0])
        if lease is None:  # An import's: the simulator's.
            return None
        if lease.state != "ready" or name not in lease.offers or asked.verb != "GET":
            return Reply(404, [], b"")
        return Streamed(200, STREAM, b"", self._pieces(lease, lease.offers[name], {rule.do for rule in asked.rules}))

    def _pieces(self, lease: Lease, offer: Offer, deeds: set[str]) -> Iterator[bytes]:
        whole, sent, digest = offer.path.stat().st_size, 0, hashlib.sha1()
        with offer.path.open("rb") as file:
            while piece := file.read(PIECE):
                if lease.over.is_set() or ("break" in deeds and sent >= whole // 2):
                    raise Dropped
                digest.update(piece)
                sent += len(piece)
                yield piece if "spoil" not in deeds or sent < whole else piece[:-1] + bytes((piece[-1] ^ 1,))
        offer.size, offer.sha1 = sent, digest.hexdigest()

    def _prepare(self, lease: Lease, kind: str, source: str) -> None:
        """Files in an order that tells nothing: what the machine boots from comes last."""
        folder = self._folder / lease.moid
        folder.mkdir(parents=True)
        devices = self._up.properties(kind, source, DEVICES)[DEVICES]
        found = list(disks(devices))
        (folder / "nvram").write_bytes(bytes(8684))
        lease.offers[f"{lease.machine}.nvram"] = Offer(f"/{lease.machine}/nvram", folder / "nvram", disk=False)
        for number, disk in reversed(list(enumerate(found))):
            name = f"disk-{number}.vmdk"
            capacity = int(disk.findtext(tag("capacityInKB"), "0")) * 1024
            tree = self._guests.of(source) / "c" if number == 0 else None
            (folder / name).hardlink_to(self._disk(tree, capacity))
            key = f"/{lease.machine}/{_place(devices, disk)}"
            lease.offers[name] = Offer(key, folder / name, disk=True)

    def _disk(self, tree: Path | None, capacity: int) -> Path:
        """The disk of a tree as it is now; made once for each that is different."""
        seen = hashlib.sha256(f"{capacity}\n".encode())
        for path in sorted(tree.rglob("*")) if tree is not None else ():
            about = path.lstat()
            seen.update(f"{path.relative_to(tree)} {about.st_size} {about.st_mtime_ns}\n".encode())  # type: ignore[arg-type]
        work = self._folder / seen.hexdigest()[:16]
        made = work / "disk.vmdk"
        if not made.exists():
            write_disk(work, tree, made, capacity)
        return made


def write_disk(work: Path, tree: Path | None, target: Path, capacity: int) -> None:
    """A stream-optimized VMDK with an NTFS volume that holds what ``tree`` holds; an empty one without a tree."""
    work.mkdir()
    raw = work / "raw"
    raw.touch()
    if tree is not None and tree.is_dir():
        size = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file() or path.is_symlink())
        volume = ntfs(tree, work / "windows.ntfs", (size >> 20) * 5 // 4 + 48)
        gpt(raw, (ESP, 2), (BASIC_DATA, volume))
        assert raw.stat().st_size <= capacity, f"{capacity} bytes are too few for the guest's {size}"
    stream_vmdk.write(raw, target, capacity)


def _place(devices: ET.Element, disk: ET.Element) -> str:
    key = disk.findtext(tag("controllerKey"))
    controller = next(each for each in devices if each.findtext(tag("key")) == key)
    return f"{kind_of(controller)}{controller.findtext(tag('busNumber'), '0')}:{disk.findtext(tag('unitNumber'), '0')}"
