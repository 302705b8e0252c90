"""
Deployment services as places images are published to: a WIM in WDS, MDT or Configuration Manager.

A record of golden's on the host is made first and says what is about to be made; it is finished when the record says so
and the service has the image. What is there without, or with a record that is not finished, was cut off.
"""

from __future__ import annotations

import hashlib
import ntpath
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, cast

from golden.errors import Conflict, GoldenError, NotAble, NotFound, ProofFailed, TimedOut, Unreachable
from golden.library import Library, LibraryAbilities
from golden.model import Form, Image, Publication
from golden.provider import Scope
from golden.waiting import Deadline, Waiting
from golden_hyperv import deployment_note, marking
from golden_hyperv.deployment_note import READY, Contents, Note
from golden_hyperv.deployment_places import Place
from golden_hyperv.deployment_services import NEEDS, Service, service
from golden_hyperv.deployment_shares import FOLDER
from golden_hyperv.disks import COPYING
from golden_hyperv.faults import NO_COMMAND, LostAnswer, translated, words_of
from golden_hyperv.images import path_of
from golden_hyperv.line import Line, insisted
from golden_hyperv.marking import State
from golden_hyperv.places import checked
from golden_hyperv.remoting import Command, RemoteError
from golden_hyperv.scvmm_note import name_of, short

