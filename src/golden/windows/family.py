"""What golden can do with Windows guests; fulfils ``golden.guest.family.Family``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from golden.disk.damage import Damaged
from golden.disk.ntfs import Ntfs
from golden.disk.source import BlockSource
from golden.errors import ProofFailed, UsageError
from golden.guest import changes
from golden.guest.dialect import Dialect
from golden.guest.family import Applied, Prepared, SealOrder, Wanted
from golden.guest.session import Session
from golden.model import Change, GuestFacts, GuestState, PayloadFile, SealProof
from golden.waiting import Deadline
from golden.windows import sysprep
from golden.windows.bundle import bundle
from golden.windows.dialect import SYSTEM32, WindowsDialect, is_plain
from golden.windows.facts import NoWindows, read_facts, windows_volume
from golden.windows.state import evidence, has_seal, signals

PNPUTIL = f"{SYSTEM32}\\pnputil.exe"
DRIVER_STORE = "Windows/System32/DriverStore/FileRepository"
_FIRST_WITH_ADD_DRIVER = 14393
"""Windows 10 1607 and Server 2016; before that pnputil has other switches. docs/facts: windows 5.1."""
_STAGED = {259: "no device of this driver is present, or it has a newer one; the package is in the driver store"}
_MEANS_SOMETHING_TO_CMD = re.compile(r'[&|<>^%!"\r\n]')
_FORBIDDEN_IN_PATHS = re.compile(r'[<>"|?*\x00-\x1f]')


class WindowsFamily:
    """Windows from 7 and Server 2008 R2 on."""

    name = "windows"
    seals: tuple[str, ...] = ("sysprep", "none")

    def __init__(self) -> None:
        """No settings: all that differs is read from the guest."""
        self.dialect: Dialect = WindowsDialect()

    def read(self, disk: BlockSource) -> GuestFacts:
        """State and identity from the powered-off disk; UNKNOWN with what was met where it holds no Windows."""
        return read_facts(disk)

    def prepare(self, wanted: Wanted, facts: GuestFacts) -> Prepared:
        """Look at what a user wants before anything starts. UsageError or NotFound where it cannot be applied."""
        if wanted.kind == "driver":
            return _prepare_driver(wanted, facts)
        if wanted.kind == "script":
            self.dialect.interpreter(f"C:\\script{wanted.source.suffix}")
            _check_arguments(wanted)
            return changes.prepare_script(wanted)
        if wanted.kind == "file":
            found = changes.prepare_file(wanted, _destination(wanted.destination))
            for _file, target in changes.destinations(self.dialect.join, found.change):
                _check_folder(target.rpartition("\\")[0])
            return found
        raise UsageError(f"a Windows guest takes no change of the kind {wanted.kind!r}")

    def apply(self, session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
        """Apply one change in the running guest. ChangeFailed with the guest's words where it does not succeed."""
        if change.kind == "driver":
            return _apply_driver(session, change, files, deadline)
        if change.kind == "script":
            return changes.apply_script(session, change, files, deadline)
        if change.kind == "file":
            return changes.apply_file(session, change, files, deadline)
        raise UsageError(f"a Windows guest takes no change of the kind {change.kind!r}")

    def prove(self, disk: BlockSource, changes: tuple[Change, ...]) -> tuple[tuple[str, str], ...]:
        """(change, evidence) for each change, read from the powered-off disk. ProofFailed where one left no trace."""
        volume = _windows(disk)
        found = []
        for change in changes:
            if change.kind == "driver":
                found.append((change.name, _driver_proof(volume, change)))
            elif change.kind == "file":
                found.append((change.name, self._file_proof(volume, change)))
            else:
                found.append((change.name, "exit code 0"))
        return tuple(found)

    def generalize(self, session: Session, order: SealOrder, facts: GuestFacts, deadline: Deadline) -> None:
        """Seal the running guest and leave it running; nothing is done for the seal ``none``."""
        _check_seal(order.seal, self.seals)
        if order.seal == "sysprep":
            sysprep.generalize(session, order, facts, deadline)

    def prove_sealed(self, disk: BlockSource, seal: str) -> SealProof:
        """The signals of the seal, read from the powered-off disk. ProofFailed with every input printed otherwise."""
        _check_seal(seal, self.seals)
        facts = read_facts(disk)
        wanted = GuestState.SEALED if seal == "sysprep" else GuestState.VIRGIN
        if facts.state is not wanted:
            raise ProofFailed(
                f"read from outside, the guest is {facts.state.value}; the seal {seal!r} needs {wanted.value}",
                details="\n".join(f"{name}: {value}" for name, value in facts.evidence) or None,
            )
        seen = evidence(_windows(disk))
        if seal == "sysprep" and not has_seal(seen):
            raise ProofFailed("the disk changed while it was being read", details=str(seen.listed()))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return SealProof(seal, "disk", facts, signals(seen), now)

    def _file_proof(self, volume: Ntfs, change: Change) -> str:
        for file, target in changes.destinations(self.dialect.join, change):
            path = target[3:]
            there = volume.find(path)
            if there is None or there.is_folder:
                raise ProofFailed(f"read from outside, {target} is not on the disk", details=f"change: {change.name}")
            if (digest := there.sha256()) != file.sha256:
                raise ProofFailed(
                    f"read from outside, {target} has other bytes than were copied",
                    details=f"copied {file.sha256}\non disk {digest} ({there.size} bytes)",
                )
        count = len(change.files)
        return (
            f"sha256 {change.files[0].sha256}" if count == 1 else f"{count} files with the sha256 they were copied with"
        )


