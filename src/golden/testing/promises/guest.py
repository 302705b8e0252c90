"""Promises about the hypervisor's own way into a running guest, and about what guests write."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from golden.errors import GuestError, TimedOut
from golden.guest.communicator import Communicator, LineLost
from golden.guest.session import Session
from golden.testing.contract import BrokenPromise, Ground, must
from golden.waiting import Deadline

NO_SUCH_PROCESS = 2_000_000_011
EVERY_BYTE = bytes(range(256))


def files_are_read_as_they_were_written(ground: Ground) -> None:
    """Bytes come back as written, at an offset and in part; nothing after the end; None for no file."""
    with ground.line() as line:
        path = ground.bench.dialect.join(ground.folder, "bytes")
        must(line.read(path + "-none", 0, 10) is None, "a file that is not there reads as something")
        line.write(path, 0, EVERY_BYTE)
        must(line.read(path, 0, 1024) == EVERY_BYTE, "the bytes are not what was written")
        must(line.read(path, 250, 1024) == EVERY_BYTE[250:], "reading from an offset is wrong")
        must(line.read(path, 10, 5) == EVERY_BYTE[10:15], "reading a part is wrong")
        must(line.read(path, 256, 10) == b"", "there is something after the end")


def writes_go_where_they_are_told(ground: Ground) -> None:
    """A write at an offset leaves the rest, may be repeated, and a write at 0 makes the file anew, even empty."""
    with ground.line() as line:
        path = ground.bench.dialect.join(ground.folder, "pieces")
        line.write(path, 0, b"first ")
        for _ in range(2):
            line.write(path, 6, b"second")
        must(line.read(path, 0, 100) == b"first second", "a second piece is not put behind the first")
        line.write(path, 0, b"new")
        must(line.read(path, 0, 100) == b"new", "a write at 0 leaves an old end")
        line.write(path, 0, b"")
        must(line.read(path, 0, 100) == b"", "an empty file does not read as empty")


def a_whole_chunk_goes_over(ground: Ground) -> None:
    """A piece as large as the traits say is written and read at once."""
    with ground.line() as line:
        size = line.traits.chunk
        data = (EVERY_BYTE * (size // 256 + 1))[:size]
        path = ground.bench.dialect.join(ground.folder, "chunk")
        line.write(path, 0, data)
        must(line.read(path, 0, size) == data, f"{size} bytes do not come back as they went")


def a_missing_folder_is_the_guests_error(ground: Ground) -> None:
    """Writing below a folder that is not there is GuestError, and so is starting a program that is not there."""
    with ground.line() as line:
        _guest_refuses(
            lambda: line.write(ground.bench.dialect.join(ground.folder, "no", "such", "file"), 0, b"x"),
            "writing below a folder that is not there",
        )
        _guest_refuses(lambda: line.start(("no-such-program-anywhere",)), "starting what is not there")


def programs_end_with_their_code(ground: Ground) -> None:
    """A started program is polled to its exit code; a number the guest does not know is Exit(None)."""
    with ground.line() as line:
        for code in (0, 7):
            met = ground.end_of(line, line.start(ground.bench.exits(code)))
            must(met in (code, None), f"a program that ends with {code} is said to have ended with {met}")
        unknown = line.poll(NO_SUCH_PROCESS)
        must(unknown is not None and unknown.code is None, f"an unknown process polls as {unknown}")


def a_session_runs_and_pushes(ground: Ground) -> None:
    """On this way in a session runs programs to their code and pushes files that arrive whole."""
    with tempfile.TemporaryDirectory() as folder:
        session = _session(ground, Path(folder))
        for code in (0, 7):
            met = session.run(ground.bench.exits(code), f"ending with {code}", ground.deadline()).code
            must(met == code, f"a program that ends with {code} ended with {met}")
        source = Path(folder) / "pushed"
        source.write_bytes(EVERY_BYTE * 1024)
        target = session.dialect.join(session.folder, "pushed")
        session.push(source, target, ground.deadline())
        back = Path(folder) / "pulled"
        must(session.pull(target, back, ground.deadline()), "a pushed file is not there")
        must(back.read_bytes() == source.read_bytes(), "a file comes back with other bytes")
        session.close(ground.deadline())


def what_a_clone_writes_stays_in_it(ground: Ground) -> None:
    """A running clone that writes changes neither the identity nor the digest of the point it came from."""
    before = ground.hypervisor.identity(ground.base), ground.hypervisor.digest(ground.base)
    with ground.line() as line:
        line.write(ground.bench.dialect.join(ground.folder, "mine"), 0, EVERY_BYTE)
    after = ground.hypervisor.identity(ground.base), ground.hypervisor.digest(ground.base)
    must(after == before, "the frozen point was written to")


def a_restart_changes_the_boot_mark(ground: Ground) -> None:
    """After a restart from inside the guest answers again, with another boot mark."""
    with tempfile.TemporaryDirectory() as folder:
        session = _session(ground, Path(folder))
        before = session.boot_mark(ground.deadline())
        must(session.boot_mark(ground.deadline()) == before, "the boot mark changes without a restart")
        session.restart(ground.deadline())
        must(session.boot_mark(ground.deadline()) != before, "the boot mark is what it was")
        session.close(ground.deadline())


def a_guest_that_shuts_down_is_off_and_silent(ground: Ground) -> None:
    """A guest that switches itself off is found off, and its line says so within the time it is given."""
    machine = ground.running
    line = ground.hypervisor.communicator(machine)
    with tempfile.TemporaryDirectory() as folder:
        _session(ground, Path(folder)).shut_down()
    ground.off(machine)
    try:
        line.ready(Deadline(1))
    except (GuestError, TimedOut):
        pass
    else:
        raise BrokenPromise("a guest that is off is ready")
    try:
        line.read(ground.bench.dialect.join(ground.folder, "mine"), 0, 1)
    except (LineLost, GuestError):
        return
    raise BrokenPromise("a guest that is off still reads files")


def what_was_written_is_there_after_power_off(ground: Ground) -> None:
    """A file written before a shutdown in order is there after the next power-on."""
    path = ground.bench.dialect.join(ground.folder, "kept")
    machine = ground.running
    with ground.line() as line:
        line.write(path, 0, EVERY_BYTE)
    with tempfile.TemporaryDirectory() as folder:
        _session(ground, Path(folder)).shut_down()
    ground.off(machine)
    with ground.line() as line:
        must(line.read(path, 0, 1024) == EVERY_BYTE, "the file is not what was written before")


def _session(ground: Ground, logs: Path) -> Session:
    line: Communicator = ground.hypervisor.communicator(ground.running)
    return Session(line, ground.bench.dialect, ground.name("s"), logs=logs).open(ground.deadline())


def _guest_refuses(act: Callable[[], object], what: str) -> None:
    try:
        act()
    except GuestError:
        return
    except LineLost as error:
        raise BrokenPromise(f"{what}: the line was lost, where the guest should have refused") from error
    raise BrokenPromise(f"{what} was not refused")


PROMISES = (
    files_are_read_as_they_were_written,
    writes_go_where_they_are_told,
    a_whole_chunk_goes_over,
    a_missing_folder_is_the_guests_error,
    programs_end_with_their_code,
    a_session_runs_and_pushes,
    what_a_clone_writes_stays_in_it,
    a_restart_changes_the_boot_mark,
    what_was_written_is_there_after_power_off,
    a_guest_that_shuts_down_is_off_and_silent,
)
