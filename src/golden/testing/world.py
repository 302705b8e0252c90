"""
Where the in-memory hypervisor keeps everything: one SQLite file with one JSON value; it outlives its users.

    serial    the last number given out (ids, boot marks)
    settings  abilities and free bytes
    users     machines of the user's, which golden may only look at and adopt
    machines  machines of golden's: id, power, settled, mark, disk, snapshots, parent, …
    images    artifacts: id, settled, mark, disk
    faults    what shall go wrong, with the number of calls seen so far

A disk is a mapping of paths to contents; a folder is a path that ends with a slash. Contents are bytes written
as latin-1 text, so that plain text stays readable.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from golden import errors, stopping
from golden.errors import NotFound, Unreachable
from golden.guest.communicator import LineLost
from golden.model import Finding
from golden.provider import Abilities

Raw = dict[str, Any]

ABLE = Abilities(
    linked_clone=True,
    work_outlives_client=True,
    open_disk=True,
    console_picture=True,
    adopt_in_place=True,
    forms=("qcow2",),
    networks=("lab",),
    keeps_forms=True,
)
"""What a world can do unless it is told otherwise."""

VIRGIN: Mapping[str, bytes] = {"/state": b"VIRGIN", "/log": b""}
"""The disk of a guest that has never been generalized."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: the ``nth`` call of a verb on a matching name (0: every call)."""

    verb: str
    """A verb of the contract, ``guest.ready|start|poll|read|write``, or ``guest.do.INSTRUCTION``; a pattern."""
    name: str = "*"
    """Pattern (fnmatch) for the name of the machine or image."""
    nth: int = 1
    action: str = "error"
    """error | delay | die (the process ends at once, as by kill -9) | cut (all machines lose power)"""
    error: str = "Unreachable"
    """Class in ``golden.errors``, or LineLost."""
    message: str = "the connection was reset"
    seconds: float = 0.1
    """How long ``delay`` takes."""
    when: str = "before"
    """before: nothing has happened yet. after: it has happened and the answer is lost."""


