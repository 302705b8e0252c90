"""
One project on an in-memory hypervisor, and processes that die at a chosen checkpoint.

A case is a child process that dies at checkpoint N, perhaps a power cut of the machines, and a second child that
resumes or cancels. Everything both need is on disk, as it is for a user.
"""

from __future__ import annotations

import gc as gc_module
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import psutil  # noqa: F401  - children inherit what is imported here; importing it anew costs each 25 ms

from golden import plugins
from golden.app import run
from golden.app.capturing import CaptureWish, capture_order
from golden.app.checking import CheckWish, check_order
from golden.app.names import Target
from golden.app.orders import UpdateWish, keep_payloads, publish_order, update_order
from golden.app.project import Project
from golden.app.upkeep import doctor, prune_plan
from golden.cli import signals
from golden.guest.family import Wanted
from golden.model import AdoptOrder, CloneOptions, Origin, PruneOrder, Role
from golden.procedures.channels import promote, roll_back_channel, roll_back_head
from golden.provider import Endpoint
from golden.settings import read
from golden.testing.memory import ABLE, PROVIDER, VIRGIN, World
from golden.waiting import Silent

DIED = 137

# Children inherit the plugins that were found, too: looking for them anew costs each 80 ms.
plugins.provider(Endpoint("here", "memory:"))
plugins.library_factory(Endpoint("shelf", "dir:"))


@dataclass(frozen=True)
class Home:
    """A project folder of one case."""

    path: Path

    @property
    def world(self) -> World:
        return World(self.path / "world")

    def project(self, checkpoint: Callable[[str], None] = lambda _: None) -> Project:
        return Project(read(self.path / "golden.toml"), write=True, checkpoint=checkpoint)


def seed(home: Home, *, outlives: bool, disks: bool = True, exports: bool = False) -> None:
    """A world with a user's machine, and an empty project."""
    from dataclasses import replace

    home.path.mkdir(parents=True)
    able = replace(ABLE, work_outlives_client=outlives, open_disk=disks, export_disk=exports)
    world = World.create(home.path / "world", able)
    found = [{"id": "reboot", "severity": "warning", "fix": "safe"}, {"id": "profiles", "severity": "warning"}]
    world.add_user_machine("base", {**VIRGIN, "/findings": json.dumps(found).encode()})
    world.close()
    (home.path / "golden.toml").write_text(
        f'[endpoints.here]\nurl = "memory:{home.path}/world"\n[libraries.shelf]\nurl = "dir:shelf"\n'
    )
    (home.path / "kb1.memory").write_text("#!memory\nsay hello\n")
    (home.path / "kb2.memory").write_text("#!memory\nexit 3010\n")
    home.project().database.close()


def adopt(project: Project) -> Any:
    order = AdoptOrder("ref", Origin("machine", "base", os="memory"), "here")
    return run.start(project, "adopt", order, run.Manner())


def update(project: Project) -> Any:
    wanted = tuple(Wanted("driver", project.settings.base / f"{name}.memory") for name in ("kb1", "kb2"))
    order, plan = update_order(project, Target("ref", ""), UpdateWish(wanted), Silent())
    keep_payloads(project, plan.sources)
    return run.start(project, "update", order, run.Manner())


def fixes(project: Project) -> Any:
    order, _ = update_order(project, Target("ref", ""), UpdateWish((), apply_fixes=True), Silent())
    return run.start(project, "update", order, run.Manner())


def capture(project: Project) -> Any:
    wish = CaptureWish(libraries=("shelf",))
    order, _ = capture_order(project, Target("ref", ""), wish, Silent())
    return run.start(project, "capture", order, run.Manner())


def capture_only(project: Project) -> Any:
    order, _ = capture_order(project, Target("ref", ""), CaptureWish(), Silent())
    return run.start(project, "capture", order, run.Manner())


def check(project: Project) -> Any:
    order, _ = check_order(project, Target("ref", ""), CheckWish(fix=True, rehearse=True))
    return run.start(project, "check", order, run.Manner())


def publish(project: Project) -> Any:
    newest = project.catalog.images("ref")[-1].number
    return run.start(project, "publish", publish_order(project, "ref", newest, ("shelf",)), run.Manner())


def prune(project: Project) -> Any:
    versions, images = prune_plan(project, "ref", 0, Silent())
    order = PruneOrder("ref", tuple(v.number for v in versions), tuple(i.number for i in images))
    return run.start(project, "prune", order, run.Manner())


def move(project: Project) -> Any:
    promote(project.catalog, "ref", 1, "stable")
    promote(project.catalog, "ref", 2, "stable")
    roll_back_channel(project.catalog, "ref", "stable")
    roll_back_head(project.catalog, "ref", 1)


