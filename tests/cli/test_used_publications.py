"""Prune leaves out what others stand on in a library, and never ends half-way because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from golden.testing.memory_library import use

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab


def test_an_image_that_others_stand_on_stays(ref: Lab, golden: Golden) -> None:
    """It is named and left out; its version stays with it, no job is open; once nobody uses it it goes."""
    golden("library", "add", "plain", "memory-library:world")
    for _ in range(3):
        assert golden("capture", "--to", "plain").code == 0
    (key,) = [key for key in ref.world.read()["libraries"]["plain"] if "ref-i1-" in key]
    use(ref.world, "plain", key, "Finance server")
    ran = golden("prune", "ref", "--keep", "1", "-y", "-o", "json")
    assert ran.code == 0, ran.err
    assert [one["number"] for one in ran.data["images"]] == [2]
    assert "ref@i1 stays, as others stand on it: Finance server in plain" in ran.err
    assert {one["number"] for one in golden("log", "-o", "json").data["images"]} == {1, 3}
    assert [one for one in golden("jobs", "-o", "json").data["jobs"] if one["state"] == "open"] == []
    use(ref.world, "plain", key)
    assert [one["number"] for one in golden("prune", "ref", "--keep", "1", "-y", "-o", "json").data["images"]] == [1]
    assert len(ref.world.read()["libraries"]["plain"]) == 1
