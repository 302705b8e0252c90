"""A libvirt daemon, here or behind SSH, as one of golden's hypervisors: machines are its own, disks its volumes."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from golden.errors import BadName, Conflict, NotAble, NotFound
from golden.guest.communicator import Communicator
from golden.model import Artifact, Candidate, CloneOptions, DiskFile, FileStamp, Machine, Mark, Origin, Power, Snapshot
from golden.provider import Abilities, Endpoint, Marked, Scope
from golden_libvirt import connection, intake, network, origins, picture
from golden_libvirt.address import Address
from golden_libvirt.agent import AgentLine
from golden_libvirt.domains import Domains
from golden_libvirt.faults import translated
from golden_libvirt.naming import checked
from golden_libvirt.pool import Pool
from golden_libvirt.qcow2 import Source
from golden_libvirt.reading import choose, hashes, stamps
from golden_libvirt.record import Record
from golden_libvirt.serving import served
from golden_libvirt.tools import is_readable
from golden_libvirt.volume_disk import open_volume
from golden_libvirt.volume_images import VolumeImages
from golden_libvirt.volume_making import VolumeMaking


class Daemon:
    """An endpoint ``qemu:///system``, ``qemu:///session`` or ``qemu+ssh://host/system``."""

    def __init__(self, address: Address, endpoint: Endpoint, scope: Scope) -> None:
        """Connects. Unreachable or Refused with libvirt's words, NotFound where the storage pool is not there."""
        self._address = address
        self._options = endpoint.options
        self._scope = scope
        self._open: tuple[connection.Line, Pool] | None = None
        self.domains = Domains(lambda: self.line, address.uri)
        self.images = VolumeImages(lambda: self.pool, remote=address.remote)
        self._abilities = self._ask_abilities()

    @property
    def line(self) -> connection.Line:
        """The open connection; opened again after it was lost."""
        return self._connected()[0]

    @property
    def pool(self) -> Pool:
        """The storage pool, over that connection."""
        return self._connected()[1]

    def _connected(self) -> tuple[connection.Line, Pool]:
        if self._open is not None and (self._open[0].lost or not self._open[0].native.isAlive()):
            self.close()
        if self._open is None:
            line = connection.open_first(self._address.uri)
            try:
                self._open = line, choose(line, self._options.get("pool"), self._scope.watcher)
            except BaseException:
                line.close()
                raise
        return self._open

    def _ask_abilities(self) -> Abilities:
        with translated("asking libvirt what it can do"):
            networks = tuple(network.name() for network in self.line.native.listAllNetworks(0) if network.isActive())
        if self._address.session:
            networks = ("user", *networks)
        return Abilities(
            linked_clone=True,
            work_outlives_client=True,
            open_disk=True,
            console_picture=True,
            forms=("qcow2",),
            networks=networks,
        )

    @property
    def abilities(self) -> Abilities:
        """Networks and reading rights are asked of the endpoint."""
        return self._abilities

    def examine(self, origin: Origin) -> Candidate:
        """A machine of libvirt's, or a file here."""
        return intake.look(self.line, origin, remote=self._address.remote).candidate(origin)

    def adopt(self, name: str, origin: Origin, mark: Mark, *, in_place: bool) -> Machine:
        """The daemon copies its own volumes; files of this computer are uploaded."""
        if in_place:
            raise NotAble(
                f"{self._address.uri} cannot adopt in place", hint="leave --in-place out, or use qemu:///embed"
            )
        found = intake.look(self.line, origin, remote=self._address.remote)
        origins.refuse(origin, found)
        self.domains.must_be_free(checked(name))
        return self._shown(
            self._making.adopted(Record(name, mark, str(uuid.uuid4()), pool=self.pool.name), origin, found)
        )

    def find(self, name: str) -> Machine | None:
        """Machines of golden's only; somebody else's with that name is not found."""
        try:
            entry = self.domains.load(checked(name))
        except BadName:
            return None
        return None if entry is None else self._shown(entry)

    @property
    def _making(self) -> VolumeMaking:
        wanted, here = self._options.get("virt_type"), not self._address.remote
        return VolumeMaking(self.line, self.pool, self.domains, self._scope, wanted, here)

    def _held(self, entry: Record) -> Record:
        """The same; Conflict where its disks are in another pool."""
        self.pool.must_hold(entry)
        return entry

    def _shown(self, entry: Record) -> Machine:
        power = Power.ON if self.domains.is_on(entry.name) else Power.OFF
        return Machine(entry.uuid, entry.name, power, entry.settled, entry.mark, entry.snapshots, entry.networks)

    def list_marked(self) -> tuple[Marked, ...]:
        """Machines by their metadata, images by the note beside their volume."""
        machines = [Marked("machine", entry.name, entry.mark) for entry in self.domains.records()]
        return (*machines, *(Marked("image", name, mark) for name, mark in self.images.marked()))

    def settle(self, machine: Machine) -> Machine | None:
        """What is half-made is taken away; a volume that the daemon still copies is waited for."""
        entry = self.domains.load(machine.name)
        if entry is None:
            return None
        if entry.settled:
            return self._shown(entry)
        self._making.remove(entry)
        return None

    def clone(self, name: str, source: Snapshot, mark: Mark, options: CloneOptions) -> Machine:
        """Volumes with a backing store, or the daemon's own full copies."""
        parent = self._held(self.domains.frozen(source))
        if options.network is not None and options.network not in self.abilities.networks:
            known = ", ".join(self.abilities.networks) or "none"
            raise NotFound(
                f"{self._address.uri} has no active network {options.network}", hint=f"its networks: {known}"
            )
        self.domains.must_be_free(checked(name))
        networks = tuple(filter(None, (options.network,)))
        below = parent.name if options.linked else ""
        entry = Record(name, mark, str(uuid.uuid4()), parent=below, networks=networks, pool=self.pool.name)
        return self._shown(self._making.cloned(entry, parent))

    def start(self, machine: Machine) -> Machine:
        """As defined."""
        entry = self.domains.get(machine.name)
        if entry.snapshots:
            raise Conflict(f"{entry.name} is frozen and never started again", hint="start a clone of it")
        if not entry.settled:
            raise Conflict(f"{entry.name} is half-made and cannot be started")
        if not self.domains.is_on(entry.name):
            with translated(f"starting {entry.name}"):
                self.domains.got(entry.name).create()
        return self._shown(entry)

    def stop(self, machine: Machine) -> Machine:
        """At once."""
        entry = self.domains.get(machine.name)
        if self.domains.is_on(entry.name):
            with translated(f"cutting the power of {entry.name}"):
                self.domains.got(entry.name).destroy()
        return self._shown(entry)

    def disconnect(self, machine: Machine) -> Machine:
        """In the definition that the daemon keeps, and the cable of a running machine."""
        entry = self.domains.get(machine.name)
        if entry.snapshots:
            raise Conflict(f"{entry.name} is frozen and stays as it is")
        native = self.domains.got(entry.name)
        with translated(f"cutting {entry.name} off its network"):
            network.remove_cards(self.line.libvirt, native)
            if native.isActive():
                network.pull_plugs(self.line.libvirt, native)
        return self._shown(self.domains.save(entry.but(networks=())))

    def freeze(self, machine: Machine, name: str) -> Snapshot:
        """A line in the machine's record; what is frozen is never started or attached again."""
        entry = self.domains.off(machine.name, "frozen")
        if checked(name) not in entry.snapshots:
            self.domains.save(entry.but(snapshots=(*entry.snapshots, name)))
        return Snapshot(entry.name, name)

    def mark(self, machine: Machine, mark: Mark) -> Machine:
        """In the machine's metadata."""
        return self._shown(self.domains.save(self.domains.get(machine.name).but(mark=mark)))

    def destroy(self, machine: Machine) -> None:
        """With its own volumes; its definition goes last."""
        entry = self.domains.load(machine.name)
        if entry is None:
            return
        if entry.snapshots:
            raise Conflict(f"{entry.name} has frozen points: {', '.join(entry.snapshots)}")
        self._making.remove(entry)

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        """Absent is success."""
        entry = self.domains.load(snapshot.machine)
        if entry is None or snapshot.name not in entry.snapshots:
            return
        left = tuple(name for name in entry.snapshots if name != snapshot.name)
        children = [other.name for other in self.domains.records() if other.parent == entry.name]
        if not left and children:
            raise Conflict(f"{entry.name} cannot be let go: {', '.join(children)} lies on its disks")
        self.domains.save(entry.but(snapshots=left))

    def capture(self, name: str, machine: Machine, mark: Mark) -> Artifact:
        """The daemon flattens each disk into a volume of its own."""
        entry = self._held(self.domains.off(machine.name, "captured"))
        return self.images.make(checked(name), tuple(disk.file for disk in entry.disks), mark)

    def find_image(self, name: str) -> Artifact | None:
        """By the note beside its volume."""
        return self.images.find(checked(name))

    def discard_image(self, artifact: Artifact) -> None:
        """Absent is success."""
        self.images.discard(checked(artifact.name))

    def identity(self, snapshot: Snapshot) -> tuple[FileStamp, ...]:
        """Length, time of the last writing and header of each volume, and the hash of the definition."""
        entry = self._held(self.domains.frozen(snapshot))
        return stamps(self.line, self.pool, entry, self.domains.got(entry.name))

    def digest(self, snapshot: Snapshot) -> tuple[DiskFile, ...]:
        """Every byte comes over the connection."""
        entry = self._held(self.domains.frozen(snapshot))
        local = not self._address.remote
        return hashes(self.line, self.pool, entry, self.domains.got(entry.name), local=local)

    def free_space(self) -> int | None:
        """Of the storage pool."""
        return self.pool.free()

    def console_picture(self, machine: Machine) -> bytes:
        """Over the connection."""
        entry = self.domains.get(machine.name)
        if not self.domains.is_on(entry.name):
            raise NotAble(f"{entry.name} is off, so its screen shows nothing")
        with translated(f"taking a picture of {entry.name}"):
            return picture.taken(self.line, entry.name)

    def communicator(self, machine: Machine) -> Communicator:
        """The QEMU guest agent."""
        entry = self.domains.get(machine.name)
        return AgentLine(lambda: self.line, entry.name)

    @contextmanager
    def open_disk(self, thing: Machine | Snapshot | Artifact | Origin) -> Iterator[Source]:
        """By qemu-nbd where the daemon's files may be read from here, else in pieces through libvirt."""
        if isinstance(thing, Origin):
            found = intake.look(self.line, thing, remote=self._address.remote)
            if not found.infos:
                raise NotFound(f"{thing.where} has no disk that can be read")
            path, disk_format = found.disks[0], found.infos[0].format
            theirs = thing.kind == "machine"
        else:
            if isinstance(thing, Artifact):
                volume = f"{thing.name}.qcow2"
            else:
                entry = (
                    self.domains.frozen(thing) if isinstance(thing, Snapshot) else self.domains.off(thing.name, "read")
                )
                volume = self._held(entry).disks[0].file
            path, disk_format, theirs = Path(self.pool.get(volume).path), "qcow2", True
        if theirs and not self._is_ours_to_read(path):
            with open_volume(self.line, str(path), disk_format) as far:
                yield far
        else:
            with served(path, disk_format) as near:
                yield near

    def _is_ours_to_read(self, path: Path) -> bool:
        """A system daemon's volumes belong to root, mode 0600; a session's daemon is this user."""
        mine = not self._address.remote and (self._address.session or os.geteuid() == 0)
        return mine and is_readable(path)

    def close(self) -> None:
        """The machines go on."""
        if self._open is not None:
            self._open[0].close()
            self._open = None
