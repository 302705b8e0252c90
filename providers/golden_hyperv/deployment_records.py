"""Golden's records of publications on a host with deployment services, and what lies beside them while it works."""

from __future__ import annotations

import ntpath
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

from golden.errors import Conflict
from golden.model import Form, Image, Publication
from golden.waiting import Deadline, Waiting, Watcher
from golden_hyperv import deployment_note
from golden_hyperv.deployment_note import Note
from golden_hyperv.deployment_places import Place
from golden_hyperv.deployment_services import Service
from golden_hyperv.deployment_shares import FOLDER
from golden_hyperv.disks import COPYING, Disks
from golden_hyperv.line import Line, must_be_in_reach
from golden_hyperv.machines import damaged
from golden_hyperv.scvmm_note import name_of, short

TICK, RAREST = 0.2, 5.0


class Records:
    """Of one place: a file for each publication, by its key."""

    def __init__(self, line: Line, place: Place, watcher: Watcher) -> None:
        """For one connection."""
        self._line, self._place, self._watcher = line, place, watcher
        self._disks = Disks(line, watcher)
        self._folder = ntpath.join(place.address.folder, FOLDER)

    def _path(self, key: str, tail: str) -> str:
        return ntpath.join(self._folder, f"{self._place.kind}-{short(key)}{tail}")

    def lock(self, note: Note) -> str:
        """Path of the file that the host holds as long as it works for a publication."""
        return self._path(note.publication.key, ".lock")

    def mounted(self, note: Note) -> str:
        """The folder a disk is mounted in while a WIM is made of it."""
        return self._path(note.publication.key, ".mounted")

    def _told(self) -> list[tuple[str, str]]:
        """Path and text of each."""
        there = self._line.run("publish_notes", Folder=self._folder)
        if not there:
            must_be_in_reach(self._line, self._folder)
        return [(str(found["Path"]), str(found["Text"])) for found in there]

    def all(self) -> Iterator[Note]:
        """Of this place, as far as they can be read."""
        for _, text in self._told():
            if (note := deployment_note.read(text, self._place)) is not None:
                yield note

    def get(self, key: str) -> Note | None:
        """By a publication's key. Tampered where its record cannot be read."""
        mine = self._path(key, ".golden.json").casefold()
        for path, text in self._told():
            if path.casefold() == mine and deployment_note.parsed(text) is None:
                raise damaged(self._line, path, text)
            note = deployment_note.read(text, self._place)
            if note is not None and note.publication.key == key:
                return note
        return None

    def drawn_up(self, image: Image, form: Form, key: str, source: str, service: Service) -> Note:
        """What is about to be made; not written down yet."""
        name = name_of(image, key)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        publication = Publication(
            image.reference, image.number, self._place.library, name, form.format, key, service.where(name),
            form.sha256, form.size, created,
        )  # fmt: skip
        token = secrets.token_hex(8)
        return Note(publication, self._place.kind, self._place.name, token, service.staging(name), source)

    def claim(self, note: Note) -> None:
        """Write a new one down. Conflict where there is one of that key."""
        path = self._path(note.publication.key, ".golden.json")
        self._swept(path)
        if not self._line.run("claim", Path=path, Text=note.text(), Token=note.token)[-1]:
            raise Conflict(f"another publish of {note.publication.name} has begun", hint="golden jobs; golden resume")

    def rewrite(self, note: Note) -> None:
        """In one act."""
        path = self._path(note.publication.key, ".golden.json")
        self._line.run("rewrite", Path=path, Text=note.text(), Token=secrets.token_hex(4))

    def rest(self, note: Note) -> None:
        """Wait until the host does not work for it any more, whoever began that."""
        lock = self.lock(note)

        def over() -> bool:
            return bool(self._line.run("publish_at_rest", Lock=lock)[-1])

        waiting = Waiting(Deadline(COPYING), TICK, self._watcher, RAREST)
        waiting.until(f"{self._place.shown} to end what it does with {note.publication.name}", over)

    def drop_staged(self, note: Note) -> None:
        """What golden brought, where the service has its own copy, and the lock."""
        if note.staged.startswith(self._folder):
            self._drop(note)
        self._disks.clear((self.lock(note),))

    def forget(self, note: Note) -> None:
        """What golden brought, the lock, and the record last."""
        self._drop(note)
        record = self._path(note.publication.key, ".golden.json")
        self._swept(record, self.lock(note), record)

    def _drop(self, note: Note) -> None:
        self._disks.once_free(note.staged, lambda: self._line.run("clear_brought", Path=[note.staged]))

    def _swept(self, record: str, *paths: str) -> None:
        self._disks.once_free(record, lambda: self._line.run("publish_sweep", Record=record, Path=list(paths)))
