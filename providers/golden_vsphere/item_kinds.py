"""The two kinds of items: an OVF of a template, and a template that the library owns."""

from __future__ import annotations

import contextlib
from typing import Any, Protocol

from pyVmomi import vim

from golden.errors import Conflict, ProofFailed, TimedOut
from golden.waiting import Deadline, Waiting
from golden_vsphere import content_items, devices, publishing, rights
from golden_vsphere.content_items import Item, Items, fingerprint
from golden_vsphere.faults import LostAnswer
from golden_vsphere.inventory import Places
from golden_vsphere.machines import Held
from golden_vsphere.making import COPYING
from golden_vsphere.observing import until_made
from golden_vsphere.placement import best_store, place_of_copy
from golden_vsphere.publishing import Note
from golden_vsphere.reading import props
from golden_vsphere.rest import Problem

QUIET = 10
"""Seconds without a task on the source and without an item after which an order whose answer was lost is given up."""
FOLDER = ("VirtualMachine.Inventory.CreateFromExisting", "VirtualMachine.Inventory.Delete")


class Making(Protocol):
    """How one kind of items is made and read again."""

    kind: str
    items: Items
    places: Places

    def make(self, source: Held, note: Note, about: str) -> Item:
        """The item, whole, with its note not finished yet. Problem ``already_exists`` where its name is taken."""

    def compared(self, item: Item, source: Held) -> str:
        """Its proof; ProofFailed where it is no whole copy of the source."""

    def proof(self, item: Item) -> str:
        """A hash over what vCenter tells of its content."""

    def rights(self) -> dict[str, Any]:
        """What this kind needs beside the library's own rights, as ``rights.missing`` takes it."""


class OvfItems:
    """Descriptor and disks as files of the library: can be copied to other vCenters."""

    kind = content_items.OVF

    def __init__(self, items: Items, places: Places) -> None:
        self.items = items
        self.places = places

    def make(self, source: Held, note: Note, about: str) -> Item:
        """By one capture, after what a killed golden may have ordered; its token makes a repetition harmless."""
        self.items.rest(source.seen.moid)
        spec = {"name": note.publication.name, "description": about}
        made = self.items.capture(source.seen.moid, {"library_id": self.items.id}, spec, publishing.uuid_of(note))
        return _there(self.items, made, note)

    def compared(self, item: Item, source: Held) -> str:
        """A descriptor, and a file that is not empty for each disk."""
        files = self.items.files(item)
        disks = [one for one in files if str(one["name"]).endswith(".vmdk") and int(one.get("size") or 0) > 0]
        wanted = len(devices.disks(source.hardware))
        if len(disks) != wanted or not any(str(one["name"]).endswith(".ovf") for one in files):
            names = ", ".join(str(one["name"]) for one in files) or "none"
            raise ProofFailed(f"{item.name} is no whole OVF of {wanted} disk(s)", details=f"its files: {names}")
        return fingerprint(item, files)

    def proof(self, item: Item) -> str:
        """Names, sizes and checksums of its files."""
        return fingerprint(item, self.items.files(item))

    def rights(self) -> dict[str, Any]:
        """To export the image."""
        folder = self.places.images() or self.places.machines
        return {f"{self.places.golden_path}/images": (folder, rights.EXPORT)}


class TemplateItems:
    """A template in the inventory that the library owns: quick to deploy, on this vCenter."""

    kind = content_items.TEMPLATE

    def __init__(self, items: Items, places: Places) -> None:
        """``places`` has the folder that the templates lie in."""
        self.items = items
        self.places = places

    def make(self, source: Held, note: Note, about: str) -> Item:
        """Asked for once; looked for where the answer was lost, and asked for again where nothing came of it."""
        place = place_of_copy(self.places, source.seen, source.hardware, note.publication.name)
        lies = {"datastore": place.store.moid}
        spec = {
            "name": note.publication.name,
            "description": about,
            "source_vm": source.seen.moid,
            "vm_home_storage": lies,
            "disk_storage": lies,
            "placement": {"folder": str(self.places.make_folder()._moId), **place.told()},
        }
        self._look_first(source, note)
        try:
            return _there(self.items, self.items.make_template(spec), note)
        except LostAnswer:
            return self._appeared(source, note) or _there(self.items, self.items.make_template(spec), note)

    def _look_first(self, source: Held, note: Note) -> None:
        """What a golden that was killed had ordered may come true only now; then its name is taken."""
        if self.items.rest(source.seen.moid) and self.items.named(note.publication.name) is not None:
            raise Problem("already_exists", f"{note.publication.name} was made meanwhile")

    def _appeared(self, source: Held, note: Note) -> Item | None:
        """
        The item whose answer was lost. The request has no traffic for as long as disks are copied, so it may have been
        cut off, or answered by a gateway, long before vCenter is done. None once nothing is at work and nothing came.
        """
        name, at_work = note.publication.name, True
        while at_work:
            self.items.rest(source.seen.moid)
            self._template_rests(name)
            waiting = Waiting(Deadline(QUIET), tick=0.5)
            with contextlib.suppress(TimedOut):
                return self._ours(waiting.until(f"{name} to appear", lambda: self.items.named(name)), note)
            at_work = self.items.rest(source.seen.moid)
        return None

    def _template_rests(self, name: str) -> None:
        """A template of that name that is half made in golden's folder is waited for."""
        folder = self.places.folder()
        native = None if folder is None else self.places.child(folder, name)
        if native is not None:
            until_made(self.places.line, native, name, Deadline(COPYING))

    def _ours(self, item: Item, note: Note) -> Item:
        met = publishing.read(item.description)
        if met is None or met.token != note.token:
            raise Conflict(f"{self.items.name} has an item {item.name} that another golden made meanwhile")
        return item

    def compared(self, item: Item, source: Held) -> str:
        """The disks of its template, as many and as large, and on nobody else's."""
        hardware = self._hardware(item)
        publishing.must_be_like(hardware, source, item.name)
        return devices.proof(hardware)

    def proof(self, item: Item) -> str:
        """What vCenter knows of its template's disks."""
        return devices.proof(self._hardware(item))

    def _hardware(self, item: Item) -> list[Any]:
        native = self.places.line.object(vim.VirtualMachine, self.items.template(item.id))
        return list(props(self.places.line, native, ("config.hardware.device",)).get("config.hardware.device", ()))

    def rights(self) -> dict[str, Any]:
        """To make the template."""
        store, folder = best_store(self.places), self.places.folder()
        wanted: dict[str, Any] = {f"datastore {store.name}": (store.native, rights.STORE)}
        if folder is None:
            wanted[f"{self.places.shown}/vm"] = (self.places.machines, (*FOLDER, rights.MAKE_FOLDER))
        else:
            wanted[self.places.golden_path] = (folder, FOLDER)
        return wanted


def _there(items: Items, moid: str, note: Note) -> Item:
    item = items.get(moid)
    if item is None:
        raise ProofFailed(f"vCenter says that {note.publication.name} is made, and it is not there")
    return item
