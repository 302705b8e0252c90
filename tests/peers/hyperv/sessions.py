"""What a session on the host has: its scope, its link to the host's process, what its table of versions says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.peers.hyperv.host.rpc import Remote
from tests.peers.hyperv.journal import Request, shown
from tests.peers.hyperv.registry import Call, Scope, Streams
from tests.peers.hyperv.rules import Rule
from tests.peers.hyperv.shape import Shape

HYPER_V = ("-vm", "-vhd")


class Link(Remote):
    """The host's process, for the sessions of one server process."""

    def __init__(self, folder: Path, node: str = "") -> None:
        """``node``: another node of the cluster than the one that the host's process is called by."""
        super().__init__(folder)
        self.folder, self.shape = folder, Shape.load(folder)
        self.shape = replace(self.shape, name=node or self.shape.name)
        self.transport = "wsman"

    def machines(self) -> list[dict[str, Any]]:
        """Those of this node."""
        return list(self._call("machines", (self.shape.name,), {}))

    def hidden(self, command: str) -> bool:
        """Whether this host lacks a command."""
        lower = command.lower()
        if not self.shape.hyper_v and any(mark in lower for mark in HYPER_V):
            return True
        return lower in (each.lower() for each in self.shape.hidden)

    def met(self, call: Call, name: str) -> list[Rule]:
        """The rules that act on a command."""
        named = "\n".join(shown(call.given).values())
        return list(self.acting(name, named))

    def noted(self, call: Call, name: str, fault: str, deeds: list[str], begun: float, seconds: float) -> None:
        """Write a command into the log."""
        self.note(
            Request(name, call.scope.user, self.transport, call.scope.place, shown(call.given), fault, deeds,
                    at=begun, seconds=round(seconds, 4))
        )  # fmt: skip


def versions(shape: Shape, transport: str) -> dict[str, Any]:
    """``$PSVersionTable``: Windows PowerShell by WSMan, PowerShell 7 by SSH."""
    if transport == "ssh":
        return {
            "PSVersion": shape.ps, "PSEdition": "Core", "GitCommitId": shape.ps, "Platform": "Win32NT",
            "OS": f"Microsoft Windows {shape.windows}",
        }  # fmt: skip
    build = f"{shape.windows}.2849"
    return {
        "PSVersion": f"5.1.{shape.windows.rsplit('.', 1)[-1]}.2849", "PSEdition": "Desktop", "BuildVersion": build,
        "CLRVersion": "4.0.30319.42000", "WSManStackVersion": "3.0",
    }  # fmt: skip


def scope(link: Link, user: str, streams: Streams, variables: dict[str, Any]) -> Scope:
    """A scope on the host."""
    from tests.peers.hyperv.files import Files

    return Scope("host", user, link, Files.of_host(link, variables), streams, link.shape.delegated, variables)