def _prepare_driver(wanted: Wanted, facts: GuestFacts) -> Prepared:
    found = bundle(wanted.source, facts.architecture)
    sources = tuple((changes.payload(path, name), path) for name, path in found.files)
    for name, _path in found.files:
        folder = name.rpartition("/")[0].replace("/", "\\")
        if folder and not is_plain(f"C:\\{folder}"):
            raise UsageError(f"{found.inf} names a folder that golden does not make in a guest: {folder!r}")
    arguments: tuple[tuple[str, str], ...] = (("inf", found.inf),)
    if facts.build.isdigit() and int(facts.build) < _FIRST_WITH_ADD_DRIVER:
        arguments = (*arguments, ("pnputil", "old"))
    return replace(changes.prepared("driver", found.inf, sources, arguments), findings=found.findings)


def _apply_driver(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    folder = changes.run_folder(session, change, deadline)
    made: set[str] = set()
    for file in change.files:
        *above, name = file.name.split("/")
        target = session.dialect.join(folder, *above)
        if above and target not in made:
            changes.make_folder(session, target, deadline)
            made.add(target)
        session.push(files[file.name], session.dialect.join(target, name), deadline)
    told = dict(change.arguments)
    inf = session.dialect.join(folder, told["inf"])
    argv = (PNPUTIL, "-i", "-a", inf) if told.get("pnputil") == "old" else (PNPUTIL, "/add-driver", inf, "/install")
    ran = session.run(argv, f"adding the driver {change.name}", deadline)
    return changes.applied(change, ran, _STAGED)


def _driver_proof(volume: Ntfs, change: Change) -> str:
    """The package folder in the driver store that holds the INF with the bytes it came with."""
    inf = _inf(change)
    met = []
    store = volume.find(DRIVER_STORE)
    for entry in store.entries() if store else ():
        if not entry.name.lower().startswith(f"{inf.name.lower()}_"):
            continue
        path = f"{DRIVER_STORE}/{entry.name}/{inf.name}"
        file = volume.find(path)
        if file is not None and file.sha256() == inf.sha256:
            return f"driver store: {entry.name}, {inf.name} sha256 {inf.sha256}"
        met.append(f"{entry.name}: {'no INF' if file is None else 'an INF with other bytes'}")
    raise ProofFailed(
        f"read from outside, the driver {inf.name} is not in the driver store",
        details="\n".join(met) or "no package of that name",
    )


def _inf(change: Change) -> PayloadFile:
    name = dict(change.arguments)["inf"]
    return next(file for file in change.files if file.name == name)


def _windows(disk: BlockSource) -> Ntfs:
    try:
        return windows_volume(disk)
    except (NoWindows, Damaged) as error:
        raise ProofFailed(error.brief, details=error.details) from error


def _check_seal(seal: str, known: tuple[str, ...]) -> None:
    if seal not in known:
        raise UsageError(f"a Windows guest cannot be sealed with {seal!r}", hint=f"one of: {', '.join(known)}")


def _check_arguments(wanted: Wanted) -> None:
    """cmd.exe reads the arguments of a batch file as part of a command line, so some characters cannot pass."""
    if wanted.source.suffix.lower() not in (".cmd", ".bat"):
        return
    for argument in wanted.arguments:
        if _MEANS_SOMETHING_TO_CMD.search(argument):
            raise UsageError(
                f"the argument {argument!r} holds a character that means something to cmd.exe",
                hint="put the value into the script, or use a .ps1 script",
            )


def _destination(text: str) -> str:
    r"""The destination with back slashes; UsageError unless it is a path on C: that can be proved afterwards."""
    path = text.replace("/", "\\")
    hint = r"--copy motd.txt:C:\ProgramData\motd.txt"
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
