"""A small honest client for the peer's own tests: pyvmomi with an explicit context, and httpx."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

from tests.peers.vsphere.peer import Peer

Collector = vmodl.query.PropertyCollector


class Client:
    """One session; properties by leaf paths only."""

    def __init__(self, peer: Peer, user: str = "", password: str = "") -> None:
        self.peer = peer
        context = ssl.create_default_context(cafile=str(peer.ca))
        self.si = SmartConnect(  # type: ignore[no-untyped-call]
            host=peer.host, port=peer.port, user=user or peer.user, pwd=password or peer.password, sslContext=context
        )
        self.content = self.si.RetrieveContent()
        operations = "guestOperations"
        self.files = vim.vm.guest.FileManager(f"{operations}FileManager", self.si._stub)
        self.programs = vim.vm.guest.ProcessManager(f"{operations}ProcessManager", self.si._stub)
        self.login = vim.vm.guest.NamePasswordAuthentication(
            username=peer.guest_user, password=peer.guest_password, interactiveSession=False
        )
        self.hosts = httpx.Client(verify=ssl.create_default_context(cafile=str(peer.host_ca)), trust_env=False)

    def machine(self, moid: str) -> Any:
        """A machine by its moid."""
        return vim.VirtualMachine(moid, self.si._stub)

    def read(self, obj: Any, *paths: str) -> dict[str, Any]:
        """Properties of one object; what is unset is not in it."""
        wanted = Collector.FilterSpec(
            objectSet=[Collector.ObjectSpec(obj=obj)],
            propSet=[Collector.PropertySpec(type=type(obj), pathSet=list(paths))],
        )
        found = self.content.propertyCollector.RetrievePropertiesEx([wanted], Collector.RetrieveOptions())
        return {p.name: p.val for o in found.objects for p in o.propSet} if found else {}

    def watch(self, obj: Any, paths: list[str], done: Callable[[dict[str, Any]], bool], seconds: float = 20) -> Any:
        """Wait for a state by WaitForUpdatesEx; every state that was seen on the way, last one last."""
        collector = self.content.propertyCollector.CreatePropertyCollector()
        seen: list[dict[str, Any]] = [{}]
        version, end = None, time.monotonic() + seconds
        try:
            collector.CreateFilter(
                Collector.FilterSpec(
                    objectSet=[Collector.ObjectSpec(obj=obj)],
                    propSet=[Collector.PropertySpec(type=type(obj), pathSet=paths)],
                ),
                True,
            )
            while time.monotonic() < end:
                update = collector.WaitForUpdatesEx(version, Collector.WaitOptions(maxWaitSeconds=2))
                if update is None:
                    continue
                version = update.version
                now = {c.name: c.val for f in update.filterSet for o in f.objectSet for c in o.changeSet}
                seen.append({**seen[-1], **now})
                if done(seen[-1]):
                    return seen
            raise AssertionError(f"not reached: {seen[-1]}")
        finally:
            collector.Destroy()

    def wait(self, task: Any, seconds: float = 20) -> Any:
        """The result of a task; its fault is raised."""
        paths = ["info.state", "info.error", "info.result"]
        over = self.watch(task, paths, lambda s: s.get("info.state") in ("success", "error"), seconds)[-1]
        if over["info.state"] == "error":
            over = self.read(task, *paths)
            raise over["info.error"]
        return self.read(task, "info.result").get("info.result")

    def boot(self, machine: Any) -> None:
        """Switch on and wait for Tools."""
        self.wait(machine.PowerOnVM_Task())
        self.watch(machine, ["guest.guestOperationsReady"], lambda s: s.get("guest.guestOperationsReady") is True)

    def off(self, machine: Any) -> None:
        """Wait until it is off."""
        self.watch(machine, ["runtime.powerState"], lambda s: s.get("runtime.powerState") == "poweredOff")

    def linked(self, machine: Any, snapshot: Any, name: str) -> Any:
        """A linked clone beside the machine."""
        where = vim.vm.RelocateSpec(diskMoveType="createNewChildDiskBacking")
        spec = vim.vm.CloneSpec(location=where, snapshot=snapshot, powerOn=False, template=False)
        return self.wait(machine.CloneVM_Task(self.read(machine, "parent")["parent"], name, spec))

    def run(self, machine: Any, path: str, line: str = "", env: list[str] | None = None, seconds: float = 20) -> Any:
        """Run a program to its end; the process as Tools tells of it."""
        spec = vim.vm.guest.ProcessManager.ProgramSpec(programPath=path, arguments=line, envVariables=env)
        pid = self.programs.StartProgramInGuest(machine, self.login, spec)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            (found,) = self.programs.ListProcessesInGuest(machine, self.login, [pid])
            if found.endTime:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{path} did not end")

    def put(self, machine: Any, path: str, data: bytes) -> httpx.Response:
        """A file to the guest."""
        attributes = vim.vm.guest.FileManager.WindowsFileAttributes()
        url = self.files.InitiateFileTransferToGuest(machine, self.login, path, attributes, len(data), True)
        return self.hosts.put(url.replace("*", self.peer.host), content=data)

    def get(self, machine: Any, path: str) -> bytes:
        """A file from the guest."""
        about = self.files.InitiateFileTransferFromGuest(machine, self.login, path)
        return self.hosts.get(about.url.replace("*", self.peer.host)).raise_for_status().content


@contextmanager
def connected(peer: Peer, user: str = "", password: str = "") -> Iterator[Client]:
    """A session for the block."""
    client = Client(peer, user, password)
    try:
        yield client
    finally:
        Disconnect(client.si)  # type: ignore[no-untyped-call]
        client.hosts.close()


@contextmanager
def rest(peer: Peer, user: str = "", password: str = "") -> Iterator[httpx.Client]:
    """A REST session for the block."""
    context = ssl.create_default_context(cafile=str(peer.ca))
    with httpx.Client(base_url=peer.url, verify=context, trust_env=False) as client:
        reply = client.post("/rest/com/vmware/cis/session", auth=(user or peer.user, password or peer.password))
        client.headers["vmware-api-session-id"] = reply.raise_for_status().json()["value"]
        yield client
