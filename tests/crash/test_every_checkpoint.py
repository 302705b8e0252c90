"""
Every procedure killed at every checkpoint, with and without a power cut of the machines, resumed and cancelled.

Afterwards there is exactly one version or image or none at all, a change was applied exactly once, the reference is
untouched, and nothing is left lying about.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from golden.jobs import states
from tests.crash.bench import DIED, Home, child, copied, seed, troubles

pytestmark = pytest.mark.slow

BEFORE: dict[str, tuple[str, ...]] = {
    "adopt": (),
    "update": ("adopt",),
    "fixes": ("adopt",),
    "capture": ("adopt",),
    "check": ("adopt",),
    "publish": ("adopt", "capture_only"),
    "prune": ("adopt", "capture_only", "capture_only", "update", "move"),
    "move": ("adopt", "capture_only", "capture_only", "update"),
    "gc": ("adopt", "leak"),
}
"""What leads up to each procedure; ``move`` promotes twice and rolls back a channel and the head."""

GO_ON = {"gc": ("gc",)}
"""What goes on after a kill: usually each of resume and cancel; gc has no job and is typed again."""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="golden-crash-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield folder
    shutil.rmtree(folder)


def templates(
    place: Path, procedure: str, *, outlives: bool, disks: bool = True, exports: bool = False
) -> tuple[Path, Home]:
    home = Home(place / "home")
    shutil.rmtree(home.path, ignore_errors=True)
    seed(home, outlives=outlives, disks=disks, exports=exports)
    for act in BEFORE[procedure]:
        status, _ = child(home, act)
        assert status == 0, (home.path / "traceback").read_text()
    template = place / f"{procedure}-{outlives}-{disks}-{exports}"
    shutil.rmtree(template, ignore_errors=True)
    shutil.copytree(home.path, template)
    return template, home


def snapshot(home: Home) -> dict[str, Any]:
    """All that matters of a home: the catalog, what the world holds, what the library holds."""
    project = home.project()
    try:
        catalog = project.catalog
        known = catalog.references()
        versions = {v.number: v for r in known for v in catalog.versions(r.name)}
        images = {i.number: i for r in known for i in catalog.images(r.name)}
        return {
            "world": World_of(home),
            "versions": versions,
            "images": images,
            "published": [p.image for r in known for p in catalog.publications(r.name)],
            "heads": [r.head for r in known],
            "channels": [(c.image, c.history) for r in known for c in catalog.channels(r.name)],
            "open": [row for row in project.database.rows("SELECT id FROM job WHERE state = 'open'")],
            "shelf": sorted(path.name for path in (home.path / "shelf").glob("*")),
        }
    finally:
        project.close()


def World_of(home: Home) -> dict[str, Any]:  # noqa: N802
    world = home.world
    try:
        return json.loads(json.dumps(world.read()))
    finally:
        world.close()


def check(procedure: str, home: Home, before: dict[str, Any], *, finished: bool | None) -> None:
    """``finished`` None: either all of it happened, or nothing."""
    now = snapshot(home)
    assert troubles(home) == []
    assert now["open"] == []
    assert not (home.path / ".golden" / "scratch").exists()
    assert set(now["world"]["machines"]) == {v.snapshot.machine for v in now["versions"].values()}
    assert set(now["world"]["images"]) == {i.artifact.name for i in now["images"].values()}
    assert now["world"]["users"]["base"]["disk"] == before["world"]["users"]["base"]["disk"]
    for number, version in before["versions"].items():
        if number in now["versions"]:
            was = before["world"]["machines"][version.snapshot.machine]["snapshots"]
            assert now["world"]["machines"][version.snapshot.machine]["snapshots"] == was
    for version in now["versions"].values():
        (disk,) = now["world"]["machines"][version.snapshot.machine]["snapshots"].values()
        assert disk["/state"] == "VIRGIN"
        assert not any(path.startswith("/golden/j") or path.startswith("/golden/golden-") for path in disk), disk
        assert max(Counter(disk["/log"].split("\n")[:-1]).values(), default=1) == 1, disk["/log"]
    happened = HAPPENED[procedure](now, before)
    assert happened in ((True, False) if finished is None else (finished,)), (now, procedure)


def _updated(now: dict[str, Any], before: dict[str, Any]) -> bool:
    if len(now["versions"]) == len(before["versions"]):
        return False
    assert set(now["versions"]) == {1, 2}
    machine = now["world"]["machines"][now["versions"][2].snapshot.machine]
    lines = machine["snapshots"]["v2"]["/log"].split("\n")
    assert lines == ["kb1.memory begun", "kb1.memory done", "kb2.memory begun", "kb2.memory done", ""]
    return True


def _captured(now: dict[str, Any], before: dict[str, Any]) -> bool:
    if len(now["images"]) == len(before["images"]):
        assert now["shelf"] == []
        return False
    return now["published"] == [1] and len(now["shelf"]) >= 2


def _published(now: dict[str, Any], before: dict[str, Any]) -> bool:
    if now["published"]:
        return True
    assert now["shelf"] == []
    return False


def _moved(now: dict[str, Any], before: dict[str, Any]) -> bool:
    """Each move is one transaction: what is there is where one of them ended."""
    assert (now["versions"], now["images"]) == (before["versions"], before["images"])
    path = [(2, []), (2, [(1, ())]), (2, [(2, (1,))]), (2, [(1, ())]), (1, [(1, ())])]
    place = (now["heads"][0], [(image, tuple(history)) for image, history in now["channels"]])
    assert place in path, place
    return place == path[-1]


HAPPENED: dict[str, Any] = {
    "adopt": lambda now, _: set(now["versions"]) == {1},
    "update": _updated,
    "fixes": lambda now, _: [c.kind for v in now["versions"].values() for c in v.changes] == ["fixes"],
    "capture": _captured,
    "check": lambda now, before: all(now[key] == before[key] for key in ("versions", "images", "published", "shelf")),
    "publish": _published,
    "prune": lambda now, _: set(now["versions"]) == {1} and set(now["images"]) == {1},
    "move": _moved,
    "gc": lambda now, before: all(now[key] == before[key] for key in ("versions", "images", "heads")),
}


def wrong(procedure: str, die_at: int, power_cut: bool, place: tuple[Path, Home], before: Any) -> list[str]:
    """Kill once, then go on from there in both ways."""
    home = copied(*place)
    status, _ = child(home, procedure, die_at)
    if status != DIED:
        return [f"{procedure} at {die_at}: {(home.path / 'traceback').read_text()}"]
    if power_cut:
        world = home.world
        world.power_cut()
        world.close()
    begun = bool(snapshot(home)["open"])
    killed = place[0].with_name("killed")
    shutil.rmtree(killed, ignore_errors=True)
    shutil.copytree(home.path, killed)
    texts = []
    for last in GO_ON.get(procedure, ("resume", "cancel")):
        try:
            status, _ = child(copied(killed, home), last)
            assert status == 0, (home.path / "traceback").read_text()
            whole = last == procedure or (last == "resume" and begun)
            check(procedure, home, before, finished=True if whole else None)
        except AssertionError as error:
            texts.append(f"{procedure} killed at {die_at}, power cut {power_cut}, then {last}: {error}")
    return texts


@pytest.mark.parametrize("power_cut", [False, True], ids=["powered", "power-cut"])
@pytest.mark.parametrize("procedure", list(BEFORE))
def test_killed_at_every_checkpoint(procedure: str, power_cut: bool, place: Path) -> None:
    """Killed anywhere, then resumed or cancelled: all of it or nothing, once, and nothing left over."""
    outlives = not power_cut  # Half the cases on an endpoint whose work dies with its client, half on one where not.
    template = templates(place, procedure, outlives=outlives)
    before = snapshot(copied(*template))
    status, points = child(copied(*template), procedure)
    assert status == 0, (template[1].path / "traceback").read_text()
    check(procedure, template[1], before, finished=True)
    failures = [text for n in range(1, points + 1) for text in wrong(procedure, n, power_cut, template, before)]
    assert not failures, f"{len(failures)} wrong in {points} points:\n" + "\n".join(failures[:3])


@pytest.mark.parametrize("procedure", ["adopt", "update", "capture"])
def test_killed_where_no_disk_is_shown(procedure: str, place: Path) -> None:
    """The same on an endpoint without open_disk, at every fourth checkpoint: the clone that is asked goes, too."""
    template = templates(place, procedure, outlives=True, disks=False)
    before = snapshot(copied(*template))
    status, points = child(copied(*template), procedure)
    assert status == 0, (template[1].path / "traceback").read_text()
    check(procedure, template[1], before, finished=True)
    failures = [text for n in range(1, points + 1, 4) for text in wrong(procedure, n, False, template, before)]
    assert not failures, f"{len(failures)} wrong in {points // 4} points:\n" + "\n".join(failures[:3])


def test_killed_while_a_disk_is_exported(place: Path) -> None:
    """The same of a capture whose seal is read from an export: half a copy of the disk does not stay either."""
    template = templates(place, "capture", outlives=True, disks=False, exports=True)
    before = snapshot(copied(*template))
    status, points = child(copied(*template), "capture")
    assert status == 0, (template[1].path / "traceback").read_text()
    check("capture", template[1], before, finished=True)
    left, failures = 0, []
    for number in range(1, points + 1):
        home = copied(*template)
        child(home, "capture", number)
        if (home.path / ".golden" / "scratch").exists():
            left += 1
            failures += wrong("capture", number, False, template, before)
    assert left
    assert not failures, f"{len(failures)} wrong:\n" + "\n".join(failures[:3])


@pytest.mark.parametrize("procedure", ["update", "capture"])
def test_asked_to_stop_at_any_line(procedure: str, place: Path) -> None:
    """
    SIGTERM between any two lines of golden's: the job ends or had ended, and nothing waits or is left over. What was
    recorded by then is told.
    """
    template = templates(place, procedure, outlives=True)
    before = snapshot(copied(*template))
    status, lines = child(copied(*template), procedure, stop_at=0)
    assert status == 0, (template[1].path / "traceback").read_text()
    failures = []
    for number in range(1, lines, lines // 40):
        home = copied(*template)
        status, _ = child(home, procedure, stop_at=number)
        try:
            assert status in (DIED, 0), (home.path / "traceback").read_text()
            check(procedure, home, before, finished=True if status == 0 else None)
            if status == DIED:
                told = "stays" in (home.path / "told").read_text()
                assert told == has_more(home, before) or all_done(home)
        except AssertionError as error:
            failures.append(f"{procedure} asked to stop at line {number} of {lines}: {error}")
    assert not failures, f"{len(failures)} wrong:\n" + "\n".join(failures[:3])


def has_more(home: Home, before: dict[str, Any]) -> bool:
    """Whether there is a version or an image that was not there before."""
    now = snapshot(home)
    return any(len(now[key]) > len(before[key]) for key in ("versions", "images"))


def all_done(home: Home) -> bool:
    """Whether every job went well, so that the stop came after the last of them."""
    project = home.project()
    try:
        return set(states(project.database).values()) == {"done"}
    finally:
        project.close()
