"""
A folder of templates as a place images are published to.

Each publication is a full copy of golden's image that becomes a template at the very end: what is no template yet was
cut off. Its note lies in its extraConfig, its names and whether it is current in tags.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

from pyVmomi import vim

from golden.errors import Conflict, NotFound, ProofFailed, TimedOut
from golden.library import Library, LibraryAbilities
from golden.model import Form, Image, Publication
from golden.provider import Scope
from golden.waiting import Deadline, Waiting
from golden_vsphere import devices, publishing, rights, room, tagging
from golden_vsphere.address import Address
from golden_vsphere.faults import Gone, LostAnswer, is_a
from golden_vsphere.intents import Intents
from golden_vsphere.inventory import Places
from golden_vsphere.line import Line
from golden_vsphere.machines import Held, Machines
from golden_vsphere.making import APPEARING, COPYING, FLAT, Maker
from golden_vsphere.marking import IDENTITY
from golden_vsphere.marking import KEY as RECORD
from golden_vsphere.observing import result_of
from golden_vsphere.publishing import Note
from golden_vsphere.reading import Seen, below, one
from golden_vsphere.rest import Rest, understood

KEY = "golden.publication"
STATE = ("config.template", "runtime.powerState", "config.hardware.device")
RIGHTS = (
    "VirtualMachine.Inventory.CreateFromExisting",
    "VirtualMachine.Inventory.Delete",
    "VirtualMachine.Provisioning.MarkAsTemplate",
    "VirtualMachine.Config.AdvancedConfig",
    "VirtualMachine.Config.Rename",
    "InventoryService.Tagging.ObjectAttachable",
)
TAGS = (
    "InventoryService.Tagging.AttachTag",
    "InventoryService.Tagging.CreateTag",
    "InventoryService.Tagging.CreateCategory",
)
SOURCE = ("VirtualMachine.Provisioning.DeployTemplate",)


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing in the folder, with its note where it has one that is its own."""

    held: Held
    note: Note | None

    @property
    def finished(self) -> bool:
        """Whether all of it is there."""
        return self.note is not None and self.held.is_template and self.note.whose == self.held.uuid

    @property
    def tagged(self) -> tagging.Tagged:
        """For tags."""
        return tagging.Tagged(tagging.TEMPLATE, self.held.seen.moid)