def leak(project: Project) -> Any:
    """Two machines and an image of a job that is over, one on the other: what no kill should leave and gc takes."""
    job = project.database.rows("SELECT id FROM job WHERE state = 'done'")[0][0]
    with project.shop("here", "", str(job), Silent()) as shop:
        version = shop.catalog.version("ref", 1)
        below = shop.hypervisor.clone("golden-lost-a", version.snapshot, shop.mark(Role.CLONE, "ref"), CloneOptions())
        point = shop.hypervisor.freeze(below, "v9")
        clone = shop.hypervisor.clone("golden-lost-b", point, shop.mark(Role.CAPTURE, "ref"), CloneOptions())
        shop.hypervisor.capture("golden-lost-image", clone, shop.mark(Role.IMAGE, "ref"))


def gc(project: Project) -> Any:
    from golden.app import upkeep

    _, left = upkeep.gc(project, Silent(), dry_run=False)
    assert not left


def resume(project: Project) -> Any:
    for job in run.unfinished(project):
        run.resume(project, job.id, run.Manner())


def cancel(project: Project) -> Any:
    for job in run.unfinished(project):
        run.cancel(project, job.id, run.Manner())


ACTS: dict[str, Callable[[Project], Any]] = {
    act.__name__: act
    for act in (adopt, update, fixes, capture, capture_only, check, publish, prune, move, leak, gc, resume, cancel)
}


class _Points:
    """Counts checkpoints and dies at one of them."""

    def __init__(self, last: int) -> None:
        self.seen = 0
        self._last = last

    def checkpoint(self, _label: str) -> None:
        self.seen += 1
        if self.seen == self._last:
            os._exit(DIED)


class _Lines(_Points):
    """Counts the lines of golden's code that run, and gets SIGTERM at one of them."""

    def __init__(self, last: int) -> None:
        super().__init__(last)
        signals.listen()
        sys.settrace(self._line)

    def checkpoint(self, _label: str) -> None: ...

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "call":
            return self._line if any(one in frame.f_code.co_filename for one in ("golden", "contextlib")) else None
        if event == "line":
            self.seen += 1
            if self.seen == self._last:
                signal.raise_signal(signal.SIGTERM)
        return self._line


def forked(home: Home, act: str, die_at: int, stop_at: int | None) -> tuple[int, int]:
    """Run an act in a child of this process: (exit status, checkpoints or lines it passed)."""
    read_end, write_end = os.pipe()
    gc_module.freeze()  # A child that never collects copies no page of its parent's.
    pid = os.fork()
    if pid == 0:
        gc_module.disable()
        count = _Points(die_at) if stop_at is None else _Lines(stop_at)
        status = 1
        try:
            PROVIDER.checkpoint = count.checkpoint
            project = home.project(count.checkpoint)
            ACTS[act](project)
            project.close()
            status = 0
        except signals.Stopped as stop:
            (home.path / "told").write_text("\n".join(getattr(stop, "__notes__", ())))
            status = DIED
        except BaseException:
            (home.path / "traceback").write_text(traceback.format_exc())
        sys.settrace(None)
        os.write(write_end, str(count.seen).encode())
        os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        seen_text = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, int(seen_text or 0)


@cache
def _server() -> subprocess.Popen[str]:
    """A small process to fork from: the children of one as large as pytest cost 15 ms more each."""
    argv = [sys.executable, "-m", "tests.crash.bench"]
    root = Path(__file__).parents[2]
    return subprocess.Popen(argv, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def serve() -> None:
    """Carry out orders, one a line, until nobody is there to give any."""
    for line in sys.stdin:
        path, act, die_at, stop_at = json.loads(line)
        print(json.dumps(forked(Home(Path(path)), act, die_at, stop_at)), flush=True)


def child(home: Home, act: str, die_at: int = 0, *, stop_at: int | None = None) -> tuple[int, int]:
    """
    Run an act in a process of its own: (exit status, checkpoints it passed).

    With ``stop_at`` the lines of golden's code are counted in place of checkpoints, and SIGTERM comes at that one.
    """
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(json.dumps([str(home.path), act, die_at, stop_at]) + "\n")
    server.stdin.flush()
    status, seen = json.loads(server.stdout.readline())
    return status, seen


def copied(template: Path, home: Home) -> Home:
    """The template's project at the place it was made for."""
    shutil.rmtree(home.path, ignore_errors=True)
    shutil.copytree(template, home.path)
    return home


def troubles(home: Home) -> list[str]:
    """What doctor says, warnings left out."""
    project = home.project()
    try:
        return [f.sentence for f in doctor(project, Silent()) if f.severity == "error"]
    finally:
        project.close()


if __name__ == "__main__":
    serve()
