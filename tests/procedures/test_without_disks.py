"""An endpoint that shows no disks: state, changes and seal are read inside a guest that is thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from golden.app import checking, run
from golden.app.names import Target
from golden.app.project import Project
from golden.errors import GuestUnfit, NotAble, ProofFailed
from golden.procedures.checking import NO_DISK
from golden.settings import read
from golden.testing.memory import ABLE, World
from golden.waiting import Silent
from tests.procedures.conftest import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """As everywhere here, on an endpoint without ``open_disk``."""
    world = World.create(tmp_path / "world", replace(ABLE, open_disk=False))
    world.add_user_machine("base")
    (tmp_path / "golden.toml").write_text(f'[endpoints.here]\nurl = "memory:{tmp_path}/world"\n')
    project = Project(read(tmp_path / "golden.toml"), write=True)
    yield Bench(tmp_path, world, project)
    project.close()
    world.close()


def test_the_main_job(bench: Bench) -> None:
    """Versions read VIRGIN, changes are proved, the image's proof says that the guest gave it; nothing is left."""
    first = bench.adopt()
    second = bench.update("say hello\n")
    image = bench.capture()
    assert [version.facts.state for version in (first, second)] == ["VIRGIN", "VIRGIN"]
    assert second.proofs == (("change1.memory", "/log: begun once, done once"),)
    assert (image.proof.way, image.proof.facts.state) == ("guest", "SEALED")
    assert bench.machines() == bench.held()
    assert bench.troubles() == []
    for version in (first, second):
        (disk,) = bench.world.read()["machines"][version.snapshot.machine]["snapshots"].values()
        assert disk["/state"] == "VIRGIN"  # Looking was done in clones: no version was ever started.
        assert not any(path.startswith(("/golden/j", "/golden/golden-")) for path in disk)


def test_a_sealed_machine_is_not_adopted(bench: Bench) -> None:
    """It is refused after it was copied, since only then can it be asked; the copy is taken away."""
    bench.world.add_user_machine("sealed", disk={"/state": b"SEALED", "/log": b""})
    with pytest.raises(GuestUnfit):
        bench.adopt("sealed", "sealed")
    assert bench.machines() == set()
    assert bench.troubles() == []


def test_an_update_that_seals_makes_no_version(bench: Bench) -> None:
    """A change that generalizes the guest is found inside it, and the frozen clone goes."""
    bench.adopt()
    before = bench.machines()
    with pytest.raises((GuestUnfit, ProofFailed)):
        bench.update("seal\n")
    assert bench.machines() == before
    assert [version.number for version in bench.project.catalog.versions("ref")] == [1]
    assert bench.troubles() == []


def test_an_image_that_is_not_sealed_is_called_so(bench: Bench) -> None:
    """With the seal none the image is as VIRGIN as its version was read."""
    bench.adopt()
    image = bench.capture(seal="none")
    assert (image.proof.way, image.proof.facts.state) == ("guest", "VIRGIN")
    assert bench.machines() == bench.held()


def test_an_offline_check_says_that_there_is_no_disk(bench: Bench) -> None:
    """Instead of finding nothing; the hint is the check that can be made."""
    bench.adopt()
    wish = checking.CheckWish()
    with pytest.raises(NotAble, match="shows golden no disks") as caught:
        checking.version_offline(bench.project, Target("ref", "v1"), wish, Silent())
    assert "golden check ref@v1" in (caught.value.hint or "")


def test_a_check_names_each_check_that_needs_a_disk(bench: Bench) -> None:
    """What only a disk tells is named by its id, not passed over as one thing called disk."""
    bench.adopt()
    order, _ = checking.check_order(bench.project, Target("ref", "v1"), checking.CheckWish())
    report = run.start(bench.project, "check", order, run.Manner())[1]
    assert report.ways == ("online",)
    assert report.checked.unmade == (("memory.state", NO_DISK),)


def test_a_version_at_the_end_of_a_chain_can_still_be_looked_at(bench: Bench) -> None:
    """The clone that it is judged in stands on top of it, so a chain ends one before what the endpoint bears."""
    with bench.world.change("this endpoint bears two") as raw:
        raw["settings"]["abilities"]["snapshot_depth"] = 2
    bench.adopt()
    assert [bench.update(f"say {number}").depth for number in range(3)] == [1, 0, 1]
    bench.capture()
    assert bench.troubles() == []
