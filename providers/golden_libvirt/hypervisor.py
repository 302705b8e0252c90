"""The embedded driver as one of golden's hypervisors: the truth is the store, libvirt only runs machines."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

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
from golden.waiting import Deadline, Waiting
from golden_libvirt import definition, embedded, kvm, network, origins, picture, tools
from golden_libvirt.address import Address
from golden_libvirt.agent import AgentLine
from golden_libvirt.connection import Line
from golden_libvirt.embedded import Base, Root
from golden_libvirt.faults import is_libvirt, translated
from golden_libvirt.images import Images
from golden_libvirt.naming import checked
from golden_libvirt.record import Disk, Record
from golden_libvirt.serving import served
from golden_libvirt.store import Store, clear_unclaimed, free_space, need_room


class Embedded:
    """An endpoint ``qemu:///embed``."""

    def __init__(self, address: Address, endpoint: Endpoint, scope: Scope) -> None:
        """Opens nothing yet."""
        self._state = scope.state / "libvirt"
        self._scope = scope
        self._address = address
        self._options = endpoint.options
        self.store = Store(self._state / "store")
        self.images = Images(self._state / "images")

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
        return origins.look(origin)

    def adopt(self, name: str, origin: Origin, mark: Mark, *, in_place: bool) -> Machine:
        """Copies, or links to the user's own files; writes a definition where there is only a disk."""
        found = self._look(origin)
        if found.problems and any(problem.severity == "error" for problem in found.problems):
            raise Conflict(f"{origin.where} cannot be adopted", details=found.problems[0].sentence)
        if in_place and any(info.format not in ("qcow2", "raw") for info in found.infos):
            raise NotAble("only qcow2 and raw disks can be adopted in place", hint="leave --in-place out")
        if not in_place:
            need_room(self._state, sum(info.allocated for info in found.infos), f"adopting {origin.where}")
        entry = Record(checked(name), mark, str(uuid.uuid4()))
        folder = self.store.claim(entry)
        disks = []
        with translated(f"adopting {origin.where}"):
            for number, (path, info) in enumerate(zip(found.disks, found.infos, strict=True)):
                disks.append(self._take(folder, f"disk{number}", path, info.format, in_place=in_place))
                entry = self.store.save(entry.but(disks=tuple(disks)))
            self._define(entry, folder, origin, found)
        return self._shown(self.store.finish(entry))

    def _take(self, folder: Path, stem: str, path: Path, disk_format: str, *, in_place: bool) -> Disk:
        if not in_place:
            self._scope.watcher.doing(f"copying {path.name}")
            file, kind = origins.take_copy(path, disk_format, folder, stem)
            return Disk(file, kind)
        link = folder / f"{stem}.{disk_format}"
        link.symlink_to(path.resolve())
        return Disk(link.name, disk_format, in_place=True)

    def _define(self, entry: Record, folder: Path, origin: Origin, found: origins.Found) -> None:
        wanted = self._options.get("virt_type")
        if found.domain is None:
            virt_type = kvm.virt_type(self._state, wanted)
            disk = folder / entry.disks[0].file
            hardware = origins.hardware(origin, virt_type, disk, entry.disks[0].format)
            domain = definition.for_disk(entry.name, entry.uuid, entry.disks[0].format, hardware)
            if hardware.loader is not None:
                shutil.copyfile(origins.uefi()[1], folder / definition.NVRAM)
            for source, name in ((origin.kernel, definition.KERNEL), (origin.initrd, definition.INITRD)):
                if source is not None:
                    tools.copy(Path(source), folder / name)
        else:
            domain = definition.clean(found.domain, entry.name, entry.uuid, wanted)
            self._take_firmware(found.domain, domain, folder, Path(origin.where).parent)
        for element, disk_entry in zip(definition.disks_of(domain), entry.disks, strict=True):
            definition.point(element, disk_entry.file, disk_entry.format)
        self.store.write_definition(entry.name, definition.serialize(domain))

    def _take_firmware(self, original: Any, domain: Any, folder: Path, base: Path) -> None:
        """NVRAM and kernels come along; where a definition names no NVRAM file, a fresh one is made."""
        variables = definition.nvram_of(original)
        if variables is not None:
            code, template = origins.uefi()
            source = base / variables if variables and (base / variables).exists() else Path(template)
            shutil.copyfile(source, folder / definition.NVRAM)
            definition.fix_firmware(domain, code)
        for tag, name in (("kernel", definition.KERNEL), ("initrd", definition.INITRD)):
            path = original.findtext(f"os/{tag}")
            if path:
                tools.copy(base / path.strip(), folder / name)

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
        power = Power.ON if embedded.running(entry.root, entry.name) else Power.OFF
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
        embedded.cut_power(entry.root, entry.name)
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
        origin = self.store.folder(parent.name)
        folder = self.store.claim(entry)
        disks = []
        with translated(f"cloning {parent.name}"):
            for number, disk in enumerate(parent.disks):
                file = f"disk{number}.qcow2"
                if options.linked:
                    tools.make_overlay(folder / file, f"../{parent.name}/{disk.file}", disk.format)
                else:
                    tools.convert(origin / disk.file, disk.format, folder / file)
                disks.append(Disk(file, "qcow2"))
            self._copy_rest(origin, folder)
            domain = definition.parse(self.store.read_definition(parent.name), "the version's definition")
            domain = definition.clean(domain, entry.name, entry.uuid, self._options.get("virt_type"))
            for element, made in zip(definition.disks_of(domain), disks, strict=True):
                definition.point(element, made.file, made.format)
            if options.network is not None:
                definition.connect(domain, options.network)
            self.store.write_definition(entry.name, definition.serialize(domain))
        return self._shown(self.store.finish(entry.but(disks=tuple(disks))))

    def _copy_rest(self, origin: Path, folder: Path) -> None:
        for name in (definition.NVRAM, definition.KERNEL, definition.INITRD):
            if (origin / name).exists():
                tools.copy(origin / name, folder / name)
                (folder / name).chmod(0o600)
        if (origin / "tpm").is_dir():
            shutil.copytree(origin / "tpm", folder / "tpm", copy_function=shutil.copyfile)

    def start(self, machine: Machine) -> Machine:
        """The root is written into the machine's record before it is started, so that anybody can find it."""
        entry = self.store.get(machine.name)
        if entry.snapshots:
            raise Conflict(f"{entry.name} is frozen and never started again", hint="start a clone of it")
        if not entry.settled:
            raise Conflict(f"{entry.name} is half-made and cannot be started")
        if embedded.running(entry.root, entry.name):
            return self._shown(entry)
        root = self._root()
        line = root.line(self._state)
        entry = self.store.save(entry.but(root=str(root.path)))
        domain = definition.parse(self.store.read_definition(entry.name), "the machine's definition")
        folder = root.view(self.store.path) / entry.name
        self._link_tpm(root, folder, entry, domain)
        text = definition.complete(domain, str(folder), str(root.path / "a" / entry.uuid[:8]))
        with translated(f"starting {entry.name}"):
            self._create(line, entry.name, text)
        root.keep_cache(self._state)
        return self._shown(entry)

    def _create(self, line: Line, name: str, text: str) -> None:
        """
        A machine that has just switched itself off stays libvirt's for a moment: first it is found, and then it is
        "already being removed", which no look shows.
        """

        def is_made() -> bool:
            try:
                line.native.lookupByName(name)
            except Exception as error:
                if not is_libvirt(error):
                    raise
            else:
                return False
            try:
                line.native.createXML(text, 0)
            except Exception as error:
                if not is_libvirt(error) or "already being removed" not in str(error):
                    raise
                return False
            return True

        Waiting(Deadline(10), tick=0.02).until(f"libvirt to let go of {name}", is_made)

    def _link_tpm(self, root: Root, folder: Path, entry: Record, domain: Any) -> None:
        """libvirt keeps TPM state below its root by UUID; a link puts it into the machine's folder."""
        if not definition.has_tpm(domain):
            return
        state = self.store.folder(entry.name) / "tpm"
        state.mkdir(mode=0o700, exist_ok=True)
        link = root.path / "lib/swtpm" / entry.uuid
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(folder / "tpm")

    def stop(self, machine: Machine) -> Machine:
        """By ending its QEMU process in order, so that no write the guest was told is done is lost."""
        entry = self.store.get(machine.name)
        embedded.end(entry.root, entry.name)
        return self._shown(entry)

    def disconnect(self, machine: Machine) -> Machine:
        """The definition first, so that a restart brings no card back; then the cable of a running machine."""
        entry = self.store.get(machine.name)
        if entry.snapshots:
            raise Conflict(f"{entry.name} is frozen and stays as it is")
        domain = definition.parse(self.store.read_definition(entry.name), "the machine's definition")
        definition.disconnect(domain)
        self.store.write_definition(entry.name, definition.serialize(domain))
        if embedded.running(entry.root, entry.name):
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
        if embedded.running(entry.root, entry.name):
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
        embedded.cut_power(entry.root, entry.name)
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
        if not embedded.running(entry.root, entry.name):
            raise NotAble(f"{entry.name} is off, so its screen shows nothing")
        line = self._line_of(entry)
        with translated(f"taking a picture of {entry.name}"):
            return picture.taken(line, entry.name)

    def communicator(self, machine: Machine) -> Communicator:
        """The QEMU guest agent."""
        entry = self.store.get(machine.name)
        return AgentLine(lambda: self._line_of(entry), entry.name)

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
        if not embedded.running(current.root, current.name):
            raise LineLost(f"{entry.name} is off")
        return self._root(Path(current.root)).line(self._state)
