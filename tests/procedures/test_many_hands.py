"""Several processes, settings that changed, and libraries that went away: a job is never stuck, lost or run twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from golden.app import run, upkeep
from golden.app.names import Target
from golden.app.project import Project
from golden.database import Database
from golden.errors import BadConfig, GoldenError, NotFound, Tampered, UsageError
from golden.jobs import Lease, create, records
from golden.model import CloneOptions, Mark, PruneOrder, Role
from golden.procedures import channels
from golden.procedures.kinds import publication_key
from golden.settings import read
from golden.testing.memory import Fault
from golden.waiting import Silent
from tests.procedures.conftest import Bench


def test_a_branch_of_several_versions_is_pruned_at_once(bench: Bench) -> None:
    """Disks go before those they lie on, newest first."""
    bench.adopt()
    for text in ("say a", "say b", "say c"):
        bench.update(text + "\n")
    channels.roll_back_head(bench.project.catalog, "ref", 1)
    versions, _ = upkeep.prune_plan(bench.project, "ref", 0, Silent())
    assert [version.number for version in versions] == [4, 3, 2]
    order = PruneOrder("ref", tuple(version.number for version in versions), ())
    run.start(bench.project, "prune", order, run.Manner())
    assert bench.machines() == bench.held()
    assert bench.troubles() == []


def test_a_job_that_could_not_begin_leaves_nothing(bench: Bench) -> None:
    """A password that cannot be read is told before a job is written down, so nothing blocks the next one."""
    bench.adopt()
    text = (bench.folder / "golden.toml").read_text()
    (bench.folder / "golden.toml").write_text(
        text + '[references.ref.guest]\naccount = "Administrator"\npassword_env = "GOLDEN_TEST_NOT_SET"\n'
    )
    bench.project.settings = read(bench.folder / "golden.toml")
    with pytest.raises(BadConfig, match="GOLDEN_TEST_NOT_SET"):
        bench.capture()
    assert records(bench.project.database, only_open=True) == []


@pytest.mark.parametrize("act", [run.resume, run.cancel])
def test_a_job_that_ended_meanwhile_is_not_run_again(bench: Bench, act: Callable[..., object]) -> None:
    """Who waited for the other process finds the job over, and leaves it so."""
    bench.adopt()
    database = bench.project.database
    create(database, "prune", run.REVISION, PruneOrder("ref", (), ()), job="jwaited")
    elsewhere = Database(bench.project.settings.state, write=True)
    lease = Lease.taken(elsewhere, "ref", "jwaited", wait=None, watcher=Silent())

    def end() -> None:
        other = Database(bench.project.settings.state, write=True)
        with other.writing("the other process ends its job") as execute:
            execute("UPDATE job SET state = 'failed', ended = 'then' WHERE id = 'jwaited'")
            execute("DELETE FROM lease WHERE reference = 'ref'")
        other.close()

    timer = threading.Timer(1, end)
    with lease:
        timer.start()
        try:
            act(bench.project, "jwaited", run.Manner())
        except UsageError as error:
            assert "failed" in error.brief
        timer.join()
    elsewhere.close()
    (job,) = [one for one in records(database) if one.id == "jwaited"]
    assert (job.state, job.ended) == ("failed", "then")


def test_gc_lets_a_job_be_that_began_while_it_looked(bench: Bench) -> None:
    """What a job of another process makes while gc asks the endpoint is owned, although it began after gc did."""
    version = bench.adopt()
    bench.world.add_faults(Fault("list_marked", action="delay", seconds=1.5))

    def another_process() -> None:
        project = Project(bench.project.settings, write=True)
        create(project.database, "update", run.REVISION, PruneOrder("ref", (), ()), job="jlive")
        mark = Mark(Role.CLONE, "jlive", "ref", project.catalog.installation)
        with project.hypervisor("here", "jlive", Silent()) as hypervisor:
            hypervisor.clone("golden-jlive-a1-clone", version.snapshot, mark, CloneOptions())
        project.close()

    timer = threading.Timer(0.5, another_process)
    timer.start()
    found, _ = upkeep.gc(bench.project, Silent(), dry_run=False)
    timer.join()
    assert found == []
    assert "golden-jlive-a1-clone" in bench.machines()


def test_verify_deep_reads_the_bytes_of_images(bench: Bench) -> None:
    """A bit that flips in an image's file is found by hashing it."""
    bench.adopt()
    (form,) = bench.capture().artifact.forms
    path = Path(form.path or "")
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(Tampered, match="other bytes"):
        upkeep.verify(bench.project, Target("ref", "i1"), Silent(), deep=True)


def test_a_capture_whose_publishing_failed_is_resumed_with_its_image(bench: Bench) -> None:
    """The image is there and recorded, what the library was left with could not be cleared: resume only publishes."""
    bench.adopt()
    key = publication_key(bench.project.catalog.installation, "ref", 1, "shelf")
    note = {"schema": "golden/1", "kind": "begun", "data": {"file": "ref-i1.qcow2", "key": key}}
    stuck = bench.folder / "shelf" / ".ref-i1.qcow2.part"
    stuck.mkdir(parents=True)
    (bench.folder / "shelf" / ".ref-i1.qcow2.begun").write_text(json.dumps(note))
    with pytest.raises(GoldenError) as caught:
        bench.capture(libraries=("shelf",))
    assert any("left behind" in text for text in caught.value.__notes__)
    stuck.rmdir()
    (job,) = run.unfinished(bench.project)
    image = run.resume(bench.project, job.id, run.Manner())
    assert image == bench.project.catalog.image("ref", 1)
    assert [one.library for one in bench.project.catalog.publications("ref")] == ["shelf"]
    assert bench.troubles() == []


def test_an_image_whose_file_is_gone_is_named_when_it_is_published(bench: Bench) -> None:
    """Not a bug of golden's, and nothing is left in the library."""
    bench.adopt()
    (form,) = bench.capture().artifact.forms
    Path(form.path or "").unlink()
    with pytest.raises(NotFound, match="cannot be read") as caught:
        bench.publish(1, "shelf")
    assert caught.value.hint == "golden doctor"
    assert run.unfinished(bench.project) == []