class World:
    """The file, its changes one at a time, its crash points and its faults."""

    def __init__(self, path: Path, checkpoint: Callable[[str], None] = lambda _: None) -> None:
        """``checkpoint`` is called with a sentence before and after every change; it may end the process."""
        self.path = path
        self.checkpoint = checkpoint
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._cache: tuple[str, Raw] | None = None

    @classmethod
    def create(cls, path: Path, abilities: Abilities = ABLE, free: int = 1 << 40) -> World:
        """A new, empty world."""
        with sqlite3.connect(path, isolation_level=None) as db:
            # Twice as fast as a rollback journal, and as safe against kill -9.
            db.execute("pragma journal_mode = wal")
            db.execute("create table world (value text)")
            raw = {
                "serial": 0,
                "settings": {"abilities": asdict(abilities), "free": free},
                "users": {},
                "machines": {},
                "images": {},
                "faults": [],
            }
            db.execute("insert into world values (?)", (json.dumps(raw),))
        db.close()
        return cls(path)

    def copy(self, path: Path) -> World:
        """Another world that is like this one now; copying the file alone may miss the latest changes."""
        copy = World.create(path)
        with copy.change("copying") as raw:
            raw |= json.loads(json.dumps(self.read()))
        return copy

    def read(self) -> Raw:
        """The world as it is now, to look at only."""
        with self._lock:
            return self._parsed(self._connection())

    @contextmanager
    def change(self, what: str) -> Iterator[Raw]:
        """One change of the world, whole or not at all, between two crash points."""
        self.checkpoint(f"before {what}")
        with stopping.held(), self._lock:
            db = self._connection()
            db.execute("begin immediate")
            try:
                raw = self._parsed(db)
                self._cache = None
                yield raw
                text = json.dumps(raw)
                db.execute("update world set value = ?", (text,))
                db.execute("commit")
            except BaseException:
                if db.in_transaction:
                    db.execute("rollback")
                raise
            self._cache = (text, raw)
        self.checkpoint(f"after {what}")

    @contextmanager
    def faulty(self, verb: str, name: str) -> Iterator[None]:
        """Let the faults that wait for this call happen before or after it."""
        due = self._due(verb, name) if self.read()["faults"] else ()
        for fault in due:
            if fault.when == "before":
                self._happen(fault)
        yield
        for fault in due:
            if fault.when == "after":
                self._happen(fault)

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    # What tests do to a world behind golden's back; no crash points.

    def add_user_machine(
        self,
        name: str,
        disk: Mapping[str, bytes] = VIRGIN,
        *,
        power: str = "off",
        problems: tuple[Finding, ...] = (),
    ) -> None:
        """Put a machine of the user's there."""
        with self._quietly() as raw:
            raw["users"][name] = {
                "power": power,
                "disk": {path: data.decode("latin-1") for path, data in disk.items()},
                "problems": [asdict(problem) for problem in problems],
                "held_by": None,
            }

    def add_faults(self, *faults: Fault) -> None:
        """Have things go wrong from now on."""
        with self._quietly() as raw:
            raw["faults"] += [{**asdict(fault), "seen": 0} for fault in faults]

    def clear_faults(self) -> None:
        """Have nothing go wrong any more."""
        with self._quietly() as raw:
            raw["faults"] = []

    def power_cut(self) -> None:
        """All machines lose power at once; a running guest loses its programs, not its disk."""
        with self._quietly() as raw:
            for machine in raw["machines"].values():
                machine["power"] = "off"
                machine["programs"] = {}

    def tamper(self, machine: str, path: str = "/log", data: bytes = b"changed behind golden's back\n") -> None:
        """Write into the frozen disks of a machine as somebody would who has never heard of golden."""
        with self._quietly() as raw:
            snapshots = raw["machines"][machine]["snapshots"]
            if not snapshots:
                raise NotFound(f"machine {machine} has nothing frozen")
            for disk in snapshots.values():
                disk[path] = disk.get(path, "") + data.decode("latin-1")

    def lose(self, name: str) -> None:
        """Take a machine or an image away, with all that is frozen of it, behind golden's back."""
        with self._quietly() as raw:
            kind = "machines" if name in raw["machines"] else "images"
            del raw[kind][name]

    def write_disk(self, machine: str, files: Mapping[str, bytes]) -> None:
        """Put files on the disk of a machine of golden's from outside."""
        with self._quietly() as raw:
            disk = raw["machines"][machine]["disk"]
            disk.update({path: data.decode("latin-1") for path, data in files.items()})

    @contextmanager
    def _quietly(self) -> Iterator[Raw]:
        checkpoint, self.checkpoint = self.checkpoint, lambda _: None
        try:
            with self.change("a test acts") as raw:
                yield raw
        finally:
            self.checkpoint = checkpoint

    def _due(self, verb: str, name: str) -> tuple[Fault, ...]:
        due = []
        keys = [field.name for field in fields(Fault)]
        with self._quietly() as raw:
            for entry in raw["faults"]:
                if fnmatchcase(verb, entry["verb"]) and fnmatchcase(name, entry["name"]):
                    entry["seen"] += 1
                    if entry["nth"] in (0, entry["seen"]):
                        due.append(Fault(**{key: entry[key] for key in keys}))
        return tuple(due)

    def _happen(self, fault: Fault) -> None:
        if fault.action == "die":
            os._exit(137)
        if fault.action == "delay":
            threading.Event().wait(fault.seconds)
        if fault.action == "cut":
            self.power_cut()
        if fault.action == "error":
            if fault.error == "LineLost":
                raise LineLost(fault.message)
            kind: type[errors.GoldenError] = getattr(errors, fault.error)
            raise kind(f"{fault.verb}: {fault.message}")

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            if not self.path.is_file():
                raise Unreachable(f"no in-memory hypervisor at {self.path}", hint="World.create makes one")
            self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            # Safe against kill -9, not against a power cut of the computer, which no test makes.
            self._db.execute("pragma synchronous = off")
        return self._db

    def _parsed(self, db: sqlite3.Connection) -> Raw:
        text: str = db.execute("select value from world").fetchone()[0]
        if self._cache is None or self._cache[0] != text:
            self._cache = (text, json.loads(text))
        return self._cache[1]
