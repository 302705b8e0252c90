"""Paths below the project's folders are written without them, everything else as it is."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from golden.database.places import Places

HERE = Places(Path("/p/.golden"), Path("/p"))
THERE = Places(Path("/elsewhere/state"), Path("/new home"))


def test_paths_follow_their_folders() -> None:
    """The state folder's go with the state folder, the project's with the project, others and mere mentions stay."""
    value = {"a": ["/p/.golden/x/y.qcow2", {"b": "/p/images/i1.qcow2"}], "c": "/px", "d": "see /p/x", "e": "/p", "n": 1}
    written = HERE.text(value)
    assert "/p/" not in written.replace("see /p/x", "")
    assert HERE.value(written) == value
    assert THERE.value(written) == {
        **value,
        "a": ["/elsewhere/state/x/y.qcow2", {"b": "/new home/images/i1.qcow2"}],
    }


def test_what_an_older_golden_wrote_stays_as_it_is() -> None:
    """Absolute paths in plain JSON are read as they were written."""
    assert THERE.value(json.dumps({"path": "/p/.golden/x"})) == {"path": "/p/.golden/x"}


@given(
    st.recursive(st.text() | st.integers() | st.sampled_from(["/p/", "/p//a", "/p/.golden/", "/p/../b/."]), st.lists)
)
def test_any_value_comes_back(value: object) -> None:
    """Whatever is in a text, it is read as it was written."""
    assert HERE.value(HERE.text(value)) == value
