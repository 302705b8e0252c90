"""What is known of the operating system inside a machine, read from its disk or asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class GuestState(StrEnum):
    """Where a guest stands between never generalized and deployed (facts/windows.md 1.4)."""

    VIRGIN = "VIRGIN"
    SEALED = "SEALED"
    SEALED_AUDIT = "SEALED_AUDIT"
    DEPLOYED = "DEPLOYED"
    BROKEN = "BROKEN"
    FAILED_EARLY = "FAILED_EARLY"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Driver:
    """One driver package in the guest's driver store."""

    inf: str
    """The name it came with, e.g. ``netkvm.inf``."""
    published: str
    """The name Windows gave it, e.g. ``oem3.inf``; empty where unknown."""
    provider: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class GuestFacts:
    """What a guest's disk tells. Empty strings mean: not there, or not readable."""

    os: str
    """windows | linux"""
    state: GuestState
    evidence: tuple[tuple[str, str], ...] = ()
    """Every input of the decision as (name, value), in the order of the decision table."""
    product: str = ""
    edition: str = ""
    version: str = ""
    """e.g. 10.0"""
    build: str = ""
    ubr: str = ""
    architecture: str = ""
    """x86_64 | arm64 | x86"""
    computer_name: str = ""
    machine_sid: str = ""
    drivers: tuple[Driver, ...] = ()
    stand_in: bool = False
    """True where the guest is golden's stand-in for tests and the demo, never a product of Microsoft's."""
