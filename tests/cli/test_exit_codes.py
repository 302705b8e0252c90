"""Exit codes by what really happened in a world, each as documented at the top of errors.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from golden.testing.memory import Fault

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab


def test_a_change_that_fails_is_5(ref: Lab, golden: Golden) -> None:
    """A change that ends with an unknown code inside the guest."""
    assert golden("update", "--add", "fails.inf", "-o", "json").error["exit_code"] == 5


def test_a_guest_that_cannot_be_sealed_is_6(lab: Lab, golden: Golden) -> None:
    """Generalizing fails in the clone; the reference is as it was and nothing is left."""
    lab.world.add_user_machine("stubborn", {"/state": b"VIRGIN", "/log": b"", "/seal-fails": b"yes"})
    assert golden("adopt", "ref", "--from", "stubborn", "--os", "memory").code == 0
    told = golden("capture", "-o", "json")
    assert (told.code, told.error["id"]) == (6, "generalize-failed")
    assert golden("show", "ref", "-o", "json").data["state"] == "VIRGIN"
    assert golden("doctor").code == 0


def test_what_cannot_be_proved_is_7(ref: Lab, golden: Golden) -> None:
    """A change that left other traces than it should becomes no version."""
    assert golden("update", "--add", "a.inf").code == 0
    told = golden("update", "--add", "a.inf", "-o", "json")
    assert (told.code, told.error["id"]) == (7, "proof-failed")
    assert golden("status", "-o", "json").data["references"][0]["head"] == 2


def test_published_in_part_is_8(ref: Lab, golden: Golden) -> None:
    """One library has it and one does not; what is there stays, and publish again mends it."""
    ref.write("in-the-way", "a file where the library's folder should be")
    assert golden("library", "add", "broken", f"dir:{ref.path}/in-the-way").code == 0
    told = golden("capture", "--to", "shelf", "--to", "broken", "-o", "json")
    assert (told.code, told.error["id"]) == (8, "partly-published")
    (image,) = golden("log", "-o", "json").data["images"]
    assert [one["library"] for one in image["publications"]] == ["shelf"]
    (ref.path / "in-the-way").unlink()
    assert golden("cancel", "--all", "-y").code == 0
    assert golden("publish", "--to", "shelf", "--to", "broken").code == 0
    (image,) = golden("log", "-o", "json").data["images"]
    assert {one["library"] for one in image["publications"]} == {"broken", "shelf"}


def test_what_another_holds_is_9(imaged: Lab, golden: Golden) -> None:
    """A publication that is in use cannot have its library taken out."""
    assert golden("library", "remove", "shelf", "-o", "json").error["exit_code"] == 9


def test_an_endpoint_that_does_not_answer_is_10(ref: Lab, golden: Golden) -> None:
    """The line to the hypervisor breaks in the middle: told with its words, nothing left over."""
    ref.world.add_faults(Fault("clone"))
    told = golden("update", "--add", "a.inf", "-o", "json")
    assert (told.code, told.error["id"]) == (10, "unreachable")
    assert golden("update", "--add", "a.inf").code == 0


def test_a_rule_of_goldens_is_12(ref: Lab, golden: Golden) -> None:
    """A channel names only images that can be deployed."""
    assert golden("capture", "--seal", "none").code == 0
    told = golden("promote", "--channel", "prod", "-o", "json")
    assert (told.code, told.error["id"]) == (12, "policy")
