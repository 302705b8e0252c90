"""One project folder: its settings, database, catalog, and how a job's shop is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from golden.app.ways_in import PASSWORDS, direct, password
from golden.database import Checkpoint, Database
from golden.errors import UsageError
from golden.settings import Settings, load
from golden.written import expanded

if TYPE_CHECKING:
    from golden.catalog import Catalog
    from golden.guest.communicator import Communicator
    from golden.guest.family import Family
    from golden.library import Library
    from golden.model import Machine
    from golden.procedures.shop import Account, Shop
    from golden.provider import Endpoint, Hypervisor
    from golden.waiting import Watcher


@dataclass
class Project:
    """A project that is open, for reading or writing. Hypervisors are opened only by those who need one."""

    settings: Settings
    write: bool = False
    checkpoint: Checkpoint = lambda _: None
    _database: Database | None = field(default=None, repr=False)

    @classmethod
    def here(cls, *, write: bool = False, start: Path | None = None) -> Project:
        """The project of the working directory."""
        return cls(load(start), write)

    @property
    def database(self) -> Database:
        """Opened at first use; for writing it is made and brought up to date."""
        if self._database is None:
            state, base = self.settings.state, self.settings.base
            self._database = Database(state, write=self.write, base=base, checkpoint=self.checkpoint)
        return self._database

    @property
    def catalog(self) -> Catalog:
        """What exists."""
        from golden.catalog import Catalog

        return Catalog(self.database)

    def exists(self) -> bool:
        """Whether anything was ever recorded here."""
        return (self.settings.state / "golden.db").exists()

    def logs(self, job: str) -> Path:
        """A job's folder for outputs, logs and pictures."""
        return self.settings.state / "jobs" / job

    @property
    def scratch(self) -> Path:
        """Where jobs keep what goes with them, a folder each."""
        return self.settings.state / "scratch"

    def close(self) -> None:
        """Let go of the database."""
        if self._database is not None:
            self._database.close()
            self._database = None

    @contextmanager
    def hypervisor(self, endpoint: str, job: str, watcher: Watcher, reference: str = "") -> Iterator[Hypervisor]:
        """
        A connection for one job, or "look" for looking; let go of at the block's end.

        With a reference the provider is told where to read the account in its guests, for ways in that log in.
        """
        from golden import plugins
        from golden.provider import Scope

        found = self.with_guest(self.settings.endpoint(endpoint), reference)
        hypervisor = plugins.open_hypervisor(found, Scope(job, self.settings.state, watcher))
        try:
            yield hypervisor
        finally:
            hypervisor.close()

    @contextmanager
    def shop(self, endpoint: str, reference: str, job: str, watcher: Watcher) -> Iterator[Shop]:
        """Everything a procedure works with; connections are let go of at the block's end."""
        from golden.catalog.payloads import Payloads
        from golden.procedures.shop import Shop

        with ExitStack() as stack:
            hypervisor = stack.enter_context(self.hypervisor(endpoint, job, watcher, reference))
            yield Shop(
                job=job,
                hypervisor=hypervisor,
                catalog=self.catalog,
                payloads=Payloads(self.settings.state / "payloads"),
                families=family,
                libraries=self._libraries(stack, job, watcher),
                ways_in=self._ways_in(hypervisor),
                logs=self.logs(job),
                scratch=self.scratch / job,
                account=self._account(reference),
                watcher=watcher,
            )

    def _libraries(self, stack: ExitStack, job: str, watcher: Watcher) -> Callable[[str], Library]:
        from golden import plugins
        from golden.provider import Scope

        opened: dict[str, Library] = {}

        def library(name: str) -> Library:
            if name not in opened:
                place = self.settings.library(name)
                scope = Scope(job, self.settings.state, watcher, self.settings.endpoint)
                opened[name] = plugins.open_library(place, scope, self.settings.base)
                stack.callback(opened[name].close)
            return opened[name]

        return library

    def _ways_in(self, hypervisor: Hypervisor) -> Callable[[str, Machine], Communicator]:
        def way_in(reference: str, machine: Machine) -> Communicator:
            guest = self.settings.guests.get(reference, {})
            if guest.get("communicator", "agent") == "agent":
                return hypervisor.communicator(machine)
            return direct(reference, guest, self.settings.base)

        return way_in

    def with_guest(self, endpoint: Endpoint, reference: str) -> Endpoint:
        """Where the account of a reference's guests is written, as options a provider may know; no secret."""
        guest = self.settings.guests.get(reference, {})
        if "account" not in guest:
            return endpoint
        told = {f"guest_{key}": guest[key] for key in ("account", *PASSWORDS) if key in guest}
        if path := guest.get("password_file"):
            told["guest_password_file"] = str(
                self.settings.base / expanded(path, f"references.{reference}.guest: password_file")
            )
        kept = {key: value for key, value in endpoint.options.items() if not key.startswith("guest_")}
        return replace(endpoint, options={**kept, **told})

    def _account(self, reference: str) -> Account:
        from golden.procedures.shop import Account

        guest = self.settings.guests.get(reference, {})
        if "account" not in guest:
            return Account()
        return Account(guest["account"], password(guest, guest["account"], self.settings.base))


def family(os_name: str) -> Family:
    """The family of guests a reference's ``os`` names."""
    if os_name == "linux":
        from golden.linux.family import LinuxFamily

        return LinuxFamily()
    if os_name == "memory":
        from golden.testing.memory import MemoryFamily

        return MemoryFamily()
    if os_name == "windows":
        from golden.windows.family import WindowsFamily

        return WindowsFamily()
    raise UsageError(f"golden does not know guests of the kind {os_name!r}", hint="--os windows or --os linux")
