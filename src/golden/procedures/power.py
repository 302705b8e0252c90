"""What was done to a clone's power, by the endpoint's record: a seal that was read says nothing of a later start."""

from __future__ import annotations

from dataclasses import replace

from golden.errors import ProofFailed
from golden.model import Machine, SealProof
from golden.procedures.shop import Shop
from golden.provider import PowerWitness

SIGNAL = "power"
SO_FAR = "power when it was read"
STARTS = ("on", "reset", "reboot", "resumed")
"""Events of ``PowerWitness`` after which a guest runs that did not before."""


def noted(shop: Shop, machine: Machine, name: str = SIGNAL) -> tuple[tuple[str, str], ...]:
    """A signal of a proof: the events until now, oldest first; none where the endpoint is no witness of them."""
    if not isinstance(shop.hypervisor, PowerWitness):
        return ()
    return ((name, ", ".join(shop.hypervisor.power_events(machine)) or "no event is kept of it"),)


def witnessed(shop: Shop, machine: Machine, proof: SealProof) -> SealProof:
    """
    A proof that was read in the running guest, with the events until now, when it is off. ProofFailed where it was
    started in any way after it was read.
    """
    proof = replace(proof, signals=(*proof.signals, *noted(shop, machine)))
    told = dict(proof.signals)
    # The one start that was needed to read it may not have been noted yet when it was read.
    _must_not_be_more(machine, max(1, _starts(told.get(SO_FAR, ""))), told.get(SIGNAL, ""))
    return proof


def must_be_unstarted(shop: Shop, machine: Machine, proof: SealProof) -> None:
    """ProofFailed where the machine was started after the events that its proof has."""
    then = dict(proof.signals).get(SIGNAL, "")
    for _, now in noted(shop, machine):
        _must_not_be_more(machine, _starts(then), now)


def _must_not_be_more(machine: Machine, starts: int, now: str) -> None:
    if _starts(now) > starts:
        raise ProofFailed(f"{machine.name} was started again after its seal was read", details=now)


def _starts(told: str) -> int:
    return sum(word in STARTS for word in told.split(", "))
