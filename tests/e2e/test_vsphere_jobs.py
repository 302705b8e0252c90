"""Jobs at once on one vCenter, and jobs that meet with a misfortune: what they leave is whole, once, or nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.bench import Ran, before, failed
from tests.e2e.vsphere_desk import SOURCE, VsphereDesk, check, vsphere_desk
from tests.peers.vsphere.rules import Rule

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("vsphere jobs")]

DRIVER = ("--add", "drivers/goldennet.inf")
CAPTURE = ("--answer-file", "answers.xml", "--to", "templates")
THOROUGH = pytest.mark.thorough


@pytest.fixture(scope="module")
def only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VsphereDesk]:
    """One project with two references."""
    with vsphere_desk(tmp_path_factory.mktemp("jobs"), "win2022", "win2025") as place:
        yield place
        place.assert_secret()


@pytest.fixture
def place(only: VsphereDesk) -> Iterator[VsphereDesk]:
    """The same, where nothing goes wrong before or after the test, and the first versions are the heads."""
    only.peer.world.rules.clear()
    for name in ("win2022", "win2025"):
        if len(only.log(name)["versions"]) > 1:
            only.does("rollback", f"{name}@v1", "-y")
    yield only
    only.peer.world.rules.clear()


def test_two_jobs_at_once_on_two_references(place: VsphereDesk) -> None:
    """Neither disturbs the other: two versions, then two sealed images, and nothing else."""
    names = ("win2022", "win2025")
    going = [place.begin("update", name, *DRIVER) for name in names]
    assert [one.end().code for one in going] == [0, 0]
    going = [place.begin("capture", name, *CAPTURE) for name in names]
    assert [one.end().code for one in going] == [0, 0]
    for name in names:
        log = place.log(name)
        assert [one["state"] for one in log["versions"]] == ["VIRGIN", "VIRGIN"]
        assert [(one["state"], len(one["publications"])) for one in log["images"]] == [("SEALED", 1)]
    place.assert_clean(*names)


def test_two_jobs_at_once_on_one_reference(place: VsphereDesk) -> None:
    """One works; the other is refused, says who holds it, and makes nothing."""
    was = before(place)
    first = place.begin("update", "win2022", *DRIVER)
    first.until(lambda: bool(place.open_jobs()), "a job to be open")
    job = place.open_jobs()[0]
    failed(place.golden("update", "win2022", *DRIVER), 9, (job,))
    assert first.end().code == 0
    check(place, was, "win2025", versions=1)


# call, what happens to it, further words of the rule, whether the job bears it
UPDATES = [
    pytest.param("CloneVM_Task", "drop-after", {}, True, marks=THOROUGH),
    pytest.param("CreateSnapshot_Task", "drop-after", {}, True, marks=THOROUGH),
    ("CreateSnapshot_Task", "task", {"kind": "SystemError", "detail": {"reason": "internal error"}}, False),
    pytest.param("StartProgramInGuest", "drop-before", {"nth": 3}, True, marks=THOROUGH),
    pytest.param("StartProgramInGuest", "expire", {"nth": 5}, True, marks=THOROUGH),
    ("PUT /guestFile", "http", {"nth": 4, "status": 500}, True),
    pytest.param("PowerOnVM_Task", "question", {"text": "moved or copied?"}, False, marks=THOROUGH),
    pytest.param(
        "ReconfigVM_Task",
        "fault",
        {"kind": "TaskInProgress", "detail": {"task": ("Task", "task-1")}},
        False,
        marks=THOROUGH,
    ),
]
CAPTURES = [
    ("CloneVM_Task", "drop-after", {"nth": 2}, True),
    pytest.param("MarkAsTemplate", "drop-after", {}, True, marks=THOROUGH),
    pytest.param(
        "CloneVM_Task",
        "task",
        {"nth": 2, "kind": "NoDiskSpace", "detail": {"file": "[ds] x", "datastore": "LocalDS_0"}},
        False,
        marks=THOROUGH,
    ),
    pytest.param("Destroy_Task", "expire", {}, True, marks=THOROUGH),
]

FULL = {"kind": "NoDiskSpace", "detail": {"file": "[ds] x", "datastore": "LocalDS_0"}}
ADOPT = ("--from", SOURCE, "--os", "windows")


def after(ran: Ran, place: VsphereDesk, *, bears: bool) -> bool:
    """Whether it was done; one that was not is a sentence, and is over."""
    assert place.peer.world.rules.unmet() == []
    place.peer.world.rules.clear()
    assert "Traceback" not in ran.said
    if bears:
        assert ran.code == 0, ran.said
    else:
        assert ran.code not in (0, 1), ran.said
        if place.open_jobs():
            place.does("cancel", "-y")
    return ran.code == 0


@pytest.mark.parametrize(("call", "do", "words", "bears"), UPDATES)
def test_an_update_that_meets_with_a_misfortune(
    place: VsphereDesk, call: str, do: str, words: dict[str, object], bears: bool
) -> None:
    """One that can be borne makes the version, once; another ends the job, and leaves nothing."""
    was = before(place)
    place.peer.world.rules.add(Rule(call, do, **words))  # type: ignore[arg-type]
    done = after(place.golden("update", "win2022", *DRIVER), place, bears=bears)
    check(place, was, "win2025", versions=int(done))


@pytest.mark.parametrize(("call", "do", "words", "bears"), CAPTURES)
def test_a_capture_that_meets_with_a_misfortune(
    place: VsphereDesk, call: str, do: str, words: dict[str, object], bears: bool
) -> None:
    """One that can be borne makes the image, once; another ends the job, and leaves nothing."""
    was = before(place)
    place.peer.world.rules.add(Rule(call, do, **words))  # type: ignore[arg-type]
    done = after(place.golden("capture", "win2022", *CAPTURE), place, bears=bears)
    check(place, was, "win2025", images=int(done))


# what is typed, call, what happens to it, further words of the rule, whether it is borne
OTHERS = [
    pytest.param(("adopt", "third", *ADOPT), "CreateSnapshot_Task", "task", FULL, False, marks=THOROUGH),
    pytest.param(("check", "win2022"), "PowerOnVM_Task", "task", FULL, False, marks=THOROUGH),
    pytest.param(("check", "win2022"), "StartProgramInGuest", "drop-before", {"nth": 2}, True, marks=THOROUGH),
    (("verify", "win2022", "--deep"), "GET /folder/.*", "http", {"status": 500}, False),
    pytest.param(("verify", "win2022", "--deep"), "RetrievePropertiesEx", "expire", {"nth": 5}, True, marks=THOROUGH),
]


@pytest.mark.parametrize(("typed", "call", "do", "words", "bears"), OTHERS)
def test_another_verb_that_meets_with_a_misfortune(
    place: VsphereDesk, typed: tuple[str, ...], call: str, do: str, words: dict[str, object], bears: bool
) -> None:
    """What is there stays as it was; what can be borne is done, and the rest is a sentence and nothing left."""
    was = before(place)
    place.peer.world.rules.add(Rule(call, do, **words))  # type: ignore[arg-type]
    after(place.golden(*typed), place, bears=bears)
    check(place, was, "win2025")


PRUNES = [
    ("Destroy_Task", "drop-after", {}, True),
    pytest.param("Destroy_Task", "task", {"kind": "SystemError", "detail": {"reason": "no"}}, False, marks=THOROUGH),
    pytest.param("Destroy_Task", "expire", {}, True, marks=THOROUGH),
    pytest.param("RemoveSnapshot_Task", "drop-after", {}, True, marks=THOROUGH),
    pytest.param("RemoveSnapshot_Task", "drop-before", {}, True, marks=THOROUGH),
]


@pytest.mark.parametrize(("call", "do", "words", "bears"), PRUNES)
def test_a_prune_that_meets_with_a_misfortune(
    place: VsphereDesk, call: str, do: str, words: dict[str, object], bears: bool
) -> None:
    """What stays is whole; what goes is gone, or goes with gc once vCenter lets it."""
    first = place.log()["versions"][0]
    for _ in range(2):
        place.does("update", "win2022", *DRIVER)
        place.does("rollback", "win2022@v1", "-y")
    newest = place.log()["versions"][-1]
    place.peer.world.rules.add(Rule(call, do, **words))  # type: ignore[arg-type]
    after(place.golden("prune", "win2022", "--keep", "1", "-y"), place, bears=bears)
    place.does("gc")
    place.does("prune", "win2022", "--keep", "1", "-y")
    assert place.log()["versions"] == [first, newest]
    place.assert_clean("win2022", "win2025")
    place.does("verify", "win2022", "--deep")


def test_what_a_crash_left_is_cleared_by_gc_though_answers_are_lost(place: VsphereDesk) -> None:
    """Its Destroy is done and nobody is told: it is gone, once, and gc says so."""
    was, name = before(place), place.leaked()
    place.peer.world.rules.add(Rule("Destroy_Task", "drop-after"))
    after(place.golden("gc"), place, bears=True)
    assert name not in place.names()
    check(place, was, "win2025")
