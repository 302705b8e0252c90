"""
Captured images as volumes of a storage pool: the data between two small notes with its mark and hashes.

The first note is there before any data and goes last, the second comes after all of it: a volume can be replaced only
by deleting it first, and an image whose one note is just being replaced would be nobody's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from golden.errors import Conflict
from golden.model import Artifact, Form, Mark, Role
from golden_libvirt.pool import Pool, misplaced
from golden_libvirt.record import mark_of

_NOTE = ".golden.json"
_DONE = ".whole.golden.json"


@dataclass(frozen=True, slots=True)
class VolumeImages:
    """The images in one pool."""

    pool: Callable[[], Pool]
    remote: bool

    def find(self, name: str) -> Artifact | None:
        """The image; without forms while it is half-made. Conflict where it is in another pool of the daemon's."""
        note = self._read(name)
        pool = self.pool()
        if note is None:
            self._must_not_be_elsewhere(name, pool)
            return None
        forms = []
        for form in note["forms"]:
            volume = pool.find(form["volume"])  # None where a discard was cut off, or somebody deleted it.
            mine = volume is not None and not self.remote and os.access(volume.path, os.R_OK)
            url = None if mine else f"libvirt-pool:{pool.name}/{form['volume']}"
            size = form["size"] if volume is not None else 0
            forms.append(Form("qcow2", volume.path if volume and mine else None, size, form["sha256"], url))
        return Artifact(name, name, tuple(forms))

    def _must_not_be_elsewhere(self, name: str, pool: Pool) -> None:
        if other := pool.elsewhere(name + _NOTE):
            raise misplaced(name, other, pool.name)

    def marked(self) -> Iterator[tuple[str, Mark]]:
        """Every image with its mark."""
        for volume in self.pool().names():
            if volume.endswith(_NOTE) and not volume.endswith(_DONE):
                name = volume.removesuffix(_NOTE)
                note = self._read(name)
                if note is not None:
                    yield name, mark_of(note["mark"])

    def make(self, name: str, disks: tuple[str, ...], mark: Mark) -> Artifact:
        """The daemon copies each disk with its chain into one standalone volume."""
        pool = self.pool()
        if self._read(name) is not None:
            raise Conflict(f"an image named {name} is there already")
        targets = [f"{name}.qcow2" if number == 0 else f"{name}.disk{number}.qcow2" for number in range(len(disks))]
        note: dict[str, Any] = {"mark": asdict(mark), "volumes": targets, "forms": []}
        pool.put_text(name + _NOTE, json.dumps(note).encode())
        forms = []
        for disk, target in zip(disks, targets, strict=True):
            pool.make_copy(target, pool.native_volume(disk))
            forms.append({"volume": target, "size": pool.get(target).length, "sha256": pool.sha256(target)})
        pool.put_text(name + _DONE, json.dumps({**note, "forms": forms}).encode())
        made = self.find(name)
        assert made is not None
        return made

    def discard(self, name: str) -> None:
        """Data first, the first note last. Conflict where it is in another pool of the daemon's."""
        note = self._read(name)
        if note is None:
            self._must_not_be_elsewhere(name, self.pool())
            return
        for volume in (*note["volumes"], name + _DONE, name + _NOTE):
            self.pool().delete(volume)

    def _read(self, name: str) -> dict[str, Any] | None:
        """The second note where it is whole, else the first; None where neither is there."""
        pool = self.pool()
        if pool.find(name + _NOTE) is None:
            return None
        for volume in (name + _DONE, name + _NOTE):
            if pool.find(volume) is not None:
                try:
                    return dict(json.loads(b"".join(pool.pieces(volume)).rstrip(b"\0")))
                except ValueError:
                    continue  # cut off while it was written
        return {"mark": asdict(Mark(Role.IMAGE, "", "", "")), "volumes": [f"{name}.qcow2"], "forms": []}
