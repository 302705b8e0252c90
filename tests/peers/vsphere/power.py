"""Starts, stops and restarts of guests: Tools comes after a while, and what the guest asks of its power is done."""

from __future__ import annotations

import threading
import time

from tests.peers.vsphere.guests import Guests
from tests.peers.vsphere.programs import Programs
from tests.peers.vsphere.seeding import VM, Shape
from tests.peers.vsphere.upstream import Upset, Upstream, Vanished, value

RUNNING = {
    "guest.toolsRunningStatus": "guestToolsRunning",
    "guest.toolsStatus": "toolsOk",
    "guest.guestState": "running",
}
STOPPED = {
    "guest.toolsRunningStatus": "guestToolsNotRunning", "guest.toolsStatus": "toolsNotRunning",
    "guest.guestState": "notRunning",
}  # fmt: skip
TYPES = {"guest.toolsStatus": "VirtualMachineToolsStatus"}
TICK = 0.02


class Power:
    """Follows the power of every machine that has a guest. ``boot``: seconds from power-on until Tools answers."""

    def __init__(self, upstream: Upstream, guests: Guests, programs: Programs, boot: float) -> None:
        self._up, self._guests, self._programs, self.boot = upstream, guests, programs, boot
        self._lock = threading.RLock()
        self._on: dict[str, int] = {}
        self._starts = 0
        self.shapes: dict[str, Shape] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching, and end what runs in guests."""
        self._over.set()
        self._thread.join(10)
        with self._lock:
            self._on.clear()
        self._guests.end()

    def inherit(self, source: str, target: str) -> None:
        """The target's guest is the source's."""
        self.shapes[target] = self.shapes.get(source, Shape(state=None, tools=False))

    def describe(self, moid: str) -> None:
        """What vCenter shows of a machine that is off."""
        shape = self.shapes.get(moid, Shape(state=None, tools=False))
        installed = "guestToolsCurrent" if shape.tools is True else shape.tools or "guestToolsNotInstalled"
        self.show(moid, running=False)
        self._up.change(VM, moid, {
            "guest.toolsVersionStatus2": value(installed), "guest.toolsVersionStatus": value(installed),
            "guest.toolsVersion": value("12389" if shape.tools else "0"),
        })  # fmt: skip

    def show(self, moid: str, *, running: bool) -> None:
        """Tools answers, or does not."""
        shape = self.shapes.get(moid, Shape(state=None, tools=False))
        states = dict(RUNNING if running else STOPPED)
        if not shape.tools:
            states["guest.toolsStatus"] = "toolsNotInstalled"
        values: dict[str, str | None] = {k: value(v, TYPES.get(k, "xsd:string")) for k, v in states.items()}
        for name, now in (("guestOperationsReady", running), ("interactiveGuestOperationsReady", False),
                          ("guestStateChangeSupported", running)):  # fmt: skip
            values[f"guest.{name}"] = value(str(now).lower(), "xsd:boolean")
        self._up.change(VM, moid, values)

    def on(self, moid: str) -> None:
        """The machine was switched on; its guest starts."""
        with self._lock:
            self._starts += 1
            self._on[moid] = self._starts
        threading.Thread(target=self._start, args=(moid, self._starts), daemon=True).start()

    def off(self, moid: str) -> None:
        """The machine went off, whoever did it: nothing runs any more."""
        with self._lock:
            self._on.pop(moid, None)
        self._programs.forget(moid)
        self.show(moid, running=False)

    def restart(self, moid: str) -> None:
        """A reset, or a restart from inside."""
        self.off(moid)
        self.on(moid)

    def _start(self, moid: str, serial: int) -> None:
        begun = time.monotonic()
        if not self._guests.has(moid):
            return
        self._guests.start_up(moid)
        if self._over.wait(max(0.0, self.boot - (time.monotonic() - begun))):
            return
        with self._lock:
            shape = self.shapes.get(moid, Shape(state=None))
            if self._on.get(moid) == serial and shape.tools and self._guests.fault(moid, "agent") != "missing":
                self.show(moid, running=True)

    def _watch(self) -> None:
        while not self._over.wait(TICK):
            with self._lock:
                known = list(self._on)
            for moid in known:
                asked = self._guests.told(moid)
                if asked:
                    threading.Thread(target=self.obey, args=(moid, asked), daemon=True).start()

    def obey(self, moid: str, asked: str) -> None:
        """The guest switches itself off or restarts: Tools goes first, then the programs, then the power."""
        off = asked == "off"
        try:
            self.show(moid, running=False)
            self._event(moid, "VmGuestShutdownEvent" if off else "VmGuestRebootEvent")
            if not off:
                self.restart(moid)
                return
            self._over.wait(min(0.1, self.boot))
            self.off(moid)
            self._up.carry(VM, moid, "PowerOffVM_Task")
        except (Upset, Vanished):
            return  # somebody else was quicker, or destroyed it

    def _event(self, moid: str, kind: str) -> None:
        spaces = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        name = self._up.texts(VM, moid, "name")["name"]
        inner = (
            f'<eventToPost {spaces} xsi:type="{kind}"><key>0</key><chainId>0</chainId>'
            f"<createdTime>{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}</createdTime><userName/>"
            f'<vm><name>{name}</name><vm type="{VM}">{moid}</vm></vm><template>false</template></eventToPost>'
        )
        self._up.ask("eventManager", "PostEvent", inner)