TICK, RAREST = 0.2, 5.0
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
        self._folder = ntpath.join(place.address.folder, FOLDER)

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
            notes = [note for note in self._notes() if note.state == READY]
            there = self._service.there([note.publication.name for note in notes])
        return tuple(note.publication for number, note in enumerate(notes) if number in there)

    def settle(self, key: str) -> Publication | None:
        """What the service still takes in is waited for; what is then not finished is taken away."""
        with self._understood("clearing what a cut-off publish left"):
            note = self._note(key)
            if note is None:
                return None
            self._rest(note)
            if note.state == READY and self._service.there([note.publication.name]):
                self._drop_staged(note)
                return note.publication
            self._clear(note)
        return None

    def publish(self, image: Image, form: Form, content: AbstractContextManager[BinaryIO], key: str) -> Publication:
        """Bring the WIM to the host, see that it is the right one, have the service take it in, and read it back."""
        deployment_note.must_take(image, form, self._place.shown)
        if (found := self.settle(key)) is not None:
            return found
        wish = f"publishing {image.reference}@i{image.number}"
        with self._understood(wish):
            source = on_the_host(self._line, self._place, image, form)
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
                self._rewrite(done.but(state=READY))
                self._drop_staged(done)
        except (Unreachable, TimedOut):
            raise  # The host may go on with it: the record stays, and settling looks.
        except GoldenError as error:
            self._clear_quietly(note, error)
            raise
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
            self._rewrite(note.but(publication=retired))
        return retired

    def withdraw(self, publication: Publication) -> None:
        """The image, then its record; absent is success."""
        with self._understood(f"withdrawing {publication.name}"):
            note = self._note(publication.key)
            if note is not None:
                self._rest(note)
                self._clear(note)

    def close(self) -> None:
        """Let go of the host; again is harmless."""
        self._line.close()

    # -- records

    def _path(self, key: str, tail: str) -> str:
        return ntpath.join(self._folder, f"{self._place.kind}-{short(key)}{tail}")

    def _notes(self) -> Iterator[Note]:
        for found in self._line.run("scvmm_intents", Folder=self._folder):
            if (note := deployment_note.read(str(found["Text"]), self._place)) is not None:
                yield note

    def _note(self, key: str) -> Note | None:
        return next((note for note in self._notes() if note.publication.key == key), None)

    def _get(self, publication: Publication) -> Note:
        note = self._note(publication.key)
        if note is None or note.state != READY or not self._service.there([publication.name]):
            raise NotFound(f"{publication.name} is not in {self._place.shown}", hint="golden publish")
        return note

    def _begin(self, image: Image, form: Form, key: str, source: str, wish: str) -> Note:
        name = name_of(image, key)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        publication = Publication(
            image.reference, image.number, self._place.library, name, form.format, key, self._service.where(name),
            form.sha256, form.size, created,
        )  # fmt: skip
        token = secrets.token_hex(8)
        note = Note(publication, self._place.kind, self._place.name, token, self._service.staging(name), source)
        with self._understood(wish):
            if self._service.there([name]):
                raise Conflict(
                    f"{self._place.shown} has an image {name} already, and it is not this publication",
                    hint=f"take it away there; golden has no record of it on {self._place.address.shown}",
                )
            made = self._line.run("claim", Path=self._path(key, ".golden.json"), Text=note.text(), Token=token)
        if not made[-1]:
            raise Conflict(f"another publish of {name} has begun", hint="golden jobs; golden resume")
        return note

    def _rewrite(self, note: Note) -> None:
        path = self._path(note.publication.key, ".golden.json")
        self._line.run("rewrite", Path=path, Text=note.text(), Token=secrets.token_hex(4))

    # -- the way in

    def _make(self, note: Note, image: Image) -> str:
        """A WIM of an image that lies here; the WIM's hash. Made anew where the answer was lost."""
        self._watcher.doing(f"{self._place.address.shown} makes a WIM of {note.source}")

        def made() -> bool:
            self._rest(note)
            self._line.run("clear_away", Path=[note.staged])
            self._unmake(note)
            told = self._line.run_once(
                "wim_make",
                Source=note.source,
                Path=note.staged,
                Folder=self._path(note.publication.key, ".mounted"),
                Name=note.publication.name,
                Description=deployment_note.description(image),
                Lock=self._path(note.publication.key, ".lock"),
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
            self._line.run("wim_unmake", Source=note.source, Folder=self._path(note.publication.key, ".mounted"))

    def _bring(self, note: Note, form: Form, content: AbstractContextManager[BinaryIO]) -> str:
        """Send the WIM; its hash. ProofFailed where it is not the recorded one."""
        with content as stream:
            counted = Counted(stream)
            self._watcher.doing(f"sending the image to {self._place.address.shown}")
            sending = cast("BinaryIO", counted)
            self._line.once(lambda session: session.put(sending, note.staged, deadline=Deadline(COPYING)))
        met = (counted.size, counted.hash.hexdigest())
        if met != (form.size, form.sha256):
            raise ProofFailed(
                "the image's file is not what was recorded",
                details=f"recorded {form.size} bytes, sha256 {form.sha256}; read {met[0]} bytes, sha256 {met[1]}",
                hint="golden verify",
            )
        return form.sha256

    def _add(self, note: Note, description: str) -> None:
        """Looked for where the answer was lost: what it began may go on and end well."""
        try:
            self._service.add(note, description, self._path(note.publication.key, ".lock"))
        except LostAnswer:
            self._rest(note)
            if self._service.there([note.publication.name]):
                return
            self._service.add(note, description, self._path(note.publication.key, ".lock"))

    def _rest(self, note: Note) -> None:
        lock = self._path(note.publication.key, ".lock")

        def over() -> bool:
            return bool(self._line.run("scvmm_at_rest", Lock=lock)[-1])

        waiting = Waiting(Deadline(COPYING), TICK, self._watcher, RAREST)
        waiting.until(f"{self._place.shown} to end what it does with {note.publication.name}", over)

    def _drop_staged(self, note: Note) -> None:
        self._line.run(
            "scvmm_forget",
            Record=self._path(note.publication.key, ".none"),
            Lock=self._path(note.publication.key, ".lock"),
            Staged=note.staged if note.staged.startswith(self._folder) else "",
        )

    def _clear(self, note: Note) -> None:
        """The image, what golden brought, and the record last."""
        self._unmake(note)
        self._service.remove(note.publication.name)
        key = note.publication.key
        lock, record = self._path(key, ".lock"), self._path(key, ".golden.json")
        self._line.run("scvmm_forget", Record=record, Lock=lock, Staged=note.staged)

    def _clear_quietly(self, note: Note, error: GoldenError) -> None:
        """Clearing up never takes an error's place; what is left stands in its record, and settling looks."""
        try:
            with self._understood("taking away what was begun"):
                self._clear(note)
        except GoldenError as other:
            error.add_note(f"what was begun is still there: {other.brief}")

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


def on_the_host(line: Line, place: Place, image: Image, form: Form) -> str:
    """
    The path of an image's disk that a WIM is made of here; empty for a form that is a WIM. NotFound where this host has
    not the image, ProofFailed where it is not as it was captured.
    """
    path = path_of(form)
    if form.format == deployment_note.FORM or not path:
        return ""
    name = f"{image.reference}@i{image.number}"
    for found in line.run("records", Folder=place.address.folder, Name=checked(image.artifact.name)):
        record = marking.parsed(str(found["Text"]))
        if record is None or (record.kind, record.token) != (marking.IMAGE, image.artifact.id):
            continue
        told = (record.state, record.disks[:1], record.size, record.sha256)
        if told != (State.READY, (path,), form.size, form.sha256):
            raise ProofFailed(
                f"{name} is not what was captured",
                details=f"recorded {form.size} bytes, sha256 {form.sha256}, at {path}; the host says {record.size} "
                f"bytes, sha256 {record.sha256}, at {', '.join(record.disks)} ({record.state})",
            )
        return path
    raise NotFound(
        f"{name} is not on {place.address.shown}",
        details=f"no image of golden's there has the id {image.artifact.id}",
        hint=f"endpoint = the host it was captured on, in [libraries.{place.library}]; golden doctor",
    )


class Counted:
    """A stream that counts and hashes what is read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        """``stream`` is read once."""
        self._stream = stream
        self.size = 0
        self.hash = hashlib.sha256()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Of the stream."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Of the stream."""
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        """A piece."""
        data = self._stream.read(size)
        self.size += len(data)
        self.hash.update(data)
        return data


if TYPE_CHECKING:

    def _fulfils(one: DeploymentLibrary) -> Library:
        return one
