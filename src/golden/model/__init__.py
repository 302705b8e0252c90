"""The nouns of golden: plain frozen data, no behavior that touches the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from golden.model.artifact import SAME_HARDWARE, Artifact, Channel, Form, Image, Publication, Sealing, SealProof
from golden.model.check import Checked, CheckReport
from golden.model.finding import Finding, Severity
from golden.model.guest import Driver, GuestFacts, GuestState
from golden.model.licence import Rearm
from golden.model.lineage import Change, ChangesDone, PayloadFile, Reference, Version
from golden.model.machine import (
    Candidate,
    CloneOptions,
    DiskFile,
    FileStamp,
    Machine,
    Mark,
    Origin,
    Power,
    Role,
    Snapshot,
)

if TYPE_CHECKING:
    from golden.model.orders import AdoptOrder, CaptureOrder, CheckOrder, PruneOrder, PublishOrder, UpdateOrder

__all__ = [
    "SAME_HARDWARE",
    "AdoptOrder",
    "CaptureOrder",
    "PruneOrder",
    "PublishOrder",
    "UpdateOrder",
    "Artifact",
    "Candidate",
    "Change",
    "ChangesDone",
    "Channel",
    "Checked",
    "CheckOrder",
    "CheckReport",
    "CloneOptions",
    "DiskFile",
    "Driver",
    "FileStamp",
    "Finding",
    "Form",
    "GuestFacts",
    "GuestState",
    "Image",
    "Machine",
    "Mark",
    "Origin",
    "PayloadFile",
    "Power",
    "Publication",
    "Rearm",
    "Reference",
    "Role",
    "SealProof",
    "Sealing",
    "Severity",
    "Snapshot",
    "Version",
]


def __getattr__(name: str) -> Any:
    """Orders are loaded when one is asked for: commands that only read never do, and start faster for it."""
    if not name.endswith("Order"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from golden.model import orders

    return getattr(orders, name)
