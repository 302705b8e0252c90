"""
A project folder with a stand-in reference on the embedded libvirt, and the installed ``golden`` typed in it.

The stand-in is built once for this computer; adopting it takes a second, so that every test has a project of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import golden.demo
from golden.demo.standin.build import build
from golden.demo.standin.disk import DiskOrder
from golden.model import DiskFile
from golden.waiting import Deadline, Waiting
from tests.e2e.libvirt_standin import cache

GOLDEN = Path(sys.executable).with_name("golden")
MATERIAL = Path(golden.demo.__file__).parent / "material"
SETTINGS = """\
[endpoints.local]
url = "qemu:///embed"

[libraries.images]
url = "dir:images"
"""


@dataclass(frozen=True)
class Ran:
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The data of the one envelope on stdout."""
        return json.loads(self.out)["data"]

    @property
    def said(self) -> str:
        """All of it, for a look or a message."""
        return f"exit code {self.code}\n{self.out}\n{self.err}"


@dataclass
class Going:
    """A command that runs; what it says is read as it says it."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    peak: int = 0
    """Most memory it was seen to hold, in bytes."""

    def __post_init__(self) -> None:
        self._out: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream, into), daemon=True)
            for stream, into in ((self.process.stderr, self.lines), (self.process.stdout, self._out))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: Any, into: list[str]) -> None:
        for line in stream:
            into.append(line.rstrip("\n"))

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
        """Come back when it holds; whoever ends before that has failed."""

        def holds() -> bool:
            if condition():
                return True
            assert self.process.poll() is None, f"golden ended before {what}:\n" + "\n".join(self.lines)
            return False

        Waiting(Deadline(seconds), tick=0.002).until(what, holds)

    def until_said(self, text: str) -> None:
        """Come back when a line holds the text."""
        self.until(lambda: any(text in line for line in self.lines), f"saying {text!r}")

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def end(self, seconds: float = 400) -> Ran:
        """Wait for its end; nobody is ever shown a traceback."""

        def ended() -> bool:
            with suppress(OSError, IndexError):
                status = Path(f"/proc/{self.process.pid}/status").read_text()
                self.peak = max(self.peak, int(status.split("VmHWM:")[1].split()[0]) * 1024)
            return self.process.poll() is not None

        try:
            Waiting(Deadline(seconds), tick=0.02).until("golden to end", ended)
        finally:
            self.process.kill()
        for reader in self._readers:
            reader.join(10)
        ran = Ran(self.process.wait(), "\n".join(self._out), "\n".join(self.lines))
        assert "Traceback" not in ran.out + ran.err, ran.said
        assert "bug in golden" not in ran.out + ran.err, ran.said
        return ran


@dataclass(frozen=True)
class Desk:
    """A project folder to type in."""

    path: Path

    def begin(self, *arguments: str) -> Going:
        """golden in a process of its own, left running."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GOLDEN_")}
        return Going(
            subprocess.Popen(
                [str(GOLDEN), *arguments],
                cwd=self.path, env=clean, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
            )
        )  # fmt: skip

    def golden(self, *arguments: str, seconds: float = 400) -> Ran:
        """golden to its end."""
        return self.begin(*arguments).end(seconds)

    def fails(self, code: int, *arguments: str, saying: tuple[str, ...]) -> Ran:
        """golden with this exit code, and words that say what was met and what to do next."""
        return failed(self.golden(*arguments), code, saying)

    def does(self, *arguments: str) -> Ran:
        """golden with success."""
        ran = self.golden(*arguments)
        assert ran.code == 0, ran.said
        return ran

    def write(self, name: str, text: str) -> str:
        """A file of the user's; its name."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        return name

    def log(self, reference: str = "win2022") -> Any:
        """The lineage as programs read it."""
        return self.does("log", reference, "-o", "json").data

    @property
    def state(self) -> Path:
        """golden's state folder."""
        return self.path / ".golden"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the database of a golden that may be running; nothing where there is none yet."""
        with suppress(sqlite3.OperationalError):
            db = sqlite3.connect(f"file:{self.state}/golden.db?mode=ro", uri=True, timeout=5)
            try:
                return db.execute(sql).fetchall()
            finally:
                db.close()
        return []

    def entries(self) -> list[str]:
        """The open job's journal as "kind name" with what every job has of its own left out."""
        sql = "SELECT kind, name, job FROM entry WHERE job = (SELECT id FROM job WHERE state = 'open')"
        return [
            f"{kind} {name.removeprefix(f'golden-{job}-')}" for kind, name, job in self.rows(f"{sql} ORDER BY serial")
        ]

    def open_jobs(self) -> list[str]:
        """Jobs that are not over."""
        return [job for (job,) in self.rows("SELECT id FROM job WHERE state = 'open'")]

    def processes(self) -> list[int]:
        """QEMU and its kin that belong to this project."""
        note = self.state / "libvirt/base"
        marks = [os.fsencode(self.path) + b"/"]
        if note.exists():
            marks.append(note.read_bytes().strip())
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (folder / "cmdline").read_bytes()
                if b"qemu" in command.split(b"\0")[0] and any(mark in command for mark in marks):
                    found.append(int(folder.name))
        return found

    def cut_power(self) -> None:
        """Take this project's machines off the power, as a failing host does."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        Waiting(Deadline(20), tick=0.02).until("QEMU to end", lambda: not self.processes())


def boot_options(standin: Any) -> list[str]:
    """How the stand-in is started."""
    boot = ["--kernel", str(standin.kernel), "--initrd", str(standin.initrd), "--cmdline", standin.cmdline]
    return ["--os", "windows", *boot, "--memory", str(standin.memory_mib), "--cpus", "1"]


def guest(order: DiskOrder | None = None) -> Any:
    """The stand-in, built if nobody built it before."""
    return build(cache(), order=order or DiskOrder())


def empty(folder: Path) -> Desk:
    """A project without a reference."""
    folder.mkdir(parents=True)
    (folder / "golden.toml").write_text(SETTINGS, encoding="utf-8")
    shutil.copyfile(MATERIAL / "answers.xml", folder / "answers.xml")
    (folder / "drivers").mkdir()
    for path in MATERIAL.glob("goldennet.*"):
        shutil.copyfile(path, folder / "drivers" / path.name)
    return Desk(folder)


def desk(folder: Path, faults: Mapping[str, object] | None = None) -> Desk:
    """A project with the reference win2022, whose guest fails as it is told."""
    made = empty(folder)
    standin = guest(DiskOrder(faults=dict(faults or {})))
    made.does("adopt", "win2022", "--from", str(standin.disk), *boot_options(standin))
    return made


def failed(ran: Ran, code: int, saying: tuple[str, ...]) -> Ran:
    """It ended with this exit code, one sentence, these words, and a line that says what to type next."""
    assert ran.code == code, ran.said
    assert [line for line in ran.err.splitlines() if line.startswith("golden: ")], ran.said
    assert [line for line in ran.err.splitlines() if line.startswith(("hint: ", "logs: "))], ran.said
    assert [word for word in saying if word not in ran.err] == [], ran.said
    return ran


@dataclass(frozen=True)
class Before:
    """What a reference was."""

    versions: dict[int, list[DiskFile]]
    images: set[int]


def before(place: Desk, reference: str = "win2022") -> Before:
    """What is there now."""
    log = place.log(reference)
    return Before({v["number"]: v["disks"] for v in log["versions"]}, {i["number"] for i in log["images"]})


def check(place: Desk, was: Before, *, versions: int, images: int = 0, reference: str = "win2022") -> Any:
    """
    What must be true after everything: so many versions and images, each with the bytes it had, nothing wrong,
    nothing running, nothing left lying about. The lineage.
    """
    told = place.golden("doctor", "-o", "json")
    assert told.code == 0, told.said
    assert [f for f in told.data["findings"] if f["severity"] == "error"] == []
    assert place.open_jobs() == []
    assert place.processes() == []
    log = place.log(reference)
    assert [v["number"] for v in log["versions"]] == list(range(1, versions + 1))
    assert [i["number"] for i in log["images"]] == list(range(1, images + 1))
    for version in log["versions"]:
        assert version["state"] == "VIRGIN"
        assert was.versions.get(version["number"], version["disks"]) == version["disks"]
    place.does("verify", reference, "--deep")
    assert_nothing_left(place)
    return log


def assert_nothing_left(place: Desk) -> None:
    """The store holds the versions' machines and the images, and not a file more."""
    names = [str(name) for (name,) in place.rows("SELECT name FROM reference")]
    logs = [place.log(name) for name in names]
    machines = {v["snapshot"]["machine"] for log in logs for v in log["versions"]}
    images = {i["name"] for log in logs for i in log["images"]}
    assert _names(place.state / "libvirt/store") == machines
    assert _names(place.state / "libvirt/images") == images
    published = {Path(p["where"]).name for log in logs for i in log["images"] for p in i["publications"]}
    assert {name for name in _names(place.path / "images") if name.endswith(".qcow2")} == published


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


@contextmanager
def ended(place: Desk) -> Iterator[Desk]:
    """No machine outlives its test, even one that failed."""
    try:
        yield place
    finally:
        for pid in place.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def kill_at(going: Going, place: Desk, point: str, after: str) -> bool:
    """
    kill -9 golden when its journal holds ``point``; False where it was too quick and did all of it.

    From ``after`` on (an entry, or a line that is said) it is let go on for a millisecond at a time, so that the next
    entry is seldom missed. Not while it starts a machine: signals make the kernel refuse libvirt's device filter.
    """
    going.until(
        lambda: after in place.entries() or any(after == line.strip() for line in going.lines), f"reaching {after!r}"
    )
    while going.process.poll() is None:
        going.signal(signal.SIGSTOP)
        if point in place.entries():
            going.kill()
            return bool(place.open_jobs())
        going.signal(signal.SIGCONT)
        time.sleep(0.001)
    ran = going.end()
    assert ran.code == 0, ran.said
    return False
