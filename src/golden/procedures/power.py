"""What was done to a clone's power, by the endpoint's record: a disk that was read says nothing of a later start."""

from __future__ import annotations

from golden.errors import ProofFailed
from golden.model import Machine, SealProof
from golden.procedures.shop import Shop
from golden.provider import PowerWitness

SIGNAL = "power"
QUIET = ("off", "shut down")
"""Events after which nothing runs; every other one may be a start."""


def noted(shop: Shop, machine: Machine) -> tuple[tuple[str, str], ...]:
    """A signal of a proof: the events until now, oldest first; none where the endpoint keeps none."""
    if not isinstance(shop.hypervisor, PowerWitness):
        return ()
    events = shop.hypervisor.power_events(machine)
    return ((SIGNAL, ", ".join(events)),) if events else ()


def must_be_unstarted(shop: Shop, machine: Machine, proof: SealProof) -> None:
    """ProofFailed where the machine was started after the events that its proof has."""
    then = dict(proof.signals).get(SIGNAL, "")
    for _, now in noted(shop, machine):
        if _starts(now) > _starts(then):
            raise ProofFailed(f"{machine.name} was started again after its seal was read", details=now)


def _starts(told: str) -> int:
    return sum(bool(word) and word not in QUIET for word in told.split(", "))
