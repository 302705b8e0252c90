"""
Updates: .cab and .msu, by DISM, and by wusa where DISM does not take the file. docs/facts: windows 5.3, 8.2.

Which packages an update brings is seen in the guest: what Component Based Servicing has more, or in another state,
after it. The proof is that they are installed on the powered-off disk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from golden.disk.hive import Hive
from golden.disk.source import Files
from golden.errors import ChangeFailed, GuestError, ProofFailed, TimedOut, UsageError
from golden.guest import changes
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Ran, Session
from golden.model import Change, Finding, GuestFacts, Severity
from golden.waiting import Deadline
from golden.windows.changes.cabinet import names
from golden.windows.changes.outcomes import DISM, WUSA, Table, concluded
from golden.windows.changes.payload import check_magic
from golden.windows.changes.servicing import (
    INSTALLED,
    PACKAGES,
    ROLLUP,
    Inventory,
    changed,
    check_kept,
    inventory,
    package_state,
    rolled_back,
    software,
)  # fmt: skip
from golden.windows.dialect import SYSTEM32
from golden.windows.local import run_local

DISM_EXE = f"{SYSTEM32}\\dism.exe"
WUSA_EXE = f"{SYSTEM32}\\wusa.exe"
LOGS = ("C:\\Windows\\Logs\\DISM\\dism.log", "C:\\Windows\\Logs\\CBS\\CBS.log")
_FIRST_WITH_DISM = 10240
"""Windows 10; whether the DISM of older builds takes an .msu is unconfirmed, wusa does."""
_NO_MSU_BY_DISM = (50, 87)
"""ERROR_NOT_SUPPORTED, and a switch it does not know: then wusa is asked. Unconfirmed which of them it is."""
_KB = re.compile(r"kb(\d{6,8})", re.IGNORECASE)
_NAMED = re.compile(r"(?:^|[-_.])(x64|amd64|x86|arm64)(?=[-_.]|$)", re.IGNORECASE)
_ARCHITECTURES = {"x64": "x86_64", "amd64": "x86_64", "x86": "x86", "arm64": "arm64"}
_FIRST_BYTES = 4 << 20
_COLLECTIVE = (ROLLUP, "Package_for_DotNetRollup", "Package_for_ServicingStack")
"""How packages of cumulative updates begin; none of them has a KB number in its name. docs/facts: windows 8.2."""


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:
    """A cabinet that servicing takes, or an .msu; with the further packages that it needs beside it."""
    paths = (wanted.source, *(Path(value) for name, value in wanted.options if name == "dependency"))
    for path in paths:
        _check(path)
    if len({path.name.lower() for path in paths}) < len(paths):
        raise UsageError(f"two files called {wanted.source.name} cannot lie beside each other in the guest")
    sources = tuple((changes.payload(path, path.name), path) for path in paths)
    arguments: tuple[tuple[str, str], ...] = (("package", wanted.source.name),)
    if number := _KB.search(wanted.source.name):
        arguments = (*arguments, ("kb", f"KB{number.group(1)}"))
    if wanted.source.suffix.lower() == ".msu" and facts.build.isdigit() and int(facts.build) < _FIRST_WITH_DISM:
        arguments = (*arguments, ("way", "wusa"))
    found = changes.prepared("update", wanted.source.name, sources, arguments)
    return replace(found, findings=_architecture_findings(wanted.source.name, facts))


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    """Copy the package and those it needs into one folder and have servicing install it."""
    folder = changes.run_folder(session, change, deadline)
    for file in change.files:
        changes.push(session, file, files[file.name], session.dialect.join(folder, file.name), deadline)
    before = inventory(session, deadline)
    ran, table = _install(session, change, folder, deadline)
    try:
        done = concluded(change, ran, table)
    except ChangeFailed:
        _keep_logs(session)
        raise
    traces = changed(before, inventory(session, deadline))
    return replace(done, traces=traces) if traces else _there_before(change, done, before)


def look(session: Session, change: Change, deadline: Deadline) -> Standing:
    """Whether a package of this update is there, installed or waiting for a restart."""
    known = inventory(session, deadline).packages
    met = [f"{name} is {state}" for name, state in known.items() if _is_meant(change, name)]
    seen = any(what == "package" for what, _ in change.traces)
    if not met and not seen and "kb" not in dict(change.arguments):
        return Standing(None, "its file name has no KB number, so the guest cannot be asked for it")
    collective = [name for name in known if name.startswith(_COLLECTIVE)]
    if not met and not seen and collective:
        return Standing(None, f"no package has that number, and {collective[0]}, which may be this update, has none")
    there = any(state == INSTALLED for name, state in known.items() if _is_meant(change, name))
    there = there and not rolled_back(known, [name for what, name in change.traces if what == "package"])
    gone = "servicing does not know its packages any more" if seen else "servicing knows no package of that number"
    return Standing(there, "; ".join(met) or gone)


def prove(volume: Files, change: Change) -> str:
    """At least one of its packages is installed on the powered-off disk; or those that made it superfluous are."""
    registry = software(volume)
    if before := [name for what, name in change.traces if what == "already"]:
        return _proved_before(registry, change, before)
    named = [name for what, name in change.traces if what == "package"]
    if not named:
        named = [name for name in registry.subkeys(PACKAGES) if _is_meant(change, name)]
    states = {name: package_state(registry, name) for name in named}
    installed = [name for name, state in states.items() if state == INSTALLED]
    if not installed:
        met = "\n".join(f"{name}: CurrentState {state!r}" for name, state in states.items())
        raise ProofFailed(
            f"read from outside, no package of {change.name} is installed",
            details=met or "it brought no package that Component Based Servicing knows",
        )
    check_kept(registry, change.name, named)
    others = f", {len(states) - len(installed)} in another state" if len(installed) < len(states) else ""
    more = f" and {len(installed) - 1} more" if len(installed) > 1 else ""
    return f"servicing: {installed[0]}{more} CurrentState {INSTALLED} (installed){others}"


def _there_before(change: Change, done: Applied, before: Inventory) -> Applied:
    """An update that changed nothing: its package by number, or the cumulative ones that the guest had already."""
    if named := [name for name in before.packages if _is_meant(change, name)]:
        return replace(done, traces=tuple(("package", name) for name in named))
    had = [name for name, state in before.packages.items() if name.startswith(_COLLECTIVE) and state == INSTALLED]
    if not had:
        return done
    note = done.note or "it changed nothing: the guest has it already, or a newer one"
    return replace(done, note=note, traces=tuple(("already", name) for name in had))


def _proved_before(registry: Hive, change: Change, before: list[str]) -> str:
    installed = [name for name in before if package_state(registry, name) == INSTALLED]
    if not installed:
        # Another change of the same update may have brought a newer one.
        installed = [name for name in registry.subkeys(PACKAGES)
                     if name.startswith(_COLLECTIVE) and package_state(registry, name) == INSTALLED]  # fmt: skip
    if not installed:
        raise ProofFailed(
            f"{change.name} changed nothing, and read from outside no cumulative update is installed",
            details="\n".join(before),
        )
    about = "Microsoft\\Windows NT\\CurrentVersion"
    build, revision = registry.value(about, "CurrentBuild"), registry.value(about, "UBR")
    ours = f", build {build}.{revision}" if isinstance(build, str) and isinstance(revision, int) else ""
    more = f" and {len(installed) - 1} more" if len(installed) > 1 else ""
    return f"it changed nothing; servicing: {installed[0]}{more} CurrentState {INSTALLED} (installed){ours}"


def _check(path: Path) -> None:
    if path.suffix.lower() not in (".cab", ".msu"):
        raise UsageError(f"{path.name} is no update: updates end in .cab or .msu")
    magics = (b"MSCF", b"MSWIM\0\0\0") if path.suffix.lower() == ".msu" else (b"MSCF",)
    first = check_magic(path, "update", *magics)
    if not first.startswith(b"MSCF"):
        return
    with path.open("rb") as file:
        held = names(file.read(_FIRST_BYTES), path.name)
    plain = [name.replace("\\", "/").rpartition("/")[2].lower() for name in held]
    if "update.mum" in plain or any(name.endswith((".cab", ".wim", ".psf")) for name in plain):
        return
    infs = [name for name in held if name.lower().endswith(".inf")]
    raise UsageError(
        f"{path.name} is a cabinet, but no update: there is no update.mum in it",
        details=f"it holds: {', '.join(held[:8])}" + (" …" if len(held) > 8 else ""),
        hint=f"unpack it and add the driver: --add {infs[0]}" if infs else None,
    )


def _architecture_findings(name: str, facts: GuestFacts) -> tuple[Finding, ...]:
    """File names are no proof of anything, so another architecture in one is a warning; DISM has the last word."""
    met = {_ARCHITECTURES[each.lower()] for each in _NAMED.findall(name)}
    if not met or not facts.architecture or facts.architecture in met:
        return ()
    sentence = f"{name} is called an update for {', '.join(sorted(met))}, and the guest is {facts.architecture}"
    return (Finding("update-architecture", Severity.WARNING, sentence, fix="take the one for this architecture"),)


def _install(session: Session, change: Change, folder: str, deadline: Deadline) -> tuple[Ran, Table]:
    told = dict(change.arguments)
    package = session.dialect.join(folder, told["package"])
    what = f"installing {change.name}"
    if told.get("way") != "wusa":
        argv = (DISM_EXE, "/Online", "/Add-Package", f"/PackagePath:{package}", "/Quiet", "/NoRestart")
        ran = run_local(session, argv, what, deadline)
        if ran.code not in _NO_MSU_BY_DISM or not package.lower().endswith(".msu"):
            return ran, DISM
    return run_local(session, (WUSA_EXE, package, "/quiet", "/norestart"), what, deadline), WUSA


def _is_meant(change: Change, package: str) -> bool:
    number = dict(change.arguments).get("kb", "")
    return (("package", package) in change.traces) or bool(number and f"_{number}~".lower() in package.lower())


def _keep_logs(session: Session) -> None:
    """Servicing's logs belong to the job's; a failure is told without them rather than not at all."""
    for path in LOGS:
        with suppress(GuestError, TimedOut):
            session.pull(path, session.logs / path.rpartition("\\")[2], Deadline(60))
