"""An image that holds one disk of several says so wherever it is made and published, to people and to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cli.test_sealing_typed import rewrite

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab

ALONE = "the machine has 2 disks, and the image is the first alone"


def twice(record: dict[str, Any]) -> None:
    """As if the version's machine had two disks; its endpoint captures the first."""
    (disk,) = [one for one in record["disks"] if one["kind"] == "disk"]
    record["disks"].append({**disk, "path": disk["path"] + "-1"})


def test_capture_and_publish_tell_what_is_missing(ref: Lab, golden: Golden) -> None:
    """A warning in both outputs of both commands, kept with the image."""
    rewrite(ref, "version", twice)
    golden("library", "add", "other", "memory-library:world")
    made = golden("capture", "--to", "other", "-o", "json")
    assert made.code == 0, made.err
    assert [(one["id"], one["sentence"]) for one in made.data["findings"]] == [("several-disks", ALONE)]
    assert [(one["library"], one["id"]) for one in made.data["warnings"]] == [("other", "several-disks")]
    assert f"warning: other: {ALONE}" in made.err
    text = golden("capture")
    assert f"warning  several-disks: {ALONE}" in text.out
    golden("library", "add", "plain", "memory-library:world")
    told = golden("publish", "ref@i2", "--to", "plain", "-o", "json")
    assert [(one["library"], one["sentence"]) for one in told.data["warnings"]] == [("plain", ALONE)]
    assert f"warning: plain: {ALONE}" in told.err
    assert golden("show", "ref@i2", "-o", "json").data["findings"][0]["id"] == "several-disks"


def test_one_of_several_files_is_told(imaged: Lab, golden: Golden) -> None:
    """Where the image keeps all disks, and the library takes one file of it."""

    def both(record: dict[str, Any]) -> None:
        (form,) = record["artifact"]["forms"]
        record["artifact"]["forms"].append(form)

    rewrite(imaged, "image", both)
    golden("library", "add", "plain", "memory-library:world")
    told = golden("publish", "ref@i1", "--to", "plain", "-o", "json")
    assert told.code == 0, told.err
    assert [one["sentence"] for one in told.data["warnings"]] == [
        "the machine has 2 disks, and what is published is the first alone"
    ]
