"""What is written down comes back equal, and what a newer golden wrote is understood or refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden import model
from golden.codec import decode, encode, plain
from golden.errors import GoldenError

FACTS = model.GuestFacts("windows", model.GuestState.VIRGIN, (("tag", "absent"),), drivers=(model.Driver("a.inf", ""),))
VERSION = model.Version(
    "win",
    2,
    1,
    "d" * 64,
    model.Snapshot("m", "v2"),
    FACTS,
    (model.DiskFile("/d", "disk", "qcow2", 5, "s"),),
    (model.FileStamp("/d", "x"),),
    (model.Change("driver", "a.inf", (model.PayloadFile("a.inf", "s", 1),), (("inf", "a.inf"),), "g"),),
    "why",
    "2026-01-01T00:00:00+00:00",
)
ORIGIN = st.builds(model.Origin, st.sampled_from(["disk", "machine"]), st.text(), st.none() | st.just("uefi"))


@pytest.mark.parametrize("thing", [VERSION, model.Mark(model.Role.CAPTURE, "j", "r", "i"), (1, "a", None, (VERSION,))])
def test_nouns_come_back_equal(thing: object) -> None:
    """Through JSON text and back, enums and nested tuples included."""
    assert decode(json.loads(json.dumps(encode(thing)))) == thing


@given(ORIGIN)
def test_any_text_comes_back(origin: model.Origin) -> None:
    """Whatever characters a user's path has."""
    assert decode(json.loads(json.dumps(encode(origin)))) == origin


def test_a_field_of_a_newer_golden_is_dropped() -> None:
    """Old code reads what new code wrote, as long as nothing it needs is missing."""
    assert decode({**encode(model.Snapshot("m", "v1")), "colour": "blue"}) == model.Snapshot("m", "v1")


def test_an_unknown_type_is_refused_by_name() -> None:
    """Never guessed, never built from the outside."""
    with pytest.raises(GoldenError, match="'Popen'"):
        decode({"$": "Popen", "args": "true"})


def test_plain_names_no_types() -> None:
    """What users see is free of the way it is stored."""
    assert plain(model.Snapshot("m", "v1")) == {"machine": "m", "name": "v1"}
