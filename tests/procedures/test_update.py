"""Update: changes applied once, in order, in a clone; nothing of a failure stays; nothing frozen is touched."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from golden import stopping
from golden.app import run, upkeep
from golden.app.names import Target
from golden.app.project import Project
from golden.errors import ChangeFailed, Conflict, GuestUnfit, NotFound, Refused, Tampered, TimedOut, UsageError
from golden.jobs import records
from golden.model import FileStamp
from golden.testing.memory import Fault
from golden.waiting import Silent
from tests.procedures.conftest import Bench


def log_of(bench: Bench, machine: str) -> list[str]:
    (frozen,) = bench.world.read()["machines"][machine]["snapshots"].values()
    return frozen["/log"].split()


def test_changes_are_applied_in_order_and_restarts_are_made(bench: Bench) -> None:
    """A change that asks for a restart gets it before the next one."""
    bench.adopt()
    version = bench.update("exit 3010", "say two", "exit 3010")
    assert [change.name for change in version.changes] == ["change1.memory", "change2.memory", "change3.memory"]
    lines = log_of(bench, version.snapshot.machine)
    assert lines[0::2] == [n for n in ("change1.memory", "change2.memory", "change3.memory") for _ in (1, 2)]
    assert version.parent == 1
    assert version.depth == 1
    assert bench.troubles() == []


def test_the_run_folder_does_not_stay_in_the_version(bench: Bench) -> None:
    """Nothing of golden's is left in the guest."""
    bench.adopt()
    version = bench.update("say x")
    (frozen,) = bench.world.read()["machines"][version.snapshot.machine]["snapshots"].values()
    assert [path for path in frozen if "golden-j" in path] == []


@pytest.mark.parametrize(
    ("change", "error"),
    [("exit 1", ChangeFailed), ("reboot", ChangeFailed), ("state SEALED", GuestUnfit), ("state DEPLOYED", GuestUnfit)],
)
def test_a_failed_change_leaves_nothing(bench: Bench, change: str, error: type[Exception]) -> None:
    """A script that fails, restarts the guest by itself, or seals it: no version, no machine, a named error."""
    first = bench.adopt()
    with pytest.raises(error):
        bench.update("say fine", change)
    assert bench.machines() == bench.held() == {first.snapshot.machine}
    assert bench.project.catalog.reference("ref").head == 1
    assert run.unfinished(bench.project) == []
    assert bench.update("say works").number == 2


def test_a_stop_after_the_record_says_that_the_version_was_made(bench: Bench) -> None:
    """From its commit on the version is the head: neither the error nor the job's record says it was taken away."""
    bench.adopt()

    def checkpoint(label: str) -> None:
        if label == "after version ref@v2":
            stopping.ask(KeyboardInterrupt())

    project = Project(bench.project.settings, write=True, checkpoint=checkpoint)
    with closing(project), pytest.raises(KeyboardInterrupt) as caught:
        Bench(bench.folder, bench.world, project).update("say x")
    assert caught.value.__notes__ == ["ref@v2 is made and stays"]
    assert bench.project.catalog.reference("ref").head == 2
    job = records(bench.project.database)[-1]
    assert job.problem is not None
    assert (job.state, "what it had recorded stays" in job.problem["brief"]) == ("cancelled", True)
    assert bench.troubles() == []


def test_files_on_another_host_may_be_called_otherwise_by_now(bench: Bench) -> None:
    """Their stamps tell them, not their names: a renamed datastore is no tampering."""
    version = bench.adopt()
    was = FileStamp("[old] ref/ref.vmdk", version.stamps[0].stamp), replace(version.disks[0], path="[old] ref/ref.vmdk")
    bench.project.catalog.restamp(replace(version, stamps=(was[0],), disks=(was[1],)))
    (found,) = upkeep.verify(bench.project, Target("ref", ""), Silent(), deep=True)
    assert (found.hashed, found.taken_up) == (1, False)
    assert bench.update("say works").number == 2


def test_files_on_another_host_are_taken_up_again(bench: Bench) -> None:
    """Their identity is another one and every byte the same, as after they were moved or restored."""
    version = bench.adopt()
    old = FileStamp("[old] ref/ref.vmdk", "another")
    disk = replace(version.disks[0], path=old.path)
    bench.project.catalog.restamp(replace(version, stamps=(old,), disks=(disk,)))
    with pytest.raises(Tampered, match="ref@v1 was changed"):
        bench.update("say works")
    for taken_up in (True, False):
        (found,) = upkeep.verify(bench.project, Target("ref", ""), Silent(), deep=True)
        assert found.taken_up is taken_up
    assert bench.project.catalog.version("ref", 1) == version
    assert bench.update("say works").number == 2


