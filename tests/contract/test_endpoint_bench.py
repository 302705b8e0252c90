"""An endpoint as a user configures it can be tried against the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import UsageError
from golden.guest.dialect import Dialect
from golden.model import Origin
from golden.provider import Endpoint
from golden.testing.contract import Promise, promises, run_contract
from golden.testing.endpoint_bench import EndpointBench
from golden.testing.memory import World


def bench(tmp_path: Path, os: str = "memory") -> EndpointBench:
    """The endpoint of a world with one machine of the user's."""
    endpoint = Endpoint("here", f"memory:{tmp_path / 'world'}")
    return EndpointBench(endpoint, tmp_path, Origin("machine", "small"), os, patience=5)


def test_an_endpoint_is_tried_by_its_url(tmp_path: Path) -> None:
    """Every promise is tried against the endpoint that the URL names, and the user's machine is what it was."""
    world = World.create(tmp_path / "world")
    world.add_user_machine("small")
    before = world.read()["users"]
    results = run_contract(bench(tmp_path))
    assert {result.name: result.words for result in results if not result.kept} == {}
    assert (world.read()["users"], world.read()["machines"]) == (before, {})


def test_an_endpoint_without_the_machine_fails_in_sentences(tmp_path: Path) -> None:
    """Where the small machine is missing the results say so, each in one line, and nothing is raised."""
    World.create(tmp_path / "world").close()
    results = run_contract(bench(tmp_path))
    broken = [result for result in results if not result.kept]
    assert broken
    assert all(result.words and "\n" not in result.words for result in broken)
    assert any("no machine 'small'" in result.words for result in broken)


@pytest.mark.parametrize("os", ["windows", "linux"])
def test_each_family_has_a_dialect_and_a_program(tmp_path: Path, os: str) -> None:
    """The bench speaks the family's dialect and knows a program that ends with a code."""
    tried = bench(tmp_path, os)
    spoken: Dialect = tried.dialect
    assert spoken.work_folder
    assert "7" in tried.exits(7)[-1]


def test_an_unknown_family_is_a_usage_error(tmp_path: Path) -> None:
    """A guest of no known kind is refused in a sentence."""
    with pytest.raises(UsageError, match="plan9"):
        _ = bench(tmp_path, "plan9").dialect


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.__name__)
def test_every_promise_is_a_sentence(promise: Promise) -> None:
    """What a user reads as the result of a selftest is a sentence that ends with a full stop."""
    sentence = " ".join((promise.__doc__ or "").split())
    assert sentence[:1].isupper()
    assert sentence.endswith(".")
