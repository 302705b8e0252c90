"""Capture generalizes a clone and nothing else; images are proved, published, pointed at, rolled back and pruned."""

from __future__ import annotations

import pytest

from golden.app import moves, run, upkeep
from golden.app.capturing import CaptureWish, capture_order
from golden.app.names import Target
from golden.app.orders import publish_order
from golden.errors import (
    Conflict,
    GeneralizeFailed,
    NotFound,
    PartlyPublished,
    PolicyRefused,
    ProofFailed,
    Tampered,
    UsageError,
)
from golden.jobs import states
from golden.model import CaptureOrder, CloneOptions, Mark, PruneOrder, Role, Severity
from golden.procedures import capture as procedure
from golden.procedures.channels import promote, roll_back_channel, roll_back_head
from golden.testing.memory import Fault
from golden.waiting import Silent
from golden.windows.answers.writing import Wish, written
from tests.procedures.conftest import Bench


def test_an_image_is_sealed_and_the_reference_is_not(bench: Bench) -> None:
    """The clone is gone, the version reads as before, the image's own disk reads SEALED."""
    version = bench.adopt()
    image = bench.capture(libraries=("shelf",))
    assert (image.number, image.version, image.seal, image.proof.facts.state) == (1, 1, "sysprep", "SEALED")
    assert bench.machines() == {version.snapshot.machine}
    assert bench.troubles() == []
    (publication,) = bench.project.catalog.publications("ref")
    assert (publication.library, publication.retired) == ("shelf", False)


def test_nothing_but_this_jobs_capture_clone_is_ever_generalized(bench: Bench) -> None:
    """A version, an update's clone, another job's capture clone, a frozen one: refused, whatever the order says."""
    version = bench.adopt()
    order = CaptureOrder("ref", 1, 1, "sysprep")
    with bench.project.shop("here", "ref", "jmine", Silent()) as shop:
        marks = [
            Mark(Role.CLONE, "jmine", "ref", "x"),
            Mark(Role.VERSION, "jmine", "ref", "x"),
            Mark(Role.CAPTURE, "jother", "ref", "x"),
        ]
        for number, mark in enumerate(marks):
            machine = shop.hypervisor.clone(f"c{number}", version.snapshot, mark, CloneOptions())
            with pytest.raises(PolicyRefused, match="will not be generalized"):
                procedure.generalize(shop, machine, order, version)
        held = shop.hypervisor.find(version.snapshot.machine)
        assert held is not None
        with pytest.raises(PolicyRefused):
            procedure.generalize(shop, held, order, version)
        frozen = shop.hypervisor.clone("c9", version.snapshot, Mark(Role.CAPTURE, "jmine", "ref", "x"), CloneOptions())
        shop.hypervisor.freeze(frozen, "f")
        with pytest.raises(PolicyRefused):
            procedure.generalize(shop, frozen, order, version)


def test_a_failed_seal_leaves_the_reference_as_it_was(bench: Bench) -> None:
    """The error is the guest's, the clone is gone, and the same version can be captured again."""
    bench.world.add_user_machine("stubborn", {"/state": b"VIRGIN", "/log": b"", "/seal-fails": b"x"})
    version = bench.adopt("stubborn")
    with pytest.raises(GeneralizeFailed) as caught:
        bench.capture()
    assert caught.value.exit_code == 6
    assert bench.machines() == {version.snapshot.machine}
    assert bench.project.catalog.images("ref") == []
    assert bench.troubles() == []


def test_the_seal_none_captures_as_it_is(bench: Bench) -> None:
    """For systems that run sysprep themselves; no channel hands it out."""
    bench.adopt()
    image = bench.capture(seal="none")
    assert (image.seal, image.proof.facts.state) == ("none", "VIRGIN")
    with pytest.raises(PolicyRefused, match="not generalized"):
        promote(bench.project.catalog, "ref", 1, "stable")


def test_an_unknown_seal_or_library_is_refused_before_anything_starts(bench: Bench) -> None:
    """With those that are known."""
    bench.adopt()
    with pytest.raises(UsageError, match="known are sysprep"):
        bench.capture(seal="wax")
    with pytest.raises(NotFound, match="no library 'nowhere'"):
        bench.capture(libraries=("nowhere",))


def test_publishing_again_is_the_same_publication(bench: Bench) -> None:
    """Nothing is sent twice, nothing is listed twice."""
    bench.adopt()
    bench.capture()
    assert bench.publish(1, "shelf") == bench.publish(1, "shelf")
    assert len(bench.project.catalog.publications("ref")) == 1


def test_a_newer_image_retires_the_older_one_after_it_is_there(bench: Bench) -> None:
    """The old file stays until it is pruned."""
    bench.adopt()
    for _ in (1, 2):
        bench.capture(libraries=("shelf",))
    assert [(p.image, p.retired) for p in bench.project.catalog.publications("ref")] == [(1, True), (2, False)]
    assert len(list((bench.folder / "shelf").glob("*.qcow2"))) == 2


