"""
A libvirt storage pool as a place images are published to: a volume each, and a small note beside it.

The note of a retired one is a second that comes beside the first: a volume can be replaced only by deleting it first,
and a publication whose one note is just being replaced, or finds no room any more, would be taken for cut off.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl, urlsplit

from golden.errors import BadConfig, NotFound, PolicyRefused, ProofFailed
from golden.library import LibraryAbilities
from golden.model import Form, Image, Publication
from golden.options import must_be_known
from golden.provider import Endpoint, Scope
from golden_libvirt import connection
from golden_libvirt.address import Address, parse
from golden_libvirt.pool import Pool

_EXAMPLE = "libvirt-pool:NAME?connect=qemu:///system"
_NOTE = ".golden-publication.json"
_RETIRED = f".retired{_NOTE}"
_VIRTUAL_SIZE = slice(24, 32)
"""Where a qcow2 header holds the size the guest sees, big-endian (QEMU's docs/interop/qcow2.txt)."""


class PoolLibrary:
    """One pool of one daemon."""

    def __init__(self, line: connection.Line, pool: Pool, library: str) -> None:
        """``library`` is its name in golden.toml."""
        self._line = line
        self._pool = pool
        self._library = library

    @property
    def abilities(self) -> LibraryAbilities:
        """Any seal; several publications of one reference beside each other."""
        return LibraryAbilities(forms=("qcow2",), seals=("sysprep", "linux", "none"), versioned=True)

    def find(self, key: str) -> Publication | None:
        """By its note."""
        return next((found for found in self.list() if found.key == key), None)

    def settle(self, key: str) -> Publication | None:
        """A volume without a note that can be read was cut off."""
        found = self.find(key)
        if found is None:
            for name in self._pool.names():
                if name.removesuffix(_RETIRED).removesuffix(_NOTE).endswith(f"-{_short(key)}.qcow2"):
                    self._pool.delete(name)
        return found

    def list(self) -> tuple[Publication, ...]:
        """By the notes; whose volume is gone is not finished."""
        names = self._pool.names()
        found = []
        for volume in names:
            notes = [volume + note for note in (_RETIRED, _NOTE) if volume + note in names]
            found += [one for one in map(self._read, notes) if one is not None][:1]
        return tuple(found)

    def publish(self, image: Image, form: Form, content: AbstractContextManager[BinaryIO], key: str) -> Publication:
        """The volume first, checked, then the note that makes it a publication."""
        if form.format not in self.abilities.forms or image.seal not in self.abilities.seals:
            raise PolicyRefused(f"a storage pool takes qcow2 images, not {form.format} sealed {image.seal}")
        if (found := self.find(key)) is not None:
            return found
        volume = f"{image.reference}-i{image.number}-{_short(key)}.qcow2"
        self._pool.delete(volume)
        with content as file:
            start = file.read(32)
            capacity = int.from_bytes(start[_VIRTUAL_SIZE], "big")
            digest = self._pool.upload(volume, _Again(start, file), form.size, "qcow2", capacity)
        if digest != form.sha256:
            self._pool.delete(volume)
            raise ProofFailed(f"the image's file has other bytes than it was captured with: {digest}")
        made = Publication(
            reference=image.reference,
            image=image.number,
            library=self._library,
            name=volume,
            format=form.format,
            key=key,
            where=self._pool.get(volume).path,
            sha256=form.sha256,
            size=form.size,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self.verify(made)
        self._write(made, _NOTE)
        return made

    def verify(self, publication: Publication) -> None:
        """Downloads every byte."""
        if self._pool.find(publication.name) is None:
            raise NotFound(f"{publication.name} is not in the storage pool {self._pool.name}")
        there = self._pool.sha256(publication.name)
        if there != publication.sha256:
            raise ProofFailed(
                f"{publication.name} in the storage pool {self._pool.name} is not what was published",
                details=f"published {publication.sha256}, there {there}",
            )

    def retire(self, publication: Publication) -> Publication:
        """In a note of its own."""
        if self._pool.find(publication.name) is None:
            raise NotFound(f"{publication.name} is not in the storage pool {self._pool.name}")
        retired = replace(publication, retired=True)
        self._write(retired, _RETIRED)
        return retired

    def withdraw(self, publication: Publication) -> None:
        """The notes first, so that what is half gone is no publication."""
        for note in (_RETIRED, _NOTE, ""):
            self._pool.delete(publication.name + note)

    def close(self) -> None:
        """Let go of the connection."""
        self._line.close()

    def _write(self, publication: Publication, note: str) -> None:
        self._pool.put_text(publication.name + note, json.dumps(asdict(publication)).encode())

    def _read(self, note: str) -> Publication | None:
        try:
            data = json.loads(b"".join(self._pool.pieces(note)).rstrip(b"\0"))
            return Publication(**{**data, "library": self._library})
        except (ValueError, TypeError, NotFound):  # Cut off while it was written, or gone by now.
            return None


def _short(key: str) -> str:
    """What tells volumes of different keys apart."""
    return sha256(key.encode()).hexdigest()[:8]


class _Again:
    """A file whose first bytes were read already."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start = start
        self._rest = rest

    def read(self, size: int) -> bytes:
        """The next bytes."""
        if self._start:
            piece, self._start = self._start[:size], self._start[size:]
            return piece
        return self._rest.read(size)


class PoolLibraryFactory:
    """Opens ``libvirt-pool:NAME?connect=qemu:///system``; without ``connect`` the local system daemon."""

    name = "libvirt-pool"
    schemes: tuple[str, ...] = ("libvirt-pool",)

    def check_url(self, endpoint: Endpoint) -> None:
        """BadConfig for a URL that cannot be. Nothing is connected to; options may be written later."""
        _understood(endpoint.url)

    def open(self, endpoint: Endpoint, scope: Scope, base: Path) -> PoolLibrary:  # noqa: ARG002 - the contract's
        """NotFound where the pool is not there; BadConfig for a URL that cannot be."""
        must_be_known(f"library {endpoint.name}", endpoint.options, ())
        pool, address = _understood(endpoint.url)
        line = connection.open_first(address.uri)
        try:
            return PoolLibrary(line, Pool(line, pool, scope.watcher), endpoint.name)
        except BaseException:
            line.close()
            raise


def _understood(url: str) -> tuple[str, Address]:
    """The pool and the libvirt that has it. BadConfig for a URL that names neither."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
    except ValueError as error:
        raise BadConfig(f"the URL {url!r} names no storage pool: {error}", hint=_EXAMPLE) from error
    address = parse(query.pop("connect", "qemu:///system"))
    if not parts.path or "/" in parts.path or query or parts.netloc:
        raise BadConfig(f"the URL {url!r} names no storage pool", hint=_EXAMPLE)
    if address.embedded:
        raise BadConfig("the embedded libvirt has no storage pools", hint="publish to a folder: dir:PATH")
    return parts.path, address


POOL_LIBRARY = PoolLibraryFactory()
