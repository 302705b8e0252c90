"""
Installers: .msi packages, proved by their product's key below Uninstall, with their log kept. docs/facts: windows 5.4.

They are run as local work: what SYSTEM installs belongs to the computer and not to an account.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from golden.disk.source import Files
from golden.errors import ChangeFailed, GuestError, ProofFailed, TimedOut, UsageError
from golden.guest import changes
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, GuestFacts
from golden.waiting import Deadline
from golden.windows.changes import msi_tables
from golden.windows.changes.command_line import checked_tail
from golden.windows.changes.outcomes import MSIEXEC, concluded, until_free
from golden.windows.changes.payload import check_magic, check_runs
from golden.windows.changes.servicing import inventory, program, software
from golden.windows.dialect import SYSTEM32
from golden.windows.local import run_local

MSIEXEC_EXE = f"{SYSTEM32}\\msiexec.exe"
_FATAL = 1603
_FAILED_ACTION = "Return value 3"
_LINES_BEFORE = 6


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:
    """A package that says which product it is, and is for this Windows' architecture."""
    path = wanted.source
    check_magic(path, "package of the Windows Installer", msi_tables.MAGIC)
    package = msi_tables.read(path)
    product = package.properties.get("ProductCode", "")
    if not product:
        raise UsageError(f"{path.name} names no product", hint="patches (.msp) and transforms (.mst) go with a package")
    check_runs(path.name, package.architecture, facts.architecture)
    arguments = [("product", product)]
    arguments += [(key, package.properties[name]) for key, name in _KEPT if package.properties.get(name)]
    if tail := checked_tail(wanted):
        arguments.append(("arguments", tail))
    return changes.prepared("msi", path.name, ((changes.payload(path, path.name), path),), tuple(arguments))


_KEPT = (("title", "ProductName"), ("version", "ProductVersion"))


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    """Install it, again while another installation runs; its log is kept with the job's whatever comes of it."""
    folder = changes.run_folder(session, change, deadline)
    package, log = session.dialect.join(folder, "package.msi"), session.dialect.join(folder, "msi.log")
    file = change.files[0]
    changes.push(session, file, files[file.name], package, deadline)
    argv = (MSIEXEC_EXE, "/i", package, "/qn", "/norestart", "/l*v", log)
    tail = dict(change.arguments).get("arguments", "")
    kept = session.logs / f"{change.digest[:8]}-{Path(file.name).stem}.log"
    ran = until_free(
        session, MSIEXEC, deadline, lambda: run_local(session, argv, f"installing {change.name}", deadline, tail=tail)
    )
    with suppress(GuestError, TimedOut):
        session.pull(log, kept, Deadline(120))
    try:
        return concluded(change, ran, MSIEXEC)
    except ChangeFailed as error:
        said = failed_action(kept) if ran.code == _FATAL else ""
        error.details = "\n".join(part for part in (error.details, said, f"log: {kept}") if part)
        raise


def look(session: Session, change: Change, deadline: Deadline) -> Standing:
    """Whether the product has its key below Uninstall."""
    product = dict(change.arguments)["product"]
    there = product.lower() in {name.lower() for name in inventory(session, deadline).programs}
    return Standing(there, f"the product {product} is {'installed' if there else 'not installed'}")


def prove(volume: Files, change: Change) -> str:
    """The product's key below Uninstall, and its version; one that differs from the package's is told."""
    told = dict(change.arguments)
    values = program(software(volume), told["product"])
    if values is None:
        raise ProofFailed(
            f"read from outside, {change.name} is not installed", details=f"no key Uninstall\\{told['product']}"
        )
    version = values.get("DisplayVersion", "")
    other = f" (the package says {told['version']})" if version != told.get("version", version) else ""
    return f"Uninstall: {told['product']} {values.get('DisplayName', '')} {version}".rstrip() + other


def failed_action(log: Path) -> str:
    """The lines before the first action of an installer's log that failed; empty where it tells of none."""
    try:
        data = log.read_bytes()
    except OSError:
        return ""
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    lines = data.decode("utf-16" if utf16 else "utf-8", "replace").splitlines()
    for number, line in enumerate(lines):
        if _FAILED_ACTION in line:
            return "\n".join(lines[max(0, number - _LINES_BEFORE) : number + 1])
    return ""
