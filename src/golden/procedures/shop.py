"""Everything a procedure works with, put together once by the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from golden.catalog import Catalog
from golden.catalog.payloads import Payloads
from golden.guest.communicator import Communicator
from golden.guest.family import Family
from golden.library import Library
from golden.model import Machine, Mark, Role
from golden.procedures.kinds import Images, Machines, Publications
from golden.provider import Hypervisor
from golden.waiting import Silent, Watcher


@dataclass(frozen=True, slots=True)
class Account:
    """The administrator that sysprep runs as on a real Windows."""

    name: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Shop:
    """One endpoint, one catalog, one job."""

    job: str
    hypervisor: Hypervisor
    catalog: Catalog
    payloads: Payloads
    families: Callable[[str], Family]
    """By the reference's ``os``."""
    libraries: Callable[[str], Library]
    """By name; opened once."""
    ways_in: Callable[[str, Machine], Communicator]
    """The way into the guest of a reference's clone."""
    logs: Path
    """The job's folder for outputs, logs and pictures."""
    scratch: Path
    """The job's folder for what goes with it; there only while something lies in it."""
    account: Account = field(default_factory=Account)
    watcher: Watcher = field(default_factory=Silent)

    @property
    def machines(self) -> Machines:
        """The kind of thing clones and versions are."""
        return Machines(self.hypervisor, self.catalog)

    @property
    def images(self) -> Images:
        """The kind of thing captured images are."""
        return Images(self.hypervisor, self.catalog)

    @property
    def publications(self) -> Publications:
        """The kind of thing publications are."""
        return Publications(self.libraries, self.catalog)

    def mark(self, role: Role, reference: str) -> Mark:
        """golden's sign for what this job makes."""
        return Mark(role, self.job, reference, self.catalog.installation)
