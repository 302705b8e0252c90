"""
golden's record on its own machines: one key of extraConfig, which vCenter keeps and the guest cannot read (facts 8).

Clones inherit every key, so a record says whose it is: a finished one by the machine's instanceUuid, one of a machine
that is being made by its name. A record that says another one is no record.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from pyVmomi import vim

from golden.errors import Unreachable
from golden.model import Mark, Role
from golden_vsphere.reading import Seen

KEY = "golden.record"
KEYED = f'config.extraConfig["{KEY}"]'
WHOLE = "config.extraConfig"
CONNECTION = "runtime.connectionState"
IDENTITY = ("name", "config.instanceUuid", CONNECTION)
MACHINE, IMAGE = "machine", "image"


@dataclass(frozen=True, slots=True)
class Record:
    """What golden wrote on a machine or template."""

    kind: str
    """machine | image"""
    name: str
    mark: Mark
    token: str
    """Random, one for each attempt to make it: by this a lost answer is made good."""
    uuid: str = ""
    """instanceUuid once it is finished."""
    parent: str = ""
    """instanceUuid of the machine whose frozen point it was cloned from."""
    point: str = ""
    """Name of that point."""
    linked: bool = False
    copies: int = 0
    """Disks that a single ESXi host copies for it, one by one."""
    proof: str = ""
    """Of an image: a hash of what vCenter tells of its disks (``devices.proof``)."""

    @property
    def settled(self) -> bool:
        """Whether it is finished."""
        return bool(self.uuid)

    def but(self, **changes: Any) -> Record:
        """The same with some fields changed."""
        return replace(self, **changes)

    def options(self) -> list[Any]:
        """As extraConfig takes it."""
        return [vim.option.OptionValue(key=KEY, value=json.dumps(asdict(self)))]


def read(seen: Seen) -> Record | None:
    """The record of a machine that was read with IDENTITY and a path of the record; None where it has none."""
    text = _text(seen)
    if not text:
        return None
    try:
        raw = json.loads(text)
        raw["mark"] = Mark(**{**raw["mark"], "role": Role(raw["mark"]["role"])})
        record = Record(**raw)
    except (ValueError, KeyError, TypeError):
        return None
    mine = seen.props.get("config.instanceUuid") if record.settled else seen.props.get("name")
    return record if mine == (record.uuid or record.name) else None


def _text(seen: Seen) -> str:
    """Later entries win: older simulators add a second entry instead of replacing the first."""
    found = seen.props.get(KEYED)
    if found is not None:
        return str(getattr(found, "value", found))
    return next((str(one.value) for one in reversed(seen.props.get(WHOLE, ())) if one.key == KEY), "")


def must_show(seen: Seen) -> None:
    """
    Unreachable where vCenter cannot read what a machine is: it has no configuration then, as one that is being made,
    and may be whole (``config`` in the reference of VirtualMachine).
    """
    state = str(seen.props.get(CONNECTION, "connected"))
    if not seen.props.get("config.instanceUuid") and state != "connected":
        raise unshown(str(seen.props.get("name", seen.moid)), state)


def unshown(name: str, state: str) -> Unreachable:
    """The error for a machine whose configuration vCenter does not have now."""
    return Unreachable(
        f"vCenter cannot read what the machine {name} is at present, so golden leaves it alone",
        details=f"its connection state is {state}",
        hint="bring its host and datastore back, then the same command again; what is lost for good is taken out of "
        "the inventory in vSphere's client",
    )
