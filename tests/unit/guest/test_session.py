"""A session over a real local process communicator, with faults put where they hurt."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from golden.errors import GuestError, GuestSilent, TimedOut, UsageError
from golden.guest.line import decoded
from golden.guest.session import KEPT_OUTPUT, GuestRestarted, Session
from golden.testing.local import Fault, LocalCommunicator
from golden.waiting import Deadline

Open = Callable[..., Session]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Open]:
    """Opens sessions into a local guest; the guest is stopped after the test."""
    guests: list[LocalCommunicator] = []

    def open_session(*faults: Fault, chunk: int = 1 << 20) -> Session:
        guest = LocalCommunicator(tmp_path / "guest", chunk=chunk)
        guests.append(guest)
        opened = Session(guest, guest.dialect, "job1", logs=tmp_path / "logs").open(Deadline(20))
        opened.boot_mark(Deadline(20))
        opened.place(guest.dialect.launcher, Deadline(20))
        guest.calls.clear()
        guest.started.clear()
        guest.faults = faults
        return opened

    yield open_session
    for guest in guests:
        guest.stop()


def local(session: Session) -> LocalCommunicator:
    assert isinstance(session.communicator, LocalCommunicator)
    return session.communicator


def limit() -> Deadline:
    return Deadline(30)


def sh(text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text)


def test_a_program_gives_its_exit_code_and_both_outputs(session: Open) -> None:
    """Exit code, standard output and standard error come back apart from each other."""
    ran = session().run(sh("echo to out; echo to err >&2; exit 42"), "talking", limit())
    assert (ran.code, ran.out, ran.err) == (42, "to out\n", "to err\n")


def test_a_run_costs_one_program_start_and_few_reads(session: Open) -> None:
    """Once the launcher is placed, a run is one write, one start, polls, and a read for each thing to be read."""
    opened = session()
    opened.run(sh("echo x"), "talking", limit())
    calls = local(opened).calls
    assert len(local(opened).started) == 1
    assert calls["start"] == 1
    assert calls["write"] == 1
    assert calls["read"] == 2, "the code file and standard output; nothing for empty standard error"


AWKWARD = (
    "",
    " ",
    "a b",
    "it's",
    '"quoted"',
    "$(touch nope)",
    "`id`",
    "back\\slash\\",
    "new\nline\n",
    "\n\n",
    "*",
    "-n",
    "--",
    "grün 語",
    "a=b",
    "%s",
    "\t",
    ";&|<>",
)


def test_every_argument_arrives_as_it_was_given(session: Open) -> None:
    """Whatever characters an argument holds, the program sees exactly those, and nothing is taken for shell text."""
    ran = session().run(("/usr/bin/printf", "%s\\0", *AWKWARD), "printing", limit())
    assert tuple(ran.out.split("\0")[:-1]) == AWKWARD


def test_environment_values_arrive_as_given_and_never_disturb_the_launcher(session: Open) -> None:
    """Environment values hold any text, also under names a shell uses itself."""
    env = {"TEXT": "a\n'b' $c\n", "out": "/nowhere", "code": "7", "value": "x=y", "key": "k"}
    ran = session().run(("/usr/bin/env", "-0"), "printing the environment", limit(), env=env)
    told = dict(item.split("=", 1) for item in ran.out.split("\0") if item)
    assert {name: told[name] for name in env} == env
    assert not [name for name in told if name.startswith("golden_")]


def test_a_nul_or_an_impossible_name_is_refused_before_anything_starts(session: Open) -> None:
    """What a Linux guest cannot hold is a usage error, and nothing was started."""
    opened = session()
    with pytest.raises(UsageError, match="NUL"):
        opened.run(("echo", "a\0b"), "printing", limit())
    with pytest.raises(UsageError, match="environment"):
        opened.run(("echo",), "printing", limit(), env={"A-B": "x"})
    assert local(opened).started == []


def test_a_program_that_is_not_there_is_an_exit_code_with_a_reason(session: Open) -> None:
    """A missing program gives 127 and the reason in the error output, not an exception."""
    ran = session().run(("/no/such/program",), "starting nothing", limit())
    assert ran.code == 127
    assert "/no/such/program" in ran.err


def test_a_program_ended_by_a_signal_has_a_code(session: Open) -> None:
    """A program that is killed by a signal gives 128 + n as sh does."""
    assert session().run(sh("kill -9 $$"), "dying", limit()).code == 137


@pytest.mark.parametrize(
    ("first_line", "expected"),
    [("", "sh"), ("#!/bin/sh\n", "sh"), ("#!/bin/bash\n", "bash"), ("#! /usr/bin/env bash\n", "bash")],
)
def test_a_pushed_script_runs_with_the_interpreter_it_names(
    session: Open, tmp_path: Path, first_line: str, expected: str
) -> None:
    """A script without the executable bit is run by what its first line names, by sh where it names nothing."""
    opened = session()
    script = tmp_path / "user's script.sh"
    script.write_text(f'{first_line}echo "${{BASH_VERSION:+bash}} $1"; exit 3\n')
    path = opened.dialect.join(opened.folder, script.name)
    opened.push(script, path, limit())
    ran = opened.run((*opened.dialect.interpreter(path), "a b"), "running it", limit())
    assert (ran.code, ran.out.split()) == (3, ["bash", "a", "b"] if expected == "bash" else ["a", "b"])


@pytest.mark.parametrize("kind", ["lose", "lose-after"])
@pytest.mark.parametrize("verb", ["start", "poll", "read", "write"])
def test_a_lost_line_does_not_matter(session: Open, verb: str, kind: str, tmp_path: Path) -> None:
    """Wherever in a run the line breaks, the program runs exactly once and its result is fetched."""
    opened = session(Fault(verb, 1, kind))
    ran = opened.run(sh(f"echo once >>'{tmp_path}/times'; sleep 0.3; echo done; exit 5"), "working", limit())
    assert (ran.code, ran.out) == (5, "done\n")
    assert (tmp_path / "times").read_text() == "once\n"
    assert local(opened).calls["ready"] >= 1, "the line was never lost"


def test_a_line_that_breaks_again_and_again_ends_in_a_sentence(session: Open) -> None:
    """A line that never holds is GuestSilent, not an endless loop."""
    opened = session(*(Fault("write", nth, "lose") for nth in range(1, 9)))
    with pytest.raises(GuestSilent):
        opened.run(sh("true"), "working", limit())


def test_a_forgotten_number_does_not_matter(session: Open, tmp_path: Path) -> None:
    """A guest that forgets the program's number (its agent restarted) still gives the program's result, once."""
    opened = session(Fault("poll", 2, "forget"))
    ran = opened.run(sh(f"echo once >>'{tmp_path}/times'; sleep 1; exit 6"), "working", limit())
    assert ran.code == 6
    assert (tmp_path / "times").read_text() == "once\n"


def test_a_number_forgotten_with_a_start_repeated_does_not_matter(session: Open, tmp_path: Path) -> None:
    """The line breaking during the start and the number being forgotten after it still give one run, one result."""
    opened = session(Fault("start", 1, "lose-after"), Fault("poll", 1, "forget"))
    ran = opened.run(sh(f"echo once >>'{tmp_path}/times'; sleep 1; exit 6"), "working", limit())
    assert ran.code == 6
    assert (tmp_path / "times").read_text() == "once\n"


def test_a_launcher_that_was_killed_is_said_so(session: Open) -> None:
    """Where something kills golden's launcher, that is an error at once and not a wait for the deadline."""
    opened = session()
    started = time.monotonic()
    with pytest.raises(GuestError, match="left no result"):
        opened.run(sh("kill -9 $PPID; sleep 60"), "working", Deadline(30))
    assert time.monotonic() - started < 10


