"""
How a call may end badly. ``golden_hyperv.faults`` turns both into golden's errors.

What ``open_session`` itself meets (nobody there, a refused account, a certificate, a host key) is golden's errors
at once: Unreachable, Refused, BadConfig, NotAble.
"""

from __future__ import annotations

from dataclasses import dataclass


class LinkLost(Exception):
    """
    The session is gone; a normal event. Whether the call took effect is not known: look, then do again.

    The session is of no use any more; open another one.
    """


@dataclass(frozen=True, slots=True)
class Failure:
    """One error record of the host. Told apart by ``fqid`` and ``category``: messages are in the host's language."""

    message: str
    fqid: str = ""
    """FullyQualifiedErrorId, ``ObjectNotFound,Microsoft.Vhd.PowerShell.Cmdlets.GetVHD``."""
    category: str = ""
    """Name of the category in English, ``ObjectNotFound``."""
    target: str = ""
    """What it was about, as text."""
    exception_type: str = ""
    """Full name of the .NET type."""
    exception_types: tuple[str, ...] = ()
    """That and what it derives from, then the same of what it was made of (inner exceptions)."""
    hresult: int | None = None
    """Of the innermost exception the host sent."""
    terminating: bool = True


class RemoteError(Exception):
    """The host refused or failed. Never holds script text. The first error's facts are attributes of this."""

    def __init__(self, first: Failure, *more: Failure) -> None:
        super().__init__(first.message)
        self.message = first.message
        self.fqid = first.fqid
        self.category = first.category
        self.target = first.target
        self.exception_type = first.exception_type
        self.exception_types = first.exception_types
        self.hresult = first.hresult
        self.failures = (first, *more)
        """All errors of the pipeline in order; non-terminating ones are errors too."""

    def is_a(self, *ids: str) -> bool:
        """Whether the id, or its part before the comma, is one of these."""
        return self.fqid in ids or self.fqid.split(",", 1)[0] in ids
