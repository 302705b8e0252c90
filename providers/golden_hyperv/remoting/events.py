"""What a running pipeline tells before it is over, as it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an activity is."""

    activity: str
    status: str
    percent: int | None
    """0 to 100; None where the host does not know."""
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Warned:
    """A line of the warning stream."""

    message: str


@dataclass(frozen=True, slots=True)
class Verbose:
    """A line of the verbose stream."""

    message: str


@dataclass(frozen=True, slots=True)
class Debug:
    """A line of the debug stream."""

    message: str


@dataclass(frozen=True, slots=True)
class Information:
    """A record of the information stream, or what a script wrote to the host."""

    message: str
    source: str = ""


Event = Progress | Warned | Verbose | Debug | Information
Watch = Callable[[Event], None]
"""Called in the thread that called ``invoke``, in the order things happened."""
