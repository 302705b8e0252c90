"""Drivers: one ``pnputil`` call an INF, proved by the package in the driver store. docs/facts: windows 5.1, 8.2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from golden.disk.source import Files
from golden.errors import ProofFailed, UsageError
from golden.guest import changes
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, GuestFacts, PayloadFile
from golden.waiting import Deadline
from golden.windows.bundle import bundle
from golden.windows.changes import outcomes
from golden.windows.dialect import SYSTEM32, is_plain

PNPUTIL = f"{SYSTEM32}\\pnputil.exe"
DRIVER_STORE = "Windows/System32/DriverStore/FileRepository"
_FIRST_WITH_ADD_DRIVER = 14393
"""Windows 10 1607 and Server 2016; before that pnputil has other switches. docs/facts: windows 5.1."""


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:
    """Every file of the package is found here first."""
    found = bundle(wanted.source, facts.architecture)
    sources = tuple((changes.payload(path, name), path) for name, path in found.files)
    for name, _path in found.files:
        folder = name.rpartition("/")[0].replace("/", "\\")
        if folder and not is_plain(f"C:\\{folder}"):
            raise UsageError(f"{found.inf} names a folder that golden does not make in a guest: {folder!r}")
    arguments: tuple[tuple[str, str], ...] = (("inf", found.inf),)
    if is_old(facts):
        arguments = (*arguments, ("pnputil", "old"))
    return replace(changes.prepared("driver", found.inf, sources, arguments), findings=found.findings)


def is_old(facts: GuestFacts) -> bool:
    """Whether this Windows has the pnputil of before Windows 10 1607."""
    return facts.build.isdigit() and int(facts.build) < _FIRST_WITH_ADD_DRIVER


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    """Copy the package and add it to the driver store."""
    folder = changes.run_folder(session, change, deadline)
    made: set[str] = set()
    for file in change.files:
        *above, name = file.name.split("/")
        target = session.dialect.join(folder, *above)
        if above and target not in made:
            changes.make_folder(session, target, deadline)
            made.add(target)
        changes.push(session, file, files[file.name], session.dialect.join(target, name), deadline)
    told = dict(change.arguments)
    inf = session.dialect.join(folder, told["inf"])
    argv = (PNPUTIL, "-i", "-a", inf) if told.get("pnputil") == "old" else (PNPUTIL, "/add-driver", inf, "/install")
    ran = session.run(argv, f"adding the driver {change.name}", deadline)
    return outcomes.concluded(change, ran, outcomes.PNPUTIL)


def prove(volume: Files, change: Change) -> str:
    """The package folder in the driver store that holds the INF with the bytes it came with."""
    inf = _inf(change)
    met = []
    store = volume.find(DRIVER_STORE)
    for entry in store.entries() if store else ():
        if not entry.name.lower().startswith(f"{inf.name.lower()}_"):
            continue
        path = f"{DRIVER_STORE}/{entry.name}/{inf.name}"
        file = volume.find(path)
        if file is not None and file.size == inf.size and file.sha256() == inf.sha256:
            return f"driver store: {entry.name}, {inf.name} sha256 {inf.sha256}"
        met.append(f"{entry.name}: {'no INF' if file is None else 'an INF with other bytes'}")
    raise ProofFailed(
        f"read from outside, the driver {inf.name} is not in the driver store",
        details="\n".join(met) or "no package of that name",
    )


def look(session: Session, change: Change, deadline: Deadline) -> Standing:  # noqa: ARG001
    """The driver store is read from the disk; adding a package twice is harmless, so nothing is asked."""
    return Standing(None)


def _inf(change: Change) -> PayloadFile:
    name = dict(change.arguments)["inf"]
    return next(file for file in change.files if file.name == name)
