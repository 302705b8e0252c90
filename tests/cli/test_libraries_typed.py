"""What golden tells of libraries: what is published there, and what whoever deploys from there has to know."""

from __future__ import annotations

import pytest

from golden.library import Follower
from golden.testing.memory_library import follow
from tests.cli.conftest import Golden
from tests.cli.lab import Lab


@pytest.fixture
def memory(ref: Lab) -> Lab:
    """The project with a library that warns of images that are not sealed."""
    toml = ref.path / "golden.toml"
    toml.write_text(toml.read_text() + f'[libraries.memory]\nurl = "memory-library:{ref.path}/world"\n')
    return ref


def test_what_a_library_warns_of_is_in_json_and_told(memory: Lab, golden: Golden) -> None:
    """publish and capture carry the warnings of the image's seal by library, and say them; other seals have none."""
    assert golden("capture", "--seal", "none").code == 0
    told = golden("publish", "ref@i1", "--to", "memory", "--to", "shelf", "-o", "json").data
    assert [one["library"] for one in told["publications"]] == ["memory", "shelf"]
    (warning,) = told["warnings"]
    assert (warning["library"], warning["id"], warning["severity"]) == ("memory", "not-generalized", "warning")
    captured = golden("capture", "--seal", "none", "--to", "memory", "-o", "json").data
    assert [one["id"] for one in captured["warnings"]] == ["not-generalized"]
    assert (
        "warning: memory: every machine made from it is the same one (seal it)"
        in golden("publish", "ref@i1", "--to", "memory").err
    )
    sealed = golden("capture", "--to", "memory", "-o", "json")
    assert (sealed.data["warnings"], "same one" in sealed.err) == ([], False)


def test_a_library_is_listed(memory: Lab, golden: Golden) -> None:
    """golden list --library asks the library itself: publications, whether current, and what it takes and warns of."""
    assert golden("list", "--library", "memory").out == ""
    assert golden("capture", "--to", "memory").code == 0
    assert golden("capture", "--to", "memory").code == 0
    told = golden("list", "--library", "memory", "-o", "json").data
    assert [(one["image"], one["retired"]) for one in told["publications"]] == [(1, True), (2, False)]
    assert (told["name"], told["forms"], told["warnings"][0]["seal"]) == ("memory", ["qcow2"], "none")
    lines = golden("list", "--library", "memory").out.splitlines()
    assert [line.split()[:2] for line in lines] == [["ref@i1", "retired"], ["ref@i2", "current"]]
    assert golden("list").out == "ref\n"


def test_who_follows_a_library_and_how_far_is_listed(memory: Lab, golden: Golden) -> None:
    """Each publication has its followers below it; for programs they are fields."""
    assert golden("capture", "--to", "memory").code == 0
    (one,) = golden("list", "--library", "memory", "-o", "json").data["publications"]
    assert one["followers"] == []
    far = Follower("far away", "2026-06-01T10:00:00Z", on_demand=True, state="behind")
    follow(memory.world, "memory", one["key"], far, Follower("new", "", on_demand=False, state="absent"))
    lines = golden("list", "--library", "memory").out.splitlines()
    assert len(lines) == 2
    assert "followed by far away behind (asked " in lines[1]
    assert lines[1].endswith("new absent (never asked yet)")
    (one,) = golden("list", "--library", "memory", "-o", "json").data["publications"]
    assert [(it["name"], it["state"], it["on_demand"]) for it in one["followers"]] == [
        ("far away", "behind", True),
        ("new", "absent", False),
    ]


def test_a_library_that_is_not_there_is_told(memory: Lab, golden: Golden) -> None:
    """With those there are, and with the library's own words where it cannot be reached."""
    missing = golden("list", "--library", "memori")
    assert (missing.code, "did you mean memory?" in missing.err) == (13, True)
    (memory.path / "world").rename(memory.path / "elsewhere")
    assert golden("list", "--library", "memory").code == 10
