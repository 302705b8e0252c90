"""Large logs: how long reading them takes, and how much memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from golden.windows.log_text import LONGEST
from golden.windows.sysprep_log import history
from tests.cli.lab import GOLDEN
from tests.unit.windows import logs

SIZE = 200 << 20
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("", used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
"""Between the test and what is measured: a child's highest memory includes that of whoever started it."""
SECONDS, MEGABYTES = 5.0, 100.0
ACTION = (
    r"Info       [0x0f004d] SYSPRP ActionPlatform::LaunchModule: Successfully executed 'Step{}' from C:\Windows\x.dll"
)


def runs(path: Path) -> None:
    """Many good runs and a last one that failed."""
    good = logs.run(*(ACTION.format(number) for number in range(20_000)), *logs.NOISE, *logs.GOOD_END)
    repeated(path, good, logs.APPX_FAILURE)


def noise(path: Path) -> None:
    """Nothing but error lines that mean nothing, and at the end what does."""
    line = f"2026-03-20 15:17:23, {logs.NOISE[0]}\r\n".encode()
    repeated(path, line * 5000, logs.APPX_FAILURE)


def wide(path: Path) -> None:
    """The same as many runs, in UTF-16."""
    good = logs.run(*(ACTION.format(number) for number in range(20_000)), *logs.GOOD_END)
    with path.open("wb") as file:
        file.write(b"\xff\xfe")
        while file.tell() < SIZE:
            file.write(good.decode().encode("utf-16-le"))
        file.write(logs.APPX_FAILURE.decode().encode("utf-16-le"))


def servicing(path: Path) -> None:
    """A CBS.log as large as they get."""
    line = b"2026-03-20 08:58:35, Info                  CBS    CommitPackagesState: Completed persisting state\r\n"
    repeated(path, line * 5000, logs.CBS_FAILURE)


def devices(path: Path) -> None:
    """A setupapi.dev.log with usual sections, of which some failed."""
    body = [f"dvi:      {{Step {number}}} 15:20:00.{number:03}" for number in range(40)]
    good = logs.driver("good.inf", code="").replace(
        b"     sto: {Setup", "\r\n     ".join(body).encode() + b"\r\n     sto: {"
    )
    repeated(path, good * 200 + logs.driver("bad.inf", logs.UNSIGNED), b"")


def repeated(path: Path, part: bytes, end: bytes) -> None:
    with path.open("wb") as file:
        while file.tell() < SIZE:
            file.write(part)
        file.write(end)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "said"),
    [
        (runs, "OneDriveSync"),
        (noise, "OneDriveSync"),
        (wide, "OneDriveSync"),
        (servicing, "RollupFix"),
        (devices, "bad.inf"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_two_hundred_megabytes_take_seconds_and_little_memory(
    tmp_path: Path, write: Callable[[Path], None], said: str
) -> None:
    """`golden explain` on 200 MB: under 5 s of work and 100 MB of memory, the whole process counted."""
    path = tmp_path / "a.log"
    write(path)
    best, peak, out = 1e9, 0.0, b""
    for _ in range(2):  # The better of two, since other work on the machine is not ours.
        ran = subprocess.run([sys.executable, "-c", MEASURE, *GOLDEN, "explain", str(path)], capture_output=True)
        assert ran.returncode == 0, ran.stderr
        used, kibibytes = map(float, ran.stderr.splitlines()[-1].split())
        out, best, peak = ran.stdout, min(best, used), max(peak, kibibytes * 1024 / 1e6)
    path.unlink()
    assert said.encode() in out
    assert best < SECONDS
    assert peak < MEGABYTES


@pytest.mark.slow
@pytest.mark.parametrize("piece", [1 << 20, 100_000])
def test_one_line_of_fifty_megabytes_is_cut(piece: int) -> None:
    """A log that is one line of 50 MB is judged by its beginning, quickly and with nothing kept."""
    head = b"2026-03-20 15:17:23, Error      [0x0f0099] SYSPRP "
    begun = time.process_time()
    told = history(part for part in [head, *(b"x" * piece for _ in range((50 << 20) // piece)), b"\r\n"])
    assert told.last is not None
    assert told.last.errors[0].code == "0x0f0099"
    assert len(told.last.errors[0].text) <= LONGEST
    assert time.process_time() - begun < 2


def test_what_comes_after_a_long_line_is_read() -> None:
    """A line of some megabytes in the middle of a log hides nothing and shifts no line number."""
    long = b"2026-03-20 15:17:23, Info       SYSPRP " + b"\0x" * (3 << 20) + b"\r\n"
    log = logs.SUCCESS + long + logs.APPX_FAILURE
    told = history(log[at : at + 65_536] for at in range(0, len(log), 65_536))
    assert told.last is not None
    assert told.runs == 2
    wanted = next(n for n, row in enumerate(log.split(b"\n"), 1) if b"not provisioned" in row)
    assert told.last.errors[0].number == wanted


def test_a_flood_of_errors_keeps_the_first_and_the_last() -> None:
    """Of a hundred thousand error lines the first are kept for the cause and the last for the phase."""
    line = b"2026-03-20 15:17:23, Error      SYSPRP the same again and again\r\n"
    end = logs.failed(logs.RUNNING_END).splitlines(keepends=True)[-1]
    told = history(logs.run() + line * 100_000 + end)
    assert told.last is not None
    assert told.last.failed_while_running
    assert len(told.last.errors) <= 500
    assert told.last.last_error is not None
    assert told.last.last_error.number == len((logs.run() + line * 100_000).splitlines()) + 1


def test_explaining_needs_no_module_of_a_hypervisor() -> None:
    """The packages load without libvirt, the database or the guest's drivers."""
    program = "import sys, golden.windows.explain.explanation; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"golden.database", "golden.guest", "golden.provider", "libvirt", "pyfsntfs"} & set(names)
