"""
What goes wrong in guests, on disks and at keyboards, met on a real libvirt by the installed ``golden``.

Each time the exit code is the documented one, the words say what was met and what to do next, nothing is left lying
about, and the reference is what it was.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.demo.standin.disk import DiskOrder
from tests.e2e.bench import (
    Desk,
    assert_nothing_left,
    before,
    boot_options,
    check,
    desk,
    empty,
    ended,
    failed,
    guest,
    kill_at,
)

pytestmark = pytest.mark.slow

DRIVER = ("update", "--add", "drivers/goldennet.inf")
CAPTURE = ("capture", "--answer-file", "answers.xml")
SAY_HELLO = "@echo off\r\necho hello\r\n"
MIB = 1 << 20


def job_files(place: Desk, pattern: str) -> list[Path]:
    """What jobs kept of that name."""
    return sorted(place.state.glob(f"jobs/*/{pattern}"))


# --- in the guest -----------------------------------------------------------------------------------------------------


def test_a_script_that_fails(tmp_path: Path) -> None:
    """Its exit code and last words are told, kept in the log, and nothing became a version."""
    with ended(desk(tmp_path / "p")) as place:
        was = before(place)
        place.write("bad.cmd", "@echo off\r\necho the disk is not to my liking\r\nexit /b 1\r\n")
        saying = ("bad.cmd ended with exit code 1", "the disk is not to my liking")
        place.fails(5, "update", "--run", "bad.cmd", saying=saying)
        assert "the disk is not to my liking" in place.does("logs").out
        check(place, was, versions=1)


@pytest.mark.thorough
def test_a_script_that_restarts_the_guest(tmp_path: Path) -> None:
    """A restart that nobody asked for is noticed and told; how far the script came is not guessed."""
    with ended(desk(tmp_path / "p")) as place:
        was = before(place)
        place.write("again.cmd", "@echo off\r\nshutdown /r /t 0\r\nping -n 100 127.0.0.1\r\n")
        place.fails(5, "update", "--run", "again.cmd", "--timeout", "5m", saying=("again.cmd", "restart"))
        check(place, was, versions=1)


@pytest.mark.xdist_group("much work in the guest")
def test_a_script_that_says_100_mb(tmp_path: Path) -> None:
    """golden fetches the end of it and stays below 150 MB of memory."""
    with ended(desk(tmp_path / "p")) as place:
        was = before(place)
        place.write("loud.cmd", f"@echo off\r\nfor /L %%i in (1,1,1050000) do echo {'x' * 98}\r\necho the end\r\n")
        going = place.begin("update", "--run", "loud.cmd")
        ran = going.end()
        assert ran.code == 0, ran.said
        (log,) = [path for path in job_files(place, "*.log") if "the end" in path.read_text()]
        assert "bytes of output before this" in log.read_text()
        assert log.stat().st_size < MIB
        assert 10 * MIB < going.peak < 150 * MIB
        check(place, was, versions=2)


@pytest.mark.xdist_group("much work in the guest")  # Not beside 100 MB of output: the limits are short.
@pytest.mark.parametrize(
    ("faults", "limit", "code", "saying"),
    [
        ({"shutdown": "never"}, "45s", 11, ("the guest to switch itself off", "never cuts the power")),
        ({"agent": "die-on-write"}, "40s", 5, ("did not answer within", "qemu-guest-agent")),
        pytest.param({"agent": "hang"}, "60s", 5, ("not answer", "qemu-guest-agent"), marks=pytest.mark.thorough),
        ({"agent": "missing"}, "25s", 5, ("did not answer within", "qemu-guest-agent")),
    ],
    ids=["never-off", "agent-dies-in-a-file", "agent-hangs", "no-agent"],
)
def test_a_guest_that_does_not_answer_or_end(
    tmp_path: Path, faults: dict[str, object], limit: str, code: int, saying: tuple[str, ...]
) -> None:
    """A silent guest is exit 5, one that answers and does not end 11; a picture of the screen is kept."""
    with ended(desk(tmp_path / "p", faults)) as place:
        was = before(place)
        ran = place.golden("update", "--copy", r"answers.xml:C:\answers.xml", "--timeout", limit)
        failed(ran, code, (*saying, "a picture of the screen: "))
        (picture,) = job_files(place, "screen.*")
        assert str(picture) in ran.err
        assert picture.read_bytes().startswith((b"\x89PNG", b"P6"))
        assert picture.name in place.does("logs").out
        check(place, was, versions=1)


# --- sysprep ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("faults", "code", "saying"),
    [
        ({"sysprep": "appx"}, 6, ("before it changed anything", "was installed for a user")),
        pytest.param(
            {"sysprep": "half"},
            6,
            ("half-way", "Sysprep_Generalize_Pnp", "GeneralizationState: 3"),
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            {"sysprep": "exit0-no-seal"},
            6,
            ("nor a log of this run", "Sysprep_succeeded.tag: absent"),
            marks=pytest.mark.thorough,
        ),
        pytest.param({"sysprep": "hang"}, 11, ("sysprep to end", "last log line"), marks=pytest.mark.thorough),
    ],
    ids=["appx", "half", "exit0-no-seal", "hang"],
)
def test_sysprep_fails(tmp_path: Path, faults: dict[str, object], code: int, saying: tuple[str, ...]) -> None:
    """The cause is named from Panther's log, the log is kept and shown, and there is no image."""
    with ended(desk(tmp_path / "p", faults)) as place:
        was = before(place)
        place.fails(code, *CAPTURE, "--timeout", "40s" if code == 11 else "5m", saying=saying)
        shown = place.does("logs").out
        assert saying[0] in shown
        if "nor a log of this run" not in saying:
            (log,) = job_files(place, "sysprep-setupact.log")
            assert str(log) in shown
            assert "SYSPRP" in shown
        check(place, was, versions=1)


