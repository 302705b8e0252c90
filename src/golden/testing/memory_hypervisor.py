"""
A hypervisor in one file on disk: it shows what the contract means and is stricter than any real one.

Making and destroying pass through states that are half there, with a crash point before and after each.
``golden.testing.world`` keeps the file, its faults and what tests do behind golden's back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from golden.disk.source import BlockSource
from golden.errors import Conflict, NotAble, NotFound
from golden.model import (
    Artifact,
    Candidate,
    CloneOptions,
    DiskFile,
    FileStamp,
    Finding,
    Machine,
    Mark,
    Origin,
    Power,
    Severity,
    Snapshot,
)
from golden.provider import DiskExporter, FormKeeper, Hypervisor, Marked
from golden.testing import records, stream_vmdk
from golden.testing.memory_guest import MemoryCommunicator
from golden.testing.memory_images import MemoryImages
from golden.testing.world import Raw, World


class MemoryHypervisor(MemoryImages):
    """An open connection to a world."""

    def world(self) -> Raw:
        """A copy of everything, for assertions."""
        copy: Raw = json.loads(json.dumps(self._world.read()))
        return copy

    def examine(self, origin: Origin) -> Candidate:
        """A user's machine by name, or a local JSON file of paths and contents as a disk."""
        with self._world.faulty("examine", origin.where):
            if origin.kind == "disk":
                content = records.canonical(records.disk_file(origin))
                return Candidate(Path(origin.where).stem, Power.OFF, (origin.where,), len(content), len(content), ())
            user = records.user(self._world.read(), origin)
            size = len(records.canonical(user["disk"]))
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
                records.must_be_free(raw, name)
                disk = dict(records.disk_file(origin) if origin.kind == "disk" else records.user(raw, origin)["disk"])
                raw["machines"][name] = records.new(raw, mark, disk)
                if in_place and origin.kind == "machine":
                    raw["users"][origin.where]["held_by"] = name
            return self._settled(name, f"adopt {name} ends")

    def find(self, name: str) -> Machine | None:
        """Of golden's machines only."""
        with self._world.faulty("find", name):
            raw = self._world.read()["machines"].get(name)
            return None if raw is None else records.machine(name, raw)

    def list_marked(self) -> tuple[Marked, ...]:
        """Machines and images, half-made ones included."""
        with self._world.faulty("list_marked", "*"):
            world = self._world.read()
            return tuple(
                Marked(kind, name, mark)
                for kind in ("machine", "image")
                for name, raw in world[f"{kind}s"].items()
                if (mark := records.mark(raw)) is not None
            )

    def settle(self, machine: Machine) -> Machine | None:
        """Where work outlives the client it goes on to its end; else what is half there is taken away."""
        with self._world.faulty("settle", machine.name):
            raw = records.same(self._world.read(), machine)
            if raw is None:
                return None
            if raw["settled"]:
                return records.machine(machine.name, raw)
            if self._abilities.work_outlives_client and not raw["doomed"]:
                return self._settled(machine.name, f"settle {machine.name}")
            with self._world.change(f"settle {machine.name} by taking it away") as world:
                records.forget(world, machine)
            return None

    def clone(self, name: str, source: Snapshot, mark: Mark, options: CloneOptions) -> Machine:
        """Passes through half there: found, not settled, and of no use."""
        with self._world.faulty("clone", name):
            if options.linked and not self._abilities.linked_clone:
                raise NotAble("this endpoint makes no linked clones")
            if options.network is not None and options.network not in self._abilities.networks:
                raise NotFound(f"this endpoint has no network {options.network!r}")
            with self._world.change(f"clone {name} begins") as raw:
                records.must_be_free(raw, name)
                parent = raw["machines"].get(source.machine)
                if parent is None or source.name not in parent["snapshots"]:
                    raise NotFound(f"no snapshot {source.name} of {source.machine}")
                if not parent["settled"] or parent["power"] != "off":
                    raise Conflict(f"{source.machine} is in use; nothing is cloned from it now")
                depth = parent["depth"] + 1 if options.linked else 0
                limit = self._abilities.snapshot_depth
                if limit is not None and depth > limit:
                    raise NotAble(f"{name} would be linked {depth} deep; this endpoint takes {limit}")
                new = records.new(raw, mark, dict(parent["snapshots"][source.name]))
                new |= {"parent": [source.machine, source.name], "linked": options.linked, "depth": depth}
                raw["machines"][name] = new | {"network": options.network}
            return self._settled(name, f"clone {name} ends")

    def start(self, machine: Machine) -> Machine:
        """Conflict for a machine with a snapshot."""
        with self._world.faulty("start", machine.name):
            if records.must_be_there(self._world.read(), machine)["power"] == "on":
                return replace(machine, power=Power.ON)
            with self._world.change(f"start {machine.name}") as world:
                raw = records.must_be_there(world, machine)
                if raw["snapshots"]:
                    raise Conflict(f"{machine.name} is frozen; a frozen machine is never started")
                world["serial"] += 1
                raw |= {"power": "on", "boot": world["serial"], "programs": {}}
            return records.machine(machine.name, raw)

    def stop(self, machine: Machine) -> Machine:
        """The guest's programs are gone; its disk stays as it is."""
        with self._world.faulty("stop", machine.name):
            if records.must_be_there(self._world.read(), machine)["power"] == "off":
                return replace(machine, power=Power.OFF)
            with self._world.change(f"stop {machine.name}") as world:
                raw = records.must_be_there(world, machine)
                raw |= {"power": "off", "programs": {}}
            return records.machine(machine.name, raw)

    def disconnect(self, machine: Machine) -> Machine:
        """On or off; a frozen machine stays as it is."""
        with self._world.faulty("disconnect", machine.name):
            with self._world.change(f"cut {machine.name} off its network") as world:
                raw = records.must_be_there(world, machine)
                if raw["snapshots"]:
                    raise Conflict(f"{machine.name} is frozen and stays as it is")
                raw["network"] = None
            return records.machine(machine.name, raw)

    def freeze(self, machine: Machine, name: str) -> Snapshot:
        """One snapshot a machine; another name is Conflict."""
        with self._world.faulty("freeze", machine.name):
            records.check(name)
            raw = records.must_be_off(self._world.read(), machine, "frozen")
            if name in raw["snapshots"]:
                return Snapshot(machine.name, name)
            with self._world.change(f"freeze {machine.name} as {name}") as world:
                raw = records.must_be_off(world, machine, "frozen")
                if raw["snapshots"]:
                    raise Conflict(f"{machine.name} is frozen already, as {', '.join(raw['snapshots'])}")
                raw["snapshots"][name] = dict(raw["disk"])
            return Snapshot(machine.name, name)

    def mark(self, machine: Machine, mark: Mark) -> Machine:
        """The machine as it is with the new mark."""
        with self._world.faulty("mark", machine.name):
            with self._world.change(f"mark {machine.name} as {mark.role}") as world:
                raw = records.must_be_there(world, machine)
                raw["mark"] = asdict(mark)
            return records.machine(machine.name, raw)

    def destroy(self, machine: Machine) -> None:
        """Passes through half gone. Takes the half-made too."""
        with self._world.faulty("destroy", machine.name):
            if records.same(self._world.read(), machine) is None:
                return
            with self._world.change(f"destroy {machine.name} begins") as world:
                raw = records.same(world, machine)
                if raw is None:
                    return
                if raw["snapshots"]:
                    raise Conflict(f"{machine.name} has frozen points: {', '.join(raw['snapshots'])}")
                raw |= {"settled": False, "doomed": True, "power": "off", "programs": {}}
            with self._world.change(f"destroy {machine.name} ends") as world:
                records.forget(world, machine)

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

    def identity(self, snapshot: Snapshot) -> tuple[FileStamp, ...]:
        """One file: the frozen disk."""
        with self._world.faulty("identity", snapshot.machine):
            content = records.canonical(records.frozen(self._world.read(), snapshot))
            return (FileStamp(records.where(snapshot), hashlib.sha256(content).hexdigest()[:16]),)

    def digest(self, snapshot: Snapshot) -> tuple[DiskFile, ...]:
        """One file: the frozen disk."""
        with self._world.faulty("digest", snapshot.machine):
            content = records.canonical(records.frozen(self._world.read(), snapshot))
            sha256 = hashlib.sha256(content).hexdigest()
            return (DiskFile(records.where(snapshot), "disk", "json", len(content), sha256, local=False),)

    def free_space(self) -> int | None:
        """As the world says."""
        with self._world.faulty("free_space", "*"):
            free: int | None = self._world.read()["settings"]["free"]
            return free

    def console_picture(self, machine: Machine) -> bytes:
        """One black pixel (PPM) of a machine that is on."""
        with self._world.faulty("console_picture", machine.name):
            raw = records.must_be_there(self._world.read(), machine)
            if not self._abilities.console_picture or raw["power"] != "on":
                raise NotAble(f"there is no picture of the screen of {machine.name}")
            return b"P6\n1 1\n255\n\0\0\0"

    def communicator(self, machine: Machine) -> MemoryCommunicator:
        """Into this machine, and into no later one of the same name."""
        with self._world.faulty("communicator", machine.name):
            records.must_be_there(self._world.read(), machine)
            return MemoryCommunicator(self._world, machine.name, machine.id)

    def open_disk(self, thing: Machine | Snapshot | Artifact | Origin) -> AbstractContextManager[BlockSource]:
        """The files of the disk as JSON."""
        return self._opened(thing)

    def export_disk(self, machine: Machine, target: Path) -> None:
        """The same, padded with spaces to whole sectors, in a VMDK; with a crash point where half of it is written."""
        with self._world.faulty("export_disk", machine.name):
            if not self._abilities.export_disk:
                raise NotAble("this endpoint exports no disks")
            raw = records.must_be_off(self._world.read(), machine, "exported")
            content = records.canonical(raw["disk"])
            whole, plain = target.with_suffix(".whole"), target.with_suffix(".raw")
            plain.write_bytes(content.ljust(-(-len(content) // 512) * 512))
            stream_vmdk.write(plain, whole, plain.stat().st_size)
            data = whole.read_bytes()
            target.write_bytes(data[: len(data) // 2])
            self._world.checkpoint(f"half of the disk of {machine.name} is exported")
            target.write_bytes(data)

    def close(self) -> None:
        """Let go of the file."""
        self._world.close()

    @contextmanager
    def _opened(self, thing: Machine | Snapshot | Artifact | Origin) -> Iterator[BlockSource]:
        with self._world.faulty("open_disk", records.name_of(thing)):
            if not self._abilities.open_disk:
                raise NotAble("this endpoint opens no disks")
            if isinstance(thing, Artifact):
                yield records.MemoryDisk(self.content_of(thing))
            else:
                yield records.MemoryDisk(records.content(self._world.read(), thing))

    def _settled(self, name: str, what: str) -> Machine:
        with self._world.change(what) as world:
            raw = world["machines"].get(name)
            if raw is None:
                raise Conflict(f"{name} was taken away while it was made")
            raw["settled"] = True
        return records.machine(name, raw)


if TYPE_CHECKING:
    _hypervisor: Hypervisor = MemoryHypervisor(World(Path()))
    _keeper: FormKeeper = MemoryHypervisor(World(Path()))
    _exporter: DiskExporter = MemoryHypervisor(World(Path()))
