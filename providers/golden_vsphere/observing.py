"""
Waiting for tasks and states by WaitForUpdatesEx, with a collector of its own and a deadline (facts 6).

A machine may wait on a question that nobody answers; where a machine is watched its question ends the wait by name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyVmomi import vim

from golden.errors import Conflict, TimedOut
from golden.waiting import Deadline, Silent, Waiting, Watcher
from golden_vsphere.faults import BROKEN, Gone, NotAuthenticated, is_a, untrusted
from golden_vsphere.line import Line
from golden_vsphere.marking import CONNECTION, must_show
from golden_vsphere.reading import PC, Seen, props, several

LOOK = 5
"""Seconds one WaitForUpdatesEx may take: shorter than any proxy's patience, and a request to stop is heeded soon."""
BREAKS = 5
"""Times in a row that the connection may break while waiting."""
BACK = 60
"""Seconds a server may take to answer again after the connection broke."""
CANCELING = 5
"""Seconds a canceled task may take to end."""
TASK = ("info.state", "info.error", "info.result")
"""Never ``info.entity``: older simulators send a kind of it that cannot be decoded (facts 1)."""
OVER = ("success", "error")
QUESTION = "runtime.question"
State = dict[str, Any]


@dataclass(slots=True)
class Watch:
    """What is watched: objects and their leaf paths. ``states`` holds what is known of them, by moid."""

    line: Line
    targets: Sequence[tuple[Any, Sequence[str]]]
    watcher: Watcher = field(default_factory=Silent)
    states: dict[str, State] = field(default_factory=dict)

    def until(self, what: str, done: Callable[[dict[str, State]], Any], deadline: Deadline) -> Any:
        """
        The first value of ``done`` that is not None; it is asked after every update.

        TimedOut names ``what``. Raises ManagedObjectNotFound where a watched object goes away, Conflict for a
        machine's question.
        """
        broken = 0
        while True:
            try:
                for found in self._rounds(what, done, deadline):
                    broken = 0
                    if found is not None:
                        return found
            except NotAuthenticated:
                self.line.stay()
            except BROKEN as error:
                broken += 1
                if broken > BREAKS or untrusted(error) is not None or not is_back(self.line, deadline, self.watcher):
                    raise
            except Exception as error:
                # After a login, and where vCenter was restarted, collectors are gone; what they watched is not.
                if not is_a(error, "InvalidCollectorVersion") and not self._is_our_collector(error):
                    raise

    def _is_our_collector(self, error: BaseException) -> bool:
        return isinstance(error, Gone) and isinstance(getattr(error, "obj", None), PC)

    def _rounds(self, what: str, done: Callable[[dict[str, State]], Any], deadline: Deadline) -> Iterator[Any]:
        with self._collector() as collector:
            version = ""
            while True:
                last = deadline.left <= 0
                options = PC.WaitOptions(maxWaitSeconds=max(0, min(LOOK, int(deadline.left + 0.5))))
                update = collector.WaitForUpdatesEx(version, options)
                if update is not None:
                    version = update.version
                    self._take(update)
                yield done(self.states)
                if last:
                    brief = f"waited {deadline.elapsed:.0f} s for {what}; the limit was {deadline.limit:.0f} s"
                    raise TimedOut(brief, details=self._told(), hint="a larger limit: --timeout")
                self.watcher.waiting(what, deadline.elapsed, deadline.limit)

    @contextlib.contextmanager
    def _collector(self) -> Iterator[Any]:
        collector = self.line.ask(self.line.content.propertyCollector.CreatePropertyCollector)
        try:
            for native, paths in self.targets:
                spec = PC.FilterSpec(
                    objectSet=[PC.ObjectSpec(obj=native)],
                    propSet=[PC.PropertySpec(type=type(native), pathSet=list(paths))],
                )
                collector.CreateFilter(spec, True)  # noqa: FBT003
            yield collector
        finally:
            with contextlib.suppress(Exception):  # It goes with the session at the latest.
                collector.Destroy()

    def _take(self, update: Any) -> None:
        for filtered in update.filterSet:
            for changed in filtered.objectSet:
                if str(changed.kind) == "leave":
                    raise Gone(obj=changed.obj)
                state = self.states.setdefault(str(changed.obj._moId), {})
                state.update({change.name: change.val for change in changed.changeSet})
        for state in self.states.values():
            if (question := state.get(QUESTION)) is not None:
                raise asks(question)

    def _told(self) -> str | None:
        told = {
            path: str(value) for state in self.states.values() for path, value in state.items() if value is not None
        }
        return "; ".join(f"{path} is {value}" for path, value in sorted(told.items())) or None


