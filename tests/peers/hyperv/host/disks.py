"""Virtual disks of the host: files below its drives, chains by their locators, who holds which, what is mounted."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.peers.hyperv.failures import Failure, virtualization
from tests.peers.hyperv.host import trees, vhdx
from tests.peers.hyperv.host.vhdx import Corrupt, Disk, Locator

MISMATCH = (
    "The chain of virtual hard disks is corrupted. There is a mismatch in the identifiers of the parent virtual hard "
    "disk and differencing disk."
)


@dataclass
class Mount:
    """A disk that is attached to the host itself; ``paths`` are what Windows calls its volume by."""

    file: str
    windows: str
    number: int
    folder: str
    read_only: bool
    volume: str
    letter: str = ""
    paths: list[str] = field(default_factory=list)
    empty: bool = False


class Disks:
    """All of them. Paths are real ones, below ``folder``; ``windows`` is what the client called them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.held: dict[str, set[str]] = {}
        self.mounted: dict[str, Mount] = {}
        self.scanned: dict[str, float] = {}
        """Files that a scanner reads and shares with nobody, each with the moment it lets go."""
        for each in json.loads((folder / "mounts.json").read_text()) if (folder / "mounts.json").exists() else []:
            made = Mount(**each)
            self.mounted[made.file] = made

    def find(self, child: Path, locator: Locator) -> Path:
        """A parent: by the relative path, else by the absolute one."""
        near = (child.parent / locator.relative.replace("\\", "/")).resolve()
        if near.is_file():
            return near
        drive = re.match(r"([A-Za-z]):\\(.*)", locator.absolute)
        far = self.folder / "drives" / drive[1].upper() / drive[2].replace("\\", "/") if drive else near
        if locator.absolute.startswith("\\\\"):
            far = self.folder / "shares" / locator.absolute.lstrip("\\").replace("\\", "/").lower()
        if not far.is_file():
            raise Corrupt(f"the parent {locator.absolute} of {child.name} was not found")
        return far

    def open(self, path: Path, *, write: bool = False) -> Disk:
        """A disk with its chain."""
        return Disk(path, self.find, write=write)

    def facts(self, path: Path) -> dict[str, Any]:
        """What Get-VHD tells; a Failure for what is no disk."""
        if path.suffix.lower() == ".vhd":
            return {"format": "VHD", "type": "Dynamic", "size": path.stat().st_size, "file": path.stat().st_size,
                    "parent": "", "id": uuid.UUID(int=0), "attached": False, "block": 0, "logical": 512,
                    "physical": 512, "number": None}  # fmt: skip
        try:
            with self.open(path) as disk:
                kind = "Differencing" if disk.locator else "Fixed" if disk.fixed else "Dynamic"
                number = self.mounted[str(path)].number if str(path) in self.mounted else None
                return {"format": "VHDX", "type": kind, "size": disk.size, "file": path.stat().st_size,
                        "parent": disk.locator.absolute if disk.locator else "", "id": disk.disk_id, "number": number,
                        "attached": self.in_use(path), "block": disk.block, "logical": disk.logical,
                        "physical": disk.physical, "data_write": disk.data_write}  # fmt: skip
        except Corrupt as why:
            raise broken(path, str(why)) from None

    def check(self, path: Path) -> str:
        """What Test-VHD finds wrong with a chain; nothing where it is sound."""
        try:
            with self.open(path) as disk:
                link: Disk | None = disk
                while link is not None:
                    link = link.parent
        except (Corrupt, OSError) as why:
            return str(why)
        return ""

    def in_use(self, path: Path) -> str:
        """Who holds a file: a machine's id, ``mount``, ``scanner`` or nothing."""
        if str(path) in self.mounted:
            return "mount"
        if self.is_scanned(path):
            return "scanner"
        return next(iter(self.held.get(str(path), ())), "")

    def scan(self, path: Path, seconds: float) -> None:
        """A virus scanner opens a file for so long."""
        self.scanned[str(path)] = time.monotonic() + seconds

    def is_scanned(self, path: Path) -> bool:
        """Whether it still has it."""
        return self.scanned.get(str(path), 0.0) > time.monotonic()

    def parents(self, path: Path) -> list[str]:
        """What the parents of a disk are called in its chain, as far as they are found."""
        found: list[str] = []
        try:
            with self.open(path) as disk:
                link: Disk | None = disk
                while link is not None and link.locator is not None:
                    found.append(link.locator.absolute)
                    link = link.parent
        except (Corrupt, OSError):
            pass
        return found

    def chain(self, path: Path) -> list[Path]:
        """The files of a chain, leaf first, as far as they are found."""
        found = [path]
        try:
            with self.open(path) as disk:
                link: Disk | None = disk
                while link is not None and link.locator is not None:
                    found.append(self.find(link.path, link.locator))
                    link = link.parent
        except (Corrupt, OSError):
            pass
        return found

    def hold(self, path: Path, owner: str) -> None:
        """A machine has the chain open from now on."""
        with self.lock:
            for each in self.chain(path):
                self.held.setdefault(str(each), set()).add(owner)

    def release(self, owner: str) -> None:
        """A machine has let go."""
        with self.lock:
            self.held = {path: who - {owner} for path, who in self.held.items() if who - {owner}}

    def child(self, path: Path, parent: Path, windows: str, block: int = 0, size: int = 0) -> None:
        """A new differencing disk; its parent's chain must be sound."""
        with self.open(parent) as above:
            linkage, whole, physical, logical = above.data_write, above.size, above.physical, above.logical
        if size and size < whole:
            raise virtualization(
                "The size of a differencing disk cannot be less than its parent's.",
                "InvalidParameter",
                "InvalidArgument",
            )
        made = vhdx.locator(path, parent, windows, linkage)
        vhdx.create(path, size or whole, block=block, parent=made, physical=physical, logical=logical)

    def convert(
        self, source: Path, target: Path, kind: str, block: int, step: Callable[[int], bool], half: Callable[[], None]
    ) -> None:
        """
        Copy a whole chain into one new file, flat unless ``kind`` is Differencing. ``step`` is told per cent and says
        whether to go on; ``half`` is called when half of the file is there. What is half stays, whatever went wrong:
        nothing documents that a real host takes it away.
        """
        with self.open(source) as disk:
            linked = disk.locator if kind == "Differencing" else None
            vhdx.create(target, disk.size, block=block or disk.block, fixed=kind == "Fixed",
                        parent=linked, logical=disk.logical, physical=disk.physical)  # fmt: skip
            numbers = list(disk.allocated())
            middle = len(numbers) // 2
            self._copy(disk, target, linked, numbers[:middle], lambda at: step(at * 50 // max(1, middle)))
            half()
            self._copy(disk, target, linked, numbers[middle:], lambda at: step(50 + at * 50 // len(numbers)))

    def _copy(
        self, disk: Disk, target: Path, linked: Locator | None, numbers: list[int], step: Callable[[int], bool]
    ) -> None:
        with self.open(target, write=True) as made:
            for at, number in enumerate(numbers):
                if not step(at):
                    raise InterruptedError
                data = disk.block_at(number)
                if data is None:
                    continue
                begin = number * disk.block
                data = data[: disk.size - begin]
                if linked is not None or data.strip(b"\0"):
                    made.write(begin, data)

    def merge(self, child: Path, parent: Path) -> None:
        """Write a child's blocks into its parent, and take the child away."""
        with self.open(child) as below, self.open(parent, write=True) as above:
            for number in range(below.blocks):
                if below._entry(number)[0] == vhdx.PRESENT:
                    data = below.block_at(number)
                    assert data is not None
                    above.write(number * below.block, data[: above.size - number * below.block])
        child.unlink()

    def relink(self, child: Path, parent: Path, windows: str, *, any_id: bool) -> None:
        """Set-VHD -ParentPath: another place, or with ``any_id`` another disk."""
        with self.open(parent) as above:
            linkage = above.data_write
        with self.open(child, write=True) as disk:
            if disk.locator is None:
                raise virtualization("The virtual hard disk is not a differencing disk.", "InvalidParameter")
            if not any_id and disk.locator.linkage != linkage:
                raise virtualization(MISMATCH, "InvalidParameter", "InvalidArgument", windows)
            disk.set_locator(vhdx.locator(child, parent, windows, linkage))

    def mount(self, path: Path, windows: str, *, read_only: bool, letter: bool) -> Mount:
        """Attach a disk to the host."""
        with self.lock:
            if self.in_use(path):
                raise used(windows)
            wrong = self.check(path)
            if wrong:
                raise broken(path, wrong)
            number = max([0, *(each.number for each in self.mounted.values())]) + 1
            folder = self.folder / "mounts" / uuid.uuid4().hex
            with self.open(path, write=not read_only) as disk:
                empty = not trees.load(disk, folder)
                if not read_only:
                    disk.touch()
            volume = f"\\\\?\\Volume{{{uuid.uuid4()}}}\\"
            made = Mount(str(path), windows, number, str(folder), read_only, volume, empty=empty)
            if not empty:
                made.paths = [volume]
                if letter:
                    used_letters = {each.letter for each in self.mounted.values()}
                    made.letter = next(each for each in "EFGHIJKLMNOPQRSTUVWXYZ" if each not in used_letters)
                    made.paths.append(f"{made.letter}:\\")
            self.mounted[str(path)] = made
            self._save()
            return made

    def access(self, number: int, path: str, *, add: bool) -> None:
        """Give a mounted volume one more path, or take one away."""
        with self.lock:
            made = next(each for each in self.mounted.values() if each.number == number)
            made.paths = [each for each in made.paths if each.rstrip("\\").lower() != path.rstrip("\\").lower()]
            if add:
                made.paths.append(path)
            elif made.letter and path.rstrip("\\").lower() == f"{made.letter}:".lower():
                made.letter = ""
            self._save()

    def formatted(self, number: int) -> Mount:
        """An empty disk gets a volume."""
        with self.lock:
            made = next(each for each in self.mounted.values() if each.number == number)
            Path(made.folder).mkdir(parents=True, exist_ok=True)
            made.empty = False
            made.paths = [made.volume]
            self._save()
            return made

    def dismount(self, path: Path, windows: str) -> None:
        """Let go of it; what was written goes onto the disk."""
        with self.lock:
            made = self.mounted.get(str(path))
            if made is None:
                raise virtualization(
                    f"Failed to dismount the virtual disk. The virtual hard disk '{windows}' is not attached.",
                    "InvalidOperation", "InvalidOperation", windows)  # fmt: skip
            if not made.read_only and not made.empty:
                with self.open(path, write=True) as disk:
                    trees.store(disk, Path(made.folder))
            del self.mounted[str(path)]
            self._save()
            shutil.rmtree(made.folder, ignore_errors=True)

    def _save(self) -> None:
        file = self.folder / "mounts.json"
        new = file.with_suffix(".new")
        new.write_text(json.dumps([asdict(each) for each in self.mounted.values()]))
        new.replace(file)


def used(windows: str) -> Failure:
    """Somebody else has it open."""
    return virtualization(
        "The process cannot access the file because it is being used by another process. (0x80070020).",
        "ObjectInUse", "ResourceBusy", windows)  # fmt: skip


def broken(path: Path, why: str) -> Failure:
    """What the disk cmdlets say of a chain that does not hold together."""
    text = MISMATCH if "mismatch" in why else "The file or directory is corrupted and unreadable."
    return virtualization(f"{text} ({why})", "OperationFailed", "InvalidData", path.name)
