"""Odd arguments: whatever is typed, golden ends with a documented exit code and without a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from golden.cli.main import run
from golden.cli.verbs import VERBS

if TYPE_CHECKING:
    from tests.cli.lab import Lab

CODES = {0, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 20}
HARMLESS = sorted(set(VERBS) - {"answer", "demo", "init", "selftest"})
"""Without those that may write into any folder that is named."""
WORDS = st.one_of(
    st.sampled_from(["ref", "ref@v1", "ref@i1", "ref@latest", "@", "base", "here", "shelf", "a.inf", "a.inf:/x", "--"]),
    st.sampled_from(["--add", "--run", "--copy", "--from", "--to", "--channel", "--keep", "--version", "-y", "--all"]),
    st.sampled_from(["--deep", "--dry-run", "-q", "--help", "--timeout", "--seal", "1", "0", "list", "add", "remove"]),
    st.text(max_size=12),
)
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@given(verb=st.sampled_from(HARMLESS), words=st.lists(WORDS, max_size=5))
@settings(max_examples=200, deadline=None, suppress_health_check=SLOW, derandomize=True)
def test_nothing_that_is_typed_shows_a_traceback(
    ref: Lab, capsys: pytest.CaptureFixture[str], verb: str, words: list[str]
) -> None:
    """Any verb with any words ends with a documented code; with -o json stdout is one envelope or a help text."""
    code = run(["-o", "json", verb, *words])
    said = capsys.readouterr()
    assert code in CODES, said
    assert "Traceback" not in said.out + said.err
    if said.out and not said.out.startswith("Usage: "):
        assert json.loads(said.out)["schema"] == "golden/1"
    if code != 0 and not said.out.startswith('{\n  "schema": "golden/1",\n  "kind": "findings"'):
        assert json.loads(said.out)["error"]["exit_code"] == code


@given(words=st.lists(st.text(max_size=20), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None, suppress_health_check=SLOW, derandomize=True)
def test_nothing_at_all_shows_a_traceback(lab: Lab, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """Any row of words is answered."""
    assert run(words) in CODES
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert Path(".golden").exists() is False
