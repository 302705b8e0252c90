"""Stopping: Ctrl-C and SIGTERM unwind, kill -9 can be taken up again, and two writers do not meet."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from golden.testing.memory import Fault

if TYPE_CHECKING:
    from tests.cli.conftest import Golden
    from tests.cli.lab import Lab

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals are sent to processes here")


def hanging(lab: Lab, *more: str, reference: str = "ref") -> subprocess.Popen[str]:
    """An update that never ends, once its change has begun in the guest."""
    process = lab.begin("update", reference, "--add", "hangs.inf", *more)
    limit = time.monotonic() + 20
    while time.monotonic() < limit and process.poll() is None:
        if any(machine["power"] == "on" and machine["programs"] for machine in lab.world.read()["machines"].values()):
            return process
        time.sleep(0.05)  # A test may wait for another process to get there.
    raise AssertionError(f"the update did not begin: {process.communicate(timeout=5)}")


def clones(lab: Lab) -> list[str]:
    return [name for name, machine in lab.world.read()["machines"].items() if not machine["snapshots"]]


def two_cut_off(lab: Lab, golden: Golden, *more: str) -> None:
    """Updates of two references, each killed while its change hangs; their machines are off since."""
    assert golden("adopt", "two", "--from", "base", "--os", "memory").code == 0
    for reference in ("ref", "two"):
        process = hanging(lab, *more, reference=reference)
        process.kill()
        process.communicate(timeout=30)
        for machine in clones(lab):
            with lab.world.change("the guest is done for") as raw:
                raw["machines"][machine]["power"] = "off"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_unwinds_in_order(ref: Lab, golden: Golden, number: signal.Signals, code: int) -> None:
    """Ctrl-C and SIGTERM take away what the job made, end it, and tell so; nothing waits to be resumed."""
    process = hanging(ref)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "golden: stopped by" in err
    assert "Traceback" not in out + err
    assert clones(ref) == []
    assert golden("status", "-o", "json").data["jobs"] == []
    assert golden("doctor").code == 0


def test_a_signal_is_told_to_programs(ref: Lab) -> None:
    """With -o json a stopped command prints the error envelope and nothing else."""
    process = hanging(ref, "-o", "json", "-q")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    from tests.cli.lab import Ran

    error = Ran(process.returncode, out, err).error
    assert (error["id"], error["exit_code"], process.returncode) == ("interrupted", 143, 143)


def test_a_capture_that_is_stopped_while_it_publishes_names_its_image(ref: Lab, golden: Golden) -> None:
    """The image stays, and so it is told: by the error, with what publishes it, and by the record of the job."""
    process = publishing(ref)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "ref@i1 is captured and stays; golden publish ref@i1 --to plain" in err
    job = golden("jobs", "--all", "-o", "json").data["jobs"][-1]
    words = "stopped by a signal; what it had recorded stays, the rest was taken away"
    assert (job["state"], job["problem"]["brief"]) == ("cancelled", words)
    assert golden("publish", "ref@i1", "--to", "plain").code == 0
    assert golden("doctor").code == 0


def test_cancelling_a_capture_names_the_image_that_stays(ref: Lab, golden: Golden) -> None:
    """After kill -9 during the upload the image is there, whether the job goes on or is given up."""
    process = publishing(ref)
    process.kill()
    process.communicate(timeout=30)
    ran = golden("cancel", "-y")
    assert (ran.code, "ref@i1 is captured and stays; golden publish ref@i1 --to plain" in ran.err) == (0, True)
    assert [one["number"] for one in golden("log", "-o", "json").data["images"]] == [1]


def test_several_captures_taken_up_name_the_images_that_stay(ref: Lab, golden: Golden) -> None:
    """What a process of its own tells beside its error is told."""
    assert golden("adopt", "two", "--from", "base", "--os", "memory").code == 0
    for reference in ("ref", "two"):
        process = publishing(ref, reference)
        process.kill()
        process.communicate(timeout=30)
    toml = ref.path / "golden.toml"
    toml.write_text(toml.read_text().replace(PLAIN.format(ref.path), PLAIN.format(ref.path / "nowhere")))
    ran = golden("resume", "--all", "-q")
    assert (ran.code, "two@i1 is captured and stays; golden publish two@i1 --to plain" in ran.err) == (10, True)


PLAIN = '[libraries.plain]\nurl = "memory-library:{}/world"\n'


def publishing(lab: Lab, reference: str = "ref") -> subprocess.Popen[str]:
    """A capture that is stuck in its library, once its image is recorded."""
    toml = lab.path / "golden.toml"
    if PLAIN.format(lab.path) not in toml.read_text():
        toml.write_text(toml.read_text() + PLAIN.format(lab.path))
    lab.world.add_faults(Fault("library.publish", action="delay", seconds=20))
    process = lab.begin("capture", reference, "--to", "plain")
    limit = time.monotonic() + 20
    while time.monotonic() < limit and process.poll() is None:
        if any(fault["seen"] for fault in lab.world.read()["faults"]):
            lab.world.clear_faults()
            return process
        time.sleep(0.05)
    raise AssertionError(f"nothing was published: {process.communicate(timeout=5)}")


@pytest.mark.parametrize("act", ["resume", "cancel"])
def test_a_killed_update_can_be_taken_up_at_once(ref: Lab, golden: Golden, act: str) -> None:
    """After kill -9, status names the job and what to type; resume or cancel work at once and leave nothing."""
    process = hanging(ref, "--timeout", "2")
    process.kill()
    process.communicate(timeout=30)
    assert clones(ref) != []
    (job,) = golden("status", "-o", "json").data["jobs"]
    assert not job["running"]
    assert f"golden resume {job['id']}" in golden("status").out
    assert golden("update", "--add", "a.inf", "-o", "json").error["id"] == "conflict"
    plans = ("update", "--add", "a.inf"), ("capture",), ("prune",), ("adopt", "ref", "--from", "base", "--os", "memory")
    for plan in plans:
        assert f"golden resume {job['id']}" in golden(*plan, "--dry-run", "-o", "json").error["hint"]
    assert golden("doctor").code == 4
    begun = time.monotonic()
    ran = golden(act, "-y")
    assert ran.code == (11 if act == "resume" else 0)
    assert time.monotonic() - begun < 12
    assert clones(ref) == []
    assert golden("doctor").code == 0
    assert golden("update", "--add", "a.inf").code == 0


def test_several_killed_jobs_are_taken_up_with_one_command(ref: Lab, golden: Golden) -> None:
    """Without --all they are listed; with it each is taken up in a process of its own and told of."""
    two_cut_off(ref, golden, "--timeout", "2")
    listed = golden("cancel", "-y", "-o", "json")
    assert listed.code == 2
    assert "2 jobs were cut off" in listed.error["brief"]
    ran = golden("cancel", "--all", "-y", "-o", "json")
    assert (ran.code, [job["state"] for job in ran.data["jobs"]], ran.data["failed"]) == (0, ["cancelled"] * 2, [])
    assert clones(ref) == []
    assert golden("doctor").code == 0


def leased(lab: Lab, **owner: str) -> None:
    """Every lease runs out in two seconds, and its holder is what is told."""
    with sqlite3.connect(lab.path / ".golden/golden.db") as db:
        (told,) = db.execute("SELECT owner FROM lease").fetchone()
        values = (json.dumps({**json.loads(told), **owner}), time.time() + 2)
        db.execute("UPDATE lease SET owner = ?, expires = ?", values)
    db.close()


@pytest.mark.parametrize("more", [(), ("--all",)])
def test_who_died_elsewhere_is_listened_for(ref: Lab, golden: Golden, more: tuple[str, ...]) -> None:
    """A container that was killed has another host's name; cancel without a name does not say that there is nothing."""
    process = hanging(ref)
    process.kill()
    process.communicate(timeout=30)
    leased(ref, host="elsewhere")
    ran = golden("cancel", "-y", *more, "-o", "json")
    assert (ran.code, [job["state"] for job in ran.data["jobs"]]) == (0, ["cancelled"])
    assert clones(ref) == []


