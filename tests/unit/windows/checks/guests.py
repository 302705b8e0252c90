"""The stand-in as a folder that restarts when it is told to, and the disk it would have if it were switched off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from golden.disk.raw import RawFile
from golden.guest.session import Session
from golden.model import Checked
from golden.waiting import Deadline
from golden.windows.checks import offline, online
from golden.windows.checks.rules import Wish
from golden.windows.dialect import WindowsDialect
from tests.unit.disk.disks import ntfs
from tests.unit.windows.folder_guest import FolderGuest


class Restarting(FolderGuest):
    """A folder that starts anew when one of its programs asked for it."""

    def ready(self, deadline: Deadline) -> None:
        """It answers, after the restart that it was asked for."""
        power = self.machine / "power"
        if power.is_file() and power.read_text().strip() == "reboot":
            power.unlink()
            self.restart()

    def restart(self) -> None:
        """One more start."""
        (self.machine / "boot_id").unlink()
        self._program("--boot", wait=True)


def guest(folder: Path, unfit: object = (), **faults: object) -> Restarting:
    """A Windows with states switched on that golden's checks look for."""
    told: Mapping[str, object] = {**faults, **({"unfit": unfit} if unfit else {})}
    return Restarting(folder, told)


def disk(guest: FolderGuest, target: Path) -> Path:
    """The guest's volume as it would lie on a disk without a partition table."""
    return ntfs(guest.tree, target)


def looked_at(path: Path, wish: Wish | None = None) -> Checked:
    """What the powered-off disk tells."""
    with RawFile(path) as raw:
        return offline.inspect(raw, wish or Wish())


@contextmanager
def inside(guest: FolderGuest, folder: Path) -> Iterator[Session]:
    """A session in the running guest."""
    session = Session(guest, WindowsDialect(), "checks", logs=folder / "logs").open(Deadline(60))
    yield session
    session.close(Deadline(60))


def asked(guest: FolderGuest, folder: Path, wish: Wish | None = None) -> Checked:
    """What the running guest tells."""
    with inside(guest, folder) as session:
        return online.check(session, wish or Wish(), Deadline(60))


def met(checked: Checked) -> dict[str, str]:
    """Severities by id."""
    return {one.id: one.severity.value for one in checked.findings}
