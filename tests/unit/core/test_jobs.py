"""The job engine on things that are only names: what is recorded, owned, kept, swept and refused."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from golden import stopping
from golden.catalog import Catalog
from golden.database import Database
from golden.errors import ChangeFailed, GoldenError, JobBusy, Leaked, LeaseLost, Refused, StateUnusable
from golden.jobs import Job, Journal, Lease, Owner, create, holder, record
from golden.model import PruneOrder, Reference
from golden.waiting import Deadline, Silent
from tests.unit.core.test_catalog import VERSION

ORDER = PruneOrder("ref", (), ())


class Things:
    """A kind of thing: files in a folder. One named in ``stuck`` cannot be taken away, one in ``wanted`` is needed."""

    name = "thing"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stuck: set[str] = set()
        self.wanted: set[str] = set()

    def make(self, name: str) -> str:
        (self.folder / name).touch(exist_ok=False)
        return name

    def find(self, name: str) -> str | None:
        return name if (self.folder / name).exists() else None

    def discard(self, thing: str) -> None:
        if thing in self.stuck:
            raise Refused("it is held")
        (self.folder / thing).unlink()

    def needed(self, name: str) -> bool:
        return name in self.wanted

    def there(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def things(tmp_path: Path) -> Things:
    (tmp_path / "things").mkdir()
    return Things(tmp_path / "things")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "state", write=True)
    create(database, "prune", 1, ORDER, job="j1")
    yield database
    database.close()


def opened(database: Database, things: Things, lease: Lease) -> Job:
    return Job("j1", Journal(database, "j1"), [things])


@pytest.fixture
def lease(database: Database) -> Iterator[Lease]:
    with Lease.taken(database, "ref", "j1", wait=None, watcher=Silent()) as lease:
        yield lease


def test_a_recorded_step_is_not_done_again(database: Database, things: Things, lease: Lease) -> None:
    """On resume its result comes from the journal."""
    calls = []

    def act() -> str:
        calls.append(1)
        return "done"

    assert opened(database, things, lease).step("a", act) == "done"
    assert opened(database, things, lease).step("a", act) == "done"
    assert len(calls) == 1


def test_what_may_not_be_repeated_voids_the_attempt(database: Database, things: Things, lease: Lease) -> None:
    """A ``once`` that began and did not end: everything owned goes, the next attempt has fresh names."""

    class Killed(BaseException):
        pass

    def procedure(job: Job, die: bool) -> str:
        with job.owning(things, "clone", things.make) as clone:
            job.once("inside", lambda: (_ for _ in ()).throw(Killed()) if die else None)
            job.keep("clone")
        return clone

    job = opened(database, things, lease)
    name = job.name("clone")
    job._write("own", name, "thing")  # As if killed: nothing unwinds, only the journal and the thing are left.
    job._write("owned", name, things.make(name))
    job._write("start", "inside", "delicate")
    job = opened(database, things, lease)
    assert job.run(lambda: procedure(job, die=False)) == "golden-j1-a2-clone"
    assert things.there() == ["golden-j1-a2-clone"]


def test_a_failure_takes_away_what_was_made(database: Database, things: Things, lease: Lease) -> None:
    """And ends the job with the failure as its problem."""
    job = opened(database, things, lease)

    def procedure() -> None:
        with job.owning(things, "clone", things.make):
            raise ChangeFailed("kb1 did not install")

    with pytest.raises(ChangeFailed, match="kb1"):
        job.run(procedure)
    assert things.there() == []
    found = record(database, "j1")
    assert (found.state, found.problem and found.problem["id"]) == ("failed", "change-failed")


def test_failed_cleaning_never_hides_the_first_error(database: Database, things: Things, lease: Lease) -> None:
    """It is noted on it; the job stays open and cancel takes the rest away later."""
    things.stuck = {"golden-j1-a1-clone"}
    job = opened(database, things, lease)

    def procedure() -> None:
        with job.owning(things, "clone", things.make):
            raise ChangeFailed("kb1 did not install")

    with pytest.raises(ChangeFailed, match="kb1") as caught:
        job.run(procedure)
    assert caught.value.__notes__ == ["left behind: golden-j1-a1-clone: it is held"]
    assert record(database, "j1").state == "open"
    with pytest.raises(Leaked):
        opened(database, things, lease).cancel()
    things.stuck = set()
    opened(database, things, lease).cancel()
    assert things.there() == []
    assert record(database, "j1").state == "cancelled"


def test_success_with_something_left_is_told(database: Database, things: Things, lease: Lease) -> None:
    """All went well and the clone would not go: an error that names it, and an open job."""
    things.stuck = {"golden-j1-a1-clone"}
    job = opened(database, things, lease)

    def procedure() -> None:
        with job.owning(things, "clone", things.make):
            pass

    with pytest.raises(Leaked, match="1 thing") as caught:
        job.run(procedure)
    assert caught.value.hint == "golden cancel j1"
    assert record(database, "j1").state == "open"


def test_what_the_catalog_needs_is_never_swept(database: Database, things: Things, lease: Lease) -> None:
    """Cancelled between "record" and "keep", a version's machine stays."""
    job = opened(database, things, lease)
    job._write("own", "golden-j1-a1-clone", "thing")
    things.make("golden-j1-a1-clone")
    things.wanted = {"golden-j1-a1-clone"}
    opened(database, things, lease).cancel()
    assert things.there() == ["golden-j1-a1-clone"]


