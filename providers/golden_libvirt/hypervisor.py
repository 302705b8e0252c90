"""The embedded driver as one of golden's hypervisors: the truth is the store, libvirt only runs machines."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from golden.errors import BadName, Conflict, NotAble, NotFound, StateUnusable
from golden.guest.communicator import Communicator, LineLost
from golden.model import (
    Artifact,
    Candidate,
    CloneOptions,
    DiskFile,
    FileStamp,
    Machine,
    Mark,
    Origin,
    Power,
    Snapshot,
)
from golden.nbd import NbdDisk
from golden.provider import Abilities, Endpoint, Marked, Scope
from golden_libvirt import definition, embedded, network, origins, picture, processes
from golden_libvirt.address import Address
from golden_libvirt.agent import AgentLine
from golden_libvirt.connection import Line
from golden_libvirt.embedded import Base, Root
from golden_libvirt.faults import translated
from golden_libvirt.images import Images
from golden_libvirt.making import Making
from golden_libvirt.naming import checked
from golden_libvirt.record import Record
from golden_libvirt.serving import served
from golden_libvirt.starting import started
from golden_libvirt.store import Store, clear_unclaimed, free_space, need_room


class Embedded:
    """An endpoint ``qemu:///embed``."""

    def __init__(self, address: Address, endpoint: Endpoint, scope: Scope) -> None:
        """Opens nothing yet."""
        self._state = scope.state / "libvirt"
        self._scope = scope
        self._address = address
        self.store = Store(self._state / "store")
        self.images = Images(self._state / "images")
        self._making = Making(self.store, self._state, endpoint.options.get("virt_type"), scope.watcher)

    @property
    def abilities(self) -> Abilities:
        """The same everywhere: QEMU and qemu-img do it all."""
        return Abilities(
            linked_clone=True,
            snapshot_depth=None,
            work_outlives_client=False,
            open_disk=True,
            console_picture=True,
            adopt_in_place=True,
            forms=("qcow2",),
            networks=("user",),
            keeps_forms=True,
        )

    def examine(self, origin: Origin) -> Candidate:
        """The embedded driver knows no machines but golden's own: a disk or a definition is needed."""
        return self._look(origin).candidate(origin)

    def _look(self, origin: Origin) -> origins.Found:
        if origin.kind == "machine":
            raise NotFound(
                f"qemu:///embed has no machines of its own, so none named {origin.where}",
                hint="--from FILE: its disk, or its definition (virsh dumpxml NAME > FILE.xml)",
            )
        return origins.look_to_run(origin)

    def adopt(self, name: str, origin: Origin, mark: Mark, *, in_place: bool) -> Machine:
        """Copies, or links to the user's own files; writes a definition where there is only a disk."""
        found = self._look(origin)
        origins.refuse(origin, found)
        if in_place and any(info.format not in ("qcow2", "raw") for info in found.infos):
            raise NotAble("only qcow2 and raw disks can be adopted in place", hint="leave --in-place out")
        if not in_place:
            need_room(self._state, sum(info.allocated for info in found.infos), f"adopting {origin.where}")
        entry = Record(checked(name), mark, str(uuid.uuid4()))
        return self._shown(self._making.adopted(entry, origin, found, in_place=in_place))

    def find(self, name: str) -> Machine | None:
        """Read from the store; whether it runs is read from its QEMU process. Opens no libvirt."""
        try:
            entry = self.store.load(checked(name))
        except BadName:
            return None
        if entry is None:
            clear_unclaimed(self.store.path, name)
            return None
        return self._shown(entry)

    def _shown(self, entry: Record) -> Machine:
        power = Power.ON if processes.running(entry.root, entry.name) else Power.OFF
        return Machine(entry.uuid, entry.name, power, entry.settled, entry.mark, entry.snapshots, entry.networks)

    def list_marked(self) -> tuple[Marked, ...]:
        """Everything in the store and among the images."""
        entries = [self.store.load(name) for name in self.store.names()]
        machines = [Marked("machine", entry.name, entry.mark) for entry in entries if entry is not None]
        return (*machines, *(Marked("image", name, mark) for name, mark in self.images.marked()))

    def settle(self, machine: Machine) -> Machine | None:
        """Work dies with its process here, so what is half-made is taken away; Conflict while its maker lives."""
        entry = self.store.load(machine.name)
        if entry is None:
            return None
        if entry.settled:
            return self._shown(entry)
        self._check_maker(entry)
        processes.cut_power(entry.root, entry.name)
        self.store.remove(entry.name)
        return None

    def _check_maker(self, entry: Record) -> None:
        if not entry.settled and entry.maker.is_another():
            raise Conflict(f"{entry.name} is being worked on by process {entry.maker.pid}")

    def clone(self, name: str, source: Snapshot, mark: Mark, options: CloneOptions) -> Machine:
        """Overlays by relative paths, or full copies; NVRAM and TPM state are copied, the definition cleaned."""
        parent = self.store.frozen(source)
        if options.network not in (None, *self.abilities.networks):
            raise NotFound(f"qemu:///embed has no network {options.network}", hint="its only network is: user")
        entry = Record(checked(name), mark, str(uuid.uuid4()), parent=parent.name if options.linked else "")
        entry = entry.but(networks=tuple(filter(None, (options.network,))))
        return self._shown(self._making.cloned(entry, parent))

    def start(self, machine: Machine) -> Machine:
        """In this process's root, which the machine's record names."""
        entry = self.store.get(machine.name)
        if entry.snapshots:
            raise Conflict(f"{entry.name} is frozen and never started again", hint="start a clone of it")
        if not entry.settled:
            raise Conflict(f"{entry.name} is half-made and cannot be started")
        if processes.running(entry.root, entry.name):
            return self._shown(entry)
        return self._shown(started(self.store, entry, self._root(), self._state))

    def stop(self, machine: Machine) -> Machine:
        """By ending its QEMU process in order, so that no write the guest was told is done is lost."""
        entry = self.store.get(machine.name)
        processes.end(entry.root, entry.name)
        return self._shown(entry)

    def disconnect(self, machine: Machine) -> Machine:
        """The definition first, so that a restart brings no card back; then the cable of a running machine."""
        entry = self.store.get(machine.name)
        if entry.snapshots:
            raise Conflict(f"{entry.name} is frozen and stays as it is")
        domain = definition.parse(self.store.read_definition(entry.name), "the machine's definition")
        network.disconnect(domain)
        self.store.write_definition(entry.name, definition.serialize(domain))
        if processes.running(entry.root, entry.name):
            line = self._line_of(entry)
            with translated(f"cutting {entry.name} off its network"):
                network.pull_plugs(line.libvirt, line.native.lookupByName(entry.name))
        return self._shown(self.store.save(entry.but(networks=())))

    def freeze(self, machine: Machine, name: str) -> Snapshot:
        """Files lose the right to be written; the snapshot is a line in the record."""
        entry = self._off(machine, "frozen")
        self.store.freeze(entry, checked(name))
        return Snapshot(entry.name, name)

    def _off(self, machine: Machine, what: str) -> Record:
        entry = self.store.get(machine.name)
        if not entry.settled:
            raise Conflict(f"{entry.name} is half-made and cannot be {what}")
        if processes.running(entry.root, entry.name):
            raise Conflict(f"{entry.name} is running and cannot be {what}", hint="shut it down first")
        return entry

    def mark(self, machine: Machine, mark: Mark) -> Machine:
        """In the record."""
        return self._shown(self.store.save(self.store.get(machine.name).but(mark=mark)))

    def destroy(self, machine: Machine) -> None:
        """Only its own folder; a disk in place gets its permissions back and stays."""
        entry = self.store.load(machine.name)
        if entry is None:
            return
        if entry.snapshots:
            raise Conflict(f"{entry.name} has frozen points: {', '.join(entry.snapshots)}")
        self._check_maker(entry)
        processes.cut_power(entry.root, entry.name)
        self.store.remove(entry.name)

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        """Absent is success."""
        entry = self.store.load(snapshot.machine)
        if entry is not None and snapshot.name in entry.snapshots:
            self.store.thaw(entry, snapshot.name)

    def capture(self, name: str, machine: Machine, mark: Mark) -> Artifact:
        """One standalone qcow2 a disk."""
        entry = self._off(machine, "captured")
        folder = self.store.folder(entry.name)
        disks = tuple((folder / disk.file, disk.format) for disk in entry.disks)
        return self.images.make(checked(name), disks, mark)

    def add_form(self, artifact: Artifact, form: str, make: Callable[[Path], Path]) -> Artifact:
        """A file more in the image's folder."""
        return self.images.add(checked(artifact.name), form, make)

    def find_image(self, name: str) -> Artifact | None:
        """Read from the store."""
        return self.images.find(checked(name))

    def discard_image(self, artifact: Artifact) -> None:
        """Absent is success."""
        self.images.discard(checked(artifact.name))

    def identity(self, snapshot: Snapshot) -> tuple[FileStamp, ...]:
        """Inode, size, time of the last writing and header of each file."""
        return self.store.stamps(snapshot)

    def digest(self, snapshot: Snapshot) -> tuple[DiskFile, ...]:
        """Reads every byte."""
        return self.store.hashes(snapshot)

    def free_space(self) -> int | None:
        """Of the file system the store lies on."""
        return free_space(self._state)

    def console_picture(self, machine: Machine) -> bytes:
        """PNG where QEMU makes one, else made from its PPM."""
        entry = self.store.get(machine.name)
        if not processes.running(entry.root, entry.name):
            raise NotAble(f"{entry.name} is off, so its screen shows nothing")
        line = self._line_of(entry)
        with translated(f"taking a picture of {entry.name}"):
            return picture.taken(line, entry.name)

    def communicator(self, machine: Machine) -> Communicator:
        """The QEMU guest agent."""
        entry = self.store.get(machine.name)
        log = Path(entry.root, "log/qemu", f"{entry.name}.log") if entry.root else None
        return AgentLine(lambda: self._line_of(entry), entry.name, log)

    def open_disk(self, thing: Machine | Snapshot | Artifact | Origin) -> AbstractContextManager[NbdDisk]:
        """Through qemu-nbd, chain included."""
        if isinstance(thing, Origin):
            found = self._look(thing)
            if not found.infos:
                raise NotFound(f"{thing.where} has no disk that can be read")
            return served(found.disks[0], found.infos[0].format)
        if isinstance(thing, Artifact):
            if not thing.forms or thing.forms[0].path is None:
                raise NotFound(f"the image {thing.name} has no disk")
            return served(Path(thing.forms[0].path), thing.forms[0].format)
        entry = self.store.frozen(thing) if isinstance(thing, Snapshot) else self._off(thing, "read")
        if not entry.disks:
            raise NotFound(f"{entry.name} has no disk")
        return served(self.store.folder(entry.name) / entry.disks[0].file, entry.disks[0].format)

    def close(self) -> None:
        """
        libvirt keeps this process's root until it ends; roots that killed processes left are taken away here.

        Roots without machines go at the process's end; those with machines stay, and are found through the
        machines' records.
        """
        with contextlib.suppress(StateUnusable):  # A folder that is not ours alone is left alone; doctor names it.
            base = Base.recorded(self._state, self._address.base)
            if base is not None:
                embedded.clear_left(base, self._scope.job)

    def _root(self, path: Path | None = None) -> Root:
        """The root this process starts machines in; ``path`` is where a machine runs already."""
        base = Base.of(self._state, self._address.base)
        return embedded.root_here(path, base.root(self._scope.job), self._scope.watcher)

    def _line_of(self, entry: Record) -> Line:
        """The connection that knows a running machine. Conflict where another process holds it."""
        current = self.store.get(entry.name)
        if not processes.running(current.root, current.name):
            raise LineLost(f"{entry.name} is off")
        return self._root(Path(current.root)).line(self._state)
