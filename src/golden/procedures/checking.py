"""Whether a clone can be generalized: looked at from outside, asked inside, and mended where that is safe."""

from __future__ import annotations

import json
from dataclasses import dataclass

from golden.codec import plain
from golden.errors import ChecksFailed
from golden.guest.family import Family, SealOrder
from golden.guest.running import Running, Seen
from golden.guest.session import Session
from golden.model import CaptureOrder, Checked, CheckOrder, Finding, Machine, Severity, Snapshot
from golden.procedures.shop import Shop
from golden.waiting import Deadline

MOST_ROUNDS = 5
"""Rounds of fixing; servicing that is not done after so many restarts is going in circles. docs/facts: windows 5.8."""
NO_DISK = "disks cannot be read from outside on this endpoint"
_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Preflight:
    """What is asked of one clone before it is generalized."""

    family: Family
    order: SealOrder
    fix: bool = False


def preflight(shop: Shop, order: CheckOrder | CaptureOrder) -> Preflight:
    """What is asked of a clone that is to be sealed as the order says."""
    answers = shop.payloads.checked(order.answer_file, "the answer file") if order.answer_file else None
    seal = SealOrder(order.seal, answers, shop.account.name, shop.account.password)
    return Preflight(shop.families(shop.catalog.reference(order.reference).os), seal, order.fix)


def look(shop: Shop, thing: Machine | Snapshot, preflight: Preflight) -> Checked:
    """The checks that the powered-off disk answers; where it cannot be read, that is said."""
    if not shop.hypervisor.abilities.open_disk:
        return Checked(unmade=(("disk", NO_DISK),))
    with shop.hypervisor.open_disk(thing) as disk:
        return look_at(disk, preflight)


def look_at(seen: Seen, preflight: Preflight) -> Checked:
    """The checks that need no answer of the guest's; a running one is not asked for them, and that is said."""
    if isinstance(seen, Running):
        return Checked(unmade=(("disk", NO_DISK),))
    return preflight.family.inspect(seen, preflight.order)


def ask(
    shop: Shop, session: Session, preflight: Preflight, looked: Checked, deadline: Deadline
) -> tuple[Checked, tuple[str, ...]]:
    """
    The checks that the running guest answers, with those its disk had answered; and what was fixed, as sentences.

    With ``fix`` whatever is safe is done and asked again, until nothing safe is left or nothing changes any more.
    """
    family, order = preflight.family, preflight.order
    shop.watcher.doing("asking the guest whether it can be generalized")
    found = merged(looked, family.check(session, order, deadline))
    fixed: tuple[str, ...] = ()
    for _ in range(MOST_ROUNDS if preflight.fix else 0):
        done = family.fix(session, found.findings, deadline)
        if not done:
            break
        fixed = tuple(dict.fromkeys((*fixed, *done)))
        found = merged(looked, family.check(session, order, deadline))
    keep(shop, found, fixed)
    return found, fixed


def merged(offline: Checked, online: Checked) -> Checked:
    """
    Both ways as one, errors first. Where a check was made both ways the running guest's answer counts: what waited for
    a start has been done by then. What neither could make is told with the running guest's reason.
    """
    asked = set(online.made)
    findings = (*online.findings, *(one for one in offline.findings if one.id not in asked))
    made = tuple(dict.fromkeys((*online.made, *offline.made)))
    reasons = {**dict(offline.unmade), **dict(online.unmade)}
    unmade = tuple((name, why) for name, why in reasons.items() if name not in made)
    return Checked(tuple(sorted(findings, key=lambda one: _RANK[one.severity])), made, unmade)


def refuse_errors(shop: Shop, found: Checked, name: str) -> None:
    """ChecksFailed that tells every error, where there is one; warnings are shown and stop nothing."""
    if not found.errors:
        return
    raise ChecksFailed(
        f"{name} will not be generalized: {found.errors[0].sentence}",
        details="\n".join(line for one in found.errors for line in told(one)),
        hint=f"golden check {name} --fix tells what golden can mend; all findings: golden logs {shop.job}",
    )


def told(finding: Finding) -> list[str]:
    """A finding in lines, for an error's details."""
    lines = [f"{finding.severity.value} {finding.id}: {finding.sentence}"]
    lines += [f"  {line}" for line in finding.evidence.splitlines()[:10]]
    return [*lines, *([f"  fix: {finding.fix}"] if finding.fix else [])]


def keep(shop: Shop, found: Checked, fixed: tuple[str, ...]) -> None:
    """The whole answer beside the job's logs."""
    shop.logs.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**plain(found), "fixed": list(fixed)}, indent=1)
    (shop.logs / "checks.json").write_text(text + "\n", encoding="utf-8")