def test_kept_on_error_stays_until_cancel(database: Database, things: Things, lease: Lease) -> None:
    """Somebody wanted to look at the clone."""
    job = Job("j1", Journal(database, "j1"), [things], keep_on_error=lambda _: True)

    def procedure() -> None:
        with job.owning(things, "clone", things.make):
            raise ChangeFailed("kb1 did not install")

    with pytest.raises(ChangeFailed):
        job.run(procedure)
    assert things.there() == ["golden-j1-a1-clone"]
    opened(database, things, lease).cancel()
    assert things.there() == []


def test_what_has_gone_without_a_record_is_made_again(database: Database, things: Things, lease: Lease) -> None:
    """The disk was full when it was taken away: what came of it is worth nothing, and the attempt is begun anew."""
    name = opened(database, things, lease).name("clone")
    with pytest.raises(KeyError), opened(database, things, lease).owning(things, "clone", things.make):
        (things.folder / name).unlink()
        database.rows("PRAGMA query_only = 1")
        raise KeyError
    database.rows("PRAGMA query_only = 0")
    job = opened(database, things, lease)

    def procedure() -> str:
        with job.owning(things, "clone", things.make) as clone:
            assert things.find(clone)
            job.keep("clone")
        return clone

    assert job.run(procedure) == "golden-j1-a2-clone"


def test_a_thing_that_was_done_with_costs_no_attempt(database: Database, things: Things, lease: Lease) -> None:
    """Killed just after it was taken away at the end of its block, before that was written down: nothing is redone."""
    calls: list[str] = []

    def procedure(job: Job) -> str:
        with job.owning(things, "clone", things.make) as clone:
            job.once("changes", calls.append, "changes")
            with job.owning(things, "looking", things.make):
                job.step("look", calls.append, "look")
            job.step("record", calls.append, "record")
            job.keep("clone")
        return clone

    job = opened(database, things, lease)
    with job.owning(things, "clone", things.make) as clone:
        job.once("changes", calls.append, "changes")
        with job.owning(things, "looking", things.make):
            job.step("look", calls.append, "look")
        job.keep("clone")
    with database.writing("as if killed before it") as execute:
        execute("DELETE FROM entry WHERE kind IN ('released', 'kept')")
    job = opened(database, things, lease)
    assert job.run(lambda: procedure(job)) == clone
    assert calls == ["changes", "look", "record"]


