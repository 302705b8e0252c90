"""The safe fixes as a change of their own: made in the clone of an update, proved, and told by the version."""

from __future__ import annotations

from golden.errors import ProofFailed, UsageError
from golden.guest.changes import digest_of
from golden.guest.family import Family, SealOrder
from golden.guest.running import Seen
from golden.guest.session import Session
from golden.model import Change, ChangesDone, Finding, Severity, UpdateOrder
from golden.procedures.checking import Preflight, ask, ids_of, look, look_at
from golden.procedures.shop import Shop
from golden.waiting import Deadline

_STILL = "still met: "
KIND = "fixes"
NAME = "golden check"


def fix(
    shop: Shop, session: Session, order: UpdateOrder, deadline: Deadline
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    What was fixed, and notes of what still stops a capture or has come back; nothing at all unless the order asks for
    it.

    UsageError where there was nothing to fix and the order asks for nothing else: such a version would be its parent.
    ChangeFailed or TimedOut where a fix fails.
    """
    if not order.apply_fixes:
        return (), ()
    reference = shop.catalog.reference(order.reference)
    preflight = _preflight(shop, shop.families(reference.os), fix=True)
    parent = shop.catalog.version(order.reference, order.parent)
    looked = look(shop, parent.snapshot, preflight)
    found, fixed = ask(shop, session, preflight, looked, deadline)
    if not fixed and not order.changes:
        raise UsageError(
            f"there is nothing in {reference.name}@v{parent.number} that golden fixes by itself; no version was made",
            details="\n".join(f"{one.severity.value} {one.id}: {one.sentence}" for one in found.findings) or None,
            hint=f"golden check {reference.name}@v{parent.number}",
        )
    worked_on = ids_of(fixed)
    left = (one for one in found.findings if one.severity is Severity.ERROR or one.id in worked_on)
    return fixed, tuple(f"{_STILL}{one.id}: {one.sentence}" for one in left)


def change_of(done: ChangesDone) -> tuple[Change, ...]:
    """What was fixed as a change of the version; none where nothing was."""
    if not done.fixed:
        return ()
    arguments = tuple(("fixed", sentence) for sentence in done.fixed)
    return (Change(KIND, NAME, (), arguments, digest_of(KIND, NAME, arguments, ())),)


def prove(shop: Shop, seen: Seen, order: UpdateOrder, done: ChangesDone) -> tuple[tuple[str, str], ...]:
    """
    (change, evidence) for each check whose finding was fixed: the powered-off disk does not show it, or, where only the
    running guest can tell, it was asked again after the fix. ProofFailed where the disk still shows what stops sysprep.

    What only warns may be there again, which is told: file renames that wait for a start are made all the time.
    """
    if not done.fixed:
        return ()
    reference = shop.catalog.reference(order.reference)
    after = look_at(seen, _preflight(shop, shop.families(reference.os)))
    met = {one.id: one for one in after.findings}
    evidence = []
    still = {note.split(": ")[1] for note in done.notes if note.startswith(_STILL)}
    for name in ids_of(done.fixed):
        if name in still:
            continue  # Told as a note: what a restart was tried for may need more than that.
        evidence.append((NAME, f"{name}: {_shown(name, met.get(name), made=name in after.made)}"))
    return tuple(evidence)


def _shown(name: str, finding: Finding | None, *, made: bool) -> str:
    """How what was fixed shows. ProofFailed where it stops sysprep still."""
    if finding is None:
        return "the powered-off disk does not show it" if made else "asked again, the guest does not show it"
    if finding.severity is Severity.ERROR:
        raise ProofFailed(f"read from outside, {name} is still met: {finding.sentence}", details=finding.evidence)
    return f"the guest did not show it; the powered-off disk does again, which stops nothing: {finding.sentence}"


def _preflight(shop: Shop, family: Family, *, fix: bool = False) -> Preflight:
    return Preflight(family, SealOrder(family.seals[0], None, shop.account.name), fix, strict=True)