@pytest.mark.slow
@pytest.mark.parametrize("output", ["text", "json"])
def test_all_that_fail_are_told_once(ref: Lab, golden: Golden, output: str) -> None:
    """One envelope, or one error after the other; the exit code is that of the last."""
    two_cut_off(ref, golden, "--timeout", "1")
    waiting = [job["id"] for job in golden("status", "-o", "json").data["jobs"]]
    ran = golden("resume", "--all", "-o", output)
    assert ran.code == 11
    if output == "json":
        assert ran.data["failed"] == waiting
        assert [(one["id"], one["job"]) for one in ran.data["errors"]] == [("timed-out", job) for job in waiting]
    else:
        assert ran.err.count("golden: waited ") == 2
        assert all(f"golden logs {job}" in ran.err for job in waiting)


@pytest.mark.slow
def test_a_stopped_process_is_listened_for(ref: Lab, golden: Golden) -> None:
    """Ctrl-Z leaves a job that nobody goes on with: it is taken over once it was not heard of, and told so before."""
    process = hanging(ref)
    process.send_signal(signal.SIGSTOP)
    try:
        with sqlite3.connect(ref.path / ".golden/golden.db") as db:
            db.execute("UPDATE lease SET expires = 1")
        db.close()
        (job,) = golden("status", "-o", "json").data["jobs"]
        assert f"golden resume {job['id']} takes it over" in golden("update", "--add", "a.inf").err
        ran = golden("cancel", "-y", "-o", "json")
        assert (ran.code, [one["id"] for one in ran.data["jobs"]]) == (0, [job["id"]])
        assert clones(ref) == []
    finally:
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=60)
    assert process.returncode == 9