# --- adopting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["SEALED", "SEALED_AUDIT", "BROKEN", "DEPLOYED", "FAILED_EARLY", "UNKNOWN"])
def test_a_machine_that_is_not_virgin_is_refused(tmp_path: Path, state: str) -> None:
    """With the state, why, and every input of the decision; before a byte of it is copied."""
    place = empty(tmp_path / "p")
    standin = guest(DiskOrder(state=state))
    adopt = ("adopt", "win2022", "--from", str(standin.disk), *boot_options(standin))
    ran = place.golden(*adopt)
    assert ran.code == 4, ran.said
    for word in (f"is {state}, not VIRGIN: ", "ImageState = ", "GeneralizationState = "):
        assert word in ran.err, ran.said
    assert place.rows("SELECT name FROM reference") == []
    assert_nothing_left(place)
    if state == "DEPLOYED":
        assert "--accept-deployed" in ran.err
        place.does(*adopt, "--accept-deployed")
        (version,) = place.log()["versions"]
        assert (version["state"], version["accepted_deployed"]) == ("DEPLOYED", True)
        assert "--accept-deployed" in place.does("log").out
        assert "generalized before" in place.does("show").out


def test_a_disk_on_another_disk_is_refused(tmp_path: Path) -> None:
    """A disk with a backing file is no whole machine; the way out is told."""
    place = empty(tmp_path / "p")
    standin = guest()
    overlay = place.path / "overlay.qcow2"
    backing = ("-b", str(standin.disk), "-F", "qcow2")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(overlay)], check=True)
    adopt = ("adopt", "win2022", "--from", "overlay.qcow2", *boot_options(standin))
    place.fails(4, *adopt, saying=("overlay.qcow2", str(standin.disk), "qemu-img convert"))
    assert_nothing_left(place)


def test_an_adoption_in_place_that_is_cancelled_gives_the_disk_back(tmp_path: Path) -> None:
    """After kill -9 and cancel the user's disk has its permissions and bytes again."""
    with ended(empty(tmp_path / "p")) as place:
        standin = guest()
        disk = tmp_path / "mine.qcow2"
        shutil.copyfile(standin.disk, disk)
        disk.chmod(0o640)
        content = hashlib.sha256(disk.read_bytes()).hexdigest()
        order = ("adopt", "win2022", "--from", str(disk), "--in-place", *boot_options(standin))
        assert kill_at(place.begin(*order), place, "done freeze", "done proof")
        assert stat.S_IMODE(disk.stat().st_mode) == 0o440
        place.does("cancel", "-y")
        assert stat.S_IMODE(disk.stat().st_mode) == 0o640
        assert hashlib.sha256(disk.read_bytes()).hexdigest() == content
        assert_nothing_left(place)
        assert place.does("doctor", "-o", "json").data["findings"] is not None
        place.does(*order)
        check(place, before(place), versions=1)


# --- two at once ------------------------------------------------------------------------------------------------------


def test_two_updates_of_one_reference(tmp_path: Path) -> None:
    """The second ends at once and says who holds it; the first goes on undisturbed."""
    with ended(desk(tmp_path / "p")) as place:
        was = before(place)
        first = place.begin(*DRIVER)
        first.until_said("waiting for the guest to answer")
        job, holder = place.open_jobs()[0], f"process {first.process.pid}"
        saying = ("win2022 is being written by", job, holder)
        failed(place.begin(*DRIVER).end(seconds=10), 9, saying)
        assert first.end().code == 0
        check(place, was, versions=2)


