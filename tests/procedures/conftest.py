"""A project on an in-memory hypervisor with a machine of the user's, and orders as the command line gives them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from golden.app import run
from golden.app.capturing import CaptureWish, capture_order
from golden.app.names import Target
from golden.app.orders import UpdateWish, keep_payloads, publish_order, update_order
from golden.app.project import Project
from golden.app.upkeep import doctor
from golden.guest.family import Wanted
from golden.model import AdoptOrder, Image, Origin, Publication, Version
from golden.settings import read
from golden.testing.memory import World
from golden.waiting import Silent


@dataclass
class Bench:
    """One project and the world behind it."""

    folder: Path
    world: World
    project: Project

    def adopt(self, machine: str = "base", reference: str = "ref", **options: Any) -> Version:
        order = AdoptOrder(reference, Origin("machine", machine, os="memory"), "here", **options)
        return run.start(self.project, "adopt", order, run.Manner())[1]

    def update(self, *changes: str, reference: str = "ref", **wish: Any) -> Version:
        """Each change is the text of a script that is installed in the guest."""
        wanted, base = [], len(list(self.folder.glob("change*.memory")))
        for number, text in enumerate(changes, start=base + 1):
            path = self.folder / f"change{number}.memory"
            path.write_text("#!memory\n" + text)
            wanted.append(Wanted("driver", path))
        order, plan = update_order(self.project, Target(reference, ""), UpdateWish(tuple(wanted), **wish), Silent())
        keep_payloads(self.project, plan.sources)
        return run.start(self.project, "update", order, run.Manner())[1]

    def capture(self, address: str = "", **wish: Any) -> Image:
        order, plan = capture_order(self.project, Target("ref", address), CaptureWish(**wish), Silent())
        keep_payloads(self.project, plan.sources)
        return run.start(self.project, "capture", order, run.Manner())[1]

    def publish(self, image: int, *libraries: str) -> tuple[Publication, ...]:
        order = publish_order(self.project, "ref", image, libraries)
        return run.start(self.project, "publish", order, run.Manner())[1]

    def machines(self) -> set[str]:
        return set(self.world.read()["machines"])

    def held(self) -> set[str]:
        """Names of the machines that versions live in."""
        catalog = self.project.catalog
        return {v.snapshot.machine for r in catalog.references() for v in catalog.versions(r.name)}

    def troubles(self) -> list[str]:
        return [f.id for f in doctor(self.project, Silent()) if f.severity == "error"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    world = World.create(tmp_path / "world")
    world.add_user_machine("base")
    (tmp_path / "other").mkdir()
    (tmp_path / "golden.toml").write_text(
        f'[endpoints.here]\nurl = "memory:{tmp_path}/world"\n'
        '[libraries.shelf]\nurl = "dir:shelf"\n[libraries.attic]\nurl = "dir:attic"\n'
    )
    project = Project(read(tmp_path / "golden.toml"), write=True)
    yield Bench(tmp_path, world, project)
    project.close()
    world.close()
