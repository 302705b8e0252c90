"""
An update and a capture as one sequence of work at vCenter, done twice: by the verbs of golden's provider, and by bare
calls through pyvmomi that know nothing of golden.

Both clone linked from a frozen point, clear the clone of host devices and networks, boot it, do the same work in the
guest, wait until it has switched itself off, and freeze; look into a clone of what was frozen; and make a template of
a flat copy of another. The bare one looks nothing up that it was told before, checks no right and no room, leaves no
record, and takes every answer for granted.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl
from tests.peers.vsphere.peer import Peer

from benchmarks.verbs import LIMIT, SYSTEM32, work
from golden.model import Machine
from golden.waiting import Deadline, Waiting
from golden_vsphere import devices

Collector: Any = vmodl.query.PropertyCollector
Guest: Any = vim.vm.guest


class Bare:
    """pyvmomi alone, as a script would use it; one collector for each wait, as golden has."""

    def __init__(self, peer: Peer, instance: Any, base: str, point: str) -> None:
        self._stub = instance._stub
        self._content = instance.RetrieveContent()
        self._login = Guest.NamePasswordAuthentication(
            username=peer.guest_user, password=peer.guest_password, interactiveSession=False
        )
        self._hosts = httpx.Client(verify=ssl.create_default_context(cafile=str(peer.host_ca)), trust_env=False)
        self._base: Any = vim.VirtualMachine(base, self._stub)
        told = self._read(self._base, "parent", "snapshot.rootSnapshotList", "resourcePool")
        self._folder, self._pool = told["parent"], told["resourcePool"]
        self._point = next(node.snapshot for node in told["snapshot.rootSnapshotList"] if node.name == point)

    def close(self) -> None:
        """Let go of the hosts."""
        self._hosts.close()

    def update_and_capture(self) -> None:
        """The same as golden's."""
        clone = self._worked("bare-clone", self._base, self._point)
        self._done(clone.CreateSnapshot_Task("v2", "", memory=False, quiesce=False))
        frozen = self._read(clone, "snapshot.currentSnapshot")["snapshot.currentSnapshot"]
        self._read(frozen, "config.hardware.device")
        self._done(self._worked("bare-looking", clone, frozen).Destroy_Task())
        sealed = self._worked("bare-capture", clone, frozen)
        where = vim.vm.RelocateSpec(diskMoveType="moveAllDiskBackingsAndDisallowSharing", pool=self._pool)
        image = self._done(sealed.CloneVM_Task(self._folder, "bare-image", vim.vm.CloneSpec(location=where)))
        changes = devices.deployable(self._read(image, "config.hardware.device")["config.hardware.device"])
        self._done(image.ReconfigVM_Task(vim.vm.ConfigSpec(annotation="an image", deviceChange=changes)))
        image.MarkAsTemplate()
        self._done(sealed.Destroy_Task())
        self._read(frozen, "config.hardware.device")
        self._done(image.Destroy_Task())
        self._done(frozen.RemoveSnapshot_Task(removeChildren=False, consolidate=True))
        self._done(clone.Destroy_Task())

    def _worked(self, name: str, source: Any, point: Any) -> Any:
        where = vim.vm.RelocateSpec(diskMoveType="createNewChildDiskBacking", pool=self._pool)
        spec = vim.vm.CloneSpec(location=where, snapshot=point, powerOn=False, template=False, memory=False)
        machine = self._done(source.CloneVM_Task(self._folder, name, spec))
        changes = devices.cleaned(self._read(machine, "config.hardware.device")["config.hardware.device"], None)
        self._done(machine.ReconfigVM_Task(vim.vm.ConfigSpec(annotation="a clone", deviceChange=changes)))
        self._done(machine.PowerOnVM_Task(None))
        self._watch(machine, ("guest.guestOperationsReady",), lambda told: told.get("guest.guestOperationsReady"))
        line = _Line(self._stub, machine, self._login, self._hosts)
        line.ready()
        work(line)

        def is_off() -> bool:
            return str(self._read(machine, "runtime.powerState")["runtime.powerState"]) == "poweredOff"

        Waiting(Deadline(LIMIT)).until("the guest to switch itself off", is_off)
        return machine

    def _read(self, native: Any, *paths: str) -> dict[str, Any]:
        wanted = Collector.FilterSpec(
            objectSet=[Collector.ObjectSpec(obj=native)],
            propSet=[Collector.PropertySpec(type=type(native), pathSet=list(paths))],
        )
        found = self._content.propertyCollector.RetrievePropertiesEx([wanted], Collector.RetrieveOptions())
        return {prop.name: prop.val for one in found.objects for prop in one.propSet}

    def _done(self, task: Any) -> Any:
        told = self._watch(
            task, ("info.state", "info.error", "info.result"), lambda now: now.get("info.state") in ("success", "error")
        )
        if told["info.state"] == "error":
            raise told["info.error"]
        return told.get("info.result")

    def _watch(self, native: Any, paths: tuple[str, ...], over: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        collector = self._content.propertyCollector.CreatePropertyCollector()
        told: dict[str, Any] = {}
        version = ""
        try:
            spec = Collector.FilterSpec(
                objectSet=[Collector.ObjectSpec(obj=native)],
                propSet=[Collector.PropertySpec(type=type(native), pathSet=list(paths))],
            )
            collector.CreateFilter(spec, True)
            while not over(told):
                update = collector.WaitForUpdatesEx(version, Collector.WaitOptions(maxWaitSeconds=5))
                if update is not None:
                    version = update.version
                    told |= {c.name: c.val for f in update.filterSet for o in f.objectSet for c in o.changeSet}
            return told
        finally:
            collector.Destroy()


class _Line:
    """The calls of guest operations, one for one."""

    def __init__(self, stub: Any, machine: Any, login: Any, hosts: httpx.Client) -> None:
        self._machine, self._login, self._hosts = machine, login, hosts
        self._auth = Guest.AuthManager("guestOperationsAuthManager", stub)
        self._files = Guest.FileManager("guestOperationsFileManager", stub)
        self._programs = Guest.ProcessManager("guestOperationsProcessManager", stub)

    def ready(self) -> None:
        """One login."""
        self._auth.ValidateCredentialsInGuest(self._machine, self._login)

    def start(self, argv: tuple[str, ...]) -> int:
        """One program."""
        spec = Guest.ProcessManager.ProgramSpec(
            programPath=argv[0], arguments=" ".join(argv[1:]), workingDirectory=SYSTEM32
        )
        return int(self._programs.StartProgramInGuest(self._machine, self._login, spec))

    def poll(self, pid: int) -> Any:
        """Whether it has ended."""
        (found,) = self._programs.ListProcessesInGuest(self._machine, self._login, [pid])
        return found.endTime

    def write(self, path: str, _offset: int, data: bytes) -> None:
        """One file."""
        url = self._files.InitiateFileTransferToGuest(
            self._machine,
            self._login,
            path,
            Guest.FileManager.WindowsFileAttributes(),
            len(data),
            True,
        )
        self._hosts.put(url, content=data).raise_for_status()

    def read(self, path: str, _offset: int, _size: int) -> bytes:
        """One file."""
        about = self._files.InitiateFileTransferFromGuest(self._machine, self._login, path)
        return self._hosts.get(about.url).raise_for_status().content


@contextmanager
def calling(peer: Peer, base: Machine, point: str) -> Iterator[Bare]:
    """A session of the bare side's own."""
    context = ssl.create_default_context(cafile=str(peer.ca))
    instance = SmartConnect(  # type: ignore[no-untyped-call]
        host=peer.host, port=peer.port, user=peer.user, pwd=peer.password, sslContext=context
    )
    bare = Bare(peer, instance, base.id.partition(":")[0], point)
    with contextlib.closing(bare):
        yield bare
    Disconnect(instance)  # type: ignore[no-untyped-call]
