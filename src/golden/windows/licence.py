"""
What a reading of the rearm counters and the licence means, in sentences for this version or image.

Imports nothing but the nouns: ``golden log`` and ``golden show`` say these sentences. docs/facts: windows 2.1 to 2.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from golden.model import Finding, GuestFacts, Rearm, Severity

LOW = 2
"""Below this a warning is given."""
_WINDOWS_8 = (6, 2)
_USUAL, _OLD = 1001, 3
_STATUS = {
    0: "unlicensed",
    1: "licensed",
    2: "in the grace time after installation",
    3: "in the grace time after a change of hardware or a lapsed activation",
    4: "in the grace time of a copy that was not found genuine",
    5: "in notification mode: the grace time is over",
    6: "in an extended grace time",
}
_KMS = "KMS client: a KMS host activates from 25 clients or 5 servers on, for 180 days, over TCP 1688"
_REASONS = {
    0xC004D307: "the number of rearms is used up (KB 929828): only a new installation brings it back",
    0xC004F038: "the KMS host has not yet counted enough machines",
    0xC004F074: "no KMS host could be reached",
    0xC004F009: "the grace time is over",
    0xC004C003: "the activation server has blocked the product key",
    0xC004C020: "the activations of the MAK are used up",
}


def is_evaluation(rearm: Rearm) -> bool:
    """Whether it is an evaluation copy, by channel or description."""
    return "EVAL" in rearm.channel.upper() or "TIMEBASED_EVAL" in rearm.description.upper()


def limit(facts: GuestFacts, rearm: Rearm) -> int | None:
    """How many rearms this Windows has when new; None where that differs from copy to copy."""
    version = _version(facts.version)
    if version is None or is_evaluation(rearm):
        return None
    return _USUAL if version >= _WINDOWS_8 else _OLD


def told_left(facts: GuestFacts, rearm: Rearm | None) -> str:
    """e.g. ``1001 (never used)``, ``1000``, ``unknown``."""
    if rearm is None or rearm.left is None:
        return "unknown"
    return f"{rearm.left} (never used)" if rearm.left == limit(facts, rearm) else str(rearm.left)


def was_rearmed(before: Rearm | None, after: Rearm | None) -> bool | None:
    """
    Whether a counter was seen to go down between two readings; None where no counter was read both times.

    Sysprep ends well without a rearm, too, where SkipRearm is set (docs/facts: windows 2.3).
    """
    if before is None or after is None:
        return None
    pairs = ((before.windows, after.windows), (before.sku, after.sku))
    known = [(first, last) for first, last in pairs if first is not None and last is not None]
    return any(last < first for first, last in known) if known else None


def explain(
    facts: GuestFacts, rearm: Rearm | None, *, sealed: bool, before: Rearm | None = None
) -> tuple[Finding, ...]:
    """
    What the reading means for a version (not sealed) or an image (sealed), the gravest first.

    ``before`` is what was read in an image's clone before it was generalized.
    """
    if rearm is None:
        return ()
    found = [*_counters(facts, rearm, sealed=sealed), *_status(rearm)]
    if sealed:
        found += [*_rearmed(before, rearm), *_channel(rearm, _kms_of_image(before, rearm))]
    else:
        found += _channel(
            rearm, "; clones of it that were not generalized share one client id, and count as one machine"
        )
    order = list(Severity)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _counters(facts: GuestFacts, rearm: Rearm, *, sealed: bool) -> Iterator[Finding]:
    if rearm.left is None:
        yield _said("rearm-unknown", "how often this Windows may still be rearmed could not be read")
        return
    evidence = _pair(rearm)
    if rearm.left < LOW:
        fix = "capture from an earlier version, or install the reference anew; golden generalizes clones only, so "
        fix += "the reference itself never loses one"
        if sealed:
            effect = f"whatever is deployed from this image can be generalized {_times(rearm.left)}"
        else:
            effect = f"this version can be captured {_times(rearm.left)}"
        yield _said("rearm-low", f"rearm left: {rearm.left}; {effect}", Severity.WARNING, evidence, fix)
        if limit(facts, rearm) == _OLD:
            yield _said(
                "rearm-service-pack",
                "Windows of this age have 3 rearms in all; a service pack is said to give one back (unconfirmed)",
                Severity.WARNING,
            )
        return
    yield _said("rearm-left", f"rearm left: {told_left(facts, rearm)}", evidence=evidence)


def _rearmed(before: Rearm | None, after: Rearm) -> Iterator[Finding]:
    """What was seen of the rearm itself."""
    rearmed = was_rearmed(before, after)
    if before is None or rearmed is None:
        sentence = "whether sysprep rearmed this image was not seen: no counter was read both before and after it"
        yield _said("rearm-unseen", sentence)
        return
    evidence = f"before: {_pair(before)}; after: {_pair(after)}"
    if rearmed:
        yield _said("rearm-seen", "sysprep rearmed this image: its counter went down by that", evidence=evidence)
        return
    yield _said(
        "rearm-skipped",
        "the rearm counter did not go down while this image was generalized, so it was most likely not rearmed; its "
        "machines then have one and the same client id, which a KMS host counts as one",
        Severity.WARNING,
        evidence,
        "set SkipRearm to 0 in the reference and in the answer file, and capture again (golden check: rearm.skipped)",
    )


def _status(rearm: Rearm) -> Iterator[Finding]:
    if rearm.status is not None:
        grace = f", {rearm.grace // 1440} days left" if rearm.grace else ""
        meaning = _STATUS.get(rearm.status, f"in a state golden does not know ({rearm.status})")
        yield _said("licence-status", f"when it was read, this Windows was {meaning}{grace}", evidence=rearm.product)
    if rearm.reason in _REASONS and rearm.status != 1:
        severity = Severity.WARNING
        yield _said("licence-reason", _REASONS[rearm.reason], severity, f"{rearm.reason:#010x}")


def _channel(rearm: Rearm, kms: str) -> Iterator[Finding]:
    """What the kind of licence means; ``kms`` is what a KMS client's client id comes to."""
    name, words = rearm.channel.upper(), rearm.description.upper()
    evidence = rearm.channel or rearm.description
    if is_evaluation(rearm):
        sentence = "an evaluation copy: it has few rearms, and every machine deployed from it runs out"
        yield _said("licence-evaluation", sentence, Severity.WARNING, evidence, "install the reference with a licence")
    elif "VIRTUAL_MACHINE_ACTIVATION" in words:
        sentence = "AVMA: machines activate on a Hyper-V host with Windows Server Datacenter, and on no other kind of "
        sentence += "hypervisor; the key stays in the image, the activation does not"
        yield _said("licence-avma", sentence, Severity.WARNING, evidence)
    elif "MAK" in name:
        sentence = "a MAK is in it: each deployed machine activates anew and spends one of its activations"
        fix = "keep the MAK out of the reference; give it at deployment, or use the KMS client key"
        yield _said("licence-mak", sentence, Severity.WARNING, evidence, fix)
    elif "GVLK" in name:
        yield _said("licence-kms", f"{_KMS}{kms}", evidence=evidence)
    elif name.startswith(("RETAIL", "OEM")):
        sentence = "a retail or OEM licence: whether it may be imaged onto other machines is a matter of its terms "
        sentence += "(unconfirmed)"
        yield _said("licence-retail", sentence, Severity.WARNING, evidence)


def _kms_of_image(before: Rearm | None, after: Rearm) -> str:
    rearmed = was_rearmed(before, after)
    if rearmed is None:
        return "; each machine of this image counts for itself only if it was rearmed, which was not seen"
    if rearmed:
        return "; this image was rearmed, so every machine of it has a client id of its own and counts"
    return "; this image was most likely not rearmed, so its machines may have one client id, and count as one"


def _said(id_: str, sentence: str, severity: Severity = Severity.INFO, evidence: str = "", fix: str = "") -> Finding:
    return Finding(id_, severity, sentence, evidence, fix)


def _times(count: int) -> str:
    return "no more" if count == 0 else "once more"


def _pair(rearm: Rearm) -> str:
    return f"Windows {_or_unknown(rearm.windows)}, edition {_or_unknown(rearm.sku)}"


def _or_unknown(count: int | None) -> str:
    return "unknown" if count is None else str(count)


def _version(text: str) -> tuple[int, int] | None:
    parts = text.split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        return None
    return int(parts[0]), int(parts[1])
