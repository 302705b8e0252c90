"""
A content library of vCenter's as a place images are published to: an OVF item or a template item for each image.

An item's description holds a sentence for people and golden's note; the note says the item's own id once it is
finished. Whether it is current lies in tags.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from golden.errors import Conflict, NotFound, ProofFailed
from golden.library import Followed, Follower, Library, LibraryAbilities
from golden.model import Form, Image, Publication
from golden.provider import Scope
from golden_vsphere import publishing, rights, tagging
from golden_vsphere.content_items import TEMPLATE, Item, Items
from golden_vsphere.current_item import CurrentItem
from golden_vsphere.intents import Intents
from golden_vsphere.inventory import Places
from golden_vsphere.item_kinds import Making, OvfItems, TemplateItems
from golden_vsphere.libraries import Place
from golden_vsphere.line import Line
from golden_vsphere.machines import Held, Machines
from golden_vsphere.publishing import MARK, Note
from golden_vsphere.rest import Problem, Rest, understood

RIGHTS = (*rights.LIBRARY, *rights.TAGS)


class ContentLibrary:
    """One content library, and one kind of items in it."""

    def __init__(self, line: Line, rest: Rest, making: Making, library: str, scope: Scope) -> None:
        """``library`` is its name in golden.toml."""
        self._line = line
        self._rest = rest
        self._making = making
        self._items = making.items
        self._library = library
        self._watcher = scope.watcher
        self._places = making.places
        self._machines = Machines(self._places, Intents(scope.state / "vsphere" / "libraries"))
        self._tags = tagging.Tags(rest)
        self.current: CurrentItem | None = None
        """Where the reference's newest image is also kept under the reference's name."""

    @property
    def abilities(self) -> LibraryAbilities:
        """Images of this vCenter's; several of one reference beside each other."""
        return publishing.ABILITIES

    def find(self, key: str) -> Publication | None:
        """By its note."""
        return next((found for found in self.list() if found.key == key), None)

    def _find_named(self, image: Image, key: str) -> Publication | None:
        """The same, by the name that it has then: two requests, and some for its tag."""
        with understood(f"looking for {image.reference}@i{image.number}"):
            item = self._items.named(publishing.name_of(image, key))
            for _, note in self._goldens([item] if item is not None else []):
                if item is not None and note.whose == item.id and note.publication.key == key:
                    retired = item.id in self._tags.on(tagging.STATE, tagging.RETIRED)
                    return replace(note.publication, library=self._library, retired=retired)
        return None

    def list(self) -> tuple[Publication, ...]:
        """By the notes; a request for each item, as vCenter has no other way."""
        with understood(f"listing the content library {self._items.name}"):
            found = [(item.id, note) for item, note in self._ours() if note.whose == item.id]
            retired = self._tags.on(tagging.STATE, tagging.RETIRED) if found else set()
        return tuple(replace(note.publication, library=self._library, retired=one in retired) for one, note in found)

    def settle(self, key: str) -> Publication | None:
        """An item whose note is not finished was cut off."""
        found = self.find(key)
        if found is None:
            with understood("clearing what a cut-off publish left"):
                self._clear(key)
        return found

    def _clear(self, key: str) -> None:
        for item, note in self._ours():
            if note.publication.key == key and note.whose != item.id:
                self._tags.strip(tagging.Tagged(tagging.ITEM, item.id), note.tags())
                self._items.delete(item.id)

    def publish(self, image: Image, form: Form, content: AbstractContextManager[BinaryIO], key: str) -> Publication:  # noqa: ARG002 - it is copied where it lies
        """The item, compared with its source and tagged; the note that finishes it comes last."""
        publishing.must_take(image, form, f"the content library {self._items.name}")
        if (found := self._find_named(image, key) or self.settle(key)) is not None:
            return found
        where = f"/{self._items.name}"
        with understood(f"publishing {image.reference}@i{image.number}"):
            source = publishing.source(self._machines, image, form)
            note = Note(publishing.begun(image, form, self._library, key, where), secrets.token_hex(8))
            self._check()
            item = self._made(source, note, publishing.for_people(image))
            try:
                proof = self._making.compared(item, source)
            except ProofFailed:
                self._items.delete(item.id)
                raise
            self._finish(item, note.but(whose=item.id, proof=proof), publishing.for_people(image), source)
        if (warning := dict(publishing.WARNINGS).get(image.seal)) is not None:
            self._watcher.doing(f"warning: {warning.sentence}")
        return replace(note.publication, library=self._library)

    def _check(self) -> None:
        """Refused that names every missing right: those of libraries and tags are global (facts 8)."""
        wanted = {"vCenter (global permissions)": (self._line.content.rootFolder, RIGHTS), **self._making.rights()}
        rights.must_hold(self._places, wanted, f"publishing to {self._items.name}")

    def _made(self, source: Held, note: Note, people: str) -> Item:
        """Made once; what is in the way and is golden's own, cut off, is cleared once."""
        about = described(people, note)
        try:
            return self._making.make(source, note, about)
        except Problem as problem:
            if problem.kind != "already_exists":
                self._clear(note.publication.key)
                raise
        except Exception:
            self._clear(note.publication.key)
            raise
        item = self._items.named(note.publication.name)
        theirs = None if item is None else note_of(item)
        if item is not None and (theirs is None or theirs.publication.key != note.publication.key):
            raise Conflict(f"{self._items.name} has an item {note.publication.name} already, and not golden's")
        self._clear(note.publication.key)
        return self._making.make(source, note, about)

    def _finish(self, item: Item, note: Note, people: str, source: Held) -> None:
        thing = tagging.Tagged(tagging.ITEM, item.id)
        self._tags.put(thing, tagging.NAMES, note.tags())
        self._tags.put(thing, tagging.STATE, (tagging.CURRENT,))
        if self.current is not None:
            self.current.become(source, note, people)
        self._items.describe(item.id, described(people, note))
        self._tell_followers(item)

    def verify(self, publication: Publication) -> None:
        """
        What vCenter tells of its content: checksums of an OVF item's files, the disks of a template. The watcher is
        told how far subscribed libraries of this vCenter are with it.
        """
        item, note = self._get(publication)
        with understood(f"reading {publication.name}"):
            met = self._making.proof(item)
        if met != note.proof:
            raise ProofFailed(
                f"{publication.name} in {self._items.name} is not what was published",
                details=f"its content is version {item.version} now",
            )
        with understood(f"looking who follows {self._items.name}"):
            self._tell_followers(item)

    def retire(self, publication: Publication) -> Publication:
        """By its tags; again is the same."""
        item, _ = self._get(publication)
        thing = tagging.Tagged(tagging.ITEM, item.id)
        with understood(f"retiring {publication.name}"):
            self._tags.put(thing, tagging.STATE, (tagging.RETIRED,))
            self._tags.take(thing, tagging.STATE, tagging.CURRENT)
        return replace(publication, retired=True)

    def withdraw(self, publication: Publication) -> None:
        """
        Absent is success. Conflict while a machine is checked out of it. Its own item goes last: while it is there the
        publication is found, and what was cut off is taken up again.
        """
        with understood(f"withdrawing {publication.name}"):
            mine = [one for one in self._ours(publication.name) if one[1].publication.key == publication.key]
            for item, _ in mine:
                self._none_out(item)
            if self.current is not None:
                self.current.leave(publication)
            for item, note in mine:
                self._tags.strip(tagging.Tagged(tagging.ITEM, item.id), note.tags())
                self._items.delete(item.id)

    def _none_out(self, item: Item) -> None:
        if item.kind != TEMPLATE:
            return
        out = self._items.checked_out(item)
        if out:
            raise Conflict(
                f"{item.name} is checked out", details=", ".join(out), hint="check it in or discard it in vSphere"
            )

    def _tell_followers(self, item: Item) -> None:
        for one in self._items.subscribed(item):
            asked = f", asked last at {one.synced}" if one.synced else ", never asked yet"
            self._watcher.doing(f"the subscribed library {one.name}: {item.name} is {one.state}{asked}")

    def followers_of(self, publication: Publication) -> Sequence[Follower]:
        """The subscribed libraries of this vCenter's."""
        with understood(f"looking who follows {self._items.name}"):
            item = self._items.named(publication.name)
            return [] if item is None else self._items.subscribed(item)

    def close(self) -> None:
        """Log out; again is harmless."""
        self._rest.close()
        self._line.close()

    def _get(self, publication: Publication) -> tuple[Item, Note]:
        with understood(f"looking for {publication.name}"):
            for item, note in self._ours(publication.name):
                if note.whose == item.id and note.publication.key == publication.key:
                    return item, note
        raise NotFound(f"{publication.name} is not in the content library {self._items.name}", hint="golden publish")

    def _ours(self, name: str = "") -> Iterator[tuple[Item, Note]]:
        """
        As ``_goldens``, of the whole library by a request for each item; of one name by two, unless it was renamed.
        """
        named = self._items.named(name) if name else None
        return self._goldens([named] if named is not None else self._items.all(self._making.kind))

    def _goldens(self, items: Sequence[Item]) -> Iterator[tuple[Item, Note]]:
        """Those of this kind that have golden's note; the one of the newest image is no publication of its own."""
        for item in items:
            note = note_of(item)
            if item.kind == self._making.kind and note is not None and not note.current:
                yield item, note


