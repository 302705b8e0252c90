"""What vCenter noted of a machine's power: who switches a guest off, and whether it was started again, stands there."""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from golden_vsphere.faults import is_fault
from golden_vsphere.line import Line, lacks_method

_WORDS = (
    (vim.event.VmPoweredOnEvent, "on"),
    (vim.event.VmPoweredOffEvent, "off"),
    (vim.event.VmGuestShutdownEvent, "shut down"),
    (vim.event.VmGuestRebootEvent, "reboot"),
    (vim.event.VmResettingEvent, "reset"),
    (vim.event.VmDasBeingResetEvent, "reset"),
    (vim.event.VmResumingEvent, "resumed"),
)
_TYPES = (
    "VmPoweredOnEvent",
    "DrsVmPoweredOnEvent",
    "VmRestartedOnAlternateHostEvent",  # By HA; it is a VmPoweredOnEvent.
    "VmPoweredOffEvent",
    "VmGuestShutdownEvent",
    "VmGuestRebootEvent",
    "VmResettingEvent",
    "VmDasBeingResetEvent",
    "VmDasBeingResetWithScreenshotEvent",
    "VmResumingEvent",
)
"""Of the filter, which takes the types by their names and none below them."""


def power_events(line: Line, native: Any) -> tuple[str, ...]:
    """
    Of one machine since it was made, oldest first; nothing where the server keeps none.

    Whether a shutdown from inside is noted as VmGuestShutdownEvent is not known of a real vCenter (facts 4), so nothing
    may be concluded from its absence; each power-on is noted.
    """
    events = vim.event.EventFilterSpec
    only = events.ByEntity(entity=native, recursion="self")
    wanted = events(entity=only, eventTypeId=list(_TYPES))
    try:
        found = line.ask(lambda: line.content.eventManager.QueryEvents(wanted) or [])
    except Exception as error:
        if not is_fault(error) or not lacks_method(error):
            raise
        return ()
    inorder = sorted(found, key=lambda event: (event.createdTime, event.key))
    return tuple(word for event in inorder for kind, word in _WORDS if isinstance(event, kind))
