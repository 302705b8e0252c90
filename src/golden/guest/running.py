"""A guest to be looked at while it is on, where the endpoint cannot show its powered-off disk."""

from __future__ import annotations

from dataclasses import dataclass

from golden.disk.source import BlockSource
from golden.guest.session import Session
from golden.waiting import Deadline


@dataclass(frozen=True, slots=True)
class Running:
    """The second-best witness: the guest itself. Whoever uses it says so in the proof."""

    session: Session
    deadline: Deadline


Seen = BlockSource | Running
"""What a family reads a guest's state and files from."""
