"""The catalog: one transaction a sentence. Adding what is there and removing what is absent are success."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from golden.codec import decode, encode
from golden.database import Database, now
from golden.errors import Conflict, NotFound
from golden.model import Channel, Image, Publication, Reference, Version


def _nearest(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}" if known else ""


class Catalog:
    """What exists. NotFound says what there is instead."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @property
    def installation(self) -> str:
        """Random id of this installation, for marks."""
        return self._db.installation()

    # references

    def references(self) -> list[Reference]:
        """All of them, by name."""
        sql = "SELECT name, os, endpoint, created, head FROM reference ORDER BY name"
        return [Reference(*row) for row in self._db.rows(sql)]

    def reference(self, name: str) -> Reference:
        """One by name."""
        for reference in self.references():
            if reference.name == name:
                return reference
        known = [reference.name for reference in self.references()]
        raise NotFound(f"there is no reference {name!r}", details=_nearest(name, known) or None, hint="golden list")

    def move_head(self, name: str, number: int) -> Reference:
        """The next update starts from that version."""
        with self._db.writing(f"head {name}") as execute:
            self.version(name, number)
            execute("UPDATE reference SET head = ? WHERE name = ?", (number, name))
        return self.reference(name)

    # versions

    def versions(self, reference: str) -> list[Version]:
        """All of a reference, oldest first."""
        return self._records("SELECT record FROM version WHERE reference = ? ORDER BY number", reference)

    def version(self, reference: str, number: int) -> Version:
        """One by number."""
        found = self._records("SELECT record FROM version WHERE reference = ? AND number = ?", reference, number)
        if not found:
            self.reference(reference)
            numbers = self._db.rows("SELECT number FROM version WHERE reference = ? ORDER BY number", reference)
            known = ", ".join(f"v{n}" for (n,) in numbers) or "none yet"
            raise NotFound(f"{reference} has no version v{number}", details=f"there are: {known}")
        return found[0]  # type: ignore[no-any-return]

    def next_version(self, reference: str) -> int:
        """A number no version of the reference ever had."""
        rows = self._db.rows("SELECT last_version FROM reference WHERE name = ?", reference)
        return int(rows[0][0]) + 1 if rows else 1

    def add_version(self, version: Version, reference: Reference | None = None) -> Version:
        """Record a frozen version and make it the head; with v1 its reference is recorded in the same transaction."""
        size = sum(disk.size for disk in version.disks)
        with self._db.writing(f"version {version.reference}@v{version.number}") as execute:
            if reference is not None:
                values = (reference.name, reference.os, reference.endpoint, reference.created, 0)
                execute("INSERT OR IGNORE INTO reference VALUES (?, ?, ?, ?, ?, 0, 0)", values)
            key = (version.reference, version.number)
            row = (*key, version.parent, version.snapshot.machine, version.facts.state.value, version.created)
            added = execute(
                "INSERT OR IGNORE INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, version.message, size, self._db.places.text(encode(version))),
            ).rowcount
            if added:
                newest = (version.number, version.number, version.reference)
                execute("UPDATE reference SET head = ?, last_version = max(last_version, ?) WHERE name = ?", newest)
        there = self.version(*key)
        if there.snapshot != version.snapshot:
            raise Conflict(f"{version.reference}@v{version.number} exists already, made by another job")
        return there

    def restamp(self, version: Version) -> Version:
        """Keep its ``stamps`` and ``disks``: its files were moved or copied, and every byte was just compared."""
        key = (version.reference, version.number)
        with self._db.writing(f"stamps {version.reference}@v{version.number}") as execute:
            whole = self._db.places.text(
                encode(replace(self.version(*key), stamps=version.stamps, disks=version.disks))
            )
            execute("UPDATE version SET record = ? WHERE reference = ? AND number = ?", (whole, *key))
        return self.version(*key)

    def remove_version(self, reference: str, number: int) -> None:
        """Forget it. Conflict where a version, an image or the head refers to it."""
        with self._db.writing(f"no version {reference}@v{number}") as execute:
            children = execute(
                "SELECT number FROM version WHERE reference = ? AND parent = ?", (reference, number)
            ).fetchall()
            images = execute(
                "SELECT number FROM image WHERE reference = ? AND version = ?", (reference, number)
            ).fetchall()
            head = execute("SELECT 1 FROM reference WHERE name = ? AND head = ?", (reference, number)).fetchall()
            if children or images or head:
                users = [f"v{n}" for (n,) in children] + [f"i{n}" for (n,) in images] + ["the head"] * len(head)
                raise Conflict(f"{reference}@v{number} is needed by {', '.join(users)}")
            execute("DELETE FROM version WHERE reference = ? AND number = ?", (reference, number))

    # images

    def images(self, reference: str) -> list[Image]:
        """All of a reference, oldest first."""
        return self._records("SELECT record FROM image WHERE reference = ? ORDER BY number", reference)

    def image(self, reference: str, number: int) -> Image:
        """One by number."""
        found = self._records("SELECT record FROM image WHERE reference = ? AND number = ?", reference, number)
        if not found:
            self.reference(reference)
            known = ", ".join(f"i{image.number}" for image in self.images(reference)) or "none yet"
            hint = f"golden capture {reference}" if known == "none yet" else f"golden log {reference}"
            raise NotFound(f"{reference} has no image i{number}", details=f"there are: {known}", hint=hint)
        return found[0]  # type: ignore[no-any-return]

    def next_image(self, reference: str) -> int:
        """A number no image of the reference ever had."""
        rows = self._db.rows("SELECT last_image FROM reference WHERE name = ?", reference)
        return int(rows[0][0]) + 1 if rows else 1

    def add_image(self, image: Image) -> Image:
        """Record a captured image."""
        size = sum(form.size for form in image.artifact.forms)
        row = (
            image.reference,
            image.number,
            image.version,
            image.artifact.name,
            image.seal,
            image.created,
            size,
        )
        with self._db.writing(f"image {image.reference}@i{image.number}") as execute:
            execute(
                "INSERT OR IGNORE INTO image VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, self._db.places.text(encode(image))),
            )
            values = (image.number, image.reference)
            execute("UPDATE reference SET last_image = max(last_image, ?) WHERE name = ?", values)
        there = self.image(image.reference, image.number)
        if there.artifact.name != image.artifact.name:
            raise Conflict(f"{image.reference}@i{image.number} exists already, made by another job")
        return there

    def remove_image(self, reference: str, number: int) -> None:
        """Forget it and its retired publications. Conflict where a channel or a current publication refers to it."""
        at = (reference, number)
        with self._db.writing(f"no image {reference}@i{number}") as execute:
            channels = execute("SELECT name FROM channel WHERE reference = ? AND image = ?", at).fetchall()
            current = execute(
                "SELECT library FROM publication WHERE reference = ? AND image = ? AND retired = 0", at
            ).fetchall()
            if channels or current:
                users = [f"channel {n}" for (n,) in channels] + [f"library {n}" for (n,) in current]
                raise Conflict(f"{reference}@i{number} is needed by {', '.join(users)}")
            execute("DELETE FROM publication WHERE reference = ? AND image = ?", at)
            execute("DELETE FROM image WHERE reference = ? AND number = ?", at)

    # publications and channels

    def publications(self, reference: str, image: int | None = None) -> list[Publication]:
        """Where images of a reference are, in the order they were published; retired ones included."""
        sql = "SELECT record FROM publication WHERE reference = ?"
        if image is None:
            return self._records(sql + " ORDER BY rowid", reference)
        return self._records(sql + " AND image = ? ORDER BY rowid", reference, image)

    def put_publication(self, publication: Publication) -> Publication:
        """Record it, or what has become of it."""
        fields = (publication.key, publication.reference, publication.image, publication.library)
        row = (*fields, int(publication.retired), self._db.places.text(encode(publication)))
        with self._db.writing(f"publication {publication.key}") as execute:
            execute(
                "INSERT INTO publication VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) "
                "DO UPDATE SET retired = excluded.retired, record = excluded.record",
                row,
            )
        return publication

    def channels(self, reference: str) -> list[Channel]:
        """All of a reference, by name."""
        return self._records("SELECT record FROM channel WHERE reference = ? ORDER BY name", reference)

    def channel(self, reference: str, name: str) -> Channel:
        """One by name."""
        channels = self.channels(reference)
        for channel in channels:
            if channel.name == name:
                return channel
        self.reference(reference)
        known = [channel.name for channel in channels]
        hint = f"golden promote {reference} --channel {name}"
        raise NotFound(f"{reference} has no channel {name!r}", details=_nearest(name, known) or None, hint=hint)

    def move_channel(self, reference: str, name: str, image: int, *, back: bool = False) -> Channel:
        """Point a channel at an image; ``back`` takes the last of its history off instead of adding to it."""
        with self._db.writing(f"channel {reference}/{name}") as execute:
            self.image(reference, image)
            before = next((c for c in self.channels(reference) if c.name == name), None)
            if before is not None and before.image == image:
                return before
            history = (before.history[:-1] if back else (*before.history, before.image)) if before else ()
            channel = Channel(reference, name, image, now(), history)
            row = (reference, name, image, self._db.places.text(encode(channel)))
            execute("REPLACE INTO channel VALUES (?, ?, ?, ?)", row)
        return channel

    def refers_to(self, name: str) -> bool:
        """Whether a version is held by the machine of that name, or an image by the artifact of that name."""
        sql = "SELECT 1 FROM version WHERE machine = ? UNION SELECT 1 FROM image WHERE artifact = ?"
        sql += " UNION SELECT 1 FROM publication WHERE key = ?"
        return bool(self._db.rows(sql, name, name, name))

    def _records(self, sql: str, *values: Any) -> list[Any]:
        return [decode(self._db.places.value(text)) for (text,) in self._db.rows(sql, *values)]
