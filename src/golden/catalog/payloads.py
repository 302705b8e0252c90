"""The files of changes, kept by content, so that any change of a lineage can be applied again."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from pathlib import Path

from golden.errors import Refused, Tampered
from golden.model import PayloadFile


class Payloads:
    """A folder of files named by their SHA-256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path:
        """Where the content lies."""
        return self._folder / sha256[:2] / sha256

    def keep(self, file: PayloadFile, source: Path) -> Path:
        """
        Have a copy of the file; already there is success. Refused when the disk is full, Tampered when the source
        changed after it was looked at.
        """
        target = self.path(file.sha256)
        if target.exists() and target.stat().st_size == file.size:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f"{target.name}.{secrets.token_hex(4)}.new")
        try:
            self._copy(source, new, file)
            new.replace(target)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            free = shutil.disk_usage(target.parent).free
            brief = f"no room to keep {source.name}: it has {file.size} bytes and {free} are free"
            raise Refused(brief, hint="golden prune, or free some room, and try again") from error
        finally:
            new.unlink(missing_ok=True)
        return target

    def check(self, file: PayloadFile) -> Path:
        """The kept copy, checked to be there in its length. Tampered otherwise."""
        path = self.path(file.sha256)
        if not path.exists() or path.stat().st_size != file.size:
            raise Tampered(f"the kept copy of {file.name} is gone or has another length: {path}")
        return path

    def sweep_unfinished(self) -> int:
        """Take away copies that were cut off; how many there were."""
        left = list(self._folder.glob("*/*.new"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    @staticmethod
    def _copy(source: Path, target: Path, file: PayloadFile) -> None:
        digest = hashlib.sha256()
        with source.open("rb") as read, target.open("wb") as write:
            while piece := read.read(1 << 20):
                digest.update(piece)
                write.write(piece)
            write.flush()
            os.fsync(write.fileno())
        if digest.hexdigest() != file.sha256:
            raise Tampered(f"{source} changed while golden was reading it", hint="try again when nobody writes it")