def test_a_launcher_killed_with_its_number_forgotten_is_said_so(session: Open) -> None:
    """The same where the agent that knew the number died with it."""
    opened = session(Fault("poll", 2, "forget"))
    with pytest.raises(GuestError, match="gone from the guest"):
        opened.run(sh("sleep 0.3; kill -9 $PPID; sleep 60"), "working", Deadline(30))


def test_a_program_that_restarts_its_guest_is_named(session: Open) -> None:
    """A program that restarts the guest under itself is GuestRestarted, with what to do instead."""
    opened = session()
    with pytest.raises(GuestRestarted, match="installing") as caught:
        opened.run(sh('touch "$LOCAL_GUEST/restart"; sleep 60'), "installing", limit())
    assert "3010" in str(caught.value.hint)


def test_a_guest_that_restarts_while_a_program_starts_is_named(session: Open) -> None:
    """A restart between the start and the answer to it is GuestRestarted too, and the program is not run again."""
    opened = session(Fault("poll", 1, "restart"))
    with pytest.raises(GuestRestarted):
        opened.run(sh("sleep 60"), "installing", limit())
    assert len([argv for argv in local(opened).started if any("launch.sh" in word for word in argv)]) == 1


def test_a_run_that_takes_too_long_names_what_was_waited_for(session: Open) -> None:
    """The limit is kept, and the error says what did not end."""
    with pytest.raises(TimedOut, match="counting sheep"):
        session().run(sh("sleep 60"), "counting sheep", Deadline(1))