def described(people: str, note: Note) -> str:
    """A description: for people first, then for golden."""
    return f"{people}\n{MARK}{note.text()}"


def note_of(item: Item) -> Note | None:
    """The note in an item's description, unless it is the one of another item."""
    note = publishing.read(item.description) if MARK in item.description else None
    return note if note is not None and note.whose in ("", item.id) else None


def opened(place: Place, library: str, scope: Scope, kind: str, *, current: bool) -> ContentLibrary:
    """Connect. NotFound where there is no such content library, NotAble for a subscribed one or an ESXi host."""
    line = publishing.open_vcenter(place.address)
    rest = Rest(line)
    try:
        with understood(f"looking for the content library {place.path}"):
            items = Items(rest, place.path)
            folder = tuple(filter(None, place.options.get("folder", "").split("/")))
            if kind == "vmtx":
                beside = folder or (*place.address.folder, "library")
                places = Places(line, replace(place.address, folder=beside))
                return ContentLibrary(line, rest, TemplateItems(items, places), library, scope)
            places = Places(line, place.address)
            made = ContentLibrary(line, rest, OvfItems(items, places), library, scope)
            made.current = CurrentItem(items) if current else None
            return made
    except BaseException:
        rest.close()
        line.close()
        raise


if TYPE_CHECKING:

    def _fulfils(one: ContentLibrary) -> Library:
        return one

    def _is_followed(one: ContentLibrary) -> Followed:
        return one