def test_two_steps_of_one_name_are_refused(database: Database, things: Things, lease: Lease) -> None:
    """The second would be given the result of the first."""
    job = opened(database, things, lease)
    job.step("a", lambda: 1)
    with pytest.raises(GoldenError, match="two steps named 'a'"):
        job.step("a", lambda: 2)


def test_a_signal_cleans_up_and_ends_the_job(database: Database, things: Things, lease: Lease) -> None:
    """Ctrl-C unwinds in order: nothing is left, and there is nothing to resume."""
    job = opened(database, things, lease)

    def procedure() -> None:
        with job.owning(things, "clone", things.make):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.run(procedure)
    assert things.there() == []
    assert record(database, "j1").state == "cancelled"


def test_one_writer_a_reference(database: Database, lease: Lease) -> None:
    """The second is told who, where and since when."""
    with pytest.raises(JobBusy, match=rf"job j1: .* process {os.getpid()}, since 20") as caught:
        Lease.taken(database, "ref", "j2", wait=None, watcher=Silent())
    assert caught.value.exit_code == 9
    with Lease.taken(database, "other", "j2", wait=None, watcher=Silent()):
        pass


def test_the_lease_of_a_dead_process_is_taken_at_once(database: Database) -> None:
    """Its number and start time are evidence; so is a number that another process has now."""
    script = (
        "import json, dataclasses; from golden.jobs import Owner; print(json.dumps(dataclasses.asdict(Owner.me())))"
    )
    dead = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    reused = json.dumps(asdict(replace(Owner.me(), started="1")))
    rebooted = json.dumps(asdict(replace(Owner.me(), boot="another boot")))
    for owner in (dead, reused, rebooted):
        with database.writing("a lease of somebody's") as execute:
            execute("REPLACE INTO lease VALUES ('ref', 'j0', 't', ?, 'then', ?)", (owner, time.time() + 15))
        begun = time.monotonic()
        with Lease.taken(database, "ref", "j1", wait=None, watcher=Silent()):
            assert time.monotonic() - begun < 1


def test_setting_the_clock_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of the host's clock moves what psutil tells of the boot and of every process; a live owner stays alive."""
    import psutil

    me = Owner.me()
    boot, created = psutil.boot_time(), psutil.Process().create_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + 7200)
    if Path("/proc/self/stat").exists():  # Elsewhere the system keeps the time itself.
        monkeypatch.setattr(psutil.Process, "create_time", lambda _: created + 7200)
    assert not me.is_evidently_dead()


def expired(database: Database, owner: Owner, left: float) -> None:
    """A lease of ``ref`` that runs out so many seconds from now, as the clock has it."""
    with database.writing("somebody's lease") as execute:
        row = ("ref", "j0", "t", json.dumps(asdict(owner)), "then", time.time() + left)
        execute("REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?)", row)


@pytest.mark.slow
def test_who_evidently_lives_keeps_a_lease_that_slept(database: Database) -> None:
    """After a computer slept the clock says that it ran out; it is taken only from one who does not renew it."""
    expired(database, Owner.me(), -3600)
    assert holder(database, "j0") == Owner.me()
    with pytest.raises(JobBusy):
        Lease.taken(database, "ref", "j1", wait=None, watcher=Silent())
    with pytest.raises(JobBusy):
        Lease.taken(database, "ref", "j1", wait=Deadline(1), watcher=Silent())
    begun = time.monotonic()
    with Lease.taken(database, "ref", "j1", wait=Deadline(15), watcher=Silent()):
        assert 5 < time.monotonic() - begun < 10


@pytest.mark.slow
@pytest.mark.thorough  # It waits for the length of a lease.
def test_a_clock_set_back_blocks_nobody_for_hours(database: Database) -> None:
    """A lease that seems to have hours left is that of a holder who was not heard of for the length of one."""
    expired(database, replace(Owner.me(), host="elsewhere"), 7200)
    begun = time.monotonic()
    with Lease.taken(database, "ref", "j1", wait=Deadline(30), watcher=Silent()):
        assert 14 < time.monotonic() - begun < 20


