"""How an image comes to a place that is published to: it lies on the host already, or it is sent there."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from typing import BinaryIO, cast

from golden.errors import NotFound, ProofFailed
from golden.model import Form, Image
from golden.waiting import Deadline, Watcher
from golden_hyperv import marking
from golden_hyperv.disks import COPYING
from golden_hyperv.images import path_of
from golden_hyperv.line import Line
from golden_hyperv.machines import read
from golden_hyperv.marking import Record, State
from golden_hyperv.places import checked


def on_the_host(line: Line, library: str, image: Image, form: Form) -> Record:
    """
    The record of an image whose form is a file of golden's on this host. NotFound where the host has not the image,
    ProofFailed where it is not as it was captured.
    """
    name, path = f"{image.reference}@i{image.number}", path_of(form)
    for found in line.run("records", Folder=line.address.folder, Name=checked(image.artifact.name)):
        record = read(line, str(found["Path"]), str(found["Text"]))
        if (record.kind, record.token) != (marking.IMAGE, image.artifact.id):
            continue
        told = (record.state, record.disks[:1], record.size, record.sha256)
        if told != (State.READY, (path,), form.size, form.sha256):
            raise ProofFailed(
                f"{name} is not what was captured",
                details=f"recorded {form.size} bytes, sha256 {form.sha256}, at {path}; the host says {record.size} "
                f"bytes, sha256 {record.sha256}, at {', '.join(record.disks)} ({record.state})",
            )
        return record
    raise NotFound(
        f"{name} is not on {line.address.shown}",
        details=f"no image of golden's there has the id {image.artifact.id}",
        hint=f"endpoint = the host it was captured on, in [libraries.{library}]; golden doctor",
    )


def bring(line: Line, watcher: Watcher, form: Form, content: AbstractContextManager[BinaryIO], path: str) -> None:
    """
    Send the form's bytes into a file of the host. ProofFailed where they are not the recorded ones; LinkLost leaves
    ``<path>.*.part`` there, which the script ``clear_brought`` takes away.
    """
    with content as stream:
        counted = Counted(stream)
        sending = cast("BinaryIO", counted)
        watcher.doing(f"sending the image to {line.address.shown}")
        line.put(sending, path, deadline=Deadline(COPYING))
    met = (counted.size, counted.hash.hexdigest())
    if met != (form.size, form.sha256):
        raise ProofFailed(
            "the image's file is not what was recorded",
            details=f"recorded {form.size} bytes, sha256 {form.sha256}; read {met[0]} bytes, sha256 {met[1]}",
            hint="golden verify",
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
