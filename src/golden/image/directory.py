"""
The built-in library: a folder, local or mounted, that holds images as plain files.

    win2022-i3.qcow2         the image, a standalone copy
    win2022-i3.qcow2.json    its manifest: what it is, where it comes from, how it was proved; written last
    win2022.json             the current image of the reference: the newest that is not retired

A file counts as published when its manifest is there. Everything is written under a hidden name first, flushed to
the disk and renamed, so that a reader never sees half of it.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING, BinaryIO

from golden.codec import plain
from golden.errors import (
    BadConfig,
    BadName,
    Conflict,
    GoldenError,
    NotFound,
    PolicyRefused,
    ProofFailed,
    Refused,
    Unreachable,
)
from golden.image.shelf import Record, Shelf
from golden.image.writing import translated
from golden.library import Library, LibraryAbilities, LibraryFactory
from golden.model import Form, Image, Publication
from golden.options import must_be_known
from golden.provider import Endpoint, Scope
from golden.waiting import Silent, Watcher
from golden.written import expanded

ABILITIES = LibraryAbilities(
    forms=("qcow2", "vmdk", "ova", "vhdx", "vhd", "wim"), seals=("sysprep", "linux", "none"), versioned=True
)
REFERENCE = re.compile(r"[a-z0-9][a-z0-9._-]*")
LIKE_A_FILE = re.compile(r"-i\d+\.[a-z0-9]+$")
"""How the names of images end: the pointer of a reference called like that would be their manifest."""
PIECE = 1 << 20
SPARE = 1 << 16
"""Bytes that manifest and pointer may need besides the image."""


class DirectoryLibrary:
    """One folder. Errors of the file system come out as Refused or Unreachable with its own words."""

    def __init__(
        self, name: str, folder: Path, watcher: Watcher | None = None, forms: tuple[str, ...] = ABILITIES.forms
    ) -> None:
        """
        ``folder`` is absolute; it is made by the first publish, its parent has to be there. ``forms`` are taken, the
        best first.
        """
        self._abilities = replace(ABILITIES, forms=forms)
        self._name = name
        self._folder = folder
        self._shelf = Shelf(folder)
        self._watcher = watcher or Silent()

    @property
    def abilities(self) -> LibraryAbilities:
        """Every form that is a file, every seal."""
        return self._abilities

    def find(self, key: str) -> Publication | None:
        """None also where the file is gone or has another size, so that publishing again mends it."""
        for record in self._shelf.records():
            if record["key"] == key:
                path = self._folder / record["file"]
                with translated(path):
                    whole = path.is_file() and path.stat().st_size == record["size"]
                return self._publication(record) if whole else None
        return None

    def settle(self, key: str) -> Publication | None:
        """
        Finish a publish or withdrawal that was cut off: what has its manifest stays and is in the pointer, of the rest
        nothing does.
        """
        for file in self._shelf.begun(key):
            self._shelf.settle(file)
        return self.find(key)

    def list(self) -> tuple[Publication, ...]:
        """By file name. Those whose file is gone are among them: ``verify`` tells."""
        return tuple(self._publication(record) for record in self._shelf.records())

    def publish(self, image: Image, form: Form, content: AbstractContextManager[BinaryIO], key: str) -> Publication:
        """
        Copy the form here, hashing on the way. Conflict where a file of that name is not golden's, Refused
        where there is no room, ProofFailed where the content is not what the form says; nothing is left then.
        """
        self._check(image, form)
        if (found := self.settle(key)) is not None:
            return found
        file = f"{image.reference}-i{image.number}.{form.format}"
        with translated(self._folder):
            self._folder.mkdir(exist_ok=True)
        self._must_be_free(file, key)
        self._must_have_room(file, form)
        self._shelf.begin(file, key)
        try:
            self._copy(file, form, content)
            record = _record(image, form, key, file)
            self._shelf.put(record)
        except BaseException:
            with suppress(GoldenError):  # What is left is noted, and settled before anything else happens to it.
                self.settle(key)
            raise
        self._shelf.end(file, published=True)
        return self._publication(record)

    def verify(self, publication: Publication) -> None:
        """Hash the file and compare it with what was published."""
        self._record_of(publication)
        path = Path(publication.where)
        with translated(path):
            if not path.is_file():
                raise NotFound(f"{publication.name} is not in {self._folder} any more")
            met = self._hash(path)
        if met != publication.sha256:
            image = f"{publication.reference}@i{publication.image}"
            raise ProofFailed(
                f"{path} has other bytes than were published",
                details=f"published {publication.sha256}, there now {met}",
                hint=f"move that file away, then golden publish {image} --to {self._name}",
            )

    def retire(self, publication: Publication) -> Publication:
        """Say so in the manifest; the pointer goes back to the newest image that is not retired."""
        self._shelf.put({**self._record_of(publication), "retired": True})
        return replace(publication, retired=True)

    def withdraw(self, publication: Publication) -> None:
        """The manifest, the pointer where it names it, and the file."""
        record = self._shelf.record(publication.name)
        if record is not None and record["key"] == publication.key:
            self._shelf.drop(record)

    def close(self) -> None:
        """Nothing is held."""

    def _check(self, image: Image, form: Form) -> None:
        if form.format not in self._abilities.forms:
            raise PolicyRefused(f"library {self._name} takes {', '.join(self._abilities.forms)}, not {form.format!r}")
        if image.seal not in ABILITIES.seals:
            raise PolicyRefused(f"library {self._name} takes the seals {', '.join(ABILITIES.seals)}")
        if not REFERENCE.fullmatch(image.reference) or LIKE_A_FILE.search(image.reference):
            raise BadName(f"{image.reference!r} cannot be part of a file name")

    def _record_of(self, publication: Publication) -> Record:
        record = self._shelf.record(publication.name)
        if record is None or record["key"] != publication.key:
            raise NotFound(f"{publication.name} is not in {self._folder} any more")
        return record

    def _must_be_free(self, file: str, key: str) -> None:
        """What has a manifest of this key is mended, what a cut-off publish left is replaced; the rest is not ours."""
        record, path = self._shelf.record(file), self._folder / file
        if record is not None and record["key"] != key:
            raise Conflict(f"{path} is published already, under the key {record['key']}")
        with translated(path):
            foreign = path.exists() and record is None and not self._shelf.has_begun(file)
        if foreign:
            raise Conflict(
                f"{path} is there already and is not golden's",
                hint="move it away, or publish to another folder",
            )

    def _must_have_room(self, file: str, form: Form) -> None:
        with translated(self._folder):
            # What a cut-off publish left may be the very room that is missing.
            self._shelf.part(file).unlink(missing_ok=True)
            free = disk_usage(self._folder).free
        if free < form.size + SPARE:
            raise Refused(
                f"no room in {self._folder}: {file} needs {form.size} bytes, {free} are free",
                hint="golden prune, or withdraw older images from this library",
            )

    def _copy(self, file: str, form: Form, content: AbstractContextManager[BinaryIO]) -> None:
        part = self._shelf.part(file)
        with content as source, translated(self._folder / file):
            self._stream(source, part, form)
        with translated(self._folder / file):
            part.replace(self._folder / file)

    def _stream(self, source: BinaryIO, part: Path, form: Form) -> None:
        digest, done = hashlib.sha256(), 0
        with part.open("wb") as file:
            while piece := source.read(PIECE):
                digest.update(piece)
                file.write(piece)
                done += len(piece)
                self._watcher.progress(f"publishing to {self._name}", done, form.size)
            file.flush()
            os.fsync(file.fileno())
        if (done, digest.hexdigest()) != (form.size, form.sha256):
            raise ProofFailed(
                f"the {form.format} given to library {self._name} is not the one that was recorded",
                details=f"recorded {form.size} bytes {form.sha256}, read {done} bytes {digest.hexdigest()}",
            )

    def _hash(self, path: Path) -> str:
        digest, done, size = hashlib.sha256(), 0, path.stat().st_size
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
                done += len(piece)
                self._watcher.progress(f"reading {path.name} back", done, size)
        return digest.hexdigest()

    def _publication(self, data: Record) -> Publication:
        path = self._folder / data["file"]
        return Publication(
            reference=data["reference"],
            image=data["image"],
            library=self._name,
            name=data["file"],
            format=data["format"],
            key=data["key"],
            where=str(path),
            sha256=data["sha256"],
            size=data["size"],
            created=data["created"],
            retired=data["retired"],
        )


@dataclass(slots=True)
class DirectoryFactory:
    """
    Opens ``dir:./images``, ``dir:/srv/images``, ``dir:C:/images`` and ``file:///srv/images``.

    ``form = "wim"`` in its table: of an image that exists in several forms, that one.
    """

    name: str = "directory"
    schemes: tuple[str, ...] = ("dir", "file")

    def check_url(self, endpoint: Endpoint) -> None:
        """BadConfig for a URL that cannot be. Nothing is connected to; options may be written later."""
        _folder(endpoint, Path.cwd())

    def open(self, endpoint: Endpoint, scope: Scope, base: Path) -> Library:
        """BadConfig where the URL is none of these, Unreachable where not even the parent folder is there."""
        folder, forms = _folder(endpoint, base), _forms(endpoint)
        with translated(folder):
            if folder.exists() and not folder.is_dir():
                raise BadConfig(f"library {endpoint.name}: {folder} is a file, not a folder")
            if not folder.parent.is_dir():
                raise Unreachable(
                    f"library {endpoint.name}: there is no folder {folder.parent}",
                    hint="make it, or mount what should be there",
                )
        return DirectoryLibrary(endpoint.name, folder, scope.watcher, forms)


FACTORY = DirectoryFactory()


def _forms(endpoint: Endpoint) -> tuple[str, ...]:
    must_be_known(f"library {endpoint.name}", endpoint.options, ("form",))
    wanted = endpoint.options.get("form")
    if wanted is not None and wanted not in ABILITIES.forms:
        raise BadConfig(f"library {endpoint.name}: form is one of {', '.join(ABILITIES.forms)}, not {wanted!r}")
    return ABILITIES.forms if wanted is None else (wanted,)


def _folder(endpoint: Endpoint, base: Path) -> Path:
    scheme, _, rest = endpoint.url.partition(":")
    if scheme not in FACTORY.schemes or not rest or "\0" in rest:
        raise BadConfig(f"library {endpoint.name}: {endpoint.url!r} is not dir:FOLDER or file:///FOLDER")
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host not in ("", "localhost") or not slash:
            raise BadConfig(f"library {endpoint.name}: {endpoint.url!r} names the host {host!r}; mount it instead")
        # file:///C:/images is C:/images, file:///srv/images is /srv/images.
        rest = path if re.match(r"[A-Za-z]:", path) else f"/{path}"
    return Path(os.path.abspath(base / expanded(rest, f"library {endpoint.name}")))  # noqa: PTH100  resolve() would follow links


def _record(image: Image, form: Form, key: str, file: str) -> Record:
    return {
        "reference": image.reference,
        "image": image.number,
        "version": image.version,
        "seal": image.seal,
        "format": form.format,
        "file": file,
        "size": form.size,
        "sha256": form.sha256,
        "key": key,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "captured": image.created,
        "answer_file": image.answer_file,
        "retired": False,
        "proof": plain(image.proof),
    }


if TYPE_CHECKING:
    _library: type[Library] = DirectoryLibrary
    _factory: LibraryFactory = FACTORY
