"""A Windows that is a folder and restarts when it is asked to, and golden's whole way of applying changes to it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from golden.catalog.payloads import Payloads
from golden.disk.raw import RawFile
from golden.guest.communicator import Exit, Traits
from golden.guest.family import Prepared, Wanted
from golden.guest.session import Session
from golden.model import Change, ChangesDone, GuestFacts, GuestState
from golden.procedures.applying import Applying, with_traces
from golden.procedures.shop import Shop
from golden.waiting import Deadline
from golden.windows.family import WindowsFamily
from tests.unit.disk import disks
from tests.unit.windows.folder_guest import FolderGuest

FAMILY = WindowsFamily()
FACTS = GuestFacts("windows", GuestState.VIRGIN, build="20348", architecture="x86_64", stand_in=True)


class LivingGuest(FolderGuest):
    """What asks for a restart gets it: programs are killed, and the machine starts anew with another boot mark."""

    remote = False
    boots = 0

    def start(self, argv: tuple[str, ...], env: Mapping[str, str] | None = None, cwd: str | None = None) -> int:
        """As a logon from outside where it is one."""
        self._live()
        return super().start(argv, env, cwd)

    def poll(self, pid: int) -> Exit | None:
        """A number of before the last start is not known."""
        self._live()
        return super().poll(pid) if pid in self._running else Exit(None)

    def _live(self) -> None:
        power = self.machine / "power"
        if not power.is_file() or "reboot" not in power.read_text():
            return
        power.unlink()
        for process in self._running.values():
            process.kill()
            process.wait()
        self._running.clear()
        (self.machine / "boot_id").write_text(str(uuid.uuid4()))
        self._program("--boot", wait=True)
        self.boots += 1

    def _env(self) -> dict[str, str]:
        return {**super()._env(), **({"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"} if self.remote else {})}


class Bench:
    """One guest, and what an update would do with it."""

    def __init__(self, folder: Path, *, remote: bool = False, **faults: object) -> None:
        self.folder = folder
        self.line = LivingGuest(folder / "guest", faults)
        self.payloads = Payloads(folder / "payloads")
        if remote:
            self.line.remote = True
            self.line.traits = Traits(
                needs_network=True, needs_credential=True, runs_as_system=False, survives_disconnect=False
            )
        self.session = Session(self.line, FAMILY.dialect, "job-1", logs=folder / "logs").open(Deadline(30))

    def prepare(self, *wanted: Wanted, facts: GuestFacts = FACTS) -> tuple[Prepared, ...]:
        found = tuple(FAMILY.prepare(each, facts) for each in wanted)
        for each in found:
            for file, path in each.sources:
                self.payloads.keep(file, path)
        return found

    def apply(self, *prepared: Prepared, limit: float = 60, family: WindowsFamily = FAMILY) -> ChangesDone:
        """As ``golden update`` does, restarts included."""
        shop = Shop("job", None, None, self.payloads, None, None, None, self.folder / "logs", self.folder)  # type: ignore[arg-type]
        return Applying(shop, self.session, family, Deadline(limit)).all(tuple(each.change for each in prepared))

    def update(self, *wanted: Wanted, facts: GuestFacts = FACTS) -> tuple[ChangesDone, tuple[Change, ...]]:
        prepared = self.prepare(*wanted, facts=facts)
        done = self.apply(*prepared)
        return done, with_traces(tuple(each.change for each in prepared), done)

    def prove(self, *changes: Change) -> tuple[str, ...]:
        """The evidence of each, from the disk that this guest would leave."""
        with RawFile(self.disk()) as disk:
            return tuple(said for _name, said in FAMILY.prove(disk, changes))

    def disk(self) -> Path:
        for name in ("v.ntfs", "disk.raw"):
            (self.folder / name).unlink(missing_ok=True)
        volume = disks.ntfs(self.line.tree, self.folder / "v.ntfs")
        return disks.gpt(self.folder / "disk.raw", (disks.BASIC_DATA, volume))

    def runs(self, word: str) -> int:
        """How many programs with this word in their output logs were run."""
        return sum(word in path.read_text() for path in (self.folder / "logs").glob("*.log"))
