"""The nouns of golden: plain frozen data, no behaviour that touches the outside."""

from golden.model.artifact import Artifact, Channel, Form, Image, Publication, SealProof
from golden.model.finding import Finding, Severity
from golden.model.guest import Driver, GuestFacts, GuestState
from golden.model.lineage import Change, PayloadFile, Reference, Version
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
from golden.model.orders import AdoptOrder, CaptureOrder, PruneOrder, PublishOrder, UpdateOrder

__all__ = [
    "AdoptOrder",
    "CaptureOrder",
    "PruneOrder",
    "PublishOrder",
    "UpdateOrder",
    "Artifact",
    "Candidate",
    "Change",
    "Channel",
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
    "Reference",
    "Role",
    "SealProof",
    "Severity",
    "Snapshot",
    "Version",
]
