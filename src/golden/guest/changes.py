"""Changes that are the same in every family of guests: run a script, copy a file or a folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from golden.errors import ChangeFailed, NotFound, UsageError
from golden.guest.family import Applied, Prepared, Wanted
from golden.guest.session import Ran, Session
from golden.model import Change, PayloadFile
from golden.waiting import Deadline

RESTART_CODES = (3010, 1641)
"""Exit codes that mean: done, and a restart is needed, or has been begun. docs/facts: windows 5.1, 5.4."""
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TAIL = 4000

Sources = tuple[tuple[PayloadFile, Path], ...]


def split_copy(text: str) -> tuple[Path, str]:
    """
    ``SRC:DEST`` into its halves, at the first colon that is no drive letter's.

    ``C:\\a:D:\\b`` is ``C:\\a`` and ``D:\\b``; ``a:C:\\b`` is drive ``a:`` only where a slash follows its colon.
    UsageError where a half is missing.
    """
    start = 2 if re.match(r"[A-Za-z]:[\\/]", text) else 0
    at = text.find(":", start)
    source, destination = (text[:at], text[at + 1 :]) if at >= 0 else (text, "")
    if not source.strip() or not destination.strip():
        raise UsageError(f"--copy takes SOURCE:DESTINATION, not {text!r}", hint=r"--copy motd.txt:C:\motd.txt")
    return Path(source), destination


def prepare_script(wanted: Wanted) -> Prepared:
    """A script and its arguments as a change. NotFound where it is missing, UsageError where it is no file."""
    path = _regular(wanted.source, "script")
    sources = ((_hashed(path, path.name), path),)
    return prepared("script", path.name, sources, tuple(("argument", text) for text in wanted.arguments))


def prepare_file(wanted: Wanted, destination: str) -> Prepared:
    """A file, or a folder with all in it, to be copied to ``destination`` (a path that the family has judged)."""
    source = wanted.source
    if not source.exists():
        raise NotFound(f"there is no file or folder {source}")
    sources: Sources
    if source.is_dir():
        sources = tuple((_hashed(path, path.relative_to(source).as_posix()), path) for path in _below(source))
        if not sources:
            raise UsageError(f"the folder {source} holds no files")
    else:
        path = _regular(source, "file")
        sources = ((_hashed(path, path.name), path),)
    kind = "folder" if source.is_dir() else "file"
    arguments = (("destination", destination), ("source", kind))
    return prepared("file", f"{source.name} -> {destination}", sources, arguments)


def prepared(kind: str, name: str, sources: Sources, arguments: tuple[tuple[str, str], ...]) -> Prepared:
    """A change of files that were found, with its digest."""
    files = tuple(file for file, _path in sources)
    return Prepared(Change(kind, name, files, arguments, digest_of(kind, name, arguments, files)), sources)


def digest_of(kind: str, name: str, arguments: tuple[tuple[str, str], ...], files: tuple[PayloadFile, ...]) -> str:
    """SHA-256 over canonical JSON of what makes a change this change: kind, name, arguments, files by content."""
    whole = {
        "kind": kind,
        "name": name,
        "arguments": [list(pair) for pair in arguments],
        "files": sorted([file.name, file.sha256] for file in files),
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def payload(path: Path, name: str) -> PayloadFile:
    """A file of a change, hashed in pieces; NotFound or UsageError where it is missing or not a plain file."""
    return _hashed(_regular(path, "file"), name)


def apply_script(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    """Push the script and run it by its ending. ChangeFailed with the end of its output for an unknown exit code."""
    file = change.files[0]
    folder = run_folder(session, change, deadline)
    target = session.dialect.join(folder, _safe(file.name))
    push(session, file, files[file.name], target, deadline)
    arguments = tuple(value for name, value in change.arguments if name == "argument")
    argv = (*session.dialect.interpreter(target), *arguments)
    return applied(change, session.run(argv, f"running {change.name}", deadline))


def apply_file(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    """Copy the change's files to their destinations, making the folders on the way."""
    made: set[str] = set()
    for file, target in destinations(session.dialect.join, change):
        folder = _parent(target)
        if folder and folder not in made:
            make_folder(session, folder, deadline)
            made.add(folder)
        push(session, file, files[file.name], target, deadline)
    return Applied()


