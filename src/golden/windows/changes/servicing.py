"""What the running guest and the powered-off disk tell of servicing's packages and of programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from golden.disk.damage import Damaged
from golden.disk.hive import Data, Hive
from golden.disk.source import Files
from golden.errors import NotFound, ProofFailed
from golden.guest.dialect import Script
from golden.guest.session import Session
from golden.waiting import Deadline
from golden.windows.dialect import SCRIPTS
from golden.windows.state import open_hive

PACKAGES = "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages"
UNINSTALL = (
    "Microsoft\\Windows\\CurrentVersion\\Uninstall",
    "WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
)
INSTALLED = 112
"""CurrentState of an installed package; what other numbers mean is unconfirmed. docs/facts: windows 8.2, 9."""
ROLLUP = "Package_for_RollupFix~"
"""How packages of the cumulative update of Windows itself begin."""
_ASK = Script(SCRIPTS / "packages.ps1")


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the running guest has installed."""

    packages: dict[str, int]
    """Component Based Servicing: name -> CurrentState."""
    programs: frozenset[str]
    """Names of the keys below Uninstall."""


def inventory(session: Session, deadline: Deadline) -> Inventory:
    """Ask the running guest."""
    told = session.script(_ASK, "asking what is installed", deadline)
    return Inventory({str(k): int(v) for k, v in told["packages"].items()}, frozenset(map(str, told["programs"])))


def changed(before: Inventory, after: Inventory) -> tuple[tuple[str, str], ...]:
    """The packages and programs that came, or that changed their state, as traces."""
    packages = [name for name, state in after.packages.items() if before.packages.get(name) != state]
    programs = sorted(after.programs - before.programs)
    return (*(("package", name) for name in sorted(packages)), *(("program", name) for name in programs))


def software(volume: Files) -> Hive:
    """The hive SOFTWARE of the powered-off disk. ProofFailed where it cannot be read."""
    return hive(volume, "SOFTWARE")


def hive(volume: Files, name: str) -> Hive:
    """A hive of the powered-off disk. ProofFailed where it cannot be read."""
    try:
        return open_hive(volume, name)
    except (Damaged, NotFound) as error:
        raise ProofFailed(f"the registry hive {name} cannot be read", details=str(error)) from error


def package_state(registry: Hive, package: str) -> Data | None:
    """CurrentState of a package; None where there is none of that name."""
    return registry.value(f"{PACKAGES}\\{package}", "CurrentState")


def rolled_back(states: Mapping[str, object], named: Iterable[str]) -> str:
    """
    The newest cumulative update of Windows among these that is not installed, nor a newer one in its place; or nothing.

    With such an update its servicing stack comes too, and stays where a restart takes the update itself back. Of other
    cumulative packages the names differ from one release to the next, so an old one of them is told from none.
    """
    newest = max((name for name in named if name.startswith(ROLLUP)), key=_version, default="")
    there = (name for name, state in states.items() if name.startswith(ROLLUP) and state == INSTALLED)
    return newest if newest and not any(_version(name) >= _version(newest) for name in there) else ""


def check_kept(registry: Hive, change: str, named: Iterable[str]) -> None:
    """ProofFailed where Windows has taken back the cumulative update among these, whatever else of it stayed."""
    states = {name: package_state(registry, name) for name in registry.subkeys(PACKAGES) if name.startswith(ROLLUP)}
    if back := rolled_back(states, named):
        raise ProofFailed(
            f"read from outside, {back} of {change} is not installed, so Windows has taken it back",
            details="\n".join(f"{name}: CurrentState {state!r}" for name, state in states.items()) or None,
            hint="the same command again with --on-error keep leaves the clone, whose CBS.log says why",
        )


def _version(package: str) -> tuple[int, ...]:
    return tuple(int(part) for part in package.rpartition("~")[2].split(".") if part.isdigit())


def program(registry: Hive, key: str) -> dict[str, str] | None:
    """The texts in a program's key below Uninstall, 64-bit or 32-bit; None where there is none."""
    for place in UNINSTALL:
        if registry.has(f"{place}\\{key}"):
            values = registry.values(f"{place}\\{key}")
            return {name: value for name, value in values.items() if isinstance(value, str)}
    return None