def is_back(line: Line, deadline: Deadline, watcher: Watcher) -> bool:
    """Wait until vCenter answers again, a minute at most: what it was asked to do goes on without us."""
    server = line.object(vim.ServiceInstance, "ServiceInstance")

    def answers() -> bool:
        with contextlib.suppress(*BROKEN):
            return bool(line.ask(server.CurrentTime))
        return False

    try:
        return Waiting(deadline.within(BACK), tick=1, watcher=watcher).until("vCenter to answer again", answers)
    except TimedOut:
        return False


def asks(question: Any) -> Conflict:
    """The error for a machine's question, with its words."""
    return Conflict(
        "the machine has a question and waits for its answer",
        details=" ".join(str(question.text).split()),
        hint="answer it in vSphere's client, then the same command again",
    )


def result_of(line: Line, task: Any, what: str, deadline: Deadline, watcher: Watcher, machine: Any = None) -> Any:
    """
    A task's result once it is over; raises its fault. ``machine`` is watched for a question meanwhile. A task that
    waits on one is canceled, and so is one that nobody waits for any more: it would keep the machine from being taken
    away, for as long as a copy takes.

    Only machines that this task does not take away can be watched with it.
    """
    targets: list[tuple[Any, Sequence[str]]] = [(task, TASK)]
    if machine is not None:
        targets.append((machine, (QUESTION,)))
    states = {}

    def over(seen: dict[str, State]) -> bool | None:
        states.update(seen.get(str(task._moId), {}))
        return True if str(states.get("info.state")) in OVER else None

    try:
        Watch(line, targets, watcher).until(what, over, deadline)
    except (Conflict, TimedOut, KeyboardInterrupt):
        cancel(line, task, watcher)
        raise
    if str(states["info.state"]) == "error":
        raise states["info.error"]
    return states.get("info.result")


def cancel(line: Line, task: Any, watcher: Watcher) -> None:
    """As far as vCenter lets golden cancel it; its question stays for people otherwise."""
    with contextlib.suppress(Exception):
        line.tell(task.CancelTask)
        until_over(line, task, "the task to end", Deadline(CANCELING), watcher)


def until_made(line: Line, native: Any, name: str, deadline: Deadline, watcher: Watcher | None = None) -> None:
    """Until vCenter has finished making a machine, or it is gone again. Unreachable where it cannot read it."""
    moid = str(native._moId)

    def is_there(states: dict[str, State]) -> bool | None:
        must_show(Seen(native, {"name": name, **states.get(moid, {})}))
        return True if states.get(moid, {}).get("config.instanceUuid") else None

    targets = [(native, ("config.instanceUuid", CONNECTION))]
    with contextlib.suppress(Gone):
        Watch(line, targets, watcher or Silent()).until(f"vCenter to finish {name}", is_there, deadline)


def until_over(line: Line, task: Any, what: str, deadline: Deadline, watcher: Watcher) -> None:
    """Until a task has ended, whatever it ended with; one that is forgotten has."""
    moid = str(task._moId)

    def is_over(states: dict[str, State]) -> bool | None:
        return True if str(states.get(moid, {}).get("info.state")) in OVER else None

    with contextlib.suppress(Gone):
        Watch(line, [(task, ("info.state",))], watcher).until(what, is_over, deadline)


def come_to_rest(line: Line, native: Any, what: str, deadline: Deadline, watcher: Watcher) -> bool:
    """
    Wait until no task works on a machine any more; after a lost answer nobody knows whether one does. Whether one did.

    By the recent tasks of vCenter and of the machine itself, which both name what is queued or running.
    """
    recent = list(props(line, line.content.taskManager, ("recentTask",)).get("recentTask", ()))
    with contextlib.suppress(Gone):
        recent += props(line, native, ("recentTask",)).get("recentTask", ())
    unique = list({str(task._moId): task for task in recent}.values())
    did = False
    for seen in several(line, unique, ("info.state", "info.entity")):
        entity = seen.props.get("info.entity")
        if entity is None or entity._moId != native._moId or str(seen.props.get("info.state")) in OVER:
            continue
        did = True
        until_over(line, seen.native, what, deadline, watcher)
    return did