class TemplateLibrary:
    """One folder of one vCenter."""

    def __init__(self, line: Line, address: Address, library: str, scope: Scope) -> None:
        """``address`` is the endpoint's with the library's folder; ``library`` its name in golden.toml."""
        self._line = line
        self._library = library
        self._watcher = scope.watcher
        self._places = Places(line, address)
        self._machines = Machines(self._places, Intents(scope.state / "vsphere" / "libraries"))
        self._maker = Maker(self._machines, scope.watcher)
        self._rest = Rest(line)
        self._tags = tagging.Tags(self._rest)
        self._note_path = f'config.extraConfig["{KEY}"]'

    @property
    def abilities(self) -> LibraryAbilities:
        """Images of this vCenter's; several of one reference beside each other."""
        return publishing.ABILITIES

    def find(self, key: str) -> Publication | None:
        """By its note."""
        return next((found for found in self.list() if found.key == key), None)

    def list(self) -> tuple[Publication, ...]:
        """By the notes in the folder and below; two round trips, and some for the tag of retired ones."""
        with understood(f"listing {self._places.golden_path}"):
            notes = [(shown.held.seen.moid, shown.note) for shown in self._all() if shown.finished and shown.note]
            retired = self._tags.on(tagging.STATE, tagging.RETIRED) if notes else set()
        return tuple(replace(note.publication, library=self._library, retired=moid in retired) for moid, note in notes)

    def settle(self, key: str) -> Publication | None:
        """What vCenter is still making is waited for; what is then no template of golden's is taken away."""
        found = self.find(key)
        if found is not None:
            return found
        with understood("clearing what a cut-off publish left"):
            for shown in self._all():
                if shown.held.uuid:
                    self._clear(shown, key)
                elif str(shown.held.seen.props.get("name", "")).endswith(publishing.short(key)):
                    self._maker.wait_out(shown.held.native, shown.held.name)
                    now = self._shown(shown.held.native)
                    if now is not None:
                        self._clear(now, key)
        return self.find(key)

    def _clear(self, shown: Shown, key: str) -> None:
        if shown.note is not None and not shown.finished and shown.note.publication.key == key:
            self._maker.destroy(shown.held)
            self._tags.drop_unused(shown.note.tags())

    def publish(self, image: Image, form: Form, content: AbstractContextManager[BinaryIO], key: str) -> Publication:  # noqa: ARG002 - it is copied where it lies
        """A full copy, compared with its source, tagged, and only then a template."""
        publishing.must_take(image, form, self._places.golden_path)
        if (found := self.settle(key)) is not None:
            return found
        with understood(f"publishing {image.reference}@i{image.number}"):
            source = publishing.source(self._machines, image, form)
            note = Note(
                publishing.begun(image, form, self._library, key, self._places.golden_path), secrets.token_hex(8)
            )
            native = self._copied(source, note)
            made = self._finished(native, source, note, image)
        return replace(made.publication, library=self._library)

    def verify(self, publication: Publication) -> None:
        """What vCenter knows of its disks without reading them: changed by the first write to one."""
        shown = self._get(publication)
        note = shown.note
        if note is None or note.proof != publishing.proof_of_disks(shown.held.hardware):
            raise ProofFailed(
                f"{publication.name} in {self._places.golden_path} is not what was published",
                details="its disks are others, or were written to",
                hint="golden publish under another name, and look who started it",
            )

    def retire(self, publication: Publication) -> Publication:
        """By its tags; again is the same."""
        shown = self._get(publication)
        with understood(f"retiring {publication.name}"):
            self._tags.put(shown.tagged, tagging.STATE, (tagging.RETIRED,))
            self._tags.take(shown.tagged, tagging.STATE, tagging.CURRENT)
        return replace(publication, retired=True)

    def withdraw(self, publication: Publication) -> None:
        """Absent is success."""
        with understood(f"withdrawing {publication.name}"):
            for shown in self._all():
                if shown.note is not None and shown.note.publication.key == publication.key:
                    self._maker.destroy(shown.held)
                    self._tags.drop_unused(shown.note.tags())

    def close(self) -> None:
        """Log out; again is harmless."""
        self._rest.close()
        self._line.close()

    def _get(self, publication: Publication) -> Shown:
        with understood(f"looking for {publication.name}"):
            for shown in self._all():
                if shown.finished and shown.note and shown.note.publication.key == publication.key:
                    return shown
        raise NotFound(f"{publication.name} is not in {self._places.golden_path}", hint="golden publish")

    def _all(self) -> Sequence[Shown]:
        """Everything in the folder that has a note of its own, or is being made."""
        folder = self._places.folder()
        if folder is None:
            return []
        paths: Sequence[str] = (*IDENTITY, *STATE, self._note_path)
        try:
            found = below(self._line, folder, vim.VirtualMachine, paths)
        except Gone:
            self._places.forget()
            return []
        if any(self._note_path in seen.unknown for seen in found):
            self._note_path = "config.extraConfig"
            return self._all()
        listed = map(self._read, found)
        return [shown for shown in listed if shown.note is not None or not shown.held.uuid]

    def _shown(self, native: Any) -> Shown | None:
        try:
            return self._read(one(self._line, native, (*IDENTITY, *STATE, self._note_path)))
        except Gone:
            return None

    @staticmethod
    def _read(seen: Seen) -> Shown:
        """A note that says another thing's id or name was inherited from a template that this was deployed from."""
        note, held = publishing.read(publishing.option(seen, KEY)), Held(seen, None)
        if note is not None and (note.whose != held.uuid if note.whose else note.publication.name != held.name):
            note = None
        return Shown(held, note)

    def _copied(self, source: Held, note: Note) -> Any:
        """Asked for once; looked for where the answer was lost, and asked for again where nothing came of it."""
        store = room.chosen(self._places)
        store.must_hold(sum(map(devices.capacity, devices.disks(source.hardware))), note.publication.name)
        pool = self._pool(store)
        self._check(source, store, pool)
        folder = self._places.make_folder()
        spec = _clone_spec(source, note, store, pool)
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
        task = self._line.tell(order.call)
        name = order.note.publication.name
        return result_of(self._line, task, f"the copy {name}", Deadline(COPYING), self._watcher, order.source.native)

    def _appeared(self, order: _Copy) -> Any:
        """The copy whose answer was lost, once vCenter shows it; None where it does not for a while."""
        name = order.note.publication.name
        waiting = Waiting(Deadline(APPEARING), tick=0.5, watcher=self._watcher)
        try:
            native = waiting.until(f"{name} to appear", lambda: self._places.child(order.folder, name))
        except TimedOut:
            return None
        self._maker.wait_out(native, name)
        shown = self._shown(native)
        if shown is None or shown.note is None or shown.note.token != order.note.token:
            raise Conflict(f"{name} was made by somebody else meanwhile")
        return native

    def _make_way(self, order: _Copy) -> None:
        """The name is taken: by a copy that a killed golden had ordered and that has come now, or by somebody else."""
        note = order.note.publication
        native = self._places.child(order.folder, note.name)
        if native is None:
            return
        self._maker.wait_out(native, note.name)
        shown = self._shown(native)
        if shown is not None and (shown.note is None or shown.note.publication.key != note.key or shown.finished):
            raise Conflict(f"{note.name} is there already in {self._places.golden_path}, and not golden's")
        if shown is not None:
            self._clear(shown, note.key)

    def _pool(self, store: room.Store) -> Any:
        if "resource_pool" in self._places.address.options:
            return room.pool(self._places, None)
        return publishing.pool_at(self._places, store.native)

    def _check(self, source: Held, store: room.Store, pool: Any) -> None:
        """Refused that names every missing right with its object, before anything is made."""
        folder, root = self._places.folder(), self._line.content.rootFolder
        wanted: dict[str, Any] = {
            source.name: (source.native, SOURCE),
            f"datastore {store.name}": (store.native, rights.STORE),
            "the resource pool": (pool, rights.POOL),
            "vCenter (tags)": (root, TAGS),
        }
        if folder is None:
            wanted[f"/{self._places.name}/vm"] = (self._places.machines, (*RIGHTS, rights.MAKE_FOLDER))
        else:
            wanted[self._places.golden_path] = (folder, RIGHTS)
        rights.must_hold(self._places, wanted, f"publishing to {self._places.golden_path}")

    def _finished(self, native: Any, source: Held, note: Note, image: Image) -> Note:
        """Compared, written down, tagged, and a template at last. What does not stand the test is taken away."""
        shown = self._shown(native)
        if shown is None:
            raise Conflict(f"{note.publication.name} was taken away while it was made")
        try:
            publishing.must_be_like(shown.held.hardware, source, note.publication.name)
        except ProofFailed:
            self._maker.destroy(shown.held)
            raise
        done = note.but(whose=shown.held.uuid, proof=publishing.proof_of_disks(shown.held.hardware))
        self._maker.change(
            native, note.publication.name, extraConfig=_options(done), annotation=publishing.for_people(image)
        )
        self._tags.put(shown.tagged, tagging.NAMES, done.tags())
        self._tags.put(shown.tagged, tagging.STATE, (tagging.CURRENT,))
        self._maker.mark_as_template(native, note.publication.name)
        if (warning := dict(publishing.WARNINGS).get(image.seal)) is not None:
            self._watcher.doing(f"warning: {warning.sentence}")
        return done


@dataclass(frozen=True, slots=True)
class _Copy:
    """One order of a copy."""

    folder: Any
    note: Note
    call: Callable[[], Any]
    source: Held


def _options(note: Note) -> list[Any]:
    """The note, and nothing of the image's record: copies inherit that."""
    pairs = ((KEY, note.text()), (RECORD, ""))
    return [vim.option.OptionValue(key=key, value=value) for key, value in pairs]


def _clone_spec(source: Held, note: Note, store: room.Store, pool: Any) -> Any:
    """Flat, off, and a machine still: a template takes no more changes (facts 8)."""
    more = {"tpmProvisionPolicy": "replace"} if devices.has_tpm(source.hardware) else {}
    return vim.vm.CloneSpec(
        location=vim.vm.RelocateSpec(datastore=store.native, diskMoveType=FLAT, pool=pool),
        config=vim.vm.ConfigSpec(extraConfig=_options(note)),
        powerOn=False,
        template=False,
        memory=False,
        **more,
    )


if TYPE_CHECKING:

    def _fulfils(one: TemplateLibrary) -> Library:
        return one