def test_a_guest_that_fell_silent_during_a_wait_is_told_from_a_slow_one(session: Open) -> None:
    """Where it does not answer at the limit either it is GuestSilent, and what was waited for is named all the same."""
    opened = session()
    threading.Timer(0.5, lambda: setattr(local(opened), "mute", True)).start()
    with pytest.raises(GuestSilent, match=r"counting sheep.*does not answer") as caught:
        opened.run(sh("sleep 60"), "counting sheep", Deadline(1.5))
    assert caught.value.exit_code == 5


def test_a_restart_is_proved_by_the_boot_mark(session: Open) -> None:
    """After a restart the boot mark is another one, and the session goes on."""
    opened = session()
    before = opened.boot_mark(limit())
    opened.restart(limit())
    assert opened.boot_mark(limit()) != before
    assert opened.run(sh("exit 4"), "working", limit()).code == 4


@pytest.mark.parametrize("kind", ["lose", "lose-after"])
def test_a_restart_survives_a_lost_line(session: Open, kind: str) -> None:
    """An order to restart that got lost is given again; one that got through is not."""
    opened = session(Fault("start", 2, kind))
    before = opened.boot_mark
    first = before(limit())
    local(opened).calls.clear()
    opened.restart(limit())
    assert opened.boot_mark(limit()) != first


def test_a_guest_that_restarted_by_itself_does_not_fool_a_restart(session: Open) -> None:
    """A restart is judged by the boot mark asked just before it, not by one that is long out of date."""
    opened = session()
    local(opened).faults = (Fault("read", 1, "restart"),)
    opened.get("/etc/hostname", limit())
    between = local(opened).folder.joinpath("boot_mark").read_text().strip()
    opened.restart(limit())
    assert opened.boot_mark(limit()) != between


def test_a_switched_off_guest_is_silent(session: Open) -> None:
    """After an orderly power-off nobody answers any more."""
    opened = session()
    opened.shut_down()
    with pytest.raises(GuestSilent):
        opened.run(sh("true"), "working", Deadline(2))


def test_a_hundred_megabytes_of_output_cost_little(session: Open) -> None:
    """Of 100 MB of output only the tail travels: little memory, and no longer than writing it takes."""
    opened = session()
    tracemalloc.start()
    ran = opened.run(sh("head -c 100000000 /dev/zero | tr '\\0' 'x'; echo the end"), "printing", limit())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ran.out.endswith("xthe end\n")
    assert ran.out.startswith("[99934472 bytes of output before this]\n")
    assert len(ran.out) < KEPT_OUTPUT + 100
    assert peak < 5_000_000


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_long_utf16_output_is_read_as_such_from_its_middle(session: Open, order: str, tmp_path: Path) -> None:
    """A long UTF-16 output is still text when only its tail is fetched."""
    opened = session()
    text = "ü" * 100_000 + "end"
    path = Path(opened.folder) / "long"
    path.write_bytes(("\ufeff" + text).encode(order))
    tail = opened.tail(str(path), limit())
    assert tail.endswith("üüend")
    assert "\ufffd" not in tail


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_003])
def test_a_pushed_file_is_the_same_on_both_sides(session: Open, tmp_path: Path, size: int) -> None:
    """Files of any size arrive byte for byte, and come back so."""
    opened = session(chunk=65_536)
    source = tmp_path / "source"
    source.write_bytes(os.urandom(size))
    target = f"{opened.folder}/it's a $file"
    digest = opened.push(source, target, limit())
    assert digest == hashlib.sha256(source.read_bytes()).hexdigest()
    assert Path(target).read_bytes() == source.read_bytes()
    assert opened.pull(target, tmp_path / "back", limit())
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("kind", ["lose", "lose-after", "cut"])
@pytest.mark.parametrize("nth", [1, 2, 5])
def test_a_push_goes_on_where_the_line_broke(session: Open, tmp_path: Path, nth: int, kind: str) -> None:
    """A line lost in the middle of a file, also in the middle of a piece, costs that piece and nothing else."""
    opened = session(Fault("write", nth, kind), chunk=10_000)
    source = tmp_path / "source"
    source.write_bytes(os.urandom(55_555))
    target = f"{opened.folder}/target"
    opened.push(source, target, limit())
    assert Path(target).read_bytes() == source.read_bytes()
    assert local(opened).calls["write"] <= 6 + 1 + 2