def test_a_stop_of_resume_all_is_handed_on(ref: Lab, golden: Golden) -> None:
    """The job that is just taken up unwinds in order, as it would by itself; the next one waits on."""
    two_cut_off(ref, golden)
    both = set(clones(ref))
    process = ref.begin("resume", "--all")
    limit = time.monotonic() + 30
    while not any(machine["power"] == "on" for machine in ref.world.read()["machines"].values()):
        assert time.monotonic() < limit
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "Traceback" not in err
    assert len(both & set(clones(ref))) == 1
    (job,) = golden("status", "-o", "json").data["jobs"]
    assert job["reference"] == "two"
    assert golden("cancel", "-y").code == 0
    assert golden("doctor").code == 0


def test_a_job_that_is_over_is_not_given_up(ref: Lab, golden: Golden) -> None:
    """What came to its end is not called taken away, nobody is asked about it, and giving up twice is success."""
    assert golden("update", "--add", "a.inf").code == 0
    ended = golden("jobs", "--all", "-o", "json").data["jobs"]
    done = next(job["id"] for job in ended if job["procedure"] == "update")
    ran = golden("cancel", done, "-o", "json")
    assert (ran.code, ran.data["jobs"], ran.err) == (0, [], f"Nothing to cancel: job {done} is over, it is done.\n")
    assert golden("cancel", "nosuch", "-o", "json").code == 13
    process = hanging(ref)
    process.kill()
    process.communicate(timeout=30)
    (job,) = golden("status", "-o", "json").data["jobs"]
    assert [golden("cancel", job["id"], "-y").code for _ in range(2)] == [0, 0]


@pytest.mark.slow
def test_a_refused_start_costs_a_slept_writer_nothing(ref: Lab, golden: Golden) -> None:
    """After a computer slept a timer's update finds a lease that seems to have run out; its writer goes on."""
    process = hanging(ref, "--timeout", "8")
    with sqlite3.connect(ref.path / ".golden/golden.db") as db:
        db.execute("UPDATE lease SET expires = 1")
    db.close()
    assert golden("update", "--add", "a.inf", "-o", "json").error["id"] == "job-busy"
    _, err = process.communicate(timeout=30)
    assert process.returncode == 11, err


def test_two_updates_of_one_reference_do_not_meet(ref: Lab, golden: Golden) -> None:
    """The second update of a reference is refused with who holds it; status shows the first, and a plan can be made."""
    process = hanging(ref)
    try:
        told = golden("update", "--add", "a.inf", "-o", "json")
        assert (told.code, told.error["id"]) == (9, "job-busy")
        assert str(process.pid) in told.error["brief"]
        (job,) = golden("status", "-o", "json").data["jobs"]
        assert job["running"]
        assert golden("update", "--add", "a.inf", "--dry-run").code == 0
        assert golden("adopt", "two", "--from", "base", "--os", "memory").code == 0
        assert golden("doctor").code == 0
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_a_second_signal_leaves_at_once(ref: Lab, golden: Golden, until: Callable[[Callable[[], bool]], None]) -> None:
    """While the first Ctrl-C still unwinds, a second one ends golden at once and says how to go on."""
    ref.world.add_faults(Fault("destroy", nth=0, action="delay", seconds=20))
    process = hanging(ref)
    process.send_signal(signal.SIGINT)
    until(lambda: any(fault["seen"] for fault in ref.world.read()["faults"]))
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - begun < 5
    assert process.returncode == 130
    assert "golden resume" in err
    ref.world.clear_faults()
    assert golden("cancel", "-y").code == 0
    assert golden("doctor").code == 0


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait for another process to get somewhere."""

    def wait(condition: Callable[[], bool]) -> None:
        limit = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < limit
            time.sleep(0.05)

    return wait
