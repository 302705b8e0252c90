"""A session inside one running guest: run, push, pull, scripts, restart; built once on the narrow waist."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from golden.errors import ChangeFailed, GuestError, GuestSilent
from golden.guest.communicator import Communicator, LineLost
from golden.guest.dialect import Dialect, Script
from golden.waiting import Deadline, Silent, Waiting, Watcher

T = TypeVar("T")

KEPT_OUTPUT = 64 * 1024
"""Bytes of a program's output that are fetched; the rest stays in the guest and goes with its run folder."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that ended by itself."""

    code: int
    """Exit code as a signed number of the guest's own width."""
    out: str
    """The last part of its standard output."""
    err: str
    """The last part of its standard error."""


class GuestRestarted(ChangeFailed):
    """The guest restarted while a program ran that should have ended first."""

    id = "guest-restarted"


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
        """``name`` makes the run folder's name; ``logs`` is a local folder that outputs and logs are kept in."""
        self.communicator = communicator
        self.dialect = dialect
        self.folder = dialect.join(dialect.work_folder, name)
        self.logs = logs
        self.watcher = watcher or Silent()
        self._serial = 0
        self._there: dict[str, str] = {}

    def open(self, deadline: Deadline) -> Session:
        """Wait until the guest answers and make the run folder."""
        self.communicator.ready(deadline)
        self._plain(self.dialect.make_folder(self.folder), "making the run folder", deadline)
        return self

    def close(self, deadline: Deadline) -> None:
        """Take the run folder away and let go of the line; the guest goes on."""
        self._plain(self.dialect.remove_folder(self.folder), "clearing the run folder", deadline)
        self.communicator.close()

    def run(
        self,
        argv: tuple[str, ...],
        what: str,
        deadline: Deadline,
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> Ran:
        """
        Run a program to its end and fetch exit code and the tail of its output; a lost line does not matter.

        Raises GuestRestarted, GuestSilent, GuestError (the launcher itself failed) or TimedOut named ``what``.
        """
        stem = self.dialect.join(self.folder, f"run{self._next()}")
        paths = {key: f"{stem}.{key}" for key in ("out", "err", "code")}
        order = {"argv": list(argv), "env": dict(env or {}), "cwd": cwd or self.folder, **paths}
        self.put(f"{stem}.json", json.dumps(order).encode(), deadline)
        launcher = self.place(self.dialect.launcher, deadline)
        mark = self.boot_mark(deadline)
        pid = self.communicator.start(self.dialect.launch(launcher, f"{stem}.json"))
        code = self._wait(pid, paths["code"], what, mark, deadline)
        out, err = self.tail(paths["out"], deadline), self.tail(paths["err"], deadline)
        self._keep_output(what, code, out, err)
        return Ran(code, out, err)

    def script(self, script: Script, what: str, deadline: Deadline, **parameters: object) -> Any:
        """Run a script of golden's with JSON parameters and return the JSON it answers with."""
        stem = self.dialect.join(self.folder, f"ask{self._next()}")
        self.put(f"{stem}.in", json.dumps(parameters).encode(), deadline)
        path = self.place(script, deadline)
        self._plain(self.dialect.shipped(path, f"{stem}.in", f"{stem}.out"), what, deadline)
        answer = self.get(f"{stem}.out", deadline)
        if answer is None:
            raise GuestError(f"{what}: the guest ran {script.name} and wrote no answer")
        return json.loads(answer.decode("utf-8-sig"))

    def boot_mark(self, deadline: Deadline) -> str:
        """Text that differs after each boot of this guest."""
        return str(self.script(self.dialect.probe, "asking for the boot mark", deadline)["boot_mark"])

    def restart(self, deadline: Deadline) -> None:
        """Restart the guest; proved by a boot mark that changed, not by an answer."""
        before = self.boot_mark(deadline)
        self.communicator.start(self.dialect.restart())
        waiting = Waiting(deadline, tick=0.5, watcher=self.watcher)
        waiting.until("the guest to come back from its restart", lambda: self._came_back(before, deadline))

    def shut_down(self) -> None:
        """Ask the guest to switch off; whether it did is judged by the hypervisor's power state."""
        try:
            self.communicator.start(self.dialect.shut_down())
        except LineLost:
            return

    def push(self, source: Path, target: str, deadline: Deadline) -> str:
        """Copy a local file into the guest in pieces; returns the SHA-256, equal on both sides."""
        size, done, digest = source.stat().st_size, 0, hashlib.sha256()
        with source.open("rb") as file:
            while (piece := file.read(self.communicator.traits.chunk)) or done == 0:
                digest.update(piece)
                self._retry(lambda at=done, data=piece: self.communicator.write(target, at, data), deadline)
                done += len(piece)
                self.watcher.progress(f"copying {source.name} into the guest", done, size)
                if not piece:
                    break
        there = self.script(self.dialect.hasher, f"checking {source.name} in the guest", deadline, path=target)
        if there["sha256"] != digest.hexdigest():
            raise GuestError(
                f"{source.name} arrived in the guest with other bytes than it left with",
                details=f"here {digest.hexdigest()} ({done} bytes), there {there['sha256']} ({there['size']} bytes)",
            )
        return digest.hexdigest()

    def pull(self, path: str, target: Path, deadline: Deadline, *, limit: int = 64 << 20) -> bool:
        """Copy a guest's file here, at most ``limit`` bytes from its start; False when there is no such file."""
        pieces = self.pieces(path, deadline, limit)
        first = next(pieces, None)
        if first is None:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.write(first)
            for piece in pieces:
                file.write(piece)
        return True

    def pieces(self, path: str, deadline: Deadline, limit: int) -> Iterator[bytes]:
        """A guest's file in pieces; nothing at all when there is no such file, one empty piece when it is empty."""
        done = 0
        while done < limit:
            size = min(self.communicator.traits.chunk, limit - done)
            piece = self._retry(lambda at=done, n=size: self.communicator.read(path, at, n), deadline)
            if piece is None or (not piece and done):
                return
            yield piece
            if not piece:
                return
            done += len(piece)

    def get(self, path: str, deadline: Deadline, *, limit: int = 16 << 20) -> bytes | None:
        """A small file's bytes; None when there is no such file."""
        pieces = list(self.pieces(path, deadline, limit))
        return b"".join(pieces) if pieces else None

    def tail(self, path: str, deadline: Deadline) -> str:
        """The last part of a guest's text file; empty when there is none."""
        size = self.script(self.dialect.hasher, "measuring output", deadline, path=path, size_only=True)["size"]
        if not size:
            return ""
        start = max(0, int(size) - KEPT_OUTPUT)
        piece = self._retry(lambda: self.communicator.read(path, start, KEPT_OUTPUT), deadline) or b""
        text = piece.decode("utf-16" if piece[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
        return f"[{start} bytes of output before this]\n{text}" if start else text

    def put(self, path: str, data: bytes, deadline: Deadline) -> None:
        """Write a small file in the guest."""
        self._retry(lambda: self.communicator.write(path, 0, data), deadline)

    def place(self, script: Script, deadline: Deadline) -> str:
        """Have a script of golden's in the run folder; its path there."""
        if script.name not in self._there:
            path = self.dialect.join(self.folder, script.name)
            self.put(path, script.content(), deadline)
            self._there[script.name] = path
        return self._there[script.name]

    def _plain(self, argv: tuple[str, ...], what: str, deadline: Deadline) -> None:
        """Run something whose only answer is its exit code."""
        pid = self._retry(lambda: self.communicator.start(argv), deadline)
        waiting = Waiting(deadline, tick=0.05, watcher=self.watcher)
        ended = waiting.until(what, lambda: self._retry(lambda: self.communicator.poll(pid), deadline))
        if ended.code not in (0, None):
            raise GuestError(f"{what}: {argv[0]} ended with code {ended.code}")

    def _wait(self, pid: int, code_file: str, what: str, mark: str, deadline: Deadline) -> int:
        waiting = Waiting(deadline, tick=0.1, watcher=self.watcher)
        return waiting.until(what, lambda: self._ended(pid, code_file, what, mark, deadline))[0]

    def _ended(self, pid: int, code_file: str, what: str, mark: str, deadline: Deadline) -> tuple[int] | None:
        try:
            ended = self.communicator.poll(pid)
        except LineLost:
            self.communicator.ready(deadline)
            ended = None
        if ended is None and self.communicator.traits.survives_disconnect and self.boot_known(mark, deadline):
            return None
        text = self.get(code_file, deadline)
        if text and text.strip():
            return (int(text.decode("utf-8-sig").strip()),)
        if self.boot_mark(deadline) != mark:
            raise GuestRestarted(
                f"{what}: the guest restarted before it had ended",
                hint="let it end with exit code 3010 instead; golden restarts the guest then",
            )
        if ended is not None:
            raise GuestError(f"{what}: the launcher ended with code {ended.code} and left no exit code")
        return None

    def boot_known(self, mark: str, deadline: Deadline) -> bool:  # noqa: ARG002
        """Whether the running program may still be taken for running."""
        return True

    def _came_back(self, before: str, deadline: Deadline) -> bool:
        try:
            self.communicator.ready(deadline)
            self._there.clear()
            return self.boot_mark(deadline) != before
        except (LineLost, GuestSilent, GuestError):
            return False

    def _retry(self, act: Callable[[], T], deadline: Deadline) -> T:
        """Do it, and once more after the line was lost and found again; for acts that may be done twice."""
        for _ in range(3):
            try:
                return act()
            except LineLost:
                self.communicator.ready(deadline)
        raise GuestSilent("the line to the guest breaks again and again")

    def _keep_output(self, what: str, code: int, out: str, err: str) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        text = f"{what}\nexit code {code}\n--- output\n{out}\n--- errors\n{err}\n"
        (self.logs / f"{self._serial:03d}.log").write_text(text, encoding="utf-8")

    def _next(self) -> int:
        self._serial += 1
        return self._serial
