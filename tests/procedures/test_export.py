"""An endpoint that opens no disks but exports one: the seal is read from the export, and its copy here goes again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from golden.app import run
from golden.app.capturing import CaptureWish, capture_order
from golden.app.checking import CheckWish, check_order
from golden.app.names import Target
from golden.app.project import Project
from golden.app.upkeep import gc
from golden.errors import ProofFailed, Refused
from golden.jobs import Lease
from golden.model import Image, Machine, Power
from golden.procedures.power import must_be_unstarted
from golden.settings import read
from golden.testing.memory import ABLE, Fault, World
from golden.waiting import Silent
from tests.procedures.conftest import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """As everywhere here, on an endpoint without ``open_disk`` that was told to export, and a version on it."""
    world = World.create(tmp_path / "world", replace(ABLE, open_disk=False, export_disk=True))
    world.add_user_machine("base")
    (tmp_path / "golden.toml").write_text(f'[endpoints.here]\nurl = "memory:{tmp_path}/world"\n')
    project = Project(read(tmp_path / "golden.toml"), write=True)
    made = Bench(tmp_path, world, project)
    made.adopt()
    yield made
    project.close()
    world.close()


@dataclass
class Meddler(Silent):
    """Somebody who spoils the clone's disk once it is off and golden says that it is exported."""

    world: World
    said: list[str] = field(default_factory=list)

    def doing(self, what: str) -> None:
        """Change the state on the disk of the machine that is named."""
        self.said.append(what)
        if what.startswith("exporting"):
            with self.world.change("somebody meddles") as raw:
                for name, machine in raw["machines"].items():
                    if name in what:
                        machine["disk"]["/state"] = "VIRGIN"


def scratch(bench: Bench) -> list[str]:
    """What lies in the state folder's scratch."""
    return sorted(path.name for path in bench.project.scratch.rglob("*"))


def test_the_proof_is_read_from_the_export(bench: Bench) -> None:
    """It says so, has the same signals, and nothing of the disk is left here."""
    image = bench.capture()
    assert (image.proof.way, image.proof.facts.state) == ("export", "SEALED")
    assert ("seal done", "1") in image.proof.signals
    assert not bench.project.scratch.exists()
    assert bench.machines() == bench.held()
    assert bench.troubles() == []


def test_an_image_without_a_seal_is_read_the_same_way(bench: Bench) -> None:
    """VIRGIN, as the disk has it and not only as its version was read."""
    image = bench.capture(seal="none")
    assert (image.proof.way, image.proof.facts.state) == ("export", "VIRGIN")


def test_a_rehearsal_is_proved_the_same_way(bench: Bench) -> None:
    """And makes nothing."""
    order, _ = check_order(bench.project, Target("ref", ""), CheckWish(rehearse=True))
    report = run.start(bench.project, "check", order, run.Manner())[1]
    assert report.proof.way == "export"
    assert not bench.project.scratch.exists()


def test_what_only_the_export_sees_is_no_image(bench: Bench) -> None:
    """The guest said that it is sealed; its powered-off disk says otherwise."""
    order, _ = capture_order(bench.project, Target("ref", ""), CaptureWish(), Silent())
    meddler = Meddler(bench.world)
    with pytest.raises(ProofFailed):
        run.start(bench.project, "capture", order, run.Manner(meddler))
    assert any(what.startswith("reading the seal inside the guest") for what in meddler.said)
    assert bench.project.catalog.images("ref") == []
    assert not bench.project.scratch.exists()
    assert bench.machines() == bench.held()
    assert bench.troubles() == []


def test_an_export_that_fails_makes_no_image(bench: Bench) -> None:
    """The job is over with the endpoint's words, and nothing is left."""
    bench.world.add_faults(Fault("export_disk", error="Refused", message="no room"))
    with pytest.raises(Refused, match="no room"):
        bench.capture()
    assert not bench.project.scratch.exists()
    assert bench.machines() == bench.held()
    assert bench.troubles() == []


def test_what_a_killed_job_left_goes_with_the_next(bench: Bench) -> None:
    """Another job takes the copy of a disk away, and so does gc; with --dry-run it stays."""

    def left_over() -> None:
        folder = bench.project.scratch / "j-killed"
        folder.mkdir(parents=True)
        (folder / "exported.vmdk").write_bytes(b"half")

    left_over()
    image: Image = bench.capture()
    assert image.number == 1
    assert not bench.project.scratch.exists()
    left_over()
    gc(bench.project, Silent(), dry_run=True)
    assert scratch(bench) == ["exported.vmdk", "j-killed"]
    gc(bench.project, Silent(), dry_run=False)
    assert not bench.project.scratch.exists()


def test_what_a_running_job_keeps_there_stays(bench: Bench) -> None:
    """Its lease says that it runs, whatever another process takes away meanwhile."""
    with Lease.taken(bench.project.database, "other", "j-runs", wait=None, watcher=Silent()):
        (bench.project.scratch / "j-runs").mkdir(parents=True)
        bench.capture()
        gc(bench.project, Silent(), dry_run=False)
        assert scratch(bench) == ["j-runs"]
    gc(bench.project, Silent(), dry_run=False)
    assert not bench.project.scratch.exists()


def test_what_a_selftest_keeps_there_is_left_for_a_day(bench: Bench) -> None:
    """It is no job, so no lease tells whether it is at work."""
    (bench.project.scratch / "selftest").mkdir(parents=True)
    gc(bench.project, Silent(), dry_run=False)
    assert scratch(bench) == ["selftest"]
    os.utime(bench.project.scratch / "selftest", (1, 1))
    gc(bench.project, Silent(), dry_run=False)
    assert not bench.project.scratch.exists()


@dataclass
class Witness:
    """An endpoint that keeps a record of what was done to a machine's power."""

    events: tuple[str, ...]

    def power_events(self, machine: Machine) -> tuple[str, ...]:
        """All of it."""
        return self.events


@pytest.mark.parametrize(
    ("then", "now", "refused"),
    [
        (("on", "shut down", "off"), ("on", "shut down", "off"), False),
        (("on", "shut down"), ("on", "shut down", "off"), False),
        (("on", "shut down", "off"), ("on", "shut down", "off", "on"), True),
        (("on", "reset", "off"), ("on", "reset", "off"), False),
        (("on", "off"), ("on", "off", "reset"), True),
        ((), ("on",), True),
        ((), (), False),
    ],
)
def test_a_proof_is_as_good_as_its_clone_was_left_alone(
    bench: Bench, then: tuple[str, ...], now: tuple[str, ...], refused: bool
) -> None:
    """Every start after what its power signal has is one too many; going off is none."""
    proof = replace(bench.capture().proof, signals=(("power", ", ".join(then)),) if then else ())
    machine = Machine("m-1", "clone", Power.OFF, True, None, ())
    with bench.project.shop("here", "ref", "look", Silent()) as shop:
        witnessed = replace(shop, hypervisor=Witness(now))  # type: ignore[arg-type]
        if refused:
            with pytest.raises(ProofFailed, match="was started again"):
                must_be_unstarted(witnessed, machine, proof)
        else:
            must_be_unstarted(witnessed, machine, proof)
