"""The simulator as a process, and what the proxy itself asks of it."""

from __future__ import annotations

import http.client
import os
import queue
import secrets
import select
import subprocess
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from tests.peers.vsphere.building import simulator
from tests.peers.vsphere.wire import TYPE, Refused, envelope, refused, tag

REFERENCE = "ManagedObjectReference"
HOP = {"host", "content-length", "accept-encoding", "connection", "transfer-encoding", "expect", "keep-alive"}


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Streamed(Reply):
    """An answer whose length nobody knows before, in pieces; Dropped, raised while they are made, cuts the line."""

    pieces: Iterable[bytes] = ()


class Dropped(Exception):
    """The line is cut, with no answer or in the middle of one."""


class Upset(Exception):
    """The simulator refused what the proxy asked on its own account."""

    def __init__(self, met: Refused) -> None:
        super().__init__(met.message or met.kind)
        self.met = met


class Vanished(AssertionError):
    """What the proxy wanted to change is not there any more: somebody destroyed it meanwhile."""


class Upstream:
    """One running simulator, and an administrator's session in it."""

    def __init__(self, folder: Path, *, machines: int = 0, flags: Iterable[str] = (), idle: float = 1800) -> None:
        """``flags`` are the simulator's own: ``-esx``, ``-folders``, ``-api=7.0.3.0``."""
        folder.mkdir(parents=True)
        self.user, self.password, self._door = (secrets.token_hex(8) for _ in range(3))
        self._folder = folder
        env = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), "PEER_USER": self.user,
               "PEER_PASSWORD": self.password, "PEER_DOOR": self._door}  # fmt: skip
        argv = [str(simulator()), "-machines", str(machines), "-idle", f"{idle}s", *flags]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=env, cwd=folder
            )
        self._idle: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()
        self.calm = threading.RLock()
        """Held by what changes things, and while a watcher is set up: the simulator forgets what happens meanwhile."""
        self.cookie = ""
        try:
            self.port = self._port(30 + machines / 100)
            content = self.call("ServiceInstance", "ServiceInstance", "RetrieveServiceContent")[0]
            self.managers = {each.tag.split("}")[1]: each.text or "" for each in content if each.get("type")}
            """Moids of the service's own objects by their property's name; they differ between vCenter and ESXi."""
            self._login()
        except BaseException:
            self.end()
            raise

    def _port(self, seconds: float) -> int:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline().decode().strip() if ready else ""
        if not line:
            raise AssertionError(f"the simulator did not start: {(self._folder / 'log').read_text()[-2000:]}")
        return int(line.rsplit(":", 1)[1])

    def _login(self) -> None:
        names = f"<userName>{self.user}</userName><password>{self.password}</password>"
        this = f'<_this type="SessionManager">{self.managers["sessionManager"]}</_this>'
        reply = self.soap(f'<Login xmlns="urn:vim25">{this}{names}</Login>')
        self.cookie = next(v for k, v in reply.headers if k.lower() == "set-cookie").split(";")[0]

    def end(self) -> None:
        """Take it down and wait until it is gone."""
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        while not self._idle.empty():
            self._idle.get().close()

    def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One request handed on as it is; OSError or HTTPException where the simulator broke."""
        kept = {k: v for k, v in headers.items() if k.lower() not in HOP}
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=900)
        try:
            connection.request(method, path, body, kept)
            response = connection.getresponse()
            reply = Reply(response.status, response.getheaders(), response.read())
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)
        return reply

    def soap(self, call: str, cookie: str | None = None) -> Reply:
        """A call of our own, as the administrator unless told; Upset where it is refused."""
        head = {"Content-Type": "text/xml", "SOAPAction": "urn:vim25/8.0.3.0", "Cookie": cookie or self.cookie}
        with nullcontext() if call.startswith("<Retrieve") else self.calm:
            reply = self.request("POST", "/sdk", envelope(call), head)
        if reply.status != 200:
            met = refused(reply.body)
            assert met is not None, reply.body
            raise Upset(met)
        return reply

    def call(self, kind: str, moid: str, method: str, inner: str = "") -> ET.Element:
        """Call a method on an object; the answer's element."""
        reply = self.soap(f'<{method} xmlns="urn:vim25"><_this type="{kind}">{moid}</_this>{inner}</{method}>')
        return ET.fromstring(reply.body)[0][0]

    def ask(self, manager: str, method: str, inner: str = "") -> ET.Element:
        """Call a method on one of the service's own objects, ``searchIndex`` and the like."""
        return self.call(manager[0].upper() + manager[1:], self.managers[manager], method, inner)

    def properties(self, kind: str, moid: str, *paths: str, cookie: str | None = None) -> dict[str, ET.Element]:
        """Properties by path as elements named ``val``; what is unset is not in it."""
        wanted = "".join(f"<pathSet>{path}</pathSet>" for path in paths)
        reply = self.soap(
            '<RetrievePropertiesEx xmlns="urn:vim25">'
            f'<_this type="PropertyCollector">{self.managers["propertyCollector"]}</_this>'
            f"<specSet><propSet><type>{kind}</type>{wanted}</propSet>"
            f'<objectSet><obj type="{kind}">{escape(moid)}</obj></objectSet></specSet><options/>'
            "</RetrievePropertiesEx>",
            cookie,
        )
        found = {}
        for each in ET.fromstring(reply.body).iter(tag("propSet")):
            value = each.find(tag("val"))
            if value is not None:
                found[each.findtext(tag("name"), "")] = value
        return found

    def texts(self, kind: str, moid: str, *paths: str, cookie: str | None = None) -> dict[str, str]:
        """Leaves as text."""
        return {k: v.text or "" for k, v in self.properties(kind, moid, *paths, cookie=cookie).items()}

    def change(self, kind: str, moid: str, values: Mapping[str, str | None]) -> None:
        """Set properties through the door: path to ``<val …>`` as XML, None to unset; watchers see it."""
        changes = "".join(
            f"<changeSet><name>{path}</name><op>{'remove' if value is None else 'assign'}</op>{value or ''}</changeSet>"
            for path, value in values.items()
        )
        self._ask(f'<obj type="{kind}">{escape(moid)}</obj>{changes}')

    def task(self, kind: str, moid: str, name: str) -> str:
        """A new task on an object, queued until somebody changes its ``info.state``; its moid."""
        return self._ask(f'<obj type="{kind}">{escape(moid)}</obj><task>{name}</task>')

    def lease(self, kind: str, moid: str) -> str:
        """A new HttpNfcLease, initializing until somebody changes its ``state``; its moid."""
        return self._ask(f'<obj type="{kind}">{escape(moid)}</obj><lease>true</lease>')

    def _ask(self, inner: str) -> str:
        spaces = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
        with self.calm:
            reply = self.request("POST", "/door", f"<order {spaces}>{inner}</order>".encode(), {"X-Door": self._door})
        if reply.status != 200:
            kind = Vanished if reply.body.startswith(b"no ") else AssertionError
            raise kind(f"the simulator would not: {reply.body.decode()} ({inner[:300]})")
        return reply.body.decode()

    def wait(self, task: str, seconds: float = 60) -> dict[str, ET.Element]:
        """A task's state, result and error at its end; the simulator's tasks are over when they are answered."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.properties("Task", task, "info.state", "info.result", "info.error")
            if found["info.state"].text in ("success", "error"):
                return found
            time.sleep(0.01)
        raise AssertionError(f"{task} did not end in {seconds} s")

    def carry(self, kind: str, moid: str, method: str, inner: str = "") -> dict[str, ET.Element]:
        """Call a method that gives a task and wait for its end."""
        given = self.call(kind, moid, method, inner).findtext(tag("returnval"), "")
        return self.wait(given)


def value(text: str, kind: str = "xsd:string") -> str:
    """A ``<val>`` of a simple or enumerated type."""
    return f'<val xsi:type="{kind}">{escape(text)}</val>'


def references(natives: Iterable[tuple[str, str]]) -> str:
    """A ``<val>`` of managed objects, each a kind and a moid."""
    inner = "".join(
        f'<{REFERENCE} xsi:type="{REFERENCE}" type="{kind}">{escape(moid)}</{REFERENCE}>' for kind, moid in natives
    )
    return f'<val xsi:type="ArrayOf{REFERENCE}">{inner}</val>'


def kind_of(element: ET.Element) -> str:
    """The xsi:type of an element, without its prefix."""
    return element.get(TYPE, "").split(":")[-1]
