"""Machines and their frozen points, as a hypervisor shows them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from golden.model.finding import Finding


class Power(StrEnum):
    """Whether a machine is running. Anything between (paused, dying, saved) counts as ON: its disks are in use."""

    OFF = "off"
    ON = "on"


class Role(StrEnum):
    """Why golden made a machine or image; only CAPTURE and REHEARSAL may ever be generalized."""

    VERSION = "version"
    CLONE = "clone"
    CAPTURE = "capture"
    REHEARSAL = "rehearsal"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Mark:
    """golden's sign on what it made: which job of which installation, for which reference, and why."""

    role: Role
    job: str
    reference: str
    installation: str
    """Random id of the state folder, so that two installations on one endpoint do not sweep each other."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A virtual machine as the hypervisor shows it now. ``id`` is opaque outside the provider."""

    id: str
    name: str
    power: Power
    settled: bool
    """False while an operation that an earlier process began is still running on it, or died half-way."""
    mark: Mark | None
    snapshots: tuple[str, ...] = ()
    """Names of its frozen points; a machine that has one is never started again."""
    networks: tuple[str, ...] = ()
    """What it is connected to, by the endpoint's names."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen point of one machine: disks, firmware variables, TPM state, definition."""

    machine: str
    """Name of the machine that holds it."""
    name: str


@dataclass(frozen=True, slots=True)
class DiskFile:
    """One frozen file of a snapshot or image, by content."""

    path: str
    """Absolute path where golden runs on the same host, else what the endpoint calls it."""
    kind: str
    """disk | nvram | tpm | definition"""
    format: str
    size: int
    """Bytes allocated to the file's content (length of the file)."""
    sha256: str
    local: bool = True


@dataclass(frozen=True, slots=True)
class FileStamp:
    """The cheap identity of one frozen file; any difference means it was written to."""

    path: str
    stamp: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What a user wants adopted: a machine's name, a definition file, or just a disk image."""

    kind: str
    """machine | definition | disk"""
    where: str
    """The machine's name, or an absolute path."""
    firmware: str | None = None
    """bios | uefi; only for kind "disk", None lets the provider look at the partition table."""
    os: str | None = None
    """windows | linux | None = read it from the disk."""
    memory_mib: int = 4096
    cpus: int = 2
    kernel: str | None = None
    """Direct kernel boot, for guests that have no boot loader of their own (the stand-in)."""
    initrd: str | None = None
    cmdline: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What examining an origin found, without touching it."""

    name: str
    power: Power
    disks: tuple[str, ...]
    virtual_size: int
    allocated: int
    problems: tuple[Finding, ...]
    """Findings of severity error forbid adopting (shared disk, raw host device, backing chain, running)."""


@dataclass(frozen=True, slots=True)
class CloneOptions:
    """How a clone is made."""

    linked: bool = True
    network: str | None = None
    """None = no network adapter is connected; else what the endpoint calls the network."""
