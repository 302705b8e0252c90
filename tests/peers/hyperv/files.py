"""
The file system that a session sees: Windows paths to places below a folder of the peer, whatever their case.

On the host ``C:\\x`` is ``FOLDER/drives/C/x``, ``\\\\server\\share\\x`` is ``FOLDER/shares/server/share/x``, and a
mounted disk is what ``mounts.json`` says, by drive letter, volume path or access path. In a guest ``C:\\x`` is a file
of its tree.
A file without write permission is read-only; that is refused here, because the tests' user may be root.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.peers.hyperv.failures import Failure, denied, not_found

BAD = re.compile(r'[<>"|\x00-\x1f]')


class Files:
    """A file system by Windows paths."""

    def __init__(self, drives: dict[str, Path], *, link: Any = None, session: dict[str, Any] | None = None) -> None:
        self._drives, self._link = drives, link
        self._session = session if session is not None else {}

    @classmethod
    def of_host(cls, link: Any, session: dict[str, Any] | None = None) -> Files:
        """The host's."""
        drives = {each.name: each for each in (link.folder / "drives").iterdir()}
        return cls(drives, link=link, session=session)

    @classmethod
    def of_guest(cls, tree: Path) -> Files:
        """A guest's."""
        return cls({"C": tree})

    def path(self, windows: str) -> Path:
        """Where a path lies; it need not exist. A Failure for what is no absolute path, or out of reach."""
        text = str(windows).replace("/", "\\")
        root, rest, _ = self._root(text)
        for part in rest.split("\\"):
            if part in ("", "."):
                continue
            if part == ".." or BAD.search(part) or ":" in part:
                raise Failure(f"The given path's format is not supported: '{windows}'.", "NotSupported",
                              "InvalidArgument", windows, "System.NotSupportedException")  # fmt: skip
            root = _matching(root, part)
        return root

    def read_only(self, windows: str) -> bool:
        """Whether it lies on a volume that is mounted read-only."""
        return self._root(str(windows).replace("/", "\\"))[2]

    def there(self, windows: str) -> Path:
        """A path that exists."""
        found = self.path(windows)
        if not found.exists():
            raise not_found(windows)
        return found

    def writable(self, windows: str, fqid: str = "UnauthorizedAccess") -> Path:
        """A path that may be written: neither read-only itself nor on a read-only volume, nor in use."""
        found = self.path(windows)
        if self.read_only(windows) or (found.is_file() and is_read_only(found)):
            raise denied(windows, fqid)
        self.free(windows, found)
        return found

    def free(self, windows: str, found: Path) -> None:
        """Nobody has it open: a disk that a machine or a mount holds cannot be written, moved or removed."""
        if self._link is None or not found.name.lower().endswith((".vhdx", ".vhd", ".avhdx")):
            return
        if self._link.in_use(str(found)):
            raise Failure(
                "The process cannot access the file because it is being used by another process.", "IOException",
                "WriteError", windows, "System.IO.IOException",
            )  # fmt: skip

    def windows(self, found: Path) -> str:
        """The Windows path of a place."""
        for letter, root in self._drives.items():
            if found.is_relative_to(root):
                return f"{letter}:\\" + str(found.relative_to(root)).replace("/", "\\").removeprefix(".")
        if self._link is not None:
            shares = self._link.folder / "shares"
            if found.is_relative_to(shares):
                return "\\\\" + str(found.relative_to(shares)).replace("/", "\\")
        return str(found)

    def mounts(self) -> Iterator[dict[str, Any]]:
        """What is mounted: path, folder, read_only, volume, letter."""
        if self._link is not None:
            file = self._link.folder / "mounts.json"
            if file.exists():
                yield from json.loads(file.read_text())

    def _root(self, text: str) -> tuple[Path, str, bool]:
        for each in self.mounts():
            for begin in each["paths"]:
                plain = begin.rstrip("\\")
                if text.lower() == plain.lower() or text.lower().startswith(plain.lower() + "\\"):
                    return Path(each["folder"]), text[len(plain) :], bool(each["read_only"])
        text = re.sub(r"^\\\\\?\\(?=[A-Za-z]:)", "", text)
        drive = re.match(r"([A-Za-z]):\\?(.*)", text, re.S)
        if drive and drive[1].upper() in self._drives:
            return self._drives[drive[1].upper()], drive[2], False
        share = re.match(r"\\\\([^\\?]+)\\([^\\]+)\\?(.*)", text, re.S)
        if share and self._link is not None:
            return self._share(text, share[1], share[2]), share[3], False
        if drive:
            raise Failure(
                f"Cannot find drive. A drive with the name '{drive[1]}' does not exist.", "DriveNotFound",
                "ObjectNotFound", drive[1], "System.Management.Automation.DriveNotFoundException",
            )  # fmt: skip
        raise not_found(text)

    def _share(self, text: str, server: str, name: str) -> Path:
        given = self._session.get("share credentials", ())
        if not self._link.shape.delegated and server.lower() not in given:
            raise denied(text)  # the second hop: the session has no credentials to show to another server
        known = {each.lower(): each for each in self._link.shape.shares}
        if f"\\\\{server}\\{name}".lower() not in known:
            raise Failure("The network path was not found.", "IOException", "ReadError", text, "System.IO.IOException")
        found = self._link.folder / "shares" / server.lower() / name.lower()
        found.mkdir(parents=True, exist_ok=True)
        return Path(found)


def is_read_only(path: Path) -> bool:
    """Whether a file has the read-only attribute."""
    return not path.stat().st_mode & 0o200


def set_read_only(path: Path, value: bool) -> None:
    """Give or take the read-only attribute."""
    mode = path.stat().st_mode
    path.chmod(mode & ~0o222 if value else mode | 0o200)


def _matching(folder: Path, name: str) -> Path:
    if (folder / name).exists() or not folder.is_dir():
        return folder / name
    lower = name.lower()
    return next((each for each in folder.iterdir() if each.name.lower() == lower), folder / name)