def test_a_guest_that_hangs_meets_the_limit(bench: Bench) -> None:
    """TimedOut, a picture of its screen, and the clone is gone."""
    bench.adopt()
    with pytest.raises(TimedOut) as caught:
        bench.update("hang", timeout=1.0)
    assert any("picture" in note for note in caught.value.__notes__)
    assert bench.machines() == bench.held()


def test_a_changed_version_is_not_built_on(bench: Bench) -> None:
    """Nor is anything that stands on it; the file is named."""
    first = bench.adopt()
    bench.update("say x")
    bench.world.tamper(first.snapshot.machine)
    with pytest.raises(Tampered, match="ref@v1 was changed") as caught:
        bench.update("say y")
    assert caught.value.exit_code == 9
    assert first.snapshot.machine in (caught.value.details or "")
    assert "tampered" in bench.troubles()


def test_a_version_that_is_gone_is_named(bench: Bench) -> None:
    """Somebody deleted its machine."""
    first = bench.adopt()
    with bench.world.change("a stranger deletes it") as raw:
        del raw["machines"][first.snapshot.machine]
    with pytest.raises(Tampered, match="ref@v1 is not there any more"):
        bench.update("say y")


def test_a_lost_answer_to_clone_makes_no_second_clone(bench: Bench) -> None:
    """The endpoint made it and the answer never came: the job fails, and the clone is found and taken away."""
    bench.adopt()
    bench.world.add_faults(Fault("clone", when="after"))
    with pytest.raises(Exception, match="connection was reset"):
        bench.update("say x")
    assert bench.machines() == bench.held()


def test_a_line_lost_in_the_middle_of_a_file_is_no_failure(bench: Bench) -> None:
    """It is found again and the file arrives whole."""
    bench.adopt()
    bench.world.add_faults(*(Fault("guest.write", nth=n, error="LineLost") for n in (2, 5, 6)))
    assert bench.update("say x").number == 2


def test_clean_up_that_fails_is_told_and_swept_later(bench: Bench) -> None:
    """The change's failure stays the error; cancel takes the clone away when the endpoint is back."""
    bench.adopt()
    bench.world.add_faults(Fault("destroy", nth=0, error="Refused"))
    with pytest.raises(ChangeFailed) as caught:
        bench.update("exit 1")
    assert any("left behind" in note for note in caught.value.__notes__)
    with pytest.raises(Conflict, match="is not over") as blocked:
        bench.update("say x")
    assert "golden cancel" in (blocked.value.hint or "")
    bench.world.clear_faults()
    (job,) = run.unfinished(bench.project)
    run.cancel(bench.project, job.id, run.Manner())
    assert bench.machines() == bench.held()
    assert bench.troubles() == []


def test_a_deep_chain_becomes_a_full_copy(bench: Bench) -> None:
    """
    Where the endpoint bears three linked disks, the third version is a full clone and depth starts anew: each version
    can be captured, from a linked clone on top of it.
    """
    with bench.world.change("this endpoint bears three") as raw:
        raw["settings"]["abilities"]["snapshot_depth"] = 3
    bench.adopt()
    depths = []
    for number in range(4):
        depths.append(bench.update(f"say {number}").depth)
        bench.capture()
    assert depths == [1, 2, 0, 1]


def test_no_room_is_said_before_anything_starts(bench: Bench) -> None:
    """With what is needed and what is free."""
    bench.adopt()
    with bench.world.change("nearly full") as raw:
        raw["settings"]["free"] = 1000
    with pytest.raises(Refused, match="MiB"):
        bench.update("say x")
    assert bench.machines() == bench.held()


def test_an_unknown_network_is_not_found(bench: Bench) -> None:
    """And those there are are named."""
    bench.adopt()
    with pytest.raises(NotFound, match="no network 'internet'") as caught:
        bench.update("say x", network="internet")
    assert "lab" in (caught.value.details or "")


def test_nothing_to_change_is_a_usage_error(bench: Bench) -> None:
    """An empty update makes no version."""
    bench.adopt()
    with pytest.raises(UsageError, match="nothing to change"):
        bench.update()


def test_payloads_are_kept_and_checked(bench: Bench) -> None:
    """What a version was made with can be applied again."""
    bench.adopt()
    version = bench.update("say x")
    (file,) = version.changes[0].files
    assert (bench.project.settings.state / "payloads" / file.sha256[:2] / file.sha256).read_text() == "#!memory\nsay x"


def test_a_network_ends_before_the_version_does(bench: Bench) -> None:
    """A clone that was given a network has none when it is frozen; one that cannot be cut off becomes no version."""
    bench.adopt()
    version = bench.update("say x", network="lab")
    assert bench.world.read()["machines"][version.snapshot.machine]["network"] is None
    bench.world.add_faults(Fault("disconnect", error="Refused"))
    with pytest.raises(Refused):
        bench.update("say y", network="lab")
    assert bench.machines() == bench.held()
    assert bench.project.catalog.reference("ref").head == 2
