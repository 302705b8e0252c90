"""Adopt takes what was never generalized, leaves the user's machine alone, and says why it refuses the rest."""

from __future__ import annotations

import pytest

from golden.errors import ChecksFailed, Conflict, GuestUnfit, NotFound
from golden.model import Finding, Severity
from tests.procedures.conftest import Bench


def disk(state: str) -> dict[str, bytes]:
    return {"/state": state.encode(), "/log": b""}


def test_a_virgin_machine_becomes_version_1(bench: Bench) -> None:
    """With digest, stamps and hashes; the user's machine is as it was."""
    before = bench.world.read()["users"]["base"]
    version = bench.adopt()
    assert (version.number, version.parent, version.facts.state) == (1, None, "VIRGIN")
    assert len(version.digest) == 64
    assert version.disks and version.stamps
    assert bench.world.read()["users"]["base"] == before
    assert bench.project.catalog.reference("ref").head == 1
    assert bench.troubles() == []


@pytest.mark.parametrize("state", ["SEALED", "SEALED_AUDIT", "DEPLOYED", "BROKEN", "FAILED_EARLY", "UNKNOWN"])
def test_any_other_state_is_refused_before_a_byte_is_copied(bench: Bench, state: str) -> None:
    """With the state, a sentence that says why, and every input of the decision."""
    bench.world.add_user_machine("odd", disk(state))
    with pytest.raises(GuestUnfit, match=f"is {state}, not VIRGIN: ") as caught:
        bench.adopt("odd")
    assert caught.value.exit_code == 4
    assert caught.value.details == f"/state = {state}"
    assert bench.machines() == set()
    assert bench.project.catalog.references() == []


def test_a_deployed_machine_is_taken_when_the_user_insists(bench: Bench) -> None:
    """And that stays visible in every version made from it."""
    bench.world.add_user_machine("old", disk("DEPLOYED"))
    assert bench.adopt("old", accept_deployed=True).accepted_deployed
    assert bench.update("say x").accepted_deployed


@pytest.mark.parametrize("state", ["SEALED", "BROKEN", "UNKNOWN"])
def test_insisting_takes_nothing_but_deployed(bench: Bench, state: str) -> None:
    """--accept-deployed is about DEPLOYED alone."""
    bench.world.add_user_machine("odd", disk(state))
    with pytest.raises(GuestUnfit):
        bench.adopt("odd", accept_deployed=True)


def test_a_running_machine_is_refused(bench: Bench) -> None:
    """Its disk is being written."""
    bench.world.add_user_machine("busy", disk("VIRGIN"), power="on")
    with pytest.raises(ChecksFailed, match="busy is running"):
        bench.adopt("busy")
    assert bench.machines() == set()


def test_what_examining_forbids_is_told_with_its_fix(bench: Bench) -> None:
    """A shared disk, say."""
    problem = Finding("disk-shared", Severity.ERROR, "disk vda is shared", "<shareable/>", "unshare it")
    bench.world.add_user_machine("shared", disk("VIRGIN"), problems=(problem,))
    with pytest.raises(ChecksFailed, match="disk vda is shared") as caught:
        bench.adopt("shared")
    assert caught.value.hint == "unshare it"


def test_an_unknown_machine_is_not_found(bench: Bench) -> None:
    """By its name."""
    with pytest.raises(NotFound, match="'nobody'"):
        bench.adopt("nobody")


def test_a_name_is_taken_once(bench: Bench) -> None:
    """A second reference of the same name is a conflict, and the first is as it was."""
    first = bench.adopt()
    with pytest.raises(Conflict, match="reference ref already"):
        bench.adopt()
    assert bench.project.catalog.versions("ref") == [first]
    assert bench.machines() == bench.held()
