"""What the records of a world mean: machines by name and identity, their disks, and what is refused of them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from golden.errors import BadConfig, BadName, Conflict, NotAble, NotFound
from golden.model import Artifact, Machine, Mark, Origin, Power, Role, Snapshot
from golden.testing.world import Raw

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


@dataclass(frozen=True, slots=True)
class MemoryDisk:
    """The disk of an in-memory machine as one row of bytes: its files as JSON."""

    content: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content)

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end."""
        return self.content[offset : offset + size]


def new(world: Raw, mark: Mark, disk: dict[str, str]) -> Raw:
    """The record of a machine that is half made."""
    world["serial"] += 1
    return {
        "id": f"m-{world['serial']}",
        "power": "off",
        "settled": False,
        "doomed": False,
        "mark": asdict(mark),
        "disk": disk,
        "snapshots": {},
        "parent": None,
        "linked": False,
        "depth": 0,
        "network": None,
        "boot": 0,
        "programs": {},
    }


def forget(world: Raw, machine: Machine) -> None:
    """Take the record away, and let go of a user's machine that was adopted in place."""
    if same(world, machine) is not None:
        del world["machines"][machine.name]
        for user in world["users"].values():
            if user["held_by"] == machine.name:
                user["held_by"] = None


def must_be_free(world: Raw, name: str) -> None:
    """BadName or Conflict where a new machine cannot have the name; the user's machines have theirs too."""
    check(name)
    if name in world["machines"] or name in world["users"]:
        raise Conflict(f"a machine {name} exists")


def same(world: Raw, machine: Machine) -> Raw | None:
    """The record of this very machine, not of a later one with its name."""
    raw: Raw | None = world["machines"].get(machine.name)
    return raw if raw is not None and raw["id"] == machine.id else None


def must_be_there(world: Raw, machine: Machine) -> Raw:
    """The record of a machine that can be worked with. NotFound, or Conflict while it is half made."""
    raw = same(world, machine)
    if raw is None:
        raise NotFound(f"no machine {machine.name}, or another one has its name now")
    if not raw["settled"]:
        raise Conflict(f"{machine.name} is half made; it has to be settled first")
    return raw


def must_be_off(world: Raw, machine: Machine, wanted: str) -> Raw:
    """The record of a machine that is off. Conflict otherwise; ``wanted`` ends the sentence."""
    raw = must_be_there(world, machine)
    if raw["power"] != "off":
        raise Conflict(f"{machine.name} is on; it cannot be {wanted}")
    return raw


def frozen(world: Raw, snapshot: Snapshot) -> Any:
    """The disk of a frozen point. NotFound where it is gone."""
    machine = world["machines"].get(snapshot.machine)
    if machine is None or snapshot.name not in machine["snapshots"]:
        raise NotFound(f"no snapshot {snapshot.name} of {snapshot.machine}")
    return machine["snapshots"][snapshot.name]


def user(world: Raw, origin: Origin) -> Raw:
    """The record of a user's machine. NotAble for other kinds of origins, NotFound where it is gone."""
    if origin.kind != "machine":
        raise NotAble(f"this endpoint does not adopt from a {origin.kind}")
    user: Raw | None = world["users"].get(origin.where)
    if user is None:
        raise NotFound(f"no machine {origin.where!r} on this endpoint")
    return user


def check(name: str) -> None:
    """BadName for what is no name."""
    if not NAME.fullmatch(name):
        raise BadName(f"{name!r} is not a name: a-z, 0-9 and - only, 80 at most")


def canonical(disk: dict[str, str]) -> bytes:
    """The disk as the bytes it is read, hashed and captured as."""
    return json.dumps(disk, sort_keys=True).encode()


def disk_file(origin: Origin) -> dict[str, str]:
    """The user's disk image: a JSON file of paths and contents."""
    try:
        return dict(json.loads(Path(origin.where).read_bytes()))
    except FileNotFoundError as error:
        raise NotFound(f"no file {origin.where}") from error
    except ValueError as error:
        raise BadConfig(f"{origin.where} is not the disk of an in-memory machine", details=str(error)) from error


def content(world: Raw, thing: Machine | Snapshot | Origin) -> bytes:
    """The bytes of a disk that is off. Conflict while it is in use, NotFound where it is gone."""
    if isinstance(thing, Machine):
        return canonical(must_be_off(world, thing, "read from outside")["disk"])
    if isinstance(thing, Snapshot):
        return canonical(frozen(world, thing))
    if thing.kind == "disk":
        return canonical(disk_file(thing))
    theirs = user(world, thing)
    if theirs["power"] != "off":
        raise Conflict(f"{thing.where} is on; its disk cannot be read from outside")
    return canonical(theirs["disk"])


def name_of(thing: Machine | Snapshot | Artifact | Origin) -> str:
    """The name that faults know the thing by."""
    if isinstance(thing, Snapshot):
        return thing.machine
    return thing.where if isinstance(thing, Origin) else thing.name


def where(snapshot: Snapshot) -> str:
    """What the endpoint calls a frozen disk."""
    return f"{snapshot.machine}@{snapshot.name}/disk"


def mark(raw: Raw) -> Mark | None:
    """golden's sign in a record."""
    return Mark(**{**raw["mark"], "role": Role(raw["mark"]["role"])}) if raw["mark"] else None


def machine(name: str, raw: Raw) -> Machine:
    """The machine that a record tells of."""
    networks = (raw["network"],) if raw["network"] else ()
    return Machine(raw["id"], name, Power(raw["power"]), raw["settled"], mark(raw), tuple(raw["snapshots"]), networks)