def destinations(join: Callable[..., str], change: Change) -> tuple[tuple[PayloadFile, str], ...]:
    """Each file of a file change with the path it gets in the guest; ``join`` is the dialect's."""
    told = dict(change.arguments)
    target = told["destination"]
    if told.get("source") == "folder":
        return tuple((file, join(target, *file.name.split("/"))) for file in change.files)
    file = change.files[0]
    whole = join(target, file.name) if target.endswith(("/", "\\")) else target
    return ((file, whole),)


def push(session: Session, file: PayloadFile, source: Path, target: str, deadline: Deadline) -> None:
    """Copy one file of a change into the guest. ChangeFailed where it is not what was looked at any more."""
    sent = session.push(source, target, deadline)
    if sent != file.sha256:
        raise ChangeFailed(
            f"{file.name} changed while golden was copying it into the guest",
            details=f"looked at {file.sha256}\ncopied    {sent}",
            hint="try again when nobody writes it",
        )


def run_folder(session: Session, change: Change, deadline: Deadline) -> str:
    """A folder of this change's own below the session's run folder, made in the guest."""
    folder = session.dialect.join(session.folder, f"change-{change.digest[:12]}")
    session.make_folder(folder, deadline)
    return folder


def make_folder(session: Session, path: str, deadline: Deadline) -> None:
    """Make a folder in the guest; there already is success. ChangeFailed with the guest's words otherwise."""
    ran = session.run(session.dialect.make_folder(path), f"making the folder {path}", deadline)
    if ran.code:
        raise ChangeFailed(f"the guest cannot make the folder {path}", details=said(ran))


def applied(change: Change, ran: Ran, notes: Mapping[int, str] | None = None) -> Applied:
    """What an exit code means: 0 done, 3010 and 1641 done but restart, ``notes`` done with a remark; else failed."""
    if ran.code == 0:
        return Applied()
    if ran.code in RESTART_CODES:
        return Applied(reboot=True)
    if notes and ran.code in notes:
        return Applied(note=notes[ran.code])
    raise ChangeFailed(f"{change.name} ended with exit code {shown_code(ran.code)}", details=said(ran) or None)


def said(ran: Ran) -> str:
    """The last words of a program: the end of its errors and output."""
    return "\n".join(part for part in (ran.out.strip()[-_TAIL:], ran.err.strip()[-_TAIL:]) if part)


def shown_code(code: int) -> str:
    """An exit code as a person looks for it: as it is, and where it is a large one in hex of 32 bits too."""
    return str(code) if -1000 < code < 100_000 else f"{code} ({code & 0xFFFFFFFF:#010x})"


def _regular(path: Path, what: str) -> Path:
    if not path.exists():
        raise NotFound(f"there is no {what} {path}")
    if not path.is_file():
        raise UsageError(f"{path} is not a plain file")
    return path


def _hashed(path: Path, name: str) -> PayloadFile:
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        raise UsageError(f"{path} cannot be read", details=str(error)) from error
    return PayloadFile(name, digest.hexdigest(), size)


def _below(folder: Path) -> list[Path]:
    """All files below a folder in a steady order; links and special files are refused rather than followed."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise UsageError(f"{path} is a link or a special file; golden copies plain files and folders")
        if path.is_file():
            found.append(path)
    return found


def _safe(name: str) -> str:
    """The script's own name where every shell takes it as it is, else a plain one with the same ending."""
    return name if _PLAIN.fullmatch(name) else f"script{Path(name).suffix.lower()}"


def _parent(path: str) -> str:
    """The folder of a guest's path; empty for a drive or the root, which are always there."""
    at = max(path.rfind("/"), path.rfind("\\"))
    folder = path[:at] if at > 0 else ""
    return "" if re.fullmatch(r"[A-Za-z]:", folder) else folder
