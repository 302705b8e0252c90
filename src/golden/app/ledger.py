"""
The rearm ledger: how often a reference and its images may still be generalized, by what was read inside.

An adopted version is unknown until a clone of it has run: nobody boots the version itself, nor a sealed image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from golden.codec import plain
from golden.model import Finding, GuestFacts, Image, Rearm, Severity, Version
from golden.windows.licence import explain, told_left


def ledger(os: str, head: int, versions: Sequence[Version], images: Sequence[Image]) -> dict[str, Any] | None:
    """``golden log``'s line: what the head and the newest image have left; None for guests that count nothing."""
    if os != "windows" or not versions:
        return None
    version = next((one for one in versions if one.number == head), versions[-1])
    reading = rearm_of(version, images)
    sealed = [image for image in images if image.seal == "sysprep"]
    newest = sealed[-1] if sealed else None
    after = newest.rearm if newest else None
    told = f"rearm left: reference {told_left(version.facts, reading)}"
    told += "" if reading else " until a clone of it has run"
    if newest is not None:
        told += f", images {told_left(newest.proof.facts, after)}"
    low = [one for one in explain(version.facts, reading, sealed=False) if one.severity is Severity.WARNING]
    return {
        "reference": reading.left if reading else None,
        "images": after.left if after else None,
        "told": told,
        "findings": [plain(one) for one in low if one.id.startswith("rearm")],
    }


def rearm_of(version: Version, images: Sequence[Image]) -> Rearm | None:
    """What was read before the version was frozen, else in a clone of it before that was generalized."""
    if version.rearm is not None:
        return version.rearm
    read = [image.rearm_before for image in images if image.version == version.number and image.rearm_before]
    return read[-1] if read else None


def licence(
    facts: GuestFacts, rearm: Rearm | None, *, sealed: bool, before: Rearm | None = None
) -> list[dict[str, Any]]:
    """
    What a reading means for this version or image, as findings for ``golden show``.

    ``before`` is what was read in an image's clone before it was generalized.
    """
    if facts.os != "windows":
        return []
    found = explain(facts, rearm, sealed=sealed, before=before)
    if rearm is None:
        why = "the guest did not tell" if sealed else "it is read when a clone of this version runs"
        found = (Finding("rearm-unknown", Severity.INFO, f"rearm left: unknown; {why}"),)
    return [plain(one) for one in found]