def test_an_older_publication_that_somebody_took_away_holds_up_nobody(bench: Bench) -> None:
    """The newer image is published all the same; the older one counts as retired, which is a warning, and may go."""
    bench.adopt()
    bench.capture(libraries=("shelf",))
    for path in (bench.folder / "shelf").glob("*-i1.*"):
        path.unlink()
    bench.capture()
    order = publish_order(bench.project, "ref", 2, ("shelf",))
    job, _ = run.start(bench.project, "publish", order, run.Manner())
    assert [(p.image, p.retired) for p in bench.project.catalog.publications("ref")] == [(1, True), (2, False)]
    (warning,) = moves.warned(bench.project, job)
    assert (warning["id"], warning["severity"], warning["library"]) == ("publication-gone", "warning", "shelf")
    assert "ref@i1 was published as ref-i1.qcow2, and is not there any more" in warning["sentence"]
    (finding,) = upkeep.doctor(bench.project, Silent())
    assert (finding.id, finding.severity) == ("publication-gone", Severity.WARNING)
    bench.capture(libraries=("shelf",))
    _, images = upkeep.prune_plan(bench.project, "ref", 1, Silent())
    assert [image.number for image in images] == [1, 2]
    run.start(bench.project, "prune", PruneOrder("ref", (), (1, 2)), run.Manner())
    assert upkeep.doctor(bench.project, Silent()) == []


def test_one_library_that_fails_does_not_hold_up_the_others(bench: Bench) -> None:
    """Exit code 8 says which has it; publishing again mends it."""
    bench.adopt()
    bench.capture()
    (bench.folder / "attic").write_text("a file where the folder should be")
    with pytest.raises(PartlyPublished, match=r"published to shelf; failed: attic") as caught:
        bench.publish(1, "attic", "shelf")
    assert caught.value.exit_code == 8
    (bench.folder / "attic").unlink()
    assert [p.library for p in bench.publish(1, "attic", "shelf")] == ["attic", "shelf"]
    assert bench.troubles() == []


def test_a_failed_publish_never_costs_the_image(bench: Bench) -> None:
    """Captured and published in one command: the image stays when the library fails, and the error says so."""
    bench.adopt()
    (bench.folder / "shelf").write_text("a file where the folder should be")
    with pytest.raises(Exception, match="shelf") as caught:
        bench.capture(libraries=("attic", "shelf"))
    assert "ref@i1 is captured and stays; golden publish ref@i1 --to shelf" in caught.value.__notes__
    assert caught.value.hint == "golden publish ref@i1 --to shelf"
    assert [image.number for image in bench.project.catalog.images("ref")] == [1]
    assert bench.troubles() == ["bad-config"], "the library, and nothing else"


def test_channels_move_and_go_back(bench: Bench) -> None:
    """Promote, promote, roll back; what never moved cannot go back, nor what is back where it began."""
    bench.adopt()
    for _ in (1, 2):
        bench.capture()
    catalog = bench.project.catalog
    promote(catalog, "ref", 1, "stable")
    with pytest.raises(NotFound, match="is i1, and goes back no further"):
        roll_back_channel(catalog, "ref", "stable")
    assert promote(catalog, "ref", 2, "stable").history == (1,)
    assert roll_back_channel(catalog, "ref", "stable").image == 1
    with pytest.raises(NotFound, match="is i1, and goes back no further") as caught:
        roll_back_channel(catalog, "ref", "stable")
    assert caught.value.hint == "golden promote ref@iN --channel stable points it at any image"
    with pytest.raises(NotFound, match="no channel 'prod'"):
        catalog.channel("ref", "prod")


def test_the_head_goes_back_and_numbers_never_come_again(bench: Bench) -> None:
    """An update after a rollback is a branch with a new number, even when the old branch was pruned."""
    bench.adopt()
    bench.update("say 2")
    roll_back_head(bench.project.catalog, "ref", None)
    third = bench.update("say 3")
    assert (third.number, third.parent) == (3, 1)
    versions, _ = upkeep.prune_plan(bench.project, "ref", 1, Silent())
    assert [v.number for v in versions] == [2]
    roll_back_head(bench.project.catalog, "ref", 1)
    versions, _ = upkeep.prune_plan(bench.project, "ref", 0, Silent())
    order = PruneOrder("ref", tuple(v.number for v in versions), ())
    run.start(bench.project, "prune", order, run.Manner())
    assert bench.update("say 4").number == 4
    assert bench.machines() == bench.held()


