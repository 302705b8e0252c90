"""A session inside one running guest: run, push, pull, scripts, restart; built once on the narrow waist."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from golden.errors import GuestError
from golden.guest.communicator import Communicator, Exit, LineLost
from golden.guest.dialect import Dialect, Script, refuse_lacking
from golden.guest.following import Begun, Following, GuestRestarted, Vitals
from golden.guest.line import Line, decoded
from golden.waiting import Deadline, Silent, Waiting, Watcher

__all__ = ["KEPT_OUTPUT", "GuestRestarted", "Ran", "Session"]

KEPT_OUTPUT = 64 * 1024
"""Bytes of a program's output that are fetched; the rest stays in the guest and goes with its run folder."""

ELSEWHERE = 0
"""The number of a program that something else in the guest was asked to start; no program of a guest has it."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that ended by itself."""

    code: int
    """Exit code as a signed number of the guest's own width."""
    out: str
    """The last part of its standard output."""
    err: str
    """The last part of its standard error."""


class Session:
    """One line into one running guest, with a run folder of its own that ``close`` takes away."""

    def __init__(
        self,
        communicator: Communicator,
        dialect: Dialect,
        name: str,
        *,
        logs: Path,
        watcher: Watcher | None = None,
    ) -> None:
        """``name`` names the run folder; ``logs`` is a local folder that outputs and logs are kept in."""
        self.communicator = communicator
        self.dialect = dialect
        self.folder = dialect.join(dialect.work_folder, name)
        self.logs = logs
        self.watcher = watcher or Silent()
        self._line = Line(communicator, self.watcher)
        self._serial = 0
        self._there: dict[str, str] = {}
        self._mark: str | None = None
        self._code_page = ""

    def open(self, deadline: Deadline) -> Session:
        """Wait until the guest answers and make the run folder."""
        self.communicator.ready(deadline)
        self._line.plain(self.dialect.make_folder(self.folder), "making the run folder", deadline)
        return self

    def close(self, deadline: Deadline, *, shut_down: bool = False) -> None:
        """
        Take the run folder away and let go of the line; the guest goes on, or is asked to switch itself off.

        Asked here rather than afterwards it needs no new line, which a sealed guest may refuse: its SSH host keys
        are gone.
        """
        try:
            self._line.plain(self.dialect.remove_folder(self.folder), "clearing the run folder", deadline)
            if shut_down:
                self.shut_down()
        finally:
            self.communicator.close()

    def run(
        self,
        argv: tuple[str, ...],
        what: str,
        deadline: Deadline,
        *,
        env: Mapping[str, str] | None = None,
        tail: str = "",
    ) -> Ran:
        """
        Run a program to its end and fetch exit code and the tail of its output; a lost line does not matter.

        ``tail`` ends its command line as it is, for programs that read theirs in a way of their own (Windows only).
        It is started at most once, however often the line breaks. Costs one program start in the guest.
        Raises GuestRestarted, GuestSilent, GuestError (the launcher itself failed) or TimedOut with ``what``.
        """
        order = {"argv": list(argv), "env": dict(env or {}), **({"tail": tail} if tail else {})}
        paths, launch = self._ordered(order, deadline)
        return self._ran(self._line.begin(launch, deadline), what, paths, deadline)

    def run_elsewhere(
        self,
        argv: tuple[str, ...],
        what: str,
        deadline: Deadline,
        *,
        start: Callable[[tuple[str, ...]], None],
        tail: str = "",
    ) -> Ran:
        """
        As ``run``, for a program that must not be a child of this line: ``start`` is given the launcher's argument
        list and has something else in the guest, such as a task, run it. ``start`` may do so more than once.
        """
        paths, launch = self._ordered({"argv": list(argv), "env": {}, **({"tail": tail} if tail else {})}, deadline)
        start(launch)
        return self._ran(Begun(ELSEWHERE, repeated=True), what, paths, deadline)

    def script(self, script: Script, what: str, deadline: Deadline, **parameters: object) -> Any:
        """
        Run a script of golden's with parameters and return the JSON it answers with.

        Where the line breaks while it is being started it is started again, so a script must bear that.
        """
        begun, answer = self._ask(script, deadline, parameters)
        told = self._follow(begun, what, answer, deadline)
        refuse_lacking(told)
        return told

    def boot_mark(self, deadline: Deadline) -> str:
        """Text that differs after each boot of this guest, asked of the guest now."""
        return self._marked(self._probe(deadline))

    def restart(self, deadline: Deadline) -> None:
        """Restart the guest; proved by a boot mark that changed, not by an answer."""
        before = self.boot_mark(deadline)
        try:
            self.communicator.start(self.dialect.restart())
        except LineLost:
            # Either the order was lost, or the guest was quicker than its answer. A second order is harmless
            # to a guest that is going down, and is only given to one that has not restarted yet.
            self.communicator.ready(deadline)
            if self.boot_mark(deadline) == before:
                self._line.begin(self.dialect.restart(), deadline)
        waiting = Waiting(deadline, tick=0.5, watcher=self.watcher)
        waiting.until("the guest to come back from its restart", lambda: self._came_back(before, deadline))

    def shut_down(self) -> None:
        """Ask the guest to switch off; whether it did is judged by the hypervisor's power state."""
        try:
            self.communicator.start(self.dialect.shut_down())
        except LineLost:
            return

    def push(self, source: Path, target: str, deadline: Deadline) -> str:
        """
        Copy a local file into the guest in pieces; returns the SHA-256, equal on both sides.

        A lost line is resumed at the piece it broke in; should that spoil the file, it is sent once more.
        """
        for _ in range(2):
            sent = self._send(source, target, deadline)
            there = self.script(self.dialect.hasher, f"checking {_last(target)} in the guest", deadline, path=target)
            if there["sha256"] == sent:
                return sent
        raise GuestError(
            f"{_last(target)} arrived in the guest with other bytes than it left with, twice",
            details=f"here {sent} ({source.stat().st_size} bytes)\nthere {there['sha256']} ({there['size']} bytes)",
        )

    def pull(self, path: str, target: Path, deadline: Deadline, *, limit: int = 64 << 20) -> bool:
        """Copy a guest's file here, at most its first ``limit`` bytes; False when there is no such file."""
        pieces = self.pieces(path, deadline, limit)
        first = next(pieces, None)
        if first is None:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        with part.open("wb") as file:
            file.write(first)
            for piece in pieces:
                file.write(piece)
        part.replace(target)
        return True

    def pieces(self, path: str, deadline: Deadline, limit: int, *, start: int = 0) -> Iterator[bytes]:
        """A guest's file in pieces, from ``start`` until ``limit`` (bytes); none at all when there is no such file."""
        return self._line.pieces(path, deadline, limit, start=start)

    def get(self, path: str, deadline: Deadline, *, limit: int = 16 << 20) -> bytes | None:
        """A small file's bytes; None when there is no such file."""
        return self._line.get(path, deadline, limit=limit)

    def tail(self, path: str, deadline: Deadline, *, size: int | None = None) -> str:
        """The last part of a guest's text file, or nothing; without ``size`` the guest is asked for it."""
        if size is None:
            asked = self.script(self.dialect.hasher, "measuring output", deadline, path=path, size_only=True)
            size = int(asked["size"])
        if size <= 0:
            return ""
        # Even, so that UTF-16 is never cut inside a unit.
        start = max(0, size - KEPT_OUTPUT) & ~1
        order = self._line.read(path, 0, 2, deadline) if start else b""
        data = b"".join(self._line.pieces(path, deadline, size, start=start))
        text = decoded(data, order or data[:2], self._code_page, cut=start > 0)
        return f"[{start} bytes of output before this]\n{text}" if start else text

    def put(self, path: str, data: bytes, deadline: Deadline) -> None:
        """Write a small file in the guest."""
        self._line.write(path, 0, data, deadline)

    def make_folder(self, path: str, deadline: Deadline) -> None:
        """Make a folder of golden's own below the run folder; there already is success. One program start."""
        self._line.plain(self.dialect.make_folder(path), f"making the folder {path}", deadline)

    def place(self, script: Script, deadline: Deadline) -> str:
        """Have a script of golden's in the run folder; its path there."""
        if script.name not in self._there:
            path = self.dialect.join(self.folder, script.name)
            self.put(path, script.content(), deadline)
            self._there[script.name] = path
        return self._there[script.name]

    def _ordered(self, order: Mapping[str, object], deadline: Deadline) -> tuple[dict[str, str], tuple[str, ...]]:
        """Have an order in the guest: the paths of its answers, and the argument list that carries it out."""
        stem = self.dialect.join(self.folder, f"run{self._next()}")
        paths = {key: f"{stem}.{key}" for key in ("out", "err", "code")}
        if self._mark is None:
            self.boot_mark(deadline)
        launcher = self.place(self.dialect.launcher, deadline)
        self.put(f"{stem}.order", self.dialect.encode_order({**order, "cwd": self.folder, **paths}), deadline)
        return paths, self.dialect.launch(launcher, f"{stem}.order")

    def _ran(self, begun: Begun, what: str, paths: Mapping[str, str], deadline: Deadline) -> Ran:
        done = self._follow(begun, what, paths["code"], deadline, pid_file=f"{paths['code']}.pid")
        out = self.tail(paths["out"], deadline, size=done["out"])
        err = self.tail(paths["err"], deadline, size=done["err"])
        self._keep_output(what, done["code"], out, err)
        return Ran(done["code"], out, err)

    def _send(self, source: Path, target: str, deadline: Deadline) -> str:
        size, done, digest = source.stat().st_size, 0, hashlib.sha256()
        with source.open("rb") as file:
            while (piece := file.read(self._line.chunk)) or done == 0:
                digest.update(piece)
                self._line.write(target, done, piece, deadline)
                done += len(piece)
                self.watcher.progress(f"copying {_last(target)} into the guest", done, size)
                if not piece:
                    break
        return digest.hexdigest()

    def _ask(self, script: Script, deadline: Deadline, parameters: Mapping[str, object]) -> tuple[Begun, str]:
        """Start a script of golden's; the path its answer will have."""
        stem = self.dialect.join(self.folder, f"ask{self._next()}")
        path = self.place(script, deadline)
        self.put(f"{stem}.in", self.dialect.encode_parameters(parameters), deadline)
        return self._line.begin(self.dialect.shipped(path, f"{stem}.in", f"{stem}.out"), deadline), f"{stem}.out"

    def _follow(self, begun: Begun, what: str, result: str, deadline: Deadline, *, pid_file: str | None = None) -> Any:
        following = Following(
            begun,
            what,
            poll=lambda pid: Exit(None) if pid == ELSEWHERE else self._line.poll(pid, deadline),
            result=lambda: self._line.json(result, deadline),
            vitals=lambda: self._vitals(begun, pid_file, deadline),
        )
        return self._line.until(what, following.look, deadline)

    def _vitals(self, begun: Begun, pid_file: str | None, deadline: Deadline) -> Vitals:
        """Ask the guest about a program whose number it has forgotten, or that was started twice."""
        noted = self.get(pid_file, deadline) if pid_file else None
        known = int(noted) if noted and noted.strip().isdigit() else None if begun.repeated else begun.pid
        told = self._probe(deadline, **({} if known is None else {"process": known}))
        before = self._mark
        restarted = self._marked(told) != before and before is not None
        return Vitals(restarted, None if known is None else told.get("running"))

    def _marked(self, told: Mapping[str, object]) -> str:
        """Note the boot mark. What was written just before a guest went down may not have reached its disk."""
        mark = str(told["boot_mark"])
        if self._mark not in (None, mark):
            self._there.clear()
        self._mark = mark
        return mark

    def _probe(self, deadline: Deadline, **parameters: object) -> Any:
        """Run the probe; it only looks, so where its answer is lost it is simply run again."""
        what = "asking the guest about itself"
        for _ in range(3):
            begun, answer = self._ask(self.dialect.probe, deadline, parameters)
            ended = self._line.until(what, partial(self._line.poll, begun.pid, deadline), deadline)
            told = self._line.json(answer, deadline)
            if told is not None:
                refuse_lacking(told)
                self._code_page = str(told.get("code_page") or "")
                return told
        probe = self.dialect.probe
        brief = f"{what}: {probe.name} ended with code {ended.code} and wrote no answer"
        raise GuestError(brief, hint=probe.refused or None)

    def _came_back(self, before: str, deadline: Deadline) -> bool:
        try:
            self.communicator.ready(deadline)
            return self.boot_mark(deadline) != before
        except (LineLost, GuestError):
            return False

    def _keep_output(self, what: str, code: int, out: str, err: str) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        text = f"{what}\nexit code {code}\n--- output\n{out}\n--- errors\n{err}\n"
        (self.logs / f"{self._serial:03d}.log").write_text(text, encoding="utf-8")

    def _next(self) -> int:
        self._serial += 1
        return self._serial


def _last(path: str) -> str:
    """The file's name in the guest; here it may be kept under the name of its content."""
    return re.split(r"[\\/]", path)[-1]
