"""What vCenter noted of a machine's power: who switches a guest off, and whether it was started again, stands there."""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from golden_vsphere.line import Line

_WORDS = (
    (vim.event.VmPoweredOnEvent, "on"),
    (vim.event.VmPoweredOffEvent, "off"),
    (vim.event.VmGuestShutdownEvent, "shut down"),
    (vim.event.VmResettingEvent, "reset"),
)
_TYPES = ("VmPoweredOnEvent", "DrsVmPoweredOnEvent", "VmPoweredOffEvent", "VmGuestShutdownEvent", "VmResettingEvent")


def power_events(line: Line, native: Any) -> tuple[str, ...]:
    """
    Of one machine since it was made, oldest first.

    Whether a shutdown from inside is noted as VmGuestShutdownEvent is not known of a real vCenter (facts 4), so nothing
    may be concluded from its absence; each power-on is noted.
    """
    events = vim.event.EventFilterSpec
    only = events.ByEntity(entity=native, recursion="self")
    found = line.ask(lambda: line.content.eventManager.QueryEvents(events(entity=only, eventTypeId=list(_TYPES))) or [])
    inorder = sorted(found, key=lambda event: (event.createdTime, event.key))
    return tuple(word for event in inorder for kind, word in _WORDS if isinstance(event, kind))
