"""Whether a clone can be generalized: looked at from outside, asked inside, and mended where that is safe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from golden.codec import plain
from golden.errors import ChecksFailed, GoldenError
from golden.guest.family import Family, SealOrder
from golden.guest.running import Running, Seen
from golden.guest.session import Session
from golden.model import CaptureOrder, Checked, CheckOrder, Finding, Machine, Severity, Snapshot
from golden.procedures.shop import Shop
from golden.waiting import Deadline

MOST_ROUNDS = 5
"""Rounds of fixing; servicing that is not done after so many restarts is going in circles. docs/facts: windows 5.8."""
NO_DISK = "disks cannot be read from outside on this endpoint"
FIX_FAILED = "fix.failed"
"""Id of what is told of a fix that was tried in vain."""
_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Preflight:
    """What is asked of one clone before it is generalized."""

    family: Family
    order: SealOrder
    fix: bool = False
    strict: bool = False
    """A fix that fails is an error: the clone is kept for what it becomes, not only looked at."""

    @property
    def no_disk(self) -> Checked:
        """What is known where there is no disk: the name of each check that needs one."""
        return Checked(unmade=tuple((name, NO_DISK) for name in self.family.on_disk))


@dataclass(slots=True)
class Fixing:
    """What all rounds of fixing came to."""

    fixed: tuple[str, ...] = ()
    failed: dict[str, GoldenError] = field(default_factory=dict)
    """By the id of the finding."""
    _met: set[frozenset[str]] = field(default_factory=set)

    def goes_in_circles(self, found: Checked) -> bool:
        """
        Whether one more round is of no use: of what was worked on no error is left, and the same findings were left
        before. What stops sysprep is worth every round, since a restart may be wanted more than once.
        """
        worked_on = ids_of(self.fixed)
        left = [one for one in found.findings if one.id in worked_on]
        met = frozenset(one.id for one in left)
        known = met in self._met
        self._met.add(met)
        return known and not any(one.severity is Severity.ERROR for one in left)

    def told(self) -> tuple[Finding, ...]:
        """A warning for each fix that failed."""
        return tuple(
            Finding(
                FIX_FAILED,
                Severity.WARNING,
                f"{name} could not be mended: {error.brief}",
                error.details or "",
                error.hint or "",
            )
            for name, error in self.failed.items()
        )

    def raise_first(self) -> None:
        """The first failure as the error it is, named by its finding; nothing where there is none."""
        for name, error in self.failed.items():
            details = "\n".join(line for one in self.told() for line in told(one))
            raise type(error)(f"{name} could not be mended: {error.brief}", details=details, hint=error.hint) from error


def preflight(shop: Shop, order: CheckOrder | CaptureOrder) -> Preflight:
    """What is asked of a clone that is to be sealed as the order says."""
    answers = shop.payloads.checked(order.answer_file, "the answer file") if order.answer_file else None
    seal = SealOrder(order.seal, answers, shop.account.name, shop.account.password)
    family = shop.families(shop.catalog.reference(order.reference).os)
    return Preflight(family, seal, order.fix, strict=isinstance(order, CaptureOrder))


def look(shop: Shop, thing: Machine | Snapshot, preflight: Preflight) -> Checked:
    """The checks that the powered-off disk answers; where it cannot be read, each of them is named."""
    if not shop.hypervisor.abilities.open_disk:
        return preflight.no_disk
    with shop.hypervisor.open_disk(thing) as disk:
        return look_at(disk, preflight)


def look_at(seen: Seen, preflight: Preflight) -> Checked:
    """The checks that need no answer of the guest's; a running one is not asked for them, and that is said."""
    if isinstance(seen, Running):
        return preflight.no_disk
    return preflight.family.inspect(seen, preflight.order)


def ask(
    shop: Shop, session: Session, preflight: Preflight, looked: Checked, deadline: Deadline
) -> tuple[Checked, tuple[str, ...]]:
    """
    The checks that the running guest answers, with those its disk had answered; and what was fixed, as sentences.

    With ``fix`` whatever is safe is done and asked again, until nothing safe is left or nothing changes any more. A
    fix that fails is told as a finding; where the preflight is strict it is raised, after everything was told.
    """
    family, order, fixing = preflight.family, preflight.order, Fixing()
    shop.watcher.doing("asking the guest whether it can be generalized")
    found = merged(looked, family.check(session, order, deadline))
    try:
        for _ in range(MOST_ROUNDS if preflight.fix else 0):
            mended = family.fix(session, _without(found, fixing.failed), deadline)
            fixing.failed |= dict(mended.failed)
            if not mended.done:
                break
            fixing.fixed = tuple(dict.fromkeys((*fixing.fixed, *mended.done)))
            fixing.goes_in_circles(found)
            found = merged(looked, family.check(session, order, deadline))
            if fixing.goes_in_circles(found):
                break
    finally:
        found = with_findings(found, fixing.told())
        keep(shop, found, fixing.fixed)
    if preflight.strict:
        fixing.raise_first()
    return found, fixing.fixed


def _without(found: Checked, failed: Mapping[str, object]) -> tuple[Finding, ...]:
    return tuple(one for one in found.findings if one.id not in failed)


def ids_of(sentences: Iterable[str]) -> tuple[str, ...]:
    """The findings that sentences of what was done begin with, each once."""
    return tuple(dict.fromkeys(name for one in sentences for name in one.partition(":")[0].split(", ")))


def with_findings(found: Checked, more: tuple[Finding, ...]) -> Checked:
    """The same and these, errors first."""
    return Checked(in_order((*found.findings, *more)), found.made, found.unmade)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first."""
    return tuple(sorted(findings, key=lambda one: _RANK[one.severity]))


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
    return Checked(in_order(findings), made, unmade)


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