def test_nothing_is_written_under_a_lost_lease(database: Database, lease: Lease) -> None:
    """Neither journal nor catalog: a version without files would be the head."""
    with database.writing("taken over") as execute:
        execute("UPDATE lease SET token = 'other'")
    catalog = Catalog(database)
    with pytest.raises(LeaseLost):
        catalog.add_version(VERSION, Reference("ref", "memory", "here", "then"))
    assert catalog.references() == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can hide processes from others")
def test_a_process_that_is_hidden_is_not_dead(tmp_path: Path) -> None:
    """With hidepid= (proc(5)) other users' processes are not to be seen; about those nobody knows."""
    asks = (
        "import json, sys; from golden.jobs import Owner; owner = Owner(**json.loads(sys.argv[1]));"
        "print(owner.is_evidently_dead(), owner.is_evidently_alive())"
    )
    other = "setpriv --reuid 65534 --regid 65534 --clear-groups"
    script = f'mount -t proc -o hidepid=invisible proc /proc && exec {other} -- "$@"'
    told = json.dumps(asdict(Owner.me()))
    gone = json.dumps(asdict(replace(Owner.me(), pid=2**22 + 1)))
    for owner, answer in ((told, "False False"), (gone, "True False")):
        argv = ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-c", asks, owner]
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
        if ran.stderr.startswith(("unshare:", "mount:")):  # as in a container or a chroot
            pytest.skip(ran.stderr)
        assert ran.stdout.strip() == answer, ran.stderr


def test_a_number_of_another_container_proves_nothing() -> None:
    """Two containers of one host name and kernel count their processes apart."""
    assert not replace(Owner.me(), space="pid:[1]", pid=2**22 + 1).is_evidently_dead()


def test_a_lease_that_cannot_be_given_back_hides_nothing(database: Database) -> None:
    """Neither what the job made nor why it failed."""
    with Lease.taken(database, "ref", "j1", wait=None, watcher=Silent()):
        database.rows("PRAGMA query_only = 1")
    database.rows("PRAGMA query_only = 0")
    with (
        pytest.raises(ChangeFailed, match="kb1") as caught,
        Lease.taken(database, "other", "j1", wait=None, watcher=Silent()),
    ):
        database.rows("PRAGMA query_only = 1")
        raise ChangeFailed("kb1 did not install")
    assert "could not be given back" in caught.value.__notes__[0]


def test_a_signal_just_after_a_commit_ends_the_job_all_the_same(tmp_path: Path, things: Things) -> None:
    """The line is on disk and the process has not heard of it: cleaning up goes on from what is on disk."""
    at = "after journal start inside"

    def checkpoint(label: str) -> None:
        if label == at:
            stopping.ask(KeyboardInterrupt())

    database = Database(tmp_path / "state", write=True, checkpoint=checkpoint)
    create(database, "prune", 1, ORDER, job="j1")
    with Lease.taken(database, "ref", "j1", wait=None, watcher=Silent()) as lease:
        job = opened(database, things, lease)

        def procedure() -> None:
            with job.owning(things, "clone", things.make):
                job.once("inside", lambda: None)

        with pytest.raises(KeyboardInterrupt) as caught:
            job.run(procedure)
    assert getattr(caught.value, "__notes__", []) == []
    assert things.there() == []
    assert record(database, "j1").state == "cancelled"
    database.close()


