"""
The records beside the images of a directory library.

    win2022-i3.qcow2.json       manifest: golden's publication of that file
    win2022.json                pointer: the current image of the reference
    .win2022-i3.qcow2.begun     note that a publish or a withdrawal has begun; gone again when it is over
    .win2022-i3.qcow2.part      what a publish has written so far
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden.image.writing import flush_folder, translated, written

Record = dict[str, Any]

FIELDS = frozenset(
    [
        "reference",
        "image",
        "version",
        "seal",
        "format",
        "file",
        "size",
        "sha256",
        "key",
        "created",
        "captured",
        "answer_file",
        "retired",
        "proof",
    ]
)

NOTES = ("begun", "publication")
"""What a note may say: that a publish began, or what the manifest of a file said that is being withdrawn."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Manifests, pointers and notes of one folder."""

    folder: Path

    def records(self) -> Iterator[Record]:
        """Every publication, by file name; what is not golden's is left alone."""
        with translated(self.folder):
            paths = sorted(self.folder.glob("*.*.json")) if self.folder.is_dir() else []
        for path in paths:
            if (record := self.record(path.name.removesuffix(".json"))) is not None:
                yield record

    def record(self, file: str) -> Record | None:
        """The publication of that file, or None."""
        record = _read(self.folder / f"{file}.json", "publication")
        return record if record is not None and record.keys() >= FIELDS and record["file"] == file else None

    def put(self, record: Record) -> None:
        """Write the manifest, then the pointer of its reference."""
        written(self.folder / f"{record['file']}.json", _envelope("publication", record))
        self.point(record["reference"])

    def drop(self, record: Record) -> None:
        """
        The manifest becomes the note, in one step that needs no room; then the pointer follows, and the file goes.
        """
        manifest = self.folder / f"{record['file']}.json"
        with translated(manifest):
            manifest.replace(self.folder / _note(record["file"]))
            flush_folder(self.folder)
        self.settle(record["file"])

    def settle(self, file: str) -> None:
        """Finish what was begun with a file: it is published where it has its manifest, and goes where it has none."""
        record = self.record(file)
        self.point(file.rpartition("-i")[0] if record is None else record["reference"])
        self.end(file, published=record is not None)

    def point(self, reference: str) -> None:
        """
        Say which image of the reference is current: the newest not retired whose file is there; nothing where none is.
        What is said already is not written again: taking an old image away from a full disk needs no room.
        """
        of_it = [record for record in self.records() if record["reference"] == reference]
        with translated(self.folder):
            there = [one for one in of_it if not one["retired"] and (self.folder / one["file"]).is_file()]
        pointer = self.folder / f"{reference}.json"
        if not there:
            self._remove(pointer.name)
            return
        newest = max(record["image"] for record in there)
        forms = [record for record in there if record["image"] == newest]
        files = [{key: record[key] for key in ("format", "file", "size", "sha256")} for record in forms]
        shared = {key: forms[0][key] for key in ("reference", "image", "version", "seal", "created")}
        current = {**shared, "forms": files}
        if _read(pointer, "current") != current:
            written(pointer, _envelope("current", current))

    def part(self, file: str) -> Path:
        """Where that file is written before it has its name."""
        return self.folder / f".{file}.part"

    def begin(self, file: str, key: str) -> None:
        """Note that whatever is called so from now on is golden's, though it may have no manifest."""
        written(self.folder / _note(file), _envelope("begun", {"file": file, "key": key}))

    def has_begun(self, file: str) -> bool:
        """Whether a publish or withdrawal of that file was cut off, or is going on."""
        return _read(self.folder / _note(file), *NOTES) is not None

    def begun(self, key: str) -> tuple[str, ...]:
        """Files of that key whose publish or withdrawal was cut off."""
        with translated(self.folder):
            paths = sorted(self.folder.glob(".*.begun")) if self.folder.is_dir() else []
        notes = (_read(path, *NOTES) for path in paths)
        return tuple(note["file"] for note in notes if note is not None and note["key"] == key)

    def end(self, file: str, *, published: bool) -> None:
        """It is over; unless the file is published it goes too. The note goes last."""
        if not published:
            self._remove(file)
        for name in (file, f"{file}.json", _note(file)):
            self._remove(self.part(name).name)
        self._remove(_note(file))

    def _remove(self, name: str) -> None:
        with translated(self.folder / name):
            (self.folder / name).unlink(missing_ok=True)


def _note(file: str) -> str:
    return f".{file}.begun"


def _envelope(kind: str, data: Mapping[str, object]) -> bytes:
    return json.dumps({"schema": "golden/1", "kind": kind, "data": data}, indent=2).encode() + b"\n"


def _read(path: Path, *kinds: str) -> Record | None:
    with translated(path):
        if not path.is_file():
            return None
        content = path.read_bytes()
    try:
        envelope = json.loads(content)
    except ValueError:
        return None
    if not isinstance(envelope, dict) or envelope.get("kind") not in kinds:
        return None
    data = envelope.get("data")
    return data if isinstance(data, dict) else None
