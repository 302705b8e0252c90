"""Applying changes inside a running clone, with the restarts they ask for, and those that nobody asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from golden.errors import ChangeFailed
from golden.guest.family import Applied, Family, Pending
from golden.guest.session import GuestRestarted, Session
from golden.model import Change, ChangesDone
from golden.procedures.shop import Shop
from golden.waiting import Deadline

MOST_RESTARTS = 8
"""Restarts of one update; servicing that wants more is going in circles. docs/facts: windows 5.8."""


@dataclass(slots=True)
class Applying:
    """One update at work in one running guest."""

    shop: Shop
    session: Session
    family: Family
    deadline: Deadline
    notes: list[str] = field(default_factory=list)
    traces: list[tuple[tuple[str, str], ...]] = field(default_factory=list)
    restarts: int = 0
    _mark: str = ""

    def all(self, changes: tuple[Change, ...], cut_off: Callable[[], None] = lambda: None) -> ChangesDone:
        """
        Every change in order; at the end the guest has settled, and what cannot be proved from its disk was asked for.
        ``cut_off`` takes the network away as soon as nothing needs it any more.

        ChangeFailed where one does not succeed, wants one restart after the other, or is gone after one.
        """
        self._mark = self.session.boot_mark(self.deadline)
        for change in changes:
            self.shop.watcher.doing(f"{change.kind} {change.name}")
            self.traces.append(self._one(change))
        if not changes:
            cut_off()
            return ChangesDone()
        last = changes[-1]
        pending = self.family.settle(self.session, self.deadline, restarted=False)
        if pending.all:
            self.notes.append(f"the guest asked for a restart by {', '.join(pending.all)}")
            self._restart(last, pending)
        cut_off()
        for number, change in enumerate(changes):
            if change.kind in self.family.asked:
                self.traces[number] += (("asked", self._asked(replace(change, traces=self.traces[number]))),)
        return ChangesDone(tuple(self.notes), tuple(self.traces))

    def _one(self, change: Change) -> tuple[tuple[str, str], ...]:
        applied = self._apply(change)
        traces = applied.traces
        while applied.reboot:
            self._restart(change)
            if not applied.again:
                break
            applied = self._apply(change)
            traces += tuple(trace for trace in applied.traces if trace not in traces)
        self._notice(replace(change, traces=traces))
        return traces

    def _apply(self, change: Change) -> Applied:
        """Apply it once. Where the guest restarts under it, it is looked for, and never run a second time."""
        try:
            applied = self.family.apply(self.session, change, payload_of(self.shop, change), self.deadline)
        except GuestRestarted as error:
            self._mark = self.session.boot_mark(self.deadline)
            self.family.settle(self.session, self.deadline, restarted=True)
            standing = self.family.look(self.session, change, self.deadline)
            if standing.there is not True:
                error.add_note(standing.sentence or "golden cannot look whether the change is there")
                raise
            applied = Applied(note=f"the guest restarted by itself meanwhile; looked at again: {standing.sentence}")
        if applied.note:
            self.notes.append(f"{change.name}: {applied.note}")
        return applied

    def _notice(self, change: Change) -> None:
        """A restart that nobody asked for, after the change had ended: what it left is looked at again."""
        mark = self.session.boot_mark(self.deadline)
        if mark == self._mark:
            return
        self._mark = mark
        self.family.settle(self.session, self.deadline, restarted=True)
        standing = self.family.look(self.session, change, self.deadline)
        if standing.there is False:
            raise ChangeFailed(
                f"the guest restarted by itself after {change.name}, and the change is not there any more",
                details=standing.sentence,
            )
        said = standing.sentence or "it leaves nothing that golden could look for"
        self.notes.append(f"{change.name}: the guest restarted by itself after it; {said}")

    def _restart(self, change: Change, pending: Pending | None = None) -> None:
        """Restart until nothing that is sure asks for it; ChangeFailed with the key that persists."""
        pending = pending or Pending()
        while True:
            if self.restarts >= MOST_RESTARTS:
                raise ChangeFailed(
                    f"{change.name}: after {self.restarts} restarts the guest still asks for one",
                    details=f"what asks: {', '.join(pending.all) or 'the change itself'}",
                    hint="look into the guest: the same command again with --on-error keep",
                )
            self.restarts += 1
            self.shop.watcher.doing(f"restarting the guest, which {change.name} asked for")
            self.session.restart(self.deadline)
            self._mark = self.session.boot_mark(self.deadline)
            still = self.family.settle(self.session, self.deadline, restarted=True)
            staying = [key for key in still.likely if key in pending.likely]
            if staying:
                self.notes.append(f"{', '.join(staying)} is there after a restart too, which may mean nothing")
            if not still.sure and (staying or not still.likely):
                return
            if persisting := [key for key in still.sure if key in pending.sure]:
                raise ChangeFailed(
                    f"{change.name} asks for a restart again and again: {', '.join(persisting)} persists",
                    details=f"restarted {self.restarts} times; what asks now: {', '.join(still.all)}",
                    hint="servicing cannot finish; its CBS.log says why: the same command again with --on-error keep",
                )
            pending = still

    def _asked(self, change: Change) -> str:
        standing = self.family.look(self.session, change, self.deadline)
        if standing.there is False:
            raise ChangeFailed(
                f"{change.name} ended well, but asked before it was switched off the guest does not have it",
                details=standing.sentence or None,
            )
        return standing.sentence


def payload_of(shop: Shop, change: Change) -> dict[str, Path]:
    """Where the files of a change lie here, by their names in it."""
    return {file.name: shop.payloads.check(file) for file in change.files}


def with_traces(changes: tuple[Change, ...], done: ChangesDone) -> tuple[Change, ...]:
    """The changes with what the guest was seen to get from each."""
    return tuple(replace(change, traces=found) for change, found in zip(changes, done.traces, strict=True))
