"""Calls that are done when they are answered: power by way of the guest, and templates."""

from __future__ import annotations

import threading

from tests.peers.vsphere import templates
from tests.peers.vsphere.guests import Guests
from tests.peers.vsphere.power import Power
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.server import Asked
from tests.peers.vsphere.upstream import Upstream
from tests.peers.vsphere.wire import Call, Fault

SEEN = ("runtime.powerState", "guest.toolsRunningStatus", "config.template")


class Direct:
    """Methods without a task."""

    def __init__(self, upstream: Upstream, guests: Guests, power: Power) -> None:
        self._up, self._guests, self._power = upstream, guests, power

    def rest(self, asked: Asked) -> None:
        """Nothing of this is REST."""

    def soap(self, asked: Asked, call: Call) -> str | None:
        """One call on a machine."""
        act = getattr(self, "_" + call.method, None)
        if act is None or call.kind != VM:
            return None
        seen = self._up.texts(VM, call.this, *SEEN, cookie=f"vmware_soap_session={asked.session}")
        answered = act(call, seen)
        assert answered is None or isinstance(answered, str)
        return answered

    def _ShutdownGuest(self, call: Call, seen: dict[str, str]) -> str:  # noqa: N802
        return self._by_tools(call, seen, "off")

    def _RebootGuest(self, call: Call, seen: dict[str, str]) -> str:  # noqa: N802
        return self._by_tools(call, seen, "reboot")

    def _by_tools(self, call: Call, seen: dict[str, str], wanted: str) -> str:
        if seen.get(SEEN[0]) != "poweredOn":
            states = {"requestedState": "poweredOn", "existingState": seen.get(SEEN[0], "poweredOff")}
            raise Fault("InvalidPowerState", states)
        if seen.get(SEEN[1]) != "guestToolsRunning":
            raise Fault("ToolsUnavailable", message="VMware Tools is not running in this virtual machine.")
        if self._guests.fault(call.this, "shutdown") != "never":
            threading.Thread(target=self._power.obey, args=(call.this, wanted), daemon=True).start()
        return ""

    def _MarkAsTemplate(self, call: Call, seen: dict[str, str]) -> str:  # noqa: N802
        pool = templates.pool_of(self._up, call.this)
        self._up.call(VM, call.this, "MarkAsTemplate")
        templates.became(self._up, call.this, pool)
        return ""

    def _MarkAsVirtualMachine(self, call: Call, seen: dict[str, str]) -> str:  # noqa: N802
        kind, pool = call.find("pool"), call.text("pool")
        host = f'<host type="HostSystem">{call.text("host")}</host>' if call.text("host") else ""
        if kind is None:
            raise Fault("InvalidArgument", {"invalidProperty": "pool"})
        self._up.call(VM, call.this, "MarkAsVirtualMachine", f'<pool type="{kind.get("type")}">{pool}</pool>{host}')
        templates.told(self._up, call.this, now=False)
        return ""
