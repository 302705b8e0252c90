"""
Values as PowerShell sees them, in plain Python.

Scalars are Python's (str, bool, int, float, bytes, UUID, datetime, timedelta, None), lists are lists, hashtables are
dicts. An object of .NET is a ``Thing``, a value of an enumeration a ``Member``, an integer whose width matters a
``Sized``. The wire's own classes appear only in ``wire/values.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CUSTOM = "System.Management.Automation.PSCustomObject"


@dataclass(frozen=True, eq=False)
class Member:
    """A value of an enumeration; ``Member == "Off"`` and ``Member == 3`` hold, as in PowerShell."""

    type: str
    name: str
    value: int

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Member):
            return (self.type, self.value) == (other.type, other.value)
        return other == self.value if isinstance(other, int) else str(other).lower() == self.name.lower()

    def __hash__(self) -> int:
        return hash((self.type, self.value))


class Enumeration:
    """An enumeration of .NET: its full name and members."""

    def __init__(self, type_name: str, **members: int) -> None:
        self.type, self.members = type_name, members

    def __getattr__(self, name: str) -> Member:
        if name.startswith("_") or name not in self.members:
            raise AttributeError(name)
        return Member(self.type, name, self.members[name])

    def __getitem__(self, name: str) -> Member:
        return Member(self.type, name, self.members[name])

    def parse(self, given: object) -> Member:
        """The member by name (any case, or a prefix nobody shares) or number; ValueError where there is none."""
        if isinstance(given, Member):
            given = given.name
        for name, number in self.members.items():
            if str(given).lower() in (name.lower(), str(number)):
                return Member(self.type, name, number)
        begun = [name for name in self.members if name.lower().startswith(str(given).lower())] if given else []
        if len(begun) == 1:
            return Member(self.type, begun[0], self.members[begun[0]])
        raise ValueError(f"not one of {', '.join(self.members)}: {given}")


class Sized(int):
    """An integer of a stated width: ``Sized("UInt64", 5)``."""

    width: str

    def __new__(cls, width: str, number: int) -> Sized:
        """The number, with its type's name."""
        made = super().__new__(cls, number)
        made.width = width
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Sized, (self.width, int(self))


class Thing:
    """
    An object: type names (most derived first), properties in their order, the text of ToString.

    Property names match whatever their case. ``keep`` holds what the host knows of it and nobody else sees.
    """

    def __init__(self, *types: str, text: str | None = None, keep: Any = None, **properties: Any) -> None:
        self.types = [*(types or (CUSTOM,)), "System.Object"]
        self.properties: dict[str, Any] = properties
        self.text, self.keep = text, keep

    def name_of(self, name: str) -> str | None:
        """The property as it is spelled, None where there is none."""
        if name in self.properties:
            return name
        return next((each for each in self.properties if each.lower() == name.lower()), None)

    def get(self, name: str, other: Any = None) -> Any:
        """A property's value."""
        found = self.name_of(name)
        return other if found is None else self.properties[found]

    def set(self, name: str, value: Any) -> None:
        """Set a property, or add one."""
        self.properties[self.name_of(name) or name] = value

    def __contains__(self, name: str) -> bool:
        return self.name_of(name) is not None

    def __getitem__(self, name: str) -> Any:
        found = self.name_of(name)
        if found is None:
            raise KeyError(name)
        return self.properties[found]

    def is_a(self, kind: str) -> bool:
        """Whether it is of a type, by full name or by its last part."""
        return any(kind.lower() in (each.lower(), each.rsplit(".", 1)[-1].lower()) for each in self.types)

    def __str__(self) -> str:
        if self.text is not None:
            return self.text
        if self.types[0].endswith("PSCustomObject"):
            return "@{" + "; ".join(f"{k}={'' if v is None else v}" for k, v in self.properties.items()) + "}"
        return self.types[0]

    def __repr__(self) -> str:
        return f"Thing({self.types[0]}, {self.properties!r})"


def record(**properties: Any) -> Thing:
    """``[pscustomobject]@{…}``."""
    return Thing(CUSTOM, **properties)


@dataclass(frozen=True)
class Secret:
    """A SecureString; its text is never shown."""

    text: str

    def __repr__(self) -> str:
        return "System.Security.SecureString"

    __str__ = __repr__


def credential(user: str, password: Secret) -> Thing:
    """A PSCredential."""
    return Thing("System.Management.Automation.PSCredential", UserName=user, Password=password)


