"""
A hypervisor in one file on disk: it shows what the contract means and is stricter than any real one.

Making and destroying pass through states that are half there, with a crash point before and after each.
``golden.testing.world`` keeps the file, its faults and what tests do behind golden's back.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golden.disk.source import BlockSource
from golden.errors import BadConfig, BadName, Conflict, NotAble, NotFound, Tampered, Unreachable
from golden.model import (
    Artifact,
    Candidate,
    CloneOptions,
    DiskFile,
    FileStamp,
    Finding,
    Form,
    Machine,
    Mark,
    Origin,
    Power,
    Role,
    Severity,
    Snapshot,
)
from golden.provider import Abilities, Endpoint, Hypervisor, Marked, Provider, Scope
from golden.testing.memory_family import MemoryDialect, MemoryFamily
from golden.testing.memory_guest import MemoryCommunicator
from golden.testing.world import ABLE, VIRGIN, Fault, Raw, World
from golden.waiting import Silent, Watcher

__all__ = [
    "ABLE",
    "PROVIDER",
    "VIRGIN",
    "Fault",
    "MemoryCommunicator",
    "MemoryDialect",
    "MemoryFamily",
    "MemoryHypervisor",
    "MemoryProvider",
    "World",
]

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


class MemoryHypervisor:
    """An open connection to a world."""

    def __init__(self, world: World, watcher: Watcher | None = None) -> None:
        """Unreachable where the world's file is not there."""
        self._world = world
        self._watcher = watcher or Silent()
        raw = dict(world.read()["settings"]["abilities"])
        raw["forms"], raw["networks"] = tuple(raw["forms"]), tuple(raw["networks"])
        self._abilities = Abilities(**raw)

    @property
    def abilities(self) -> Abilities:
        """As written in the world when the connection was opened."""
        return self._abilities

    def world(self) -> Raw:
        """A copy of everything, for assertions."""
        copy: Raw = json.loads(json.dumps(self._world.read()))
        return copy

    def examine(self, origin: Origin) -> Candidate:
        """A user's machine by name, or a local JSON file of paths and contents as a disk."""
        with self._world.faulty("examine", origin.where):
            if origin.kind == "disk":
                content = _canonical(_disk_file(origin))
                return Candidate(Path(origin.where).stem, Power.OFF, (origin.where,), len(content), len(content), ())
            user = self._user(self._world.read(), origin)
            size = len(_canonical(user["disk"]))
            problems = [Finding(**{**item, "severity": Severity(item["severity"])}) for item in user["problems"]]
            if user["power"] == "on":
                problems.append(Finding("origin-running", Severity.ERROR, f"{origin.where} is running"))
            if user["held_by"]:
                held = f"{origin.where} is adopted in place by {user['held_by']}"
                problems.append(Finding("origin-held", Severity.ERROR, held))
            return Candidate(origin.where, Power(user["power"]), (f"{origin.where}/disk",), size, size, tuple(problems))

    def adopt(self, name: str, origin: Origin, mark: Mark, *, in_place: bool) -> Machine:
        """Passes through half there, like a clone. Conflict where ``examine`` names an error."""
        with self._world.faulty("adopt", name):
            if in_place and not self._abilities.adopt_in_place:
                raise NotAble("this endpoint cannot adopt in place")
            errors = [item for item in self.examine(origin).problems if item.severity is Severity.ERROR]
            if errors:
                raise Conflict(f"{origin.where} cannot be adopted: {errors[0].sentence}")
            with self._world.change(f"adopt {name} begins") as raw:
                self._must_be_free(raw, name)
                disk = dict(_disk_file(origin) if origin.kind == "disk" else self._user(raw, origin)["disk"])
                raw["machines"][name] = self._new(raw, mark, disk)
                if in_place and origin.kind == "machine":
                    raw["users"][origin.where]["held_by"] = name
            return self._settled(name, f"adopt {name} ends")

    def find(self, name: str) -> Machine | None:
        """Of golden's machines only."""
        with self._world.faulty("find", name):
            raw = self._world.read()["machines"].get(name)
            return None if raw is None else _machine(name, raw)

    def list_marked(self) -> tuple[Marked, ...]:
        """Machines and images, half-made ones included."""
        with self._world.faulty("list_marked", "*"):
            world = self._world.read()
            return tuple(
                Marked(kind, name, mark)
                for kind in ("machine", "image")
                for name, raw in world[f"{kind}s"].items()
                if (mark := _mark(raw)) is not None
            )

    def settle(self, machine: Machine) -> Machine | None:
        """Where work outlives the client it goes on to its end; else what is half there is taken away."""
        with self._world.faulty("settle", machine.name):
            raw = self._same(self._world.read(), machine)
            if raw is None:
                return None
            if raw["settled"]:
                return _machine(machine.name, raw)
            if self._abilities.work_outlives_client and not raw["doomed"]:
                return self._settled(machine.name, f"settle {machine.name}")
            with self._world.change(f"settle {machine.name} by taking it away") as world:
                self._forget(world, machine)
            return None

    def clone(self, name: str, source: Snapshot, mark: Mark, options: CloneOptions) -> Machine:
        """Passes through half there: found, not settled, and of no use."""
        with self._world.faulty("clone", name):
            if options.linked and not self._abilities.linked_clone:
                raise NotAble("this endpoint makes no linked clones")
            if options.network is not None and options.network not in self._abilities.networks:
                raise NotFound(f"this endpoint has no network {options.network!r}")
            with self._world.change(f"clone {name} begins") as raw:
                self._must_be_free(raw, name)
                parent = raw["machines"].get(source.machine)
                if parent is None or source.name not in parent["snapshots"]:
                    raise NotFound(f"no snapshot {source.name} of {source.machine}")
                if not parent["settled"] or parent["power"] != "off":
                    raise Conflict(f"{source.machine} is in use; nothing is cloned from it now")
                depth = parent["depth"] + 1 if options.linked else 0
                limit = self._abilities.snapshot_depth
                if limit is not None and depth > limit:
                    raise NotAble(f"{name} would be linked {depth} deep; this endpoint takes {limit}")
                new = self._new(raw, mark, dict(parent["snapshots"][source.name]))
                new |= {"parent": [source.machine, source.name], "linked": options.linked, "depth": depth}
                raw["machines"][name] = new | {"network": options.network}
            return self._settled(name, f"clone {name} ends")

    def start(self, machine: Machine) -> Machine:
        """Conflict for a machine with a snapshot."""
        with self._world.faulty("start", machine.name):
            if self._must_be_there(self._world.read(), machine)["power"] == "on":
                return replace(machine, power=Power.ON)
            with self._world.change(f"start {machine.name}") as world:
                raw = self._must_be_there(world, machine)
                if raw["snapshots"]:
                    raise Conflict(f"{machine.name} is frozen; a frozen machine is never started")
                world["serial"] += 1
                raw |= {"power": "on", "boot": world["serial"], "programs": {}}
            return _machine(machine.name, raw)

    def stop(self, machine: Machine) -> Machine:
        """The guest's programs are gone; its disk stays as it is."""
        with self._world.faulty("stop", machine.name):
            if self._must_be_there(self._world.read(), machine)["power"] == "off":
                return replace(machine, power=Power.OFF)
            with self._world.change(f"stop {machine.name}") as world:
                raw = self._must_be_there(world, machine)
                raw |= {"power": "off", "programs": {}}
            return _machine(machine.name, raw)

    def freeze(self, machine: Machine, name: str) -> Snapshot:
        """One snapshot a machine; another name is Conflict."""
        with self._world.faulty("freeze", machine.name):
            _check(name)
            raw = self._must_be_off(self._world.read(), machine, "frozen")
            if name in raw["snapshots"]:
                return Snapshot(machine.name, name)
            with self._world.change(f"freeze {machine.name} as {name}") as world:
                raw = self._must_be_off(world, machine, "frozen")
                if raw["snapshots"]:
                    raise Conflict(f"{machine.name} is frozen already, as {', '.join(raw['snapshots'])}")
                raw["snapshots"][name] = dict(raw["disk"])
            return Snapshot(machine.name, name)

    def mark(self, machine: Machine, mark: Mark) -> Machine:
        """The machine as it is with the new mark."""
        with self._world.faulty("mark", machine.name):
            with self._world.change(f"mark {machine.name} as {mark.role}") as world:
                raw = self._must_be_there(world, machine)
                raw["mark"] = asdict(mark)
            return _machine(machine.name, raw)

    def destroy(self, machine: Machine) -> None:
        """Passes through half gone. Takes the half-made too."""
        with self._world.faulty("destroy", machine.name):
            if self._same(self._world.read(), machine) is None:
                return
            with self._world.change(f"destroy {machine.name} begins") as world:
                raw = self._same(world, machine)
                if raw is None:
                    return
                if raw["snapshots"]:
                    raise Conflict(f"{machine.name} has frozen points: {', '.join(raw['snapshots'])}")
                raw |= {"settled": False, "doomed": True, "power": "off", "programs": {}}
            with self._world.change(f"destroy {machine.name} ends") as world:
                self._forget(world, machine)

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        """Conflict while a linked clone, or a clone that is half made, needs it."""
        with self._world.faulty("drop_snapshot", snapshot.machine):
            held = self._world.read()["machines"].get(snapshot.machine)
            if held is None or snapshot.name not in held["snapshots"]:
                return
            with self._world.change(f"drop {snapshot.machine}@{snapshot.name}") as world:
                raw = world["machines"][snapshot.machine]
                if not raw["settled"]:
                    raise Conflict(f"{snapshot.machine} is half made; it has to be settled first")
                needed_by = [
                    name
                    for name, other in world["machines"].items()
                    if other["parent"] == [snapshot.machine, snapshot.name]
                    and (other["linked"] or not other["settled"])
                ]
                if needed_by:
                    raise Conflict(f"{snapshot.machine}@{snapshot.name} is needed by {', '.join(needed_by)}")
                raw["snapshots"].pop(snapshot.name, None)

    def capture(self, name: str, machine: Machine, mark: Mark) -> Artifact:
        """Passes through half there, without forms. The form is a file beside the world's."""
        with self._world.faulty("capture", name):
            if not self._abilities.forms:
                raise NotAble("this endpoint captures nothing")
            with self._world.change(f"capture {name} begins") as world:
                _check(name)
                if name in world["images"]:
                    raise Conflict(f"an image {name} exists")
                raw = self._must_be_off(world, machine, "captured")
                world["serial"] += 1
                image: Raw = {
                    "id": f"i-{world['serial']}",
                    "settled": False,
                    "mark": asdict(mark),
                    "forms": [],
                }
                world["images"][name] = image
            content = _canonical(raw["disk"])
            path = self._image_path(name)
            path.write_bytes(content)
            form = Form(self._abilities.forms[0], str(path), len(content), hashlib.sha256(content).hexdigest())
            with self._world.change(f"capture {name} ends") as world:
                if name not in world["images"]:
                    raise Conflict(f"image {name} was taken away while it was made")
                world["images"][name] |= {"settled": True, "forms": [asdict(form)]}
            return Artifact(image["id"], name, (form,))

    def find_image(self, name: str) -> Artifact | None:
        """Without forms while it is half made."""
        with self._world.faulty("find_image", name):
            raw = self._world.read()["images"].get(name)
            return None if raw is None else Artifact(raw["id"], name, tuple(Form(**form) for form in raw["forms"]))

    def discard_image(self, artifact: Artifact) -> None:
        """File first, record after it, so that nothing is left that no record names."""
        with self._world.faulty("discard_image", artifact.name):
            raw = self._world.read()["images"].get(artifact.name)
            if raw is None or raw["id"] != artifact.id:
                return
            self._image_path(artifact.name).unlink(missing_ok=True)
            with self._world.change(f"discard image {artifact.name}") as world:
                world["images"].pop(artifact.name, None)

    def identity(self, snapshot: Snapshot) -> tuple[FileStamp, ...]:
        """One file: the frozen disk."""
        with self._world.faulty("identity", snapshot.machine):
            content = _canonical(self._frozen(snapshot))
            return (FileStamp(_where(snapshot), hashlib.sha256(content).hexdigest()[:16]),)

    def digest(self, snapshot: Snapshot) -> tuple[DiskFile, ...]:
        """One file: the frozen disk."""
        with self._world.faulty("digest", snapshot.machine):
            content = _canonical(self._frozen(snapshot))
            sha256 = hashlib.sha256(content).hexdigest()
            return (DiskFile(_where(snapshot), "disk", "json", len(content), sha256, local=False),)

    def free_space(self) -> int | None:
        """As the world says."""
        with self._world.faulty("free_space", "*"):
            free: int | None = self._world.read()["settings"]["free"]
            return free

    def console_picture(self, machine: Machine) -> bytes:
        """One black pixel (PPM) of a machine that is on."""
        with self._world.faulty("console_picture", machine.name):
            raw = self._must_be_there(self._world.read(), machine)
            if not self._abilities.console_picture or raw["power"] != "on":
                raise NotAble(f"there is no picture of the screen of {machine.name}")
            return b"P6\n1 1\n255\n\0\0\0"

    def communicator(self, machine: Machine) -> MemoryCommunicator:
        """Into this machine, and into no later one of the same name."""
        with self._world.faulty("communicator", machine.name):
            self._must_be_there(self._world.read(), machine)
            return MemoryCommunicator(self._world, machine.name, machine.id)

    def open_disk(self, thing: Machine | Snapshot | Artifact | Origin) -> AbstractContextManager[BlockSource]:
        """The files of the disk as JSON."""
        return self._opened(thing)

    def close(self) -> None:
        """Let go of the file."""
        self._world.close()

    @contextmanager
    def _opened(self, thing: Machine | Snapshot | Artifact | Origin) -> Iterator[BlockSource]:
        with self._world.faulty("open_disk", _name_of(thing)):
            if not self._abilities.open_disk:
                raise NotAble("this endpoint opens no disks")
            yield MemoryDisk(self._content(thing))

    def _content(self, thing: Machine | Snapshot | Artifact | Origin) -> bytes:
        world = self._world.read()
        if isinstance(thing, Machine):
            return _canonical(self._must_be_off(world, thing, "read from outside")["disk"])
        if isinstance(thing, Snapshot):
            return _canonical(self._frozen(thing))
        if isinstance(thing, Origin):
            return self._origin_content(world, thing)
        raw = world["images"].get(thing.name)
        if raw is None or raw["id"] != thing.id:
            raise NotFound(f"no image {thing.name}")
        if not raw["settled"]:
            raise Conflict(f"image {thing.name} is half made")
        content = self._image_path(thing.name).read_bytes()
        if hashlib.sha256(content).hexdigest() != raw["forms"][0]["sha256"]:
            raise Tampered(f"image {thing.name} is not what was captured")
        return content

    def _origin_content(self, world: Raw, origin: Origin) -> bytes:
        if origin.kind == "disk":
            return _canonical(_disk_file(origin))
        user = self._user(world, origin)
        if user["power"] != "off":
            raise Conflict(f"{origin.where} is on; its disk cannot be read from outside")
        return _canonical(user["disk"])

    def _settled(self, name: str, what: str) -> Machine:
        with self._world.change(what) as world:
            raw = world["machines"].get(name)
            if raw is None:
                raise Conflict(f"{name} was taken away while it was made")
            raw["settled"] = True
        return _machine(name, raw)

    def _new(self, world: Raw, mark: Mark, disk: dict[str, str]) -> Raw:
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

    def _forget(self, world: Raw, machine: Machine) -> None:
        if self._same(world, machine) is not None:
            del world["machines"][machine.name]
            for user in world["users"].values():
                if user["held_by"] == machine.name:
                    user["held_by"] = None

    def _must_be_free(self, world: Raw, name: str) -> None:
        _check(name)
        if name in world["machines"] or name in world["users"]:
            raise Conflict(f"a machine {name} exists")

    def _same(self, world: Raw, machine: Machine) -> Raw | None:
        raw: Raw | None = world["machines"].get(machine.name)
        return raw if raw is not None and raw["id"] == machine.id else None

    def _must_be_there(self, world: Raw, machine: Machine) -> Raw:
        raw = self._same(world, machine)
        if raw is None:
            raise NotFound(f"no machine {machine.name}, or another one has its name now")
        if not raw["settled"]:
            raise Conflict(f"{machine.name} is half made; it has to be settled first")
        return raw

    def _must_be_off(self, world: Raw, machine: Machine, wanted: str) -> Raw:
        raw = self._must_be_there(world, machine)
        if raw["power"] != "off":
            raise Conflict(f"{machine.name} is on; it cannot be {wanted}")
        return raw

    def _frozen(self, snapshot: Snapshot) -> Any:
        machine = self._world.read()["machines"].get(snapshot.machine)
        if machine is None or snapshot.name not in machine["snapshots"]:
            raise NotFound(f"no snapshot {snapshot.name} of {snapshot.machine}")
        return machine["snapshots"][snapshot.name]

    def _user(self, world: Raw, origin: Origin) -> Raw:
        if origin.kind != "machine":
            raise NotAble(f"this endpoint does not adopt from a {origin.kind}")
        user: Raw | None = world["users"].get(origin.where)
        if user is None:
            raise NotFound(f"no machine {origin.where!r} on this endpoint")
        return user

    def _image_path(self, name: str) -> Path:
        return self._world.path.absolute().with_name(f"{self._world.path.name}.{name}.image")