def test_a_name_that_was_released_may_be_owned_again(database: Database, things: Things, lease: Lease) -> None:
    """A publication has the same name in every attempt; cancel takes away what the last one left."""
    things.stuck = {"shelf/ref-i1"}
    job = opened(database, things, lease)
    folder = things.folder / "shelf"
    folder.mkdir()

    def procedure(job: Job, error: BaseException) -> None:
        with job.holding(things, "shelf/ref-i1"):
            things.make("shelf/ref-i1")
            raise error

    with pytest.raises(ChangeFailed):
        job.run(lambda: procedure(job, ChangeFailed("the library was away")))
    things.stuck = set()
    job = opened(database, things, lease)
    job.sweep()  # As resume begins with; then the next attempt is cut off.
    job.attempt += 1
    job.take(things, "shelf/ref-i1")
    things.make("shelf/ref-i1")
    opened(database, things, lease).cancel()
    assert list(folder.iterdir()) == []


def test_a_bug_while_cleaning_up_hides_nothing(database: Database, things: Things, lease: Lease) -> None:
    """Whatever a provider raises when it takes a thing away, the first error stays the error."""
    job = opened(database, things, lease)

    def procedure() -> None:
        with job.owning(things, "clone", things.make):
            (things.folder / "golden-j1-a1-clone").unlink()
            (things.folder / "golden-j1-a1-clone").mkdir()  # unlink cannot take a folder away: an OSError
            raise ChangeFailed("kb1 did not install")

    with pytest.raises(ChangeFailed, match="kb1") as caught:
        job.run(procedure)
    assert "left behind: golden-j1-a1-clone" in caught.value.__notes__[0]
    assert record(database, "j1").state == "open"


def test_who_lost_its_lease_writes_nothing_on_the_job(database: Database, things: Things, lease: Lease) -> None:
    """The error stays its own, and the record of whoever took over stays theirs."""
    job = opened(database, things, lease)

    def procedure() -> None:
        with database.writing("taken over, and ended well") as execute:
            execute("UPDATE lease SET token = 'other'")
            execute("UPDATE job SET state = 'done'")
        raise ChangeFailed("kb1 did not install")

    with pytest.raises(ChangeFailed, match="kb1"):
        job.run(procedure)
    found = record(database, "j1")
    assert (found.state, found.problem) == ("done", None)


def test_the_lease_of_another_host_is_waited_out(database: Database) -> None:
    """Nobody here can see whether it lives, so the rest of its time is waited for, and no more."""
    far = json.dumps(asdict(replace(Owner.me(), host="elsewhere")))
    with database.writing("a lease from elsewhere") as execute:
        execute("REPLACE INTO lease VALUES ('ref', 'j0', 't', ?, 'then', ?)", (far, time.time() + 1.5))
    with pytest.raises(JobBusy, match="elsewhere"):
        Lease.taken(database, "ref", "j1", wait=None, watcher=Silent())
    begun = time.monotonic()
    with Lease.taken(database, "ref", "j1", wait=Deadline(10), watcher=Silent()):
        assert 0.5 < time.monotonic() - begun < 5


def test_a_lost_lease_stops_the_writer_before_it_writes(database: Database, things: Things, lease: Lease) -> None:
    """Who was away too long writes nothing and takes nothing away: it is somebody else's now."""
    job = opened(database, things, lease)

    def procedure() -> None:
        with job.owning(things, "clone", things.make):
            with database.writing("taken over") as execute:
                execute("UPDATE lease SET token = 'other'")
            job.step("next", lambda: None)

    with pytest.raises(LeaseLost):
        job.run(procedure)
    assert things.there() == ["golden-j1-a1-clone"]
    assert record(database, "j1").state == "open"


def test_a_full_disk_is_no_bug_of_ours(database: Database, things: Things, lease: Lease) -> None:
    """Whoever meets it, the job ends with an error that names the file and what to do, and nothing is left."""
    job = opened(database, things, lease)

    def procedure() -> None:
        with job.owning(things, "clone", things.make):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/state/jobs/j1/001.log")

    with pytest.raises(StateUnusable, match=r"001\.log: No space left") as caught:
        job.run(procedure)
    assert caught.value.exit_code == 10
    assert things.there() == []
    assert record(database, "j1").state == "failed"
