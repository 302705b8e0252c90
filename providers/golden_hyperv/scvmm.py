"""
A library share of System Center Virtual Machine Manager as a place images are published to.

A publication is a disk in the library and a template made from it. The disk's description ends with golden's note; one
that names the disk itself and its template is finished, all else was cut off. What is retired is disabled.
"""

from __future__ import annotations

import ntpath
import secrets
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from golden.errors import GoldenError, NotFound, ProofFailed, TimedOut, Unreachable
from golden.library import Library, LibraryAbilities
from golden.model import Finding, Form, Image, Publication, Severity
from golden.provider import Scope
from golden_hyperv import scvmm_note
from golden_hyperv.libraries import Place
from golden_hyperv.line import Line, insisted
from golden_hyperv.scvmm_faults import understood
from golden_hyperv.scvmm_note import Note
from golden_hyperv.scvmm_plan import Plan, plan
from golden_hyperv.scvmm_sending import Intent, Sending, Source
from golden_hyperv.scvmm_server import LISTED, Vmm
from golden_hyperv.scvmm_shelf import MISSING, Disk, Seen, Shelf


def opened(place: Place, scope: Scope) -> Library:
    """Log in to the host, connect to VMM, find the share."""
    line = Line(place.address, scope.job, scope.watcher)
    try:
        return ScvmmLibrary(Vmm(line, place), scope)
    except BaseException:
        line.close()
        raise


def shares_of(place: Place, scope: Scope) -> tuple[Finding, ...]:
    """The library shares that VMM shows golden's account, and an error where the library's is none of them."""
    line = Line(place.address, scope.job, scope.watcher)
    try:
        vmm = Vmm(line, place)
        there = vmm.shares()
        sentence = f"library {place.library}: VMM {place.server} has "
        if not there:
            return (Finding("scvmm-shares", Severity.ERROR, f"{sentence}no library share that it shows this account"),)
        names = ", ".join(one.path for one in there[:LISTED]) + (" …" if len(there) > LISTED else "")
        found = Finding("scvmm-shares", Severity.INFO, f"{sentence}the library shares {names}")
        try:
            vmm.share()
        except GoldenError as error:
            brief = error.brief if place.share else f"library {place.library}: its URL names no library share"
            return found, Finding("scvmm-share", Severity.ERROR, brief, error.details or "", error.hint or "")
        return (found,)
    finally:
        line.close()