@dataclass(slots=True)
class MemoryProvider:
    """Opens ``memory:/path/to/world`` (``World.create`` makes one)."""

    name: str = "memory"
    schemes: tuple[str, ...] = ("memory",)
    checkpoint: Callable[[str], None] = lambda _: None

    def open(self, endpoint: Endpoint, scope: Scope) -> Hypervisor:
        """Unreachable where no world is at that path."""
        scheme, _, path = endpoint.url.partition(":")
        if scheme != "memory" or not path:
            raise BadConfig(f"endpoint {endpoint.name}: {endpoint.url!r} is not memory:/path/to/world")
        return MemoryHypervisor(World(Path(path), self.checkpoint), scope.watcher)

    def diagnose(self, endpoint: Endpoint, scope: Scope) -> tuple[Finding, ...]:  # noqa: ARG002
        """Whether it opens, and half-made things that nobody has settled."""
        try:
            world = World(Path(endpoint.url.partition(":")[2])).read()
        except Unreachable as error:
            return (Finding("endpoint-unreachable", Severity.ERROR, error.brief),)
        half = [name for kind in ("machines", "images") for name, raw in world[kind].items() if not raw["settled"]]
        return tuple(Finding("half-made", Severity.WARNING, f"{name} is half made") for name in half)


PROVIDER = MemoryProvider()


