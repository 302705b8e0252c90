"""
Files of a guest, straight to and from the ESXi host.

A file is only ever moved whole (facts 5). So a piece at an offset is moved as a file of its own, and a script of
golden's puts it in its place once its SHA-256 is what it was when it left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import ntpath
import posixpath
from functools import partial
from typing import Any

from golden.errors import GuestError
from golden.guest.communicator import LineLost
from golden.guest.placing import PLACERS
from golden.waiting import Deadline, Waiting, Watcher
from golden_vsphere.faults import is_a
from golden_vsphere.inside import GUEST, Inside
from golden_vsphere.transfer import Download, Transfers

PLACING = 300
"""Seconds a guest may take to put a piece in its place."""
_NO_FILE = ("FileNotFound",)


class Files:
    """Moves them over one line."""

    def __init__(self, inside: Inside, transfers: Transfers, watcher: Watcher) -> None:
        """Asks nothing yet."""
        self._inside = inside
        self._transfers = transfers
        self._watcher = watcher
        self._download: Download | None = None
        self._placer = ""

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """Pieces that follow each other come from one transfer."""
        held = self._download
        if held is None or (held.path, held.at) != (path, offset) or not offset:
            self.let_go()
            held = self._fetch(path, offset)
            if held is None:
                return None
        with self._inside.speaking.about(f"reading {path}"):
            data = held.take(size)
            short = len(data) < size and held.at < held.size
        if short:
            self.let_go()
            raise LineLost(f"{path} broke off at {held.at} of {held.size} bytes")
        if held.at >= held.size:
            self.let_go()
        else:
            self._download = held
        return data

    def _fetch(self, path: str, offset: int) -> Download | None:
        info = self._information(path)
        if info is None:
            return None
        with self._inside.speaking.about(f"reading {path}"):
            download = self._transfers.get(str(info.url), path, int(info.size), offset, self._inside.machine)
        self._download = download
        return download

    def _information(self, path: str) -> Any:
        manager = self._inside.managers["fileManager"]
        with self._inside.speaking.about(f"opening {path}"):
            try:
                return self._inside.line.ask(
                    lambda: manager.InitiateFileTransferFromGuest(self._inside.machine, self._inside.auth, path)
                )
            except Exception as error:
                if is_a(error, *_NO_FILE):
                    return None
                raise

    def write(self, path: str, offset: int, data: bytes) -> None:
        """A whole file at offset 0; at another one a piece, put in its place by a script of golden's."""
        self.let_go()
        if offset == 0:
            self._put(path, data)
        elif data:
            self._place(path, offset, data)

    def _put(self, path: str, data: bytes) -> None:
        manager, windows = self._inside.managers["fileManager"], self._inside.is_windows(path)
        attributes = GUEST.FileManager.WindowsFileAttributes if windows else GUEST.FileManager.PosixFileAttributes
        with self._inside.speaking.about(f"writing {path}"):
            url = self._inside.line.tell(
                lambda: manager.InitiateFileTransferToGuest(
                    self._inside.machine,
                    self._inside.auth,
                    path,
                    attributes(),
                    len(data),
                    True,  # noqa: FBT003 - overwrite
                )
            )
            self._transfers.put(str(url), data, self._inside.machine)

    def _place(self, path: str, offset: int, data: bytes) -> None:
        family = "windows" if self._inside.is_windows(path) else "linux"
        placer = PLACERS[family]
        paths = ntpath if family == "windows" else posixpath
        folder = paths.dirname(path)
        script = paths.join(folder, placer.script.name)
        piece, order, result = (f"{path}.golden-{part}" for part in ("piece", "order", "placed"))
        if self._placer != script:
            self._put(script, placer.script.content())
            self._placer = script
        wanted = hashlib.sha256(data).hexdigest()
        self._put(piece, data)
        self._put(order, placer.encode({"piece": piece, "target": path, "offset": offset, "sha256": wanted}))
        try:
            pid = self._inside.start(placer.argv(script, order, result))
            waiting = Waiting(Deadline(PLACING), watcher=self._watcher)
            waiting.until(f"a piece of {paths.basename(path)} to be put in its place", lambda: self._inside.poll(pid))
            answer = self.read(result, 0, 1 << 16)
        finally:
            self.delete(piece, order, result)
        met = {} if answer is None else _parsed(answer)
        if met.get("sha256") != wanted:
            raise LineLost(f"a piece of {path} arrived with other bytes than it left with")

    def delete(self, *paths: str) -> None:
        """Files of the guest's, as far as it still answers."""
        manager = self._inside.managers["fileManager"]
        for path in paths:
            with contextlib.suppress(LineLost, GuestError), self._inside.speaking.about(f"removing {path}"):
                self._inside.line.tell(
                    partial(manager.DeleteFileInGuest, self._inside.machine, self._inside.auth, path)
                )

    def close(self) -> None:
        """Take the script away, as far as the guest still answers."""
        self.let_go()
        if self._placer:
            self.delete(self._placer)
            self._placer = ""

    def let_go(self) -> None:
        """End a transfer that was not read to its end."""
        if self._download is not None:
            self._download.close()
            self._download = None


def _parsed(answer: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(answer.decode("utf-8-sig")))
    except (ValueError, TypeError):
        return {}