def test_two_references_at_once(tmp_path: Path) -> None:
    """Updates of two references run side by side and both succeed."""
    with ended(desk(tmp_path / "p")) as place:
        standin = guest()
        place.does("adopt", "other", "--from", str(standin.disk), *boot_options(standin))
        was = {name: before(place, name) for name in ("win2022", "other")}
        going = {name: place.begin("update", name, *DRIVER[1:]) for name in was}
        for one in going.values():
            ran = one.end()
            assert ran.code == 0, ran.said
        for name in was:
            check(place, was[name], versions=2, reference=name)


# --- places -----------------------------------------------------------------------------------------------------------


def test_a_long_path_below_a_private_folder(tmp_path: Path) -> None:
    """A project whose path has far more than a socket's 108 characters, with its parent closed to others."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    folder = private / ("a folder with a long name, " + "x" * max(20, 120 - len(str(private))))
    assert len(str(folder)) >= 120
    with ended(desk(folder)) as place:
        was = before(place)
        place.does(*DRIVER)
        check(place, was, versions=2)
        assert stat.S_IMODE(private.stat().st_mode) == 0o700


@pytest.mark.parametrize("harm", ["appended", "deleted"])
def test_a_frozen_file_is_changed_behind_goldens_back(tmp_path: Path, harm: str) -> None:
    """update, capture and doctor refuse, and name the file."""
    place = desk(tmp_path / "p")
    disk = Path(place.log()["versions"][0]["disks"][0]["path"])
    if harm == "deleted":
        disk.unlink()
    else:
        disk.chmod(0o644)
        with disk.open("ab") as file:
            file.write(b"!")
    for order in (DRIVER, CAPTURE):
        place.fails(9, *order, saying=("win2022@v1", str(disk)))
    found = place.golden("doctor")
    assert found.code == 4, found.said
    assert str(disk) in found.out + found.err
    assert place.golden("verify", "--deep").code == 9
    assert place.open_jobs() == []
    assert_nothing_left(place)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own of 200 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)], check=False)
    if mount.returncode:
        pytest.skip("this computer lets nobody mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no room."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(MIB))
        except OSError:
            pass
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    return path


def test_the_disk_is_full(tmp_path: Path, small_disk: Path) -> None:
    """It is said, nothing is lost, and with room again everything goes on."""
    with ended(desk(small_disk / "p")) as place:
        was = before(place)
        filler = fill(small_disk)
        place.fails(10, *DRIVER, saying=("0 MiB are free", "golden prune"))
        filler.unlink()
        check(place, was, versions=1)
        going = place.begin(*DRIVER, "--timeout", "60s")
        going.until_said("driver goldennet.inf")
        fill(small_disk)
        ran = going.end()
        # Whoever meets the full disk first says so: golden's own files, or QEMU, whose guest is silent then.
        failed(ran, 5 if ran.code == 5 else 10, ())
        assert "no room left" in ran.err or "disk is full" in ran.err, ran.said
        filler.unlink()
        resumed = len(place.open_jobs())
        place.does("resume")
        check(place, was, versions=1 + resumed)
        place.does("update", "--run", place.write("hello.cmd", SAY_HELLO))
        check(place, was, versions=2 + resumed)


# --- at the keyboard --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="ctrl-c", marks=pytest.mark.thorough),
        pytest.param(signal.SIGTERM, 143, id="sigterm"),
    ],
)
def test_stopped_in_the_middle(tmp_path: Path, number: int, code: int) -> None:
    """Everything that was made is taken away before golden ends."""
    with ended(desk(tmp_path / "p")) as place:
        was = before(place)
        going = place.begin(*DRIVER)
        going.until_said("driver goldennet.inf")
        going.signal(number)
        failed(going.end(), code, ("stopped by",))
        check(place, was, versions=1)


@pytest.mark.thorough
def test_what_failed_is_kept_when_asked(tmp_path: Path) -> None:
    """--on-error keep leaves the clone and says so; cancel takes it away."""
    with ended(desk(tmp_path / "p")) as place:
        was = before(place)
        place.write("bad.cmd", "@exit /b 7\r\n")
        kept = place.golden("update", "--run", "bad.cmd", "--on-error", "keep")
        (job,) = place.open_jobs()
        failed(kept, 5, ("exit code 7", f"kept: golden-{job}-a1-clone", f"golden cancel {job}"))
        assert (place.state / f"libvirt/store/golden-{job}-a1-clone/disk0.qcow2").exists()
        assert "job-interrupted" in place.golden("doctor").out
        place.does("cancel", "-y")
        check(place, was, versions=1)
