"""What golden has to know of a host before it works on it."""

from __future__ import annotations

from dataclasses import dataclass

from golden.errors import NotAble, NotFound
from golden_hyperv.address import Address
from golden_hyperv.faults import translated
from golden_hyperv.line import Line

FACTS = "host_facts"
"""The script that tells it, and has its session take the Hyper-V module's commands: every session begins with it."""
PRIVATE = "Private"
"""SwitchType of a switch that reaches neither the host nor any network."""


@dataclass(frozen=True, slots=True)
class Host:
    """One host, or node of a cluster."""

    name: str
    """What it calls itself."""
    automatic_checkpoints: bool
    """Whether its Set-VM knows them, so that they can be turned off."""
    switches: dict[str, str]
    """SwitchType by name."""

    def networks(self, address: Address) -> tuple[str, ...]:
        """Switches for clones: those that golden.toml names; without a word there, private ones only."""
        if address.networks:
            return tuple(name for name in address.networks if name in self.switches)
        return tuple(name for name, kind in self.switches.items() if kind == PRIVATE)


def network_of(wanted: str | None, known: tuple[str, ...]) -> str:
    """The switch a clone is connected to; empty for none. NotFound for one it may not be."""
    if wanted is None or wanted in known:
        return wanted or ""
    raise NotFound(
        f"golden may not connect clones to {wanted!r} here",
        details=f"it may to: {', '.join(known) or 'none'}",
        hint="networks = names in golden.toml, or a private switch of that name on the host",
    )


def ask(line: Line, address: Address) -> Host:
    """NotAble where there is no Hyper-V, or where VMware PowerCLI's commands of the same names come before its own."""
    with translated(f"asking what {address.shown} can do"):
        told = line.run(FACTS)
    line.greeting = FACTS
    (host,) = (one for one in told if one["Kind"] == "host")
    source = str(host["Source"] or "")
    if source.startswith("VMware"):
        raise NotAble(
            f"Set-VM on {address.shown} is {source}'s, not Hyper-V's",
            hint="uninstall PowerCLI there, or another session configuration that imports the Hyper-V module",
        )
    switches = {str(one["Name"]): str(one["Type"]) for one in told if one["Kind"] == "switch"}
    return Host(str(host["Name"]), bool(host["AutomaticCheckpoints"]), switches)