class ScvmmLibrary:
    """One library share, or a folder in it."""

    def __init__(self, vmm: Vmm, scope: Scope) -> None:
        """NotFound where the server has no such share."""
        self._vmm = vmm
        self._place = vmm.place
        self._watcher = scope.watcher
        self._shelf = Shelf(vmm, vmm.share(), scope.watcher)
        self._sending = Sending(self._shelf, scope.watcher)

    @property
    def abilities(self) -> LibraryAbilities:
        """VHDX, from the host or through golden; several images of a reference beside each other."""
        return scvmm_note.ABILITIES

    def find(self, key: str) -> Publication | None:
        """By its note."""
        return next((found for found in self.list() if found.key == key), None)

    def list(self) -> tuple[Publication, ...]:
        """By the notes of the disks in the share; one round trip."""
        with understood(self._place, f"listing {self._place.shown}"):
            seen = self._shelf.seen()
        return tuple(self._shown(disk, note) for disk, note in seen.finished())

    def settle(self, key: str) -> Publication | None:
        """What VMM still copies is waited for; what is then not finished is taken away."""
        with understood(self._place, "clearing what a cut-off publish left"):
            seen, intent = self._shelf.seen(), self._sending.intent(key)
            found = next(
                (self._shown(disk, note) for disk, note in seen.finished() if note.publication.key == key), None
            )
            if found is None:
                if intent is not None:
                    self._sending.clear(intent)
                self._sweep(key)
                return None
        if intent is not None:
            self._tidy(intent, found.name)
        return found

    def _tidy(self, intent: Intent, name: str) -> None:
        """What was brought is not needed any more. Where it does not go the publication is finished all the same."""
        try:
            with understood(self._place, f"taking away what was brought for {name}"):
                self._sending.forget(intent)
        except GoldenError as error:
            self._watcher.doing(f"warning: {error.brief}; golden publish tries it again")

    def _sweep(self, key: str) -> None:
        """Half-made things with a note of that key, and finished ones whose template somebody took away."""
        disks, templates = self._shelf.seen().of_key(key)
        self._shelf.remove([one.id for one in disks], [one.id for one in templates])

    def publish(self, image: Image, form: Form, content: AbstractContextManager[BinaryIO], key: str) -> Publication:
        """VMM copies it, it is read back and compared, described, made a template of, and only then finished."""
        scvmm_note.must_take(image, form, self._place.shown)
        if (found := self.settle(key)) is not None:
            return found
        wish = f"publishing {image.reference}@i{image.number}"
        with understood(self._place, wish):
            source = self._sending.source(image, form, key)
            wanted = plan(self._vmm, image, source.hardware)
            where = self._shelf.path(ntpath.basename(source.path))
            note = Note(scvmm_note.begun(image, form, self._place.library, key, where), secrets.token_hex(8))
            intent = self._sending.begin(note, source)
        try:
            with understood(self._place, wish):
                self._sending.bring(source, form, content)
                done = self._made(image, form, source, wanted, note, intent)
        except (Unreachable, TimedOut):
            raise  # VMM may go on with it: the intent stays, and settling looks.
        except GoldenError as error:
            self._clear_quietly(intent, error)
            raise
        self._tidy(intent, done.publication.name)
        self._warn(image, wanted)
        return self._shown_as(done, retired=False)

    def _clear_quietly(self, intent: Intent, error: GoldenError) -> None:
        """Clearing up never takes an error's place; what is left stands in its intent, and settling looks."""
        try:
            with understood(self._place, "taking away what was begun"):
                self._sending.clear(self._sending.intent(intent.key) or intent)
        except GoldenError as other:
            error.add_note(f"what was begun is still there: {other.brief}")

    def _made(self, image: Image, form: Form, source: Source, wanted: Plan, note: Note, intent: Intent) -> Note:
        """The disk, proved; the template; and last the note that says so."""
        key, disk = note.publication.key, self._sending.send(source, intent, form)
        if not self._shelf.compare(disk, form.sha256, form.size, note.publication.name):
            self._watcher.doing("warning: it was not read back; golden verify compares size and time as VMM tells them")
        told: dict[str, Any] = {
            "Family": image.reference,
            "Release": scvmm_note.release(image, key),
            "Tag": scvmm_note.labels(image, key),
            "System": wanted.system,
        }
        self._shelf.describe(disk.id, {**told, "Description": scvmm_note.description(image, note)})
        template = self._template(disk, image, note, wanted) if wanted.template else ""
        known = self._shelf.at(disk.path) or disk
        there = replace(note.publication, where=known.path)
        done = note.but(publication=there, disk=disk.id, template=template, proof=known.proof)
        self._shelf.describe(disk.id, {**told, "Description": scvmm_note.description(image, done)})
        return done

    def _template(self, disk: Disk, image: Image, note: Note, wanted: Plan) -> str:
        """Its id. Looked for where the answer was lost."""
        described = note.but(disk=disk.id)

        def made() -> str:
            there = self._shelf.seen(disk.path).template_of(note.token)
            if there is not None:
                return there.id
            self._watcher.doing(f"VMM makes the template {note.publication.name}")
            (told,) = self._vmm.run_once(
                "scvmm_template",
                Disk=disk.id,
                Name=note.publication.name,
                Description=scvmm_note.description(image, described),
                Tag=" ".join(scvmm_note.labels(image, note.publication.key)),
                **wanted.parameters(),
            )
            return str(told["Id"])

        return insisted(made)

    def verify(self, publication: Publication) -> None:
        """Its bytes, read back through the share; where the share does not open, size and time as VMM has them."""
        with understood(self._place, f"reading {publication.name} back"):
            disk, note = self._get(publication)
            if disk.state == MISSING:
                raise ProofFailed(f"the file of {publication.name} is gone from {self._place.shown}", details=disk.path)
            if self._shelf.compare(disk, publication.sha256, publication.size, publication.name):
                return
            self._shelf.refresh()
            disk, note = self._get(publication)
        if disk.state == MISSING or disk.proof != note.proof:
            raise ProofFailed(
                f"{publication.name} in {self._place.shown} is not what was published",
                details=f"VMM told size and time {note.proof} when it was published, and {disk.proof} now",
            )

    def retire(self, publication: Publication) -> Publication:
        """Template and disk are disabled: nobody can deploy them any more, and they stay. Again is the same."""
        with understood(self._place, f"retiring {publication.name}"):
            disk, note = self._get(publication)
            self._shelf.enable(disk.id, note.template, enabled=False)
        return replace(publication, retired=True)

    def withdraw(self, publication: Publication) -> None:
        """The template, then the disk with its file; absent is success. Conflict where others in VMM use the disk."""
        with understood(self._place, f"withdrawing {publication.name}"):
            self._sweep(publication.key)

    def users_of(self, publication: Publication) -> tuple[str, ...]:
        """Templates and machines of others with its disk in them."""
        with understood(self._place, f"asking who uses {publication.name}"):
            disks, templates = self._shelf.seen().of_key(publication.key)
            return self._shelf.standing([one.id for one in disks], [one.id for one in templates])

    def close(self) -> None:
        """Let go of the host; again is harmless."""
        self._vmm.line.close()

    def _get(self, publication: Publication) -> tuple[Disk, Note]:
        seen: Seen = self._shelf.seen()
        for disk, note in seen.finished():
            if note.publication.key == publication.key:
                return disk, note
        raise NotFound(f"{publication.name} is not in {self._place.shown}", hint="golden publish")

    def _shown(self, disk: Disk, note: Note) -> Publication:
        return self._shown_as(note, retired=not disk.enabled)

    def _shown_as(self, note: Note, *, retired: bool) -> Publication:
        return replace(note.publication, library=self._place.library, retired=retired)

    def _warn(self, image: Image, wanted: Plan) -> None:
        if (warning := dict(scvmm_note.WARNINGS).get(image.seal)) is not None:
            self._watcher.doing(f"warning: {warning.sentence}")
        elif wanted.template and image.seal == "sysprep" and not wanted.customize:
            self._watcher.doing(
                "warning: the template has no guest customization, as VMM's name of its operating system is not known: "
                f"operating_system or guest_os_profile in [libraries.{self._place.library}]"
            )


if TYPE_CHECKING:

    def _fulfils(one: ScvmmLibrary) -> Library:
        return one
