"""WinRM's quotas on a host, and what golden's sessions may need of them."""

from __future__ import annotations

from collections.abc import Mapping

from golden.waiting import Watcher
from golden_hyperv.address import SSH
from golden_hyperv.faults import translated
from golden_hyperv.line import Line
from golden_hyperv.remoting import RemoteError

LEAST = {"MaxShellsPerUser": 5, "MaxMemoryPerShellMB": 512, "MaxProcessesPerShell": 10}
"""One session, and another for whoever looks (facts 5.12)."""


def too_small(told: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each quota below what golden may need: its name, and a sentence. One of 0 is none."""
    found = []
    for name, least in LEAST.items():
        value = told.get(name, "")
        if value.isdigit() and 0 < int(value) < least:
            found.append((name, f"WinRM's quota {name} is {value}; golden wants {least}"))
    return found


def preflight(line: Line, watcher: Watcher) -> None:
    """
    Say before work starts which quota may end it. Reading them takes an administrator: without the right nothing is
    said. Never refused, as what a session really needs of them no documentation tells.
    """
    if line.transport == SSH:
        return
    with translated(f"reading WinRM's quotas of {line.address.shown}"):
        try:
            told = line.read(lambda session: session.quotas())
        except RemoteError:
            return
    for name, sentence in too_small(told):
        watcher.doing(f"warning: {sentence} (Set-Item WSMan:\\localhost\\Shell\\{name} {LEAST[name]})")
