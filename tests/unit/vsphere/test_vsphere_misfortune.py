"""Every misfortune that a server has, at every call that changes something: it ends well, or is told and is over."""

from __future__ import annotations

from typing import Any

import pytest

from golden.errors import Conflict, EndpointError, GoldenError
from tests.peers.vsphere.peer import Peer
from tests.unit.vsphere.conftest import Opening
from tests.unit.vsphere.stage import IDS, VERBS, Stage, Verb, made

pytestmark = pytest.mark.slow

THOROUGH = pytest.mark.thorough
"""Tested faster, at single calls, in test_vsphere_bad_input.py."""
BUSY = {"kind": "TaskInProgress", "detail": {"task": ("Task", "task-1")}}
RULES: dict[str, tuple[dict[str, Any], type[GoldenError] | None]] = {
    "expire": ({}, None),
    "delay": ({"seconds": 0.3}, None),
    "http": ({"status": 503}, None),
    "fault": (BUSY, Conflict),
}
"""What is done to a call, further words of the rule, and what comes of it: None where the verb bears it."""


@pytest.fixture(scope="module")
def bare(shared: Peer) -> str:
    """A user's machine without a guest."""
    return shared.seed("bare", state=None).name


@pytest.mark.parametrize(("verb", "call"), VERBS, ids=IDS)
@pytest.mark.parametrize("do", [pytest.param(do, marks=THOROUGH if do in ("expire", "delay") else ()) for do in RULES])
def test_it_ends_well_or_is_over(peer: Peer, opening: Opening, bare: str, verb: Verb, call: str, do: str) -> None:
    """What cannot be borne is an error that leaves nothing behind, and the next try works."""
    words, error = RULES[do]
    before, stage = made(peer), Stage(opening(), bare)
    try:
        act = verb(stage)
        there = set(stage.hypervisor.list_marked())
        peer.rule(call, do, **words)
        if error is None:
            act()
        else:
            with pytest.raises(error):
                act()
            assert set(stage.hypervisor.list_marked()) == there
            act()
        assert peer.world.rules.unmet() == []
        assert max((made(peer) - before).values(), default=1) == 1
    finally:
        peer.world.rules.clear()
        stage.clear()
    assert made(peer) == before


@THOROUGH
@pytest.mark.parametrize(("verb", "call"), VERBS, ids=IDS)
def test_a_missing_right_in_the_middle_leaves_nothing(
    peer: Peer, opening: Opening, bare: str, verb: Verb, call: str
) -> None:
    """A right that was taken away after golden asked for it: named, with its object; nothing half-made stays."""
    before, stage = made(peer), Stage(opening(), bare)
    detail = {"object": ("Folder", "group-v3"), "privilegeId": "VirtualMachine.Some.Right"}
    try:
        act = verb(stage)
        there = set(stage.hypervisor.list_marked())
        peer.rule(call, "fault", kind="NoPermission", detail=detail)
        with pytest.raises(EndpointError, match=r"lacks VirtualMachine\.Some\.Right"):
            act()
        assert set(stage.hypervisor.list_marked()) == there
        act()
    finally:
        peer.world.rules.clear()
        stage.clear()
    assert made(peer) == before
