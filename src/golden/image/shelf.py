"""
The records beside the images of a directory library.

    win2022-i3.qcow2.json       manifest: golden's publication of that file
    win2022.json                pointer: the current image of the reference
    .win2022-i3.qcow2.begun     note of a publish that has begun; gone again when the manifest is there
    .win2022-i3.qcow2.part      what a publish has written so far
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden.image.writing import translated, written

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
        """Pointer first, then the file, then the manifest: a cut leaves nothing that no record names."""
        self.point(record["reference"], without=record["key"])
        for name in (record["file"], f"{record['file']}.json"):
            self._remove(name)

    def point(self, reference: str, without: str = "") -> None:
        """Write which image of the reference is current: the newest not retired; nothing where none is."""
        of_it = [record for record in self.records() if record["reference"] == reference]
        there = [record for record in of_it if not record["retired"] and record["key"] != without]
        if not there:
            self._remove(f"{reference}.json")
            return
        newest = max(record["image"] for record in there)
        forms = [record for record in there if record["image"] == newest]
        files = [{key: record[key] for key in ("format", "file", "size", "sha256")} for record in forms]
        shared = {key: forms[0][key] for key in ("reference", "image", "version", "seal", "created")}
        written(self.folder / f"{reference}.json", _envelope("current", {**shared, "forms": files}))

    def part(self, file: str) -> Path:
        """Where a publish of that file writes."""
        return self.folder / f".{file}.part"

    def begin(self, file: str, key: str) -> None:
        """Note that whatever is called so from now on is a publish of golden's."""
        written(self.folder / f".{file}.begun", _envelope("begun", {"file": file, "key": key}))

    def has_begun(self, file: str) -> bool:
        """Whether a publish of that file was cut off, or is going on."""
        return _read(self.folder / f".{file}.begun", "begun") is not None

    def begun(self, key: str) -> tuple[str, ...]:
        """Files of that key whose publish was cut off."""
        with translated(self.folder):
            paths = sorted(self.folder.glob(".*.begun")) if self.folder.is_dir() else []
        notes = (_read(path, "begun") for path in paths)
        return tuple(note["file"] for note in notes if note is not None and note["key"] == key)

    def end(self, file: str, *, published: bool) -> None:
        """The publish is over; unless it succeeded its file goes too."""
        if not published:
            self._remove(file)
        for name in (f".{file}.part", f".{file}.begun"):
            self._remove(name)

    def _remove(self, name: str) -> None:
        with translated(self.folder / name):
            (self.folder / name).unlink(missing_ok=True)


def _envelope(kind: str, data: Mapping[str, object]) -> bytes:
    return json.dumps({"schema": "golden/1", "kind": kind, "data": data}, indent=2).encode() + b"\n"


def _read(path: Path, kind: str) -> Record | None:
    with translated(path):
        if not path.is_file():
            return None
        content = path.read_bytes()
    try:
        envelope = json.loads(content)
    except ValueError:
        return None
    if not isinstance(envelope, dict) or envelope.get("kind") != kind:
        return None
    data = envelope.get("data")
    return data if isinstance(data, dict) else None