def test_a_push_that_arrives_wrong_is_sent_again(session: Open, tmp_path: Path) -> None:
    """A file that a restart of the guest spoiled is sent once more, and is right then."""
    opened = session(chunk=10_000)
    source = tmp_path / "source"
    source.write_bytes(b"right" * 10_000)
    target = Path(opened.folder) / "target"
    watcher = _Spoiling(target)
    opened.watcher = watcher
    opened.push(source, str(target), limit())
    assert watcher.spoiled
    assert target.read_bytes() == source.read_bytes()


class _Spoiling:
    """Spoils the file in the guest once, after its last piece."""

    def __init__(self, target: Path) -> None:
        self.target, self.spoiled = target, False

    def waiting(self, what: str, elapsed: float, limit: float) -> None: ...

    def doing(self, what: str) -> None: ...

    def progress(self, what: str, done: int, total: int) -> None:
        if done == total and not self.spoiled:
            self.spoiled = True
            self.target.write_bytes(b"wrong")


def test_a_push_needs_no_memory_for_the_file(session: Open, tmp_path: Path) -> None:
    """Pushing takes the memory of a few pieces, however large the file is."""
    opened = session(chunk=1 << 20)
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(100 << 20)
    tracemalloc.start()
    opened.push(source, f"{opened.folder}/large", limit())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_pulling_what_is_not_there_is_no_error_and_leaves_nothing(session: Open, tmp_path: Path) -> None:
    """A file that the guest does not have is False, and no empty file is left here."""
    assert not session().pull("/no/such/file", tmp_path / "back", limit())
    assert list(tmp_path.glob("back*")) == []


def test_closing_takes_the_run_folder_away(session: Open) -> None:
    """Nothing of golden's stays in the guest's work folder."""
    opened = session()
    opened.run(sh("echo x"), "talking", limit())
    opened.close(limit())
    assert not Path(opened.folder).exists()


def test_closing_can_switch_the_guest_off_on_the_same_line(session: Open) -> None:
    """The run folder is cleared first, then the guest is asked, and no new line is needed in between."""
    opened = session()
    opened.close(limit(), shut_down=True)
    assert not Path(opened.folder).exists()
    assert local(opened).calls["ready"] == 0
    with pytest.raises(GuestSilent):
        local(opened).ready(Deadline(1))


def test_the_line_is_let_go_of_even_when_clearing_fails(session: Open) -> None:
    """A guest that died before the end is reported, and the line is closed all the same."""
    opened = session()
    local(opened).stop()
    with pytest.raises(GuestSilent):
        opened.close(Deadline(2))


def test_what_a_program_said_is_kept_with_the_job(session: Open, tmp_path: Path) -> None:
    """Exit code and outputs of every run are kept in a log file of their own."""
    session().run(sh("echo useful; exit 9"), "asking", limit())
    (log,) = (tmp_path / "logs").iterdir()
    assert log.read_text().splitlines()[:4] == ["asking", "exit code 9", "--- output", "useful"]


@pytest.mark.parametrize(
    ("data", "page", "cut", "text"),
    [
        ("Größe".encode(), "850", False, "Größe"),
        ("Größe\n".encode("cp850"), "850", False, "Größe\n"),
        ("Größe".encode("cp850")[:4], "850", False, "Größ"[:4]),
        ("ößx".encode()[1:], "850", True, "ßx"),
        ("xö".encode()[:-1], "850", False, "x\ufffd"),
        ("Größe".encode("cp850"), "", False, "Gr\ufffd\ufffde"),
        ("Größe".encode("cp850"), "no such", False, "Gr\ufffd\ufffde"),
        ("Größe".encode("utf-16-le"), "850", False, "Größe"),
    ],
)
def test_output_is_read_as_what_it_was_written_in(data: bytes, page: str, cut: bool, text: str) -> None:
    """UTF-8 where it is that, whole or cut; else the guest's code page, and never an error."""
    order = b"\xff\xfe" if text == "Größe" and data[1:2] == b"\0" else data[:2]
    assert decoded(data, order, page, cut=cut) == text
