"""References, their versions, and the changes between them."""

from __future__ import annotations

from dataclasses import dataclass

from golden.model.guest import GuestFacts
from golden.model.licence import Rearm
from golden.model.machine import DiskFile, FileStamp, Snapshot


@dataclass(frozen=True, slots=True)
class Reference:
    """A named line of versions; not a machine."""

    name: str
    os: str
    endpoint: str
    """Name of the endpoint its versions live on."""
    created: str
    """ISO 8601, UTC."""
    head: int = 0
    """Number of the version that the next update starts from; 0 until v1 is recorded."""


@dataclass(frozen=True, slots=True)
class PayloadFile:
    """One file of a change, kept by content so that the change can be replayed."""

    name: str
    """Path relative to the change's folder, with forward slashes."""
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Change:
    """One thing applied inside the guest to get the next version."""

    kind: str
    """driver | script | file, and what else the guest's family knows (``golden.windows.changes.kinds``)"""
    name: str
    """What people call it: ``netkvm.inf``, ``harden.ps1``, ``motd -> C:\\motd``."""
    files: tuple[PayloadFile, ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()
    """(name, value) pairs that belong to the kind, e.g. ("inf", "netkvm.inf") or ("destination", "C:\\x")."""
    digest: str = ""
    """sha256 over kind, arguments and the files' names and hashes."""
    traces: tuple[tuple[str, str], ...] = ()
    """(what, name) pairs that the guest was seen to get when it was applied, e.g. ("package", "Package_for_KB…")."""


@dataclass(frozen=True, slots=True)
class ChangesDone:
    """What applying the changes of one update came to, told by the running guest."""

    notes: tuple[str, ...] = ()
    """Sentences worth keeping."""
    traces: tuple[tuple[tuple[str, str], ...], ...] = ()
    """For each change, in their order, what the guest was seen to get."""
    rearm: Rearm | None = None
    fixed: tuple[str, ...] = ()
    """What ``--apply-fixes`` mended, a sentence each: the ids of checks, a colon, what was done."""


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable, numbered, un-generalized state of a reference."""

    reference: str
    number: int
    parent: int | None
    digest: str
    """H(parent's digest, digests of the changes, facts)."""
    snapshot: Snapshot
    facts: GuestFacts
    disks: tuple[DiskFile, ...]
    stamps: tuple[FileStamp, ...]
    changes: tuple[Change, ...]
    message: str
    created: str
    depth: int = 0
    """Number of linked disks below this one; 0 for a standalone copy."""
    proofs: tuple[tuple[str, str], ...] = ()
    """(change, evidence) for each change: where it was found on the powered-off disk, or how else it was told."""
    accepted_deployed: bool = False
    """True where adopt was told to take a guest that had been generalized before."""
    rearm: Rearm | None = None
    """Read inside before it was frozen; None for an adopted one, which nobody has booted yet."""
    way: str = "disk"
    """How its state and proofs were read. disk: from its powered-off disk; guest: inside a clone of it."""
