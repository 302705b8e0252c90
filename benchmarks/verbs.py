"""
An update and a capture by the verbs of a provider, without core: what its own work costs beside the bare calls of it.

Two linked clones of what was frozen, one to look into and one to be captured; the same work in every guest.
"""

from __future__ import annotations

from typing import Protocol

from golden.guest.communicator import Communicator
from golden.model import CloneOptions, Machine, Mark, Power, Role, Snapshot
from golden.provider import Hypervisor
from golden.waiting import Deadline, Waiting

MARK = Mark(Role.CLONE, "bench", "win2022", "bench")
PROGRAMS = 8
"""Started in each guest; an update by golden starts more."""
SYSTEM32 = "C:\\Windows\\System32"
SHUTDOWN = (f"{SYSTEM32}\\shutdown.exe", "/s", "/t", "0")
HOT, LIMIT = 0.1, 120


class Line(Protocol):
    """The calls into a guest that the work takes."""

    def start(self, argv: tuple[str, ...]) -> int:
        """One program; its number."""

    def poll(self, pid: int) -> object:
        """Whether it has ended."""

    def write(self, path: str, offset: int, data: bytes) -> None:
        """One file."""

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """One file."""


def work(line: Communicator | Line) -> None:
    """What is done in a guest: files sent, programs run to their end, files fetched; then it switches itself off."""
    for number in range(PROGRAMS):
        path = f"C:\\Windows\\Temp\\bench-{number}"
        line.write(path, 0, bytes(64 << 10))
        pid = line.start((f"{SYSTEM32}\\cmd.exe", "/c", "exit", "0"))
        Waiting(Deadline(LIMIT), HOT).until("a program", lambda pid=pid: line.poll(pid))  # type: ignore[misc]
        assert line.read(path, 0, 1 << 20) == bytes(64 << 10)
    line.start(SHUTDOWN)


class Verbs:
    """golden's provider."""

    def __init__(self, hypervisor: Hypervisor, point: Snapshot) -> None:
        self._there, self._point = hypervisor, point

    def update_and_capture(self) -> None:
        """Everything that is made is taken away again."""
        there = self._there
        clone = self._worked("clone", self._point)
        frozen = there.freeze(clone, "v2")
        there.identity(frozen)
        there.destroy(self._worked("looking", frozen))
        sealed = self._worked("capture", frozen)
        image = there.capture("image", sealed, MARK)
        there.destroy(sealed)
        there.identity(frozen)
        there.discard_image(image)
        there.drop_snapshot(frozen)
        there.destroy(clone)

    def _worked(self, name: str, point: Snapshot) -> Machine:
        there = self._there
        machine = there.start(there.clone(name, point, MARK, CloneOptions()))
        line = there.communicator(machine)
        line.ready(Deadline(LIMIT))
        work(line)

        def is_off() -> bool:
            now = there.find(name)
            return now is not None and now.power is Power.OFF

        Waiting(Deadline(LIMIT)).until("the guest to switch itself off", is_off)
        line.close()
        return machine
