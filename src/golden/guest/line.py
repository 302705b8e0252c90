"""The waist with its losses mended: what may be done twice is done again after the line was lost and found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from golden.errors import GuestError, GuestSilent, TimedOut
from golden.guest.communicator import Communicator, Exit, LineLost
from golden.guest.following import Begun
from golden.waiting import Deadline, Waiting, Watcher

T = TypeVar("T")

TRIES = 3
LAST_QUESTION = 10.0
"""Seconds a guest is given to say that it is still there when a wait in it was in vain."""
TICK, RAREST = 0.1, 1.0
"""Seconds between two looks at a program: soon after its start, and once it has run for long. A look is one call."""


@dataclass(slots=True)
class Line:
    """One line into one guest. LineLost never comes out of it; a line that never holds is GuestSilent."""

    communicator: Communicator
    watcher: Watcher

    @property
    def chunk(self) -> int:
        """Most bytes of one read or write."""
        return self.communicator.traits.chunk

    def begin(self, argv: tuple[str, ...], deadline: Deadline) -> Begun:
        """Start a program, again where the line broke; only for what bears being started twice."""
        tries = 0

        def start() -> Begun:
            nonlocal tries
            tries += 1
            pid = self.communicator.start(argv)
            return Begun(pid, repeated=tries > 1)

        return self._retry(start, deadline)

    def plain(self, argv: tuple[str, ...], what: str, deadline: Deadline) -> None:
        """Run something that may be done twice and whose only answer is its exit code. GuestError for another."""
        begun = self.begin(argv, deadline)
        ended = self.until(what, lambda: self.poll(begun.pid, deadline), deadline)
        if ended.code not in (0, None):
            raise GuestError(f"{what}: {argv[0]} ended with code {ended.code}")

    def poll(self, pid: int, deadline: Deadline) -> Exit | None:
        """As the waist's."""
        return self._retry(lambda: self.communicator.poll(pid), deadline)

    def read(self, path: str, offset: int, size: int, deadline: Deadline) -> bytes | None:
        """As the waist's."""
        return self._retry(lambda: self.communicator.read(path, offset, size), deadline)

    def write(self, path: str, offset: int, data: bytes, deadline: Deadline) -> None:
        """As the waist's."""
        self._retry(lambda: self.communicator.write(path, offset, data), deadline)

    def pieces(self, path: str, deadline: Deadline, limit: int, *, start: int = 0) -> Iterator[bytes]:
        """
        A guest's file in pieces, from ``start`` until ``limit`` (offsets in bytes); nothing at all when there
        is no such file, one empty piece when there is nothing from ``start`` on.
        """
        done = start
        while done < limit:
            piece = self.read(path, done, min(self.chunk, limit - done), deadline)
            if piece is None or (not piece and done > start):
                return
            yield piece
            if not piece:
                return
            done += len(piece)

    def get(self, path: str, deadline: Deadline, *, limit: int = 16 << 20) -> bytes | None:
        """A small file's bytes; None when there is no such file."""
        pieces = list(self.pieces(path, deadline, limit))
        return b"".join(pieces) if pieces else None

    def json(self, path: str, deadline: Deadline) -> Any:
        """What a file holds as JSON; None where there is no such file or not the whole of it yet."""
        piece = self.read(path, 0, self.chunk, deadline)
        return _parsed(piece or b"") or _parsed((piece and self.get(path, deadline)) or b"")

    def until(self, what: str, condition: Callable[[], T | None], deadline: Deadline) -> T:
        """
        Wait for a condition that looks at the guest.

        TimedOut where the guest answers and what was waited for did not come; GuestSilent where it answers no more,
        however late in the wait it fell silent.
        """
        try:
            return Waiting(deadline, TICK, self.watcher, RAREST).until(what, condition)
        except TimedOut as late:
            try:
                self.communicator.ready(Deadline(LAST_QUESTION))
            except GuestSilent as silent:
                brief = f"{late.brief}, and its guest does not answer"
                raise GuestSilent(brief, details=silent.brief, hint=silent.hint) from late
            raise

    def _retry(self, act: Callable[[], T], deadline: Deadline) -> T:
        for _ in range(TRIES):
            try:
                return act()
            except LineLost:
                self.communicator.ready(deadline)
        raise GuestSilent("the line to the guest breaks again and again")


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"))
    except ValueError:
        return None


def decoded(data: bytes, order: bytes, code_page: str, *, cut: bool) -> str:
    """
    Text of a program's output; ``order`` are the first two bytes of the whole file, ``cut`` says that these are later.

    What is no UTF-8 is in the guest's own code page, in which Windows' older programs write into a pipe.
    """
    if order in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16-le" if order == b"\xff\xfe" else "utf-16-be", "replace").lstrip("\ufeff")
    # What is cut may begin in the middle of a character, and any output end in one.
    whole = data.lstrip(bytes(range(0x80, 0xC0))) if cut else data
    try:
        return whole.decode("utf-8")
    except UnicodeDecodeError as error:
        if code_page and error.reason != "unexpected end of data":
            with suppress(LookupError):
                return data.decode(f"cp{code_page}", "replace")
    return data.decode("utf-8", "replace")