def test_prune_keeps_what_anything_needs(bench: Bench) -> None:
    """Channels, what they named before, current publications, and every version an image or the head stands on."""
    bench.adopt()
    for number in range(1, 5):
        bench.capture()
        bench.update(f"say {number}")
    bench.publish(2, "shelf")
    promote(bench.project.catalog, "ref", 1, "stable")
    versions, images = upkeep.prune_plan(bench.project, "ref", 1, Silent())
    assert [image.number for image in images] == [3]
    assert versions == ()
    with pytest.raises(Conflict, match="library shelf"):
        bench.project.catalog.remove_image("ref", 2)
    run.start(bench.project, "prune", PruneOrder("ref", (), (3,)), run.Manner())
    assert [i.number for i in bench.project.catalog.images("ref")] == [1, 2, 4]
    assert bench.troubles() == []


def test_leaks_are_found_and_taken_away_and_strangers_are_left(bench: Bench) -> None:
    """Only what carries this installation's mark and was made by a job of this journal's."""
    version = bench.adopt()
    mine = bench.project.catalog.installation
    (job,) = states(bench.project.database)
    with bench.project.shop("here", "ref", "jx", Silent()) as shop:
        shop.hypervisor.clone("leak", version.snapshot, Mark(Role.CLONE, job, "ref", mine), CloneOptions())
        shop.hypervisor.clone("theirs", version.snapshot, Mark(Role.CLONE, "jgone", "ref", "other"), CloneOptions())
    assert bench.troubles() == ["leak"]
    found, left = upkeep.gc(bench.project, Silent(), dry_run=True)
    assert ([thing.name for thing in found], left) == (["leak"], [])
    upkeep.gc(bench.project, Silent(), dry_run=False)
    assert bench.machines() == {version.snapshot.machine, "theirs"}
    assert bench.troubles() == []


def test_what_another_copy_of_the_project_made_is_named_and_left(bench: Bench) -> None:
    """A project that was copied or restored does not take away the other's versions unless it is told to."""
    version = bench.adopt()
    mine = bench.project.catalog.installation
    with bench.project.shop("here", "ref", "jx", Silent()) as shop:
        shop.hypervisor.clone("newer", version.snapshot, Mark(Role.VERSION, "jelsewhere", "ref", mine), CloneOptions())
    (finding,) = upkeep.doctor(bench.project, Silent())
    assert (finding.id, finding.severity) == ("stranger", Severity.WARNING)
    assert "newer" in finding.sentence
    assert upkeep.gc(bench.project, Silent(), dry_run=False) == ([], [])
    assert "newer" in bench.machines()
    found, left = upkeep.gc(bench.project, Silent(), dry_run=False, strangers=True)
    assert ([thing.name for thing in found], left) == (["newer"], [])
    assert bench.machines() == {version.snapshot.machine}


def test_verify_tells_a_changed_image_and_a_changed_publication(bench: Bench) -> None:
    """Cheaply by what the endpoint says, deeply by every byte."""
    bench.adopt()
    image = bench.capture(libraries=("shelf",))
    target = Target("ref", "")
    found = upkeep.verify(bench.project, target, Silent(), deep=True)
    assert [(v.name, v.hashed, v.read_back) for v in found] == [("ref@v1", 1, ()), ("ref@i1", 1, ("shelf",))]
    (published,) = (bench.folder / "shelf").glob("*.qcow2")
    content = published.read_bytes()
    published.write_bytes(content[:-1] + b"X")
    with pytest.raises(ProofFailed):
        upkeep.verify(bench.project, target, Silent(), deep=True)
    published.write_bytes(content)
    bench.world.tamper(bench.project.catalog.version("ref", 1).snapshot.machine)
    with pytest.raises(Tampered):
        upkeep.verify(bench.project, Target("ref", "v1"), Silent(), deep=True)
    assert image.artifact.forms


def test_a_lost_answer_to_capture_leaves_no_half_image(bench: Bench) -> None:
    """The endpoint's answer got lost after it had made the image."""
    bench.adopt()
    bench.world.add_faults(Fault("capture", when="after"))
    with pytest.raises(Exception, match="connection was reset"):
        bench.capture()
    assert bench.world.read()["images"] == {}
    assert bench.machines() == bench.held()
    assert bench.troubles() == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_password_in_an_answer_file_is_a_warning(bench: Bench, encoding: str) -> None:
    """It travels with the image; the plan says so before anything starts, and nothing without one does."""
    bench.adopt()
    answers = bench.folder / "answers.xml"
    found = []
    for password in ("x", ""):
        text = written(Wish(edition="server", locale="en-US", password=password)).decode()
        answers.write_text(text.replace("encoding='utf-8'", f"encoding='{encoding}'"), encoding=encoding)
        _, plan = capture_order(bench.project, Target("ref", ""), CaptureWish(answer_file=answers), Silent())
        found.append([finding.id for finding in plan.findings if finding.severity is not Severity.INFO])
    assert found == [["answer.secret-base64"], []]
