"""Taking away: drivers, packages of servicing, provisioned apps. docs/facts: windows 5.1, 5.3, 5.5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from golden.disk.source import Files
from golden.errors import ChangeFailed, NotFound, ProofFailed, UsageError
from golden.guest import changes
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, Driver, GuestFacts
from golden.waiting import Deadline
from golden.windows.changes import outcomes
from golden.windows.changes.appx import SCRIPT as APPX
from golden.windows.changes.drivers import PNPUTIL, is_old
from golden.windows.changes.servicing import INSTALLED, PACKAGES, inventory, package_state, software
from golden.windows.changes.updates import DISM_EXE
from golden.windows.facts import published_drivers
from golden.windows.local import run_local, script_local

WHATS = ("driver", "package", "appx")
_NAMES = {
    "driver": re.compile(r"[A-Za-z0-9_. -]{1,120}\.inf", re.IGNORECASE),
    "package": re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,250}"),
    "appx": re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,120}"),
}
_HINT = "--remove driver:netkvm.inf, package:Package_for_KB5031234~31bf…, or appx:Microsoft.Copilot"


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:
    """Something of this Windows that has a name; a driver is looked up in what the version has."""
    what, _, name = wanted.name.partition(":")
    if what not in WHATS or not _NAMES[what].fullmatch(name):
        raise UsageError(f"{wanted.name!r} names nothing that golden can take away", hint=_HINT)
    arguments = [("what", what), ("of", name)]
    if what == "driver":
        arguments.append(("published", _published(name, facts.drivers)))
        if is_old(facts):
            arguments.append(("pnputil", "old"))
    return changes.prepared("remove", wanted.name, (), tuple(arguments))


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:  # noqa: ARG001
    """Take it away. ChangeFailed with the guest's words."""
    told = dict(change.arguments)
    what = f"removing {change.name}"
    if told["what"] == "driver":
        old = told.get("pnputil") == "old"
        words = ("-d", told["published"]) if old else ("/delete-driver", told["published"], "/uninstall")
        ran = session.run((PNPUTIL, *words), what, deadline)
        return outcomes.concluded(change, ran, outcomes.REMOVING)
    if told["what"] == "package":
        argv = (DISM_EXE, "/Online", "/Remove-Package", f"/PackageName:{told['of']}", "/Quiet", "/NoRestart")
        return outcomes.concluded(change, run_local(session, argv, what, deadline), outcomes.DISM)
    answer = script_local(
        session, APPX, what, deadline, action="remove", name=told["of"], path="", dependencies=[], license=""
    )
    if not answer["ok"] or answer["packages"]:
        raise ChangeFailed(f"the app {told['of']} could not be removed", details=str(answer["why"]) or None)
    return Applied()


def look(session: Session, change: Change, deadline: Deadline) -> Standing:
    """Whether it is gone."""
    told = dict(change.arguments)
    if told["what"] == "package":
        state = inventory(session, deadline).packages.get(told["of"])
        return Standing(
            state != INSTALLED, f"CurrentState {state}" if state is not None else "servicing has it no more"
        )
    if told["what"] == "appx":
        answer = session.script(
            APPX, f"looking for {told['of']}", deadline, action="ask", name=told["of"], dependencies=[], license=""
        )
        return Standing(not answer["packages"], "still provisioned" if answer["packages"] else "not provisioned")
    return Standing(None, "the driver store is read from the powered-off disk")


def prove(volume: Files, change: Change) -> str:
    """It is not on the powered-off disk any more."""
    told = dict(change.arguments)
    if told["what"] == "driver":
        if any(driver.published.lower() == told["published"].lower() for driver in published_drivers(volume)):
            raise ProofFailed(
                f"read from outside, {told['of']} is still in the driver store", details=told["published"]
            )
        return f"driver store: {told['published']} ({told['of']}) is gone"
    if told["what"] == "package":
        state = package_state(software(volume), told["of"])
        if state == INSTALLED:
            raise ProofFailed(
                f"read from outside, {told['of']} is still installed", details=f"{PACKAGES}: CurrentState {state}"
            )
        return f"servicing: {told['of']} is not installed"
    return f"{dict(change.traces).get('asked', 'not provisioned')} (asked before it was switched off)"


def _published(name: str, drivers: tuple[Driver, ...]) -> str:
    """The name under which the driver store has a driver: it is called ``oem5.inf`` there, whatever it came as."""
    met = [each for each in drivers if name.lower() in (each.published.lower(), each.inf.lower())]
    known = ", ".join(f"{each.inf} ({each.published})" for each in drivers) or "none"
    if not met:
        raise NotFound(f"this version has no driver {name}", details=f"third-party drivers: {known}")
    if len(met) > 1:
        several = ", ".join(f"{each.published} {each.version}" for each in met)
        raise UsageError(
            f"this version has {len(met)} drivers called {name}: {several}", hint=f"--remove driver:{met[0].published}"
        )
    return met[0].published