def listed(value: Any) -> list[Any]:
    """What PowerShell enumerates: nothing for null, the elements of a list, else the one value."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def flattened(values: Any) -> Iterator[Any]:
    """The elements of a list, unrolled once, as a pipeline does with what a command writes."""
    for each in values:
        if isinstance(each, list | tuple):
            yield from each
        else:
            yield each


VM_STATE = Enumeration(
    "Microsoft.HyperV.PowerShell.VMState",
    Other=1, Running=2, Off=3, Stopping=4, Saved=6, Paused=9, Starting=10, Reset=11, Saving=32773, Pausing=32776,
    Resuming=32777, FastSaved=32779, FastSaving=32780, ForceShutdown=32781, ForceReboot=32782, RunningCritical=32783,
)  # fmt: skip
HEARTBEAT = Enumeration(
    "Microsoft.HyperV.PowerShell.VMHeartbeatStatus",
    Unknown=1, Disabled=2, NoContact=3, Error=4, LostCommunication=5, OkApplicationsUnknown=6,
    OkApplicationsHealthy=7, OkApplicationsCritical=8, Paused=9,
)  # fmt: skip
VHD_TYPE = Enumeration("Microsoft.Vhd.PowerShell.VhdType", Unknown=0, Fixed=2, Dynamic=3, Differencing=4)
VHD_FORMAT = Enumeration("Microsoft.Vhd.PowerShell.VhdFormat", Unknown=0, VHD=2, VHDX=3, VHDSet=4)
COMPACT = Enumeration("Microsoft.Vhd.PowerShell.VhdCompactMode", Full=0, Quick=1, Retrim=2, Pretrimmed=3, Prezeroed=4)
CHECKPOINT_TYPE = Enumeration(
    "Microsoft.HyperV.PowerShell.CheckpointType", Disabled=2, Production=3, ProductionOnly=4, Standard=5
)
SNAPSHOT_TYPE = Enumeration(
    "Microsoft.HyperV.PowerShell.SnapshotType",
    Standard=0, Recovery=1, Planned=2, Missing=3, Replica=4, AppConsistentReplica=5, SyncedReplica=6,
)  # fmt: skip
ON_OFF = Enumeration("Microsoft.HyperV.PowerShell.OnOffState", On=0, Off=1)
BOOT_DEVICE = Enumeration(
    "Microsoft.HyperV.PowerShell.BootDevice", Floppy=0, CD=1, IDE=2, LegacyNetworkAdapter=3, NetworkAdapter=4, VHD=5
)
CONTROLLER = Enumeration("Microsoft.HyperV.PowerShell.ControllerType", IDE=0, SCSI=1, PMEM=2)
START_ACTION = Enumeration("Microsoft.HyperV.PowerShell.StartAction", Nothing=2, StartIfRunning=3, Start=4)
STOP_ACTION = Enumeration("Microsoft.HyperV.PowerShell.StopAction", TurnOff=2, Save=3, ShutDown=4)
REPLICATION_MODE = Enumeration(
    "Microsoft.HyperV.PowerShell.VMReplicationMode",
    **{"None": 0},
    Primary=1,
    Replica=2,
    TestReplica=3,
    ExtendedReplica=4,
)
SWITCH_TYPE = Enumeration("Microsoft.HyperV.PowerShell.VMSwitchType", Private=0, Internal=1, External=2)
WAIT_FOR = Enumeration(
    "Microsoft.HyperV.PowerShell.WaitVMTypes", Heartbeat=0, IPAddress=1, MemoryOperations=2, Reboot=3
)
COPY_SOURCE = Enumeration("Microsoft.HyperV.PowerShell.CopyFileSourceType", Host=0)
STATUS = Enumeration("Microsoft.HyperV.PowerShell.VMOperationalStatus", Ok=2, Degraded=3, Error=6, NoContact=12)
ITEM_TYPE = ("File", "Directory")

ENUMERATIONS = {
    each.type.rsplit(".", 1)[-1].lower(): each
    for each in (
        VM_STATE, HEARTBEAT, VHD_TYPE, VHD_FORMAT, COMPACT, CHECKPOINT_TYPE, SNAPSHOT_TYPE, ON_OFF, BOOT_DEVICE,
        CONTROLLER, START_ACTION, STOP_ACTION, SWITCH_TYPE, WAIT_FOR, COPY_SOURCE,
    )
}  # fmt: skip
"""Enumerations that a parameter may be of, by the last part of their name; the binder looks here."""
