"""
Making machines and templates by CloneVM: looked for, asked for once, looked for again where the answer was lost.

The record goes with the order itself, not finished yet; after the clone one more change takes media, host devices and
networks away and finishes the record, so that a clone that is half made is never mistaken for a whole one.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from pyVmomi import vim

from golden.errors import Conflict, NotAble, TimedOut
from golden.waiting import Deadline, Waiting, Watcher
from golden_vsphere import devices, marking, rights
from golden_vsphere.faults import Gone, LostAnswer, is_a, is_fault, translated
from golden_vsphere.host_copies import HostCopies
from golden_vsphere.inventory import checked
from golden_vsphere.line import insisted
from golden_vsphere.machines import APPEARING, Held, Machines
from golden_vsphere.marking import Record
from golden_vsphere.observing import QUESTION, asks, cancel, come_to_rest, result_of, until_made, until_over
from golden_vsphere.orders import Order as Order
from golden_vsphere.orders import clone_spec, must_get_own_tpm

COPYING = 6 * 3600
"""Seconds a copy of whole disks may take."""
CHANGING = 600
"""Seconds any other task may take."""
NOTE = "Made by golden for {reference} ({role}, job {job}). Do not change: golden looks after it."


class Maker:
    """Carries orders out."""

    def __init__(self, machines: Machines, watcher: Watcher) -> None:
        """For one connection."""
        self._machines = machines
        self._places = machines.places
        self._line = machines.places.line
        self._watcher = watcher
        self._copies = HostCopies(machines, watcher)
        self._may_make: set[tuple[str, tuple[str, ...]]] = set()
        """Objects with the rights that golden was found to have on them."""

    def make(self, order: Order) -> Held:
        """The finished thing, off. Conflict for a name that is taken; nothing is left where it fails."""
        was_asked_for = self._machines.intents.read(order.name) is not None
        if was_asked_for:
            self._clear_late(order)
        self.must_be_free(order.kind, order.name)
        self._check(order)
        record = Record(
            order.kind,
            order.name,
            order.mark,
            secrets.token_hex(8),
            parent=order.parent,
            point=order.point_name,
            linked=order.linked,
            copies=0 if self._line.is_vcenter else len(devices.disks(order.hardware)),
        )
        self._machines.intents.write(order.name, order.mark)
        with translated(f"making {order.name}"):
            try:
                native = self._cloned(order, record)
            except Exception as error:
                if not (was_asked_for and is_a(error, "DuplicateName") and self._clear_late(order)):
                    raise
                self._machines.intents.write(order.name, order.mark)
                native = self._cloned(order, record)
            held = self._finished(order, record, native)
        self._machines.intents.remove(order.name)
        return held

    def _clear_late(self, order: Order) -> bool:
        """
        Take away what a process that was killed had asked for, and vCenter showed only after somebody looked. Whether
        there was any.
        """
        with translated(f"clearing what was begun of {order.name}"):
            folder = self._places.images() if order.kind == marking.IMAGE else self._places.folder()
            native = None if folder is None else self._places.child(folder, order.name)
            if native is None:
                return False
            self.wait_out(native, order.name)
            held = self._machines.held(native)
            if held is None or held.record is None or held.record.settled or held.record.mark != order.mark:
                return held is None
            self.take_back(held)
            return True

    def must_be_free(self, kind: str, name: str) -> None:
        """Conflict where anything lies in golden's folder under that name."""
        folder = self._places.images() if kind == marking.IMAGE else self._places.folder()
        with translated(f"looking for {checked(name)}"):
            if folder is not None and self._places.child(folder, name) is not None:
                raise Conflict(f"{name} is there already in {self._places.golden_path}")
        with translated(f"looking for {name}"):
            is_elsewhere = self._machines.lies_elsewhere(name, kind)
        if is_elsewhere:
            raise Conflict(f"{name} is there already, though not where golden put it")

    def _check(self, order: Order) -> None:
        """Whether it can be made at all, before anything is: by this server, with golden's rights."""
        if order.linked and not self._line.is_vcenter:
            raise NotAble("a single ESXi host makes no linked clones: CloneVM is vCenter's")
        wanted = rights.to_make(self._places, order.place.store, order.place.pool)
        if order.network is not None:
            wanted[f"network {order.network.name}"] = (order.network.native, rights.NETWORK)
        if self._line.is_vcenter:
            must_get_own_tpm(self._line, order.hardware, order.name)
        more = rights.of_source(order.hardware, encrypted=order.encrypted)
        if not order.parent and self._line.is_vcenter:
            wanted[self._places.path_of(order.source)] = (order.source, (*rights.SOURCE, *more))
        elif more:
            wanted[f"{self._places.golden_path} ({order.name})"] = (order.source, more)
        fresh = {where: asked for where, asked in wanted.items() if _key(asked) not in self._may_make}
        rights.must_hold(self._places, fresh, f"making {order.name}")
        self._may_make.update(map(_key, fresh.values()))

    def _cloned(self, order: Order, record: Record) -> Any:
        if not self._line.is_vcenter:
            return self._copied_by_host(order, record)
        folder = self._places.make_images() if order.kind == marking.IMAGE else self._places.make_folder()
        try:
            return self._asked_for(order, folder, record)
        except LostAnswer:
            native = self._found_again(folder, record, order.source)
        # Where it never appeared and does so only now, its name is taken, and the second order fails on that.
        return native or self._asked_for(order, folder, record, again=True)

    def _copied_by_host(self, order: Order, record: Record) -> Any:
        try:
            return self._copies.made(order, record)
        except Exception as error:
            self._clear(self._places.machines, record, error)
            raise

    def _asked_for(self, order: Order, folder: Any, record: Record, *, again: bool = False) -> Any:
        """One order of a clone, to its end; with ``again`` an earlier one may still come true."""
        what = f"the clone {order.name}" if order.linked else f"the copy {order.name}"
        spec = clone_spec(order, record)
        try:
            task = self._line.tell(lambda: order.source.CloneVM_Task(folder, order.name, spec))
            return result_of(self._line, task, what, Deadline(COPYING), self._watcher, order.source)
        except Exception as error:
            if again and is_a(error, "DuplicateName") and (late := self._found_again(folder, record, order.source)):
                return late
            self._clear(folder, record, error)
            raise

    def _found_again(self, folder: Any, record: Record, source: Any) -> Any:
        """A clone whose answer was lost, once vCenter shows it; None where it does not for a while."""
        what = f"the clones of {record.name}'s source to end"
        come_to_rest(self._line, source, what, Deadline(COPYING), self._watcher)
        waiting = Waiting(Deadline(APPEARING), tick=0.5, watcher=self._watcher)
        try:
            native = waiting.until(f"{record.name} to appear", lambda: self._places.child(folder, record.name))
        except TimedOut:
            return None
        self.wait_out(native, record.name)
        held = self._machines.held(native)
        if held is None:
            return None
        if held.record is None or held.record.token != record.token:
            raise Conflict(f"{record.name} was made by somebody else meanwhile")
        return native

    def wait_out(self, native: Any, name: str) -> None:
        """Until vCenter has finished making it, or it is gone again."""
        until_made(self._line, native, name, Deadline(COPYING), self._watcher)

    def _clear(self, folder: Any, record: Record, error: Exception) -> None:
        """Take away what a refused clone left, if it is this one's; never hides the refusal itself."""
        if not is_fault(error):
            return
        try:
            native = self._places.child(folder, record.name)
            held = None if native is None else self._machines.held(native)
            if held is not None and held.record is not None and held.record.token == record.token:
                self.take_back(held)
            self._machines.intents.remove(record.name)
        except Exception as second:  # noqa: BLE001 - told with the first
            error.add_note(f"and what it left could not be taken away: {second}")

    def _finished(self, order: Order, record: Record, native: Any) -> Held:
        """Make it nobody's but golden's and say that it is whole."""
        held = self._machines.held(native)
        if held is None:
            raise Conflict(f"{order.name} was taken away while it was made")
        note = NOTE.format(reference=order.mark.reference, role=order.mark.role.value, job=order.mark.job)
        is_image = order.kind == marking.IMAGE
        done = record.but(uuid=held.uuid, proof=devices.proof(held.hardware) if is_image else "")
        hardware = (
            devices.deployable(held.hardware)
            if is_image
            else devices.cleaned(held.hardware, order.network and order.network.backing)
        )
        try:
            self.change(native, order.name, extraConfig=done.options(), annotation=note, deviceChange=hardware)
            if is_image and self._line.is_vcenter:  # A host has no templates.
                self.mark_as_template(native, order.name)
        except Exception as error:
            if is_fault(error):
                self.destroy(held)
            raise
        finished = self._machines.held(native)
        if finished is None or finished.record != done:
            raise Conflict(f"{order.name} does not keep golden's record, or was taken away while it was made")
        return finished

    def mark_as_template(self, native: Any, name: str) -> None:
        """At once, no task; being one already is success."""

        def marked() -> None:
            held = self._machines.held(native)
            if held is None or not held.is_template:
                self._line.tell(native.MarkAsTemplate)

        self.insist(marked, native, name)

    def insist(self, act: Callable[[], None], native: Any, name: str) -> None:
        """Once more where the answer was lost, after the machine has come to rest."""
        what, limit = f"the tasks of {name} to end", Deadline(CHANGING)
        insisted(act, lambda: come_to_rest(self._line, native, what, limit, self._watcher))

    def change(self, native: Any, name: str, **changes: Any) -> None:
        """Reconfigure; asking twice for the same is harmless, so a lost answer is asked again once."""
        spec = vim.vm.ConfigSpec(**changes)
        self.insist(lambda: self._do(lambda: native.ReconfigVM_Task(spec), f"changing {name}", native), native, name)

    def _do(self, call: Callable[[], Any], what: str, watched: Any = None) -> None:
        task = self._line.tell(call)
        result_of(self._line, task, what, Deadline(CHANGING), self._watcher, watched)

    def power(self, held: Held, *, on: bool) -> None:
        """
        Switch it; there already is success, so a lost answer is asked again once. What is suspended wakes to be
        switched off: PowerOffVM takes no other state than on.
        """
        native = held.native
        if held.is_suspended and not on:
            self.power(held, on=True)
        what = f"{held.name} to be switched {'on' if on else 'off'}"
        call = (lambda: native.PowerOnVM_Task(None)) if on else native.PowerOffVM_Task
        try:
            self.insist(lambda: self._do(call, what, native), native, held.name)
        except vim.fault.InvalidPowerState as error:
            if str(error.existingState) != ("poweredOn" if on else "poweredOff"):
                raise

    def destroy(self, held: Held) -> None:
        """Power off and take away with its own files; gone already is success. Conflict for a question of its own."""
        if (question := held.seen.props.get(QUESTION)) is not None:
            raise asks(question)  # Its task holds the machine, and would hold this one too.
        with contextlib.suppress(Gone):
            if held.is_suspended:  # Where that is no state to be taken away in, it is switched off as any other.
                with contextlib.suppress(vim.fault.InvalidPowerState):
                    self._destroyed(held)
                    return
            if not held.is_off:
                self.power(held, on=False)
            self._destroyed(held)

    def take_back(self, held: Held) -> None:
        """As ``destroy``, of what is not whole."""
        self._unhindered(self.destroy, held)

    def take_away(self, held: Held, *, whole: bool = True) -> None:
        """
        As ``destroy``, of what golden never switches on: an image, a publication, what is left of one (not ``whole``).
        Conflict where it is on, as somebody works with it then.
        """
        if not held.is_off:
            raise Conflict(
                f"{held.name} is switched on, and golden takes no image away that somebody works with",
                hint="shut it down, and make a template of it again or take it away in vSphere's client",
            )
        with contextlib.suppress(Gone):
            if whole:
                self._destroyed(held)
            else:
                self._unhindered(self._destroyed, held)

    def _unhindered(self, act: Callable[[Held], None], held: Held) -> None:
        """
        Where a task still makes it, for a golden that is gone, that is canceled first, and waited for where it cannot
        be: vCenter names it in its refusal.
        """
        try:
            act(held)
        except Exception as error:
            task = getattr(error, "task", None)
            if not is_a(error, "TaskInProgress") or task is None:
                raise
            cancel(self._line, task, self._watcher)
            what = f"what still makes {held.name} to end"
            until_over(self._line, task, what, Deadline(COPYING), self._watcher)
            if (now := self._machines.held(held.native)) is not None:
                act(now)

    def _destroyed(self, held: Held) -> None:
        what, files = f"{held.name} to go", self._copies.taken_back(held)
        self.insist(lambda: self._do(held.native.Destroy_Task, what), held.native, held.name)
        self._copies.delete(files)


def _key(asked: tuple[Any, Sequence[str]]) -> tuple[str, tuple[str, ...]]:
    native, wanted = asked
    return str(native._moId), tuple(wanted)
