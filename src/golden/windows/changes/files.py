"""Files and folders that are copied into the guest, proved by their SHA-256 on the powered-off disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from golden.disk.source import Files
from golden.errors import ProofFailed, UsageError
from golden.guest import changes
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, GuestFacts
from golden.waiting import Deadline
from golden.windows.dialect import WindowsDialect, is_plain

_FORBIDDEN_IN_PATHS = re.compile(r'[<>"|?*\x00-\x1f]')
_JOIN = WindowsDialect().join


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:  # noqa: ARG001 - every Windows takes files
    """The destination is one that Windows takes and that can be proved afterwards."""
    found = changes.prepare_file(wanted, _destination(wanted.destination))
    for _file, target in changes.destinations(_JOIN, found.change):
        _check_folder(target.rpartition("\\")[0])
    return found


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    """Copy them, making the folders on the way."""
    return changes.apply_file(session, change, files, deadline)


def look(session: Session, change: Change, deadline: Deadline) -> Standing:
    """Whether each file is there with its bytes."""
    for file, target in changes.destinations(_JOIN, change):
        told = session.script(session.dialect.hasher, f"looking for {target}", deadline, path=target)
        if told["sha256"] != file.sha256:
            return Standing(there=False, sentence=f"{target} is missing or has other bytes")
    return Standing(there=True, sentence="every file is there with its bytes")


def prove(volume: Files, change: Change) -> str:
    """Every file lies where it was meant to, with the bytes it was sent with."""
    for file, target in changes.destinations(_JOIN, change):
        path = target[3:]
        there = volume.find(path)
        if there is None or there.is_folder:
            raise ProofFailed(f"read from outside, {target} is not on the disk", details=f"change: {change.name}")
        # The size first: a sparse file of many TiB takes days to hash and no place on its disk.
        digest = there.sha256() if there.size == file.size else ""
        if digest != file.sha256:
            raise ProofFailed(
                f"read from outside, {target} has other bytes than were copied",
                details=f"copied {file.sha256} ({file.size} bytes)\non disk {digest} ({there.size} bytes)",
            )
    count = len(change.files)
    return f"sha256 {change.files[0].sha256}" if count == 1 else f"{count} files with the sha256 they were copied with"


def _destination(text: str) -> str:
    r"""The destination with back slashes; UsageError unless it is a path on C: that can be proved afterwards."""
    path = text.replace("/", "\\")
    hint = r"--copy 'motd.txt:C:\ProgramData\motd.txt', in quotes: a shell takes the backslashes away"
    if not re.match(r"[Cc]:\\", path):
        raise UsageError(f"{text!r} is no whole path on the system drive C:", hint=hint)
    parts = path[3:].rstrip("\\").split("\\")
    reserved = any(part.strip(". ") == "" for part in parts if path[3:])
    if _FORBIDDEN_IN_PATHS.search(path[3:]) or ":" in path[3:] or reserved:
        raise UsageError(f"{text!r} is no path that Windows takes", hint=hint)
    return path


def _check_folder(folder: str) -> None:
    if len(folder) > len("C:") and not is_plain(folder):
        raise UsageError(
            f"golden does not make the folder {folder!r} in a guest",
            hint="folder names of letters, digits, spaces and . _ - + ~",
        )
