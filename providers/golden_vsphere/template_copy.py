"""A copy of an image for a folder of templates: asked for once, looked for again where the answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from golden.errors import Conflict, TimedOut
from golden.waiting import Deadline, Waiting
from golden_vsphere import devices, rights
from golden_vsphere.faults import LostAnswer, is_a
from golden_vsphere.machines import APPEARING, Held
from golden_vsphere.making import COPYING
from golden_vsphere.marking import KEY as RECORD
from golden_vsphere.observing import come_to_rest, result_of
from golden_vsphere.orders import FLAT, must_get_own_tpm
from golden_vsphere.placement import Place, place_of_copy
from golden_vsphere.publishing import Note
from golden_vsphere.template_folder import KEY, Shown, TemplateFolder

RIGHTS = (
    "VirtualMachine.Inventory.CreateFromExisting",
    "VirtualMachine.Inventory.Delete",
    "VirtualMachine.Provisioning.MarkAsTemplate",
    "VirtualMachine.Config.AdvancedConfig",
    "VirtualMachine.Config.Annotation",
    *rights.TAGGED,
)


@dataclass(frozen=True, slots=True)
class _Copy:
    """One order of a copy."""

    folder: Any
    note: Note
    call: Callable[[], Any]
    source: Held


class Copying:
    """Makes copies in one folder."""

    def __init__(self, folder: TemplateFolder) -> None:
        self._folder = folder

    def copied(self, source: Held, note: Note) -> Any:
        """Asked for once; looked for where the answer was lost, and asked for again where nothing came of it."""
        place = place_of_copy(self._folder.places, source.seen, source.hardware, note.publication.name)
        self._check(source, place)
        folder = self._folder.places.make_folder()
        spec = _clone_spec(source, note, place)
        order = _Copy(folder, note, lambda: source.native.CloneVM_Task(folder, note.publication.name, spec), source)
        try:
            return self._ordered(order)
        except LostAnswer:
            return self._appeared(order) or self._ordered(order)
        except Exception as error:
            if not is_a(error, "DuplicateName"):
                raise
            self._make_way(order)
            return self._ordered(order)

    def _ordered(self, order: _Copy) -> Any:
        task = self._folder.line.tell(order.call)
        name = order.note.publication.name
        return result_of(
            self._folder.line, task, f"the copy {name}", Deadline(COPYING), self._folder.watcher, order.source.native
        )

    def _appeared(self, order: _Copy) -> Any:
        """The copy whose answer was lost, once vCenter shows it; None where it does not for a while."""
        name = order.note.publication.name
        self._rest(order)
        waiting = Waiting(Deadline(APPEARING), tick=0.5, watcher=self._folder.watcher)
        try:
            met = waiting.until(f"{name} to appear", lambda: self._noted(order))
        except TimedOut:
            if self._folder.places.child(order.folder, name) is None:
                return None
            raise Conflict(f"{name} was made by somebody else meanwhile") from None
        if met.note is None or met.note.token != order.note.token:
            raise Conflict(f"{name} was made by another golden meanwhile")
        return met.held.native

    def _noted(self, order: _Copy) -> Shown | None:
        """What has the copy's name, once its note can be read: that may come later than the machine itself."""
        native = self._folder.places.child(order.folder, order.note.publication.name)
        if native is None:
            return None
        self._folder.maker.wait_out(native, order.note.publication.name)
        shown = self._folder.shown(native)
        return shown if shown is not None and shown.note is not None else None

    def _rest(self, order: _Copy) -> None:
        """Until nothing is copied from the source any more: what is half there has no note yet."""
        what = f"the copies of {order.source.name} to end"
        native = order.source.native
        come_to_rest(self._folder.line, native, what, Deadline(COPYING), self._folder.watcher)

    def _make_way(self, order: _Copy) -> None:
        """The name is taken: by a copy that a killed golden had ordered and that has come now, or by somebody else."""
        note = order.note.publication
        native = self._folder.places.child(order.folder, note.name)
        if native is None:
            return
        self._rest(order)
        self._folder.maker.wait_out(native, note.name)
        shown = self._folder.shown(native)
        if shown is None:
            return
        if not shown.is_left_by(note.key) or shown.was_whole:
            raise Conflict(f"{note.name} is there already in {self._folder.places.golden_path}, and not golden's")
        self._folder.maker.take_away(
            shown.held, whole=False
        )  # Nothing has tagged it: golden was killed before it was there.

    def _check(self, source: Held, place: Place) -> None:
        """Refused that names every missing right with its object, before anything is made."""
        folder, root = self._folder.places.folder(), self._folder.line.content.rootFolder
        must_get_own_tpm(self._folder.line, source.hardware, source.name)
        more = rights.of_source(source.hardware, encrypted=source.is_encrypted)
        wanted: dict[str, Any] = {
            source.name: (source.native, (*rights.DEPLOY, *more)),
            f"datastore {place.store.name}": (place.store.native, rights.STORE),
            "the resource pool": (place.pool, rights.POOL),
            "vCenter (tags)": (root, rights.TAGS),
        }
        if folder is None:
            wanted[f"{self._folder.places.shown}/vm"] = (self._folder.places.machines, (*RIGHTS, rights.MAKE_FOLDER))
        else:
            wanted[self._folder.places.golden_path] = (folder, RIGHTS)
        rights.must_hold(self._folder.places, wanted, f"publishing to {self._folder.places.golden_path}")


def options(note: Note) -> list[Any]:
    """The note, and nothing of the image's record: copies inherit that."""
    pairs = ((KEY, note.text()), (RECORD, ""))
    return [vim.option.OptionValue(key=key, value=value) for key, value in pairs]


def _clone_spec(source: Held, note: Note, place: Place) -> Any:
    """Flat, off, and a machine still: a template takes no more changes (facts 8)."""
    more = {"tpmProvisionPolicy": "replace"} if devices.has_tpm(source.hardware) else {}
    return vim.vm.CloneSpec(
        location=vim.vm.RelocateSpec(**place.spec(), diskMoveType=FLAT),
        config=vim.vm.ConfigSpec(extraConfig=options(note)),
        powerOn=False,
        template=False,
        memory=False,
        **more,
    )
