"""
A folder of templates as a place images are published to.

Each publication is a full copy of golden's image that becomes a template at the very end: what is no template yet was
cut off. Its note lies in its extraConfig, its names and whether it is current in tags.
"""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from golden.errors import Conflict, NotFound, ProofFailed
from golden.library import Library, LibraryAbilities
from golden.model import Form, Image, Publication
from golden.provider import Scope
from golden_vsphere import devices, publishing, tagging
from golden_vsphere.address import Address
from golden_vsphere.line import Line
from golden_vsphere.machines import Held
from golden_vsphere.publishing import Note
from golden_vsphere.rest import Rest, understood
from golden_vsphere.template_copy import Copying, options
from golden_vsphere.template_folder import Shown, TemplateFolder


class TemplateLibrary:
    """One folder of one vCenter."""

    def __init__(self, line: Line, address: Address, library: str, scope: Scope) -> None:
        """``address`` is the endpoint's with the library's folder; ``library`` its name in golden.toml."""
        self._library = library
        self._folder = TemplateFolder(line, address, scope)
        self._copying = Copying(self._folder)
        self._rest = Rest(line)
        self._tags = tagging.Tags(self._rest)

    @property
    def abilities(self) -> LibraryAbilities:
        """Images of this vCenter's; several of one reference beside each other."""
        return publishing.ABILITIES

    def find(self, key: str) -> Publication | None:
        """By its note."""
        return next((found for found in self.list() if found.key == key), None)

    def list(self) -> tuple[Publication, ...]:
        """By the notes in the folder and below; two round trips, and some for the tag of retired ones."""
        with understood(f"listing {self._folder.places.golden_path}"):
            notes = [
                (shown.held.seen.moid, shown.note) for shown in self._folder.all() if shown.finished and shown.note
            ]
            retired = self._tags.on(tagging.STATE, tagging.RETIRED) if notes else set()
        return tuple(replace(note.publication, library=self._library, retired=moid in retired) for moid, note in notes)

    def settle(self, key: str) -> Publication | None:
        """What vCenter is still making is waited for; what is then no template of golden's is taken away."""
        found = self.find(key)
        if found is not None:
            return found
        with understood("clearing what a cut-off publish left"):
            for shown in self._folder.all():
                if shown.held.uuid:
                    self._clear(shown, key)
                elif str(shown.held.seen.props.get("name", "")).endswith(publishing.short(key)):
                    self._folder.maker.wait_out(shown.held.native, shown.held.name)
                    now = self._folder.shown(shown.held.native)
                    if now is not None:
                        self._clear(now, key)
        return self.find(key)

    def _clear(self, shown: Shown, key: str) -> None:
        if shown.is_left_by(key):
            self._take_away(shown)

    def _take_away(self, shown: Shown) -> None:
        """
        A template, or what a cut-off publish left. Conflict for a machine that somebody made of a finished template:
        it may be at work, or be patched. Nothing here is ever switched off.
        """
        assert shown.note is not None
        if shown.was_whole and not (shown.is_as_made() and not self._was_published(shown)):
            raise Conflict(
                f"{shown.held.name} in {self._folder.places.golden_path} was a template of golden's, and somebody made "
                f"a machine of it, which golden does not touch",
                details=f"it is {'off' if shown.held.is_off else 'on'}",
                hint="Convert to Template in vSphere's client, or take it away there; then the same command again",
            )
        self._tags.strip(shown.tagged, shown.note.tags())
        self._folder.maker.take_away(shown.held, whole=shown.finished)

    def _was_published(self, shown: Shown) -> bool:
        """Whether it has the tag that comes after it became a template."""
        return any(shown.held.seen.moid in self._tags.on(tagging.STATE, state) for state in tagging.STATES)

    def _must_be_tagged(self, publication: Publication) -> None:
        """What a publish that was cut off after its last step but one left out; on it already is success."""
        shown = self._get(publication)
        if not publication.retired:
            with understood(f"tagging {publication.name}"):
                self._tags.put(shown.tagged, tagging.STATE, (tagging.CURRENT,))

    def publish(self, image: Image, form: Form, content: AbstractContextManager[BinaryIO], key: str) -> Publication:  # noqa: ARG002 - it is copied where it lies
        """A full copy, compared with its source, tagged, and only then a template."""
        publishing.must_take(image, form, self._folder.places.golden_path)
        if (found := self.settle(key)) is not None:
            self._must_be_tagged(found)
            return found
        with understood(f"publishing {image.reference}@i{image.number}"):
            source = publishing.source(self._folder.machines, image, form)
            note = Note(
                publishing.begun(image, form, self._library, key, self._folder.places.golden_path), secrets.token_hex(8)
            )
            native = self._copying.copied(source, note)
            made = self._finished(native, source, note, image)
        return replace(made.publication, library=self._library)

    def verify(self, publication: Publication) -> None:
        """What vCenter knows of its disks without reading them: changed by the first write to one."""
        shown = self._get(publication)
        note = shown.note
        if note is None or note.proof != devices.proof(shown.held.hardware):
            raise ProofFailed(
                f"{publication.name} in {self._folder.places.golden_path} is not what was published",
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
        """Absent is success. Conflict for a machine that somebody made of it."""
        with understood(f"withdrawing {publication.name}"):
            for shown in self._folder.all():
                if shown.note is not None and shown.note.publication.key == publication.key:
                    self._take_away(shown)

    def close(self) -> None:
        """Log out; again is harmless."""
        self._rest.close()
        self._folder.line.close()

    def _get(self, publication: Publication) -> Shown:
        with understood(f"looking for {publication.name}"):
            for shown in self._folder.all():
                if shown.finished and shown.note and shown.note.publication.key == publication.key:
                    return shown
        raise NotFound(f"{publication.name} is not in {self._folder.places.golden_path}", hint="golden publish")

    def _finished(self, native: Any, source: Held, note: Note, image: Image) -> Note:
        """Compared, written down, tagged, and a template at last. What does not stand the test is taken away."""
        shown = self._folder.shown(native)
        if shown is None:
            raise Conflict(f"{note.publication.name} was taken away while it was made")
        try:
            publishing.must_be_like(shown.held.hardware, source, note.publication.name)
        except ProofFailed:
            self._folder.maker.take_away(shown.held)
            raise
        done = note.but(whose=shown.held.uuid, proof=devices.proof(shown.held.hardware))
        self._folder.maker.change(
            native, note.publication.name, extraConfig=options(done), annotation=publishing.for_people(image)
        )
        self._tags.put(shown.tagged, tagging.NAMES, done.tags())
        self._folder.maker.mark_as_template(native, note.publication.name)
        # Last: a machine with it was a template once, and is not golden's to take away any more.
        self._tags.put(shown.tagged, tagging.STATE, (tagging.CURRENT,))
        if (warning := dict(publishing.WARNINGS).get(image.seal)) is not None:
            self._folder.watcher.doing(f"warning: {warning.sentence}")
        return done


if TYPE_CHECKING:

    def _fulfils(one: TemplateLibrary) -> Library:
        return one
