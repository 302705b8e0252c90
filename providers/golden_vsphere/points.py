"""Frozen points of golden's machines: snapshots that are taken once and let go when nobody needs them."""

from __future__ import annotations

from golden.errors import Conflict
from golden.waiting import Deadline, Watcher
from golden_vsphere.machines import POINT, Held, Machines, Point
from golden_vsphere.making import CHANGING, Maker
from golden_vsphere.observing import result_of


class Points:
    """Takes them and lets them go, over one connection."""

    def __init__(self, machines: Machines, maker: Maker, watcher: Watcher) -> None:
        """Asks nothing yet."""
        self._machines = machines
        self._maker = maker
        self._line = machines.places.line
        self._watcher = watcher

    def take(self, held: Held, name: str) -> None:
        """
        A snapshot without memory, of a machine that is off. It is looked for where the answer was lost, as a second
        one would be another snapshot of the same name.
        """

        def taken() -> None:
            now = self._machines.held(held.native)
            if now is None or now.point(name) is None:
                task = self._line.tell(
                    lambda: held.native.CreateSnapshot_Task(name, POINT + held.name, memory=False, quiesce=False)
                )
                self._end(task, f"the snapshot {name} of {held.name}", held)

        self._maker.insist(taken, held.native, held.name)

    def let_go(self, held: Held, point: Point) -> None:
        """RemoveSnapshot. Conflict names who needs it."""
        needed_by = [
            other.name
            for other in self._machines.all()
            if other.record
            and (other.record.parent, other.record.point) == (held.uuid, point.name)
            and (other.record.linked or not other.record.settled)
        ]
        if needed_by:
            raise Conflict(f"{held.name}@{point.name} is needed by {', '.join(needed_by)}")

        def gone() -> None:
            now = self._machines.held(held.native)
            if now is not None and now.point(point.name) is not None:
                task = self._line.tell(lambda: point.native.RemoveSnapshot_Task(removeChildren=False, consolidate=True))
                self._end(task, f"the snapshot {point.name} of {held.name} to go", held)

        self._maker.insist(gone, held.native, held.name)

    def put_together(self, held: Held) -> None:
        """Consolidation, where vCenter says that it is needed: after a point went, or after it failed to."""

        def consolidated() -> None:
            now = self._machines.held(held.native)
            if now is not None and now.seen.props.get("runtime.consolidationNeeded"):
                task = self._line.tell(held.native.ConsolidateVMDisks_Task)
                self._end(task, f"the disks of {held.name} to be put together", held)

        self._maker.insist(consolidated, held.native, held.name)

    def _end(self, task: object, what: str, held: Held) -> None:
        result_of(self._line, task, what, Deadline(CHANGING), self._watcher, held.native)
