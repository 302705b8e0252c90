"""
Windows Update: rounds of search, download and installation, with restarts between them, until there is nothing more.

It runs as local work (docs/facts: windows 5.7) and needs a network, which golden takes away again before the proof. The
proof is what servicing has installed that it had not before. A member of a domain is not updated, and a guest that
became one meanwhile is no version (3.2: a reference must be in a workgroup); that is asked before and after each round,
and once more before the guest is switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from golden.disk.source import Files
from golden.errors import ChangeFailed, ProofFailed
from golden.guest import changes
from golden.guest.dialect import Script
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, Finding, GuestFacts, Severity
from golden.waiting import Deadline
from golden.windows.changes.servicing import INSTALLED, changed, check_kept, inventory, package_state, software
from golden.windows.dialect import SCRIPTS
from golden.windows.local import script_local

_MOST_ROUNDS = 5
"""Rounds without a restart between them."""
_SCRIPT = Script(SCRIPTS / "windows_update.ps1")
_DOMAIN = Script(SCRIPTS / "domain.ps1")
_WHY = {
    0x80070005: "Windows Update refused: it was not started as local work",
    0x80240438: "the guest reached no update service; has its network a way out?",
    0x8024402C: "the guest could not find the update service; has its network a name server?",
    0x80072EE7: "the guest could not find the update service; has its network a name server?",
    0x80070422: "the Windows Update service is disabled",
}
"""What codes likely mean; only the first is confirmed."""


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:  # noqa: ARG001 - the guest has the last word
    """A network is needed; which one is a decision that golden cannot judge, so it says what to look at."""
    warning = Finding(
        "network-asked-for",
        Severity.WARNING,
        "the clone gets a network while it updates: it must reach an update service and nothing of a domain",
        "a guest that is on a domain's network may be joined, managed or given apps, and sysprep then fails",
        "a network of its own behind address translation",
    )
    done = changes.prepared("windows-update", wanted.name, (), (("categories", wanted.name),))
    return replace(done, findings=(warning,), network=True)


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:  # noqa: ARG001
    """One round; where something was installed there may be more, after a restart if it asks for one."""
    asked = dict(change.arguments)["categories"].split(",")
    traces: tuple[tuple[str, str], ...] = ()
    rounds = 0
    while True:
        before = inventory(session, deadline)
        told: Any = script_local(session, _SCRIPT, "updating Windows", deadline, categories=asked)
        _judge(change, told)
        after = inventory(session, deadline)
        titles = tuple(("title", str(title)) for title in told["installed"])
        traces = _merged(traces, (*titles, *changed(before, after)))
        note = f"installed {', '.join(title for _, title in titles)}" if titles else ""
        if told["restart"]:
            return Applied(reboot=True, again=True, note=note, traces=traces)
        if not told["found"]:
            return Applied(traces=traces, note=note)
        rounds += 1
        if rounds >= _MOST_ROUNDS:
            raise ChangeFailed(f"Windows Update finds the same updates again after {rounds} rounds", details=note)


def look(session: Session, change: Change, deadline: Deadline) -> Standing:
    """
    Whether a package that was seen to come is installed, in a guest that is still in its workgroup.

    ChangeFailed where it is a member of a domain.
    """
    _refuse_domain(change, session.script(_DOMAIN, "asking whether the guest joined a domain", deadline))
    named = [name for what, name in change.traces if what == "package"]
    if not named:
        return Standing(None, "no package of servicing was seen to come, so there is none to ask for")
    known = inventory(session, deadline).packages
    missing = [name for name in named if known.get(name) != INSTALLED]
    return Standing(len(missing) < len(named), ", ".join(missing) or "all of its packages are installed")


def prove(volume: Files, change: Change) -> str:
    """The packages that were seen to come are installed on the powered-off disk."""
    registry = software(volume)
    named = [name for what, name in change.traces if what == "package"]
    titles = [name for what, name in change.traces if what == "title"]
    installed = [name for name in named if package_state(registry, name) == INSTALLED]
    if named and not installed:
        raise ProofFailed(
            "read from outside, nothing that Windows Update installed is on the disk",
            details="\n".join(f"{name}: CurrentState {package_state(registry, name)!r}" for name in named),
        )
    check_kept(registry, "Windows Update", named)
    if not titles:
        return "Windows Update found nothing to install"
    return f"{len(titles)} updates; servicing: {len(installed)} of {len(named)} packages CurrentState {INSTALLED}"


def _refuse_domain(change: Change, told: Any) -> None:
    if told["domain"]:
        raise ChangeFailed(
            f"Windows Update ({change.name}): the guest is a member of the domain {told['domain']}",
            details="a domain manages its members: policies, apps and management reach a guest that is on its network",
            hint="take the guest out of the domain, and give --network a network of its own behind address translation",
        )


def _judge(change: Change, told: Any) -> None:
    _refuse_domain(change, told)
    if not told["ok"]:
        code = int(told["code"])
        why = _WHY.get(code & 0xFFFFFFFF)
        raise ChangeFailed(
            f"Windows Update ({change.name}) failed with {changes.shown_code(code)}" + (f": {why}" if why else ""),
            details=str(told["why"]) or None,
        )
    if told["failed"]:
        listed = [f"{each['title']}: {changes.shown_code(int(each['code']))}" for each in told["failed"]]
        raise ChangeFailed(f"Windows Update could not install {len(listed)} updates", details="\n".join(listed))


def _merged(first: tuple[tuple[str, str], ...], second: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return (*first, *(trace for trace in second if trace not in first))
