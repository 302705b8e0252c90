"""Files of changes: kept while a version, an image or an unfinished job names them, and freed afterwards."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from golden.app import run, upkeep
from golden.app.freeing import free_payloads
from golden.app.names import Target
from golden.app.orders import UpdateWish, keep_payloads, update_order
from golden.errors import ChangeFailed
from golden.guest.family import Wanted
from golden.model import PruneOrder
from golden.procedures.channels import roll_back_head
from golden.waiting import Silent
from tests.procedures.conftest import Bench


def kept(bench: Bench) -> set[str]:
    """The names of all files that are kept."""
    return {path.name for path in (bench.project.settings.state / "payloads").glob("*/*")}


def age(bench: Bench, seconds: float = 7200) -> None:
    """As if everything had been kept a while ago."""
    for path in (bench.project.settings.state / "payloads").glob("*/*"):
        os.utime(path, (time.time() - seconds, time.time() - seconds))


def files(version: object) -> set[str]:
    """What a version's own changes brought."""
    return {file.sha256 for change in version.changes for file in change.files}  # type: ignore[attr-defined]


def test_what_a_failed_update_brought_is_freed_and_nothing_else(bench: Bench) -> None:
    """A version's own files stay, as do those somebody has just asked for; the count and the bytes are told."""
    bench.adopt()
    wanted = files(bench.update("say two"))
    with pytest.raises(ChangeFailed):
        bench.update("exit 1", "say never")
    assert len(kept(bench)) == 3
    assert free_payloads(bench.project).count == 0, "young ones may be a job's that is not written down yet"
    age(bench)
    assert free_payloads(bench.project, dry_run=True).count == 2
    assert len(kept(bench)) == 3
    freed = free_payloads(bench.project)
    assert (freed.count, freed.size) == (2, len("#!memory\nexit 1") + len("#!memory\nsay never"))
    assert kept(bench) == wanted
    assert free_payloads(bench.project).count == 0


def test_an_unfinished_job_keeps_its_files_until_it_is_over(bench: Bench) -> None:
    """It may be resumed."""
    bench.adopt()
    path = bench.folder / "bad.memory"
    path.write_text("#!memory\nexit 1")
    wish = UpdateWish((Wanted("driver", path),))
    order, plan = update_order(bench.project, Target("ref", ""), wish, Silent())
    keep_payloads(bench.project, plan.sources)
    with pytest.raises(ChangeFailed):
        run.start(bench.project, "update", order, run.Manner(keep_on_error=lambda _: True))
    (job,) = run.unfinished(bench.project)
    age(bench)
    assert free_payloads(bench.project).count == 0
    run.cancel(bench.project, job.id, run.Manner())
    assert free_payloads(bench.project).count == 1
    assert kept(bench) == set()


def test_what_only_pruned_versions_brought_is_freed(bench: Bench) -> None:
    """A file that another version brought, too, stays."""
    bench.adopt()
    bench.update("say shared", "say two")
    roll_back_head(bench.project.catalog, "ref", None)
    third = bench.update("say shared")
    versions, _ = upkeep.prune_plan(bench.project, "ref", 1, Silent())
    run.start(bench.project, "prune", PruneOrder("ref", tuple(v.number for v in versions), ()), run.Manner())
    age(bench)
    assert free_payloads(bench.project).count == 1
    assert kept(bench) == files(third)


def test_a_file_that_is_asked_for_again_is_young_again(bench: Bench) -> None:
    """Between keeping it and the job that names it nobody takes it away; freed, it is simply kept anew."""
    bench.adopt()
    with pytest.raises(ChangeFailed):
        bench.update("exit 1")
    age(bench)
    path = Path(bench.folder / "change1.memory")
    order, plan = update_order(bench.project, Target("ref", ""), UpdateWish((Wanted("driver", path),)), Silent())
    keep_payloads(bench.project, plan.sources)
    assert free_payloads(bench.project).count == 0
    age(bench)
    assert free_payloads(bench.project).count == 1
    keep_payloads(bench.project, plan.sources)
    with pytest.raises(ChangeFailed):
        run.start(bench.project, "update", order, run.Manner())