def _check(name: str) -> None:
    if not NAME.fullmatch(name):
        raise BadName(f"{name!r} is not a name: a-z, 0-9 and - only, 80 at most")


def _canonical(disk: dict[str, str]) -> bytes:
    return json.dumps(disk, sort_keys=True).encode()


def _disk_file(origin: Origin) -> dict[str, str]:
    try:
        return dict(json.loads(Path(origin.where).read_bytes()))
    except FileNotFoundError as error:
        raise NotFound(f"no file {origin.where}") from error
    except ValueError as error:
        raise BadConfig(f"{origin.where} is not the disk of an in-memory machine", details=str(error)) from error


def _name_of(thing: Machine | Snapshot | Artifact | Origin) -> str:
    if isinstance(thing, Snapshot):
        return thing.machine
    return thing.where if isinstance(thing, Origin) else thing.name


def _where(snapshot: Snapshot) -> str:
    return f"{snapshot.machine}@{snapshot.name}/disk"


def _mark(raw: Raw) -> Mark | None:
    return Mark(**{**raw["mark"], "role": Role(raw["mark"]["role"])}) if raw["mark"] else None


def _machine(name: str, raw: Raw) -> Machine:
    return Machine(raw["id"], name, Power(raw["power"]), raw["settled"], _mark(raw), tuple(raw["snapshots"]))


if TYPE_CHECKING:
    _hypervisor: Hypervisor = MemoryHypervisor(World(Path()))
    _provider: Provider = PROVIDER
