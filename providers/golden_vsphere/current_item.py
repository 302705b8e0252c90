"""
One OVF item by the reference's own name that always holds its newest image, for those who deploy by name and for
subscribed libraries. It is updated as a new version of itself, and only after the image's own item stood its test.
"""

from __future__ import annotations

import uuid

from golden.errors import Conflict, ProofFailed
from golden.model import Publication
from golden_vsphere import content_items, publishing
from golden_vsphere.content_items import Item, Items
from golden_vsphere.machines import Held
from golden_vsphere.publishing import MARK, Note


class CurrentItem:
    """The current items of one content library."""

    def __init__(self, items: Items) -> None:
        self._items = items

    def become(self, source: Held, note: Note, people: str) -> None:
        """
        The reference's item gets the content of a publication, unless a newer one is in it already.

        Conflict where an item of that name is not golden's. The update replaces content and version only (facts 8),
        so the description is written afterwards.
        """
        name = note.publication.reference
        item = self._items.named(name)
        held = None if item is None else self._note(item)
        if held is not None and held.publication.image > note.publication.image:
            return
        target = {"library_id": self._items.id} if item is None else {"library_item_id": item.id}
        about = {"name": name, "description": _about(people, note.but(whose="", current=True))}
        made = self._items.capture(source.seen.moid, target, about, str(uuid.uuid4()))
        now = self._items.get(made)
        if now is None or not self._items.files(now) or (item is not None and now.version == item.version):
            raise ProofFailed(f"vCenter says that {name} has new content, and it has not")
        self._items.describe(made, _about(people, note.but(whose=made, current=True)))

    def leave(self, publication: Publication) -> None:
        """Where the item holds this publication it goes with it."""
        item = self._items.named(publication.reference)
        if item is not None and MARK in item.description and self._note(item).publication.key == publication.key:
            self._items.delete(item.id)

    def _note(self, item: Item) -> Note:
        note = publishing.read(item.description) if MARK in item.description else None
        if note is None or not note.current or item.kind != content_items.OVF:
            raise Conflict(
                f"{self._items.name} has an item {item.name} already, and not golden's",
                hint="rename it, or leave current = yes out of golden.toml",
            )
        return note


def _about(people: str, note: Note) -> str:
    return f"Always the newest image. {people}\n{MARK}{note.text()}"
