"""
Deployment services as places images are published to: a WIM in WDS, MDT or Configuration Manager.

A record of golden's on the host is made first and says what is about to be made; it is finished when the record says so
and the service has the image. What is there without, or with a record that is not finished, was cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import BinaryIO

from golden.errors import Conflict, GoldenError, NotAble, NotFound, TimedOut, Unreachable
from golden.library import Library, LibraryAbilities
from golden.model import Form, Image, Publication
from golden.provider import Scope
from golden.waiting import Deadline
from golden_hyperv import deployment_note
from golden_hyperv.bringing import bring, on_the_host
from golden_hyperv.deployment_note import READY, Contents, Note
from golden_hyperv.deployment_places import Place
from golden_hyperv.deployment_records import Records
from golden_hyperv.deployment_services import NEEDS, Service, service
from golden_hyperv.disks import COPYING
from golden_hyperv.faults import NO_COMMAND, LostAnswer, translated, words_of
from golden_hyperv.images import path_of
from golden_hyperv.line import Line, insisted
from golden_hyperv.remoting import Command, RemoteError

NO_MODULE = "Modules_ModuleNotFound"


def opened(place: Place, scope: Scope) -> Library:
    """Log in to the host and look for the place."""
    line = Line(place.address, scope.job, scope.watcher)
    try:
        library = DeploymentLibrary(service(line, place), line, place, scope)
        library.check()
    except BaseException:
        line.close()
        raise
    return library


class DeploymentLibrary:
    """One place of one service."""

    def __init__(self, there: Service, line: Line, place: Place, scope: Scope) -> None:
        """For one connection."""
        self._service, self._line, self._place, self._watcher = there, line, place, scope.watcher
        self._records = Records(line, place, scope.watcher)

    def check(self) -> None:
        """NotFound, or NotAble where the host has no such service."""
        with self._understood(f"opening {self._place.shown}"):
            self._service.check()

    @property
    def abilities(self) -> LibraryAbilities:
        """WIMs of Windows; several images of a reference beside each other."""
        return deployment_note.ABILITIES

    def find(self, key: str) -> Publication | None:
        """By its record, where the service has the image."""
        return next((found for found in self.list() if found.key == key), None)

    def list(self) -> tuple[Publication, ...]:
        """By the records on the host; two round trips."""
        with self._understood(f"listing {self._place.shown}"):
            notes = [note for note in self._records.all() if note.state == READY]
            there = self._service.there([note.publication.name for note in notes])
        return tuple(note.publication for number, note in enumerate(notes) if number in there)

    def settle(self, key: str) -> Publication | None:
        """What the service still takes in is waited for; what is then not finished is taken away."""
        with self._understood("clearing what a cut-off publish left"):
            note = self._records.get(key)
            if note is None:
                return None
            self._records.rest(note)
            if note.state != READY or not self._service.there([note.publication.name]):
                self._clear(note)
                return None
        self._tidy(note)
        return note.publication

    def publish(self, image: Image, form: Form, content: AbstractContextManager[BinaryIO], key: str) -> Publication:
        """Bring the WIM to the host, see that it is the right one, have the service take it in, and read it back."""
        deployment_note.must_take(image, form, self._place.shown)
        if (found := self.settle(key)) is not None:
            return found
        wish = f"publishing {image.reference}@i{image.number}"
        with self._understood(wish):
            source = self._source(image, form)
        note = self._begin(image, form, key, source, wish)
        try:
            with self._understood(wish):
                made = self._make(note, image) if source else self._bring(note, form, content)
                (told,) = self._line.run("wim_facts", Path=note.staged)
                met = Contents.told(told)
                met.must_be(image.proof.facts, note.publication.name)
                self._watcher.doing(f"{self._place.shown} takes {note.publication.name} in")
                self._add(note, deployment_note.description(image))
                done = note.but(contents=(met.architecture, met.edition, met.version), sha256=made)
                self._service.verify(done)
                self._records.rewrite(done.but(state=READY))
        except (Unreachable, TimedOut):
            raise  # The host may go on with it: the record stays, and settling looks.
        except GoldenError as error:
            self._clear_quietly(note, error)
            raise
        self._tidy(note)
        if (warning := dict(self.abilities.warnings).get(image.seal)) is not None:
            self._watcher.doing(f"warning: {warning.sentence}")
        return note.publication

    def verify(self, publication: Publication) -> None:
        """Out of the service again."""
        with self._understood(f"reading {publication.name} back"):
            self._service.verify(self._get(publication))

    def retire(self, publication: Publication) -> Publication:
        """It stays, and is not offered any more."""
        with self._understood(f"retiring {publication.name}"):
            note = self._get(publication)
            self._service.retire(publication.name)
            retired = replace(publication, retired=True)
            self._records.rewrite(note.but(publication=retired))
        return retired

    def withdraw(self, publication: Publication) -> None:
        """The image, then its record; absent is success."""
        with self._understood(f"withdrawing {publication.name}"):
            note = self._records.get(publication.key)
            if note is not None:
                self._records.rest(note)
                self._clear(note)

    def close(self) -> None:
        """Let go of the host; again is harmless."""
        self._line.close()

    def _get(self, publication: Publication) -> Note:
        note = self._records.get(publication.key)
        if note is None or note.state != READY or not self._service.there([publication.name]):
            raise NotFound(f"{publication.name} is not in {self._place.shown}", hint="golden publish")
        return note

    def _begin(self, image: Image, form: Form, key: str, source: str, wish: str) -> Note:
        note = self._records.drawn_up(image, form, key, source, self._service)
        name = note.publication.name
        with self._understood(wish):
            if self._service.there([name]):
                raise Conflict(
                    f"{self._place.shown} has an image {name} already, and it is not this publication",
                    hint=f"take it away there; golden has no record of it on {self._place.address.shown}",
                )
            self._records.claim(note)
        return note

    # -- the way in

    def _source(self, image: Image, form: Form) -> str:
        """The path of an image's disk that a WIM is made of here; empty for a form that is a WIM."""
        if form.format == deployment_note.FORM or not path_of(form):
            return ""
        on_the_host(self._line, self._place.library, image, form)
        return path_of(form)

    def _make(self, note: Note, image: Image) -> str:
        """A WIM of an image that lies here; the WIM's hash. Made anew where the answer was lost."""
        self._watcher.doing(f"{self._place.address.shown} makes a WIM of {note.source}")

        def made() -> bool:
            self._records.rest(note)
            self._line.run("clear_away", Path=[note.staged])
            self._unmake(note)
            told = self._line.run_once(
                "wim_make",
                Source=note.source,
                Path=note.staged,
                Folder=self._records.mounted(note),
                Name=note.publication.name,
                Description=deployment_note.description(image),
                Lock=self._records.lock(note),
                deadline=Deadline(COPYING),
            )
            return bool(told and told[-1])

        if not insisted(made):
            raise NotFound(f"there is no Windows on the disk of {note.publication.name}", details=note.source)
        hashing = Command("Get-FileHash", {"LiteralPath": note.staged, "Algorithm": "SHA256"})
        (told,) = self._line.ask(hashing, deadline=Deadline(COPYING))
        return str(told["Hash"]).lower()

    def _unmake(self, note: Note) -> None:
        if note.source:
            self._line.run("wim_unmake", Source=note.source, Folder=self._records.mounted(note))

    def _bring(self, note: Note, form: Form, content: AbstractContextManager[BinaryIO]) -> str:
        """Send the WIM; its hash. ProofFailed where it is not the recorded one."""
        bring(self._line, self._watcher, form, content, note.staged)
        return form.sha256

    def _add(self, note: Note, description: str) -> None:
        """Looked for where the answer was lost: what it began may go on and end well."""
        try:
            self._service.add(note, description, self._records.lock(note))
        except LostAnswer:
            self._records.rest(note)
            if self._service.there([note.publication.name]):
                return
            self._service.add(note, description, self._records.lock(note))

    def _clear(self, note: Note) -> None:
        """The image, what golden brought, and the record last."""
        self._unmake(note)
        self._service.remove(note.publication.name)
        self._records.forget(note)

    def _clear_quietly(self, note: Note, error: GoldenError) -> None:
        """
        Clearing up never takes an error's place; what is left stands in its record, and settling looks. What the record
        calls ready is finished, whatever went wrong after that was written.
        """
        try:
            with self._understood("taking away what was begun"):
                met = self._records.get(note.publication.key)
                if met is None or met.state != READY:
                    self._clear(note)
        except GoldenError as other:
            error.add_note(f"what was begun is still there: {other.brief}")

    def _tidy(self, note: Note) -> None:
        """What was brought is not needed any more. Where it does not go the publication is finished all the same."""
        try:
            with self._understood(f"taking away what was brought for {note.publication.name}"):
                self._records.drop_staged(note)
        except GoldenError as error:
            self._watcher.doing(f"warning: {error.brief}; golden publish tries it again")

    @contextmanager
    def _understood(self, wanted: str) -> Iterator[None]:
        with translated(wanted):
            try:
                yield
            except RemoteError as error:
                if not error.is_a(NO_COMMAND, NO_MODULE):
                    raise
                needs, hint = NEEDS[self._place.kind]
                raise NotAble(
                    f"{self._place.address.shown} lacks {needs}, which library {self._place.library} needs",
                    details=words_of(error),
                    hint=hint,
                ) from error
