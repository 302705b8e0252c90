"""The two kinds of items: an OVF of a template, and a template that the library owns."""

from __future__ import annotations

from typing import Any, Protocol

from pyVmomi import vim

from golden.errors import ProofFailed, TimedOut
from golden.waiting import Deadline, Waiting
from golden_vsphere import content_items, devices, publishing, rights, room
from golden_vsphere.content_items import Item, Items, fingerprint
from golden_vsphere.faults import LostAnswer
from golden_vsphere.inventory import Places
from golden_vsphere.machines import Held
from golden_vsphere.making import APPEARING
from golden_vsphere.publishing import Note
from golden_vsphere.reading import props

EXPORT = ("VApp.Export",)
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
        """By one capture; its token makes a repetition after a lost answer harmless."""
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
        return {f"{self.places.golden_path}/images": (folder, EXPORT)}


class TemplateItems:
    """A template in the inventory that the library owns: quick to deploy, on this vCenter."""

    kind = content_items.TEMPLATE

    def __init__(self, items: Items, places: Places) -> None:
        """``places`` has the folder that the templates lie in."""
        self.items = items
        self.places = places

    def make(self, source: Held, note: Note, about: str) -> Item:
        """Asked for once; looked for where the answer was lost, and asked for again where nothing came of it."""
        store = room.chosen(self.places)
        store.must_hold(sum(map(devices.capacity, devices.disks(source.hardware))), note.publication.name)
        named = "resource_pool" in self.places.address.options
        pool = room.pool(self.places, None) if named else publishing.pool_at(self.places, store.native)
        lies = {"datastore": str(store.native._moId)}
        spec = {
            "name": note.publication.name,
            "description": about,
            "source_vm": source.seen.moid,
            "vm_home_storage": lies,
            "disk_storage": lies,
            "placement": {"folder": str(self.places.make_folder()._moId), "resource_pool": str(pool._moId)},
        }
        try:
            return _there(self.items, self.items.make_template(spec), note)
        except LostAnswer:
            return self._appeared(note) or _there(self.items, self.items.make_template(spec), note)

    def _appeared(self, note: Note) -> Item | None:
        name = note.publication.name
        try:
            item = Waiting(Deadline(APPEARING), tick=0.5).until(f"{name} to appear", lambda: self.items.named(name))
        except TimedOut:
            return None
        met = publishing.read(item.description)
        return item if met is not None and met.token == note.token else None

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
        store, folder = room.chosen(self.places), self.places.folder()
        wanted: dict[str, Any] = {f"datastore {store.name}": (store.native, rights.STORE)}
        if folder is None:
            wanted[f"/{self.places.name}/vm"] = (self.places.machines, (*FOLDER, rights.MAKE_FOLDER))
        else:
            wanted[self.places.golden_path] = (folder, FOLDER)
        return wanted


def _there(items: Items, moid: str, note: Note) -> Item:
    item = items.get(moid)
    if item is None:
        raise ProofFailed(f"vCenter says that {note.publication.name} is made, and it is not there")
    return item
