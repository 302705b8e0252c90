"""
Set-up programs: .exe, with the arguments and success codes that its maker names. docs/facts: windows 5.4.

What one installed is seen in the guest: the keys below Uninstall that came with it. The proof looks for those.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from golden.disk.source import Files
from golden.errors import ProofFailed
from golden.guest import changes
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, GuestFacts
from golden.waiting import Deadline
from golden.windows.changes.command_line import checked_tail, success_codes
from golden.windows.changes.outcomes import Meaning, Outcome, concluded
from golden.windows.changes.payload import check_magic, check_runs, machine
from golden.windows.changes.servicing import changed, inventory, program, software
from golden.windows.local import run_local

_RESTART = (3010, 1641)


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:
    """A program that this Windows runs."""
    path = wanted.source
    first = check_magic(path, "Windows program", b"MZ")
    check_runs(path.name, machine(first), facts.architecture)
    arguments = [("ok-codes", ",".join(str(code) for code in success_codes(wanted)))]
    if tail := checked_tail(wanted):
        arguments.append(("arguments", tail))
    return changes.prepared("setup", path.name, ((changes.payload(path, path.name), path),), tuple(arguments))


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    """Run it as local work; what it added below Uninstall are its traces."""
    folder = changes.run_folder(session, change, deadline)
    target = session.dialect.join(folder, "setup.exe")
    file = change.files[0]
    changes.push(session, file, files[file.name], target, deadline)
    told = dict(change.arguments)
    before = inventory(session, deadline)
    ran = run_local(session, (target,), f"running {change.name}", deadline, tail=told.get("arguments", ""))
    good = {int(code) & 0xFFFFFFFF for code in told["ok-codes"].split(",")}
    table = {code: Outcome(Meaning.RESTART if code in _RESTART else Meaning.DONE) for code in good}
    done = concluded(change, ran, table)
    traces = changed(before, inventory(session, deadline))
    return Applied(done.reboot, done.note, traces=(*traces, ("code", str(ran.code))))


def look(session: Session, change: Change, deadline: Deadline) -> Standing:
    """Whether the keys that came with it are there; nothing can be asked where none are known."""
    known = {name for what, name in change.traces if what == "program"}
    if not known:
        return Standing(None, "only the set-up program knows what it was to do")
    missing = known - inventory(session, deadline).programs
    return Standing(not missing, f"below Uninstall: {', '.join(sorted(missing or known))}")


def prove(volume: Files, change: Change) -> str:
    """Each key below Uninstall that was seen to come with it."""
    registry, said = software(volume), []
    for key in (name for what, name in change.traces if what == "program"):
        values = program(registry, key)
        if values is None:
            raise ProofFailed(f"read from outside, what {change.name} installed is gone", details=f"Uninstall\\{key}")
        said.append(f"{key} {values.get('DisplayName', '')} {values.get('DisplayVersion', '')}".strip())
    code = dict(change.traces).get("code", "0")
    return f"Uninstall: {'; '.join(said)}" if said else f"exit code {code}; it made no key below Uninstall"
