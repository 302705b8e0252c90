"""What only a running Windows tells: how often it may still be rearmed, and how it is licensed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rearm:
    """One reading of the rearm counters and the licence; None and empty mean: Windows did not tell."""

    windows: int | None
    """Rearms left for Windows."""
    sku: int | None = None
    """Rearms left for the edition; the smaller of the two decides."""
    status: int | None = None
    """0 unlicensed, 1 licensed, 2 and 3 grace, 4 non-genuine, 5 notification, 6 extended grace."""
    reason: int | None = None
    """An HRESULT, unsigned."""
    channel: str = ""
    """e.g. ``Volume:GVLK``, ``Volume:MAK``, ``Retail``, ``OEM:DM``, ``TIMEBASED_EVAL``"""
    product: str = ""
    description: str = ""
    grace: int | None = None
    """Minutes until the licence runs out."""
    read: str = ""
    """ISO 8601, UTC."""

    @property
    def left(self) -> int | None:
        """How often it may still be rearmed; None where unknown."""
        known = [count for count in (self.windows, self.sku) if count is not None]
        return min(known) if known else None
