"""A daemon's machines by name, with what golden wrote down about those that are its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from golden.errors import Conflict, NotFound
from golden.model import Snapshot
from golden_libvirt import marking
from golden_libvirt.connection import Line
from golden_libvirt.faults import NO_DOMAIN, code_of, translated
from golden_libvirt.record import Record


@dataclass(frozen=True, slots=True)
class Domains:
    """Asked anew each time; libvirt's own objects go no further than the provider."""

    line: Callable[[], Line]
    """The open connection, which may be another one after it was lost."""
    uri: str

    def native(self, name: str) -> Any:
        """Whosever machine has that name; None where there is none."""
        line = self.line()
        with translated(f"looking for {name}"):
            try:
                return line.native.lookupByName(name)
            except line.libvirt.libvirtError as error:
                if code_of(error) != NO_DOMAIN:
                    raise
                return None

    def got(self, name: str) -> Any:
        """The same; NotFound where there is none."""
        native = self.native(name)
        if native is None:
            raise NotFound(f"there is no machine {name} on {self.uri}")
        return native

    def must_be_free(self, name: str) -> None:
        """Conflict where anybody's machine has that name."""
        if self.native(name) is not None:
            raise Conflict(f"a machine named {name} is there already")

    def load(self, name: str) -> Record | None:
        """The record of a machine of golden's; None for somebody else's."""
        native = self.native(name)
        if native is None:
            return None
        with translated(f"reading golden's mark on {name}"):
            return marking.load(self.line().libvirt, native)

    def get(self, name: str) -> Record:
        """The same; NotFound where there is none."""
        entry = self.load(name)
        if entry is None:
            raise NotFound(f"there is no machine of golden's named {name} on {self.uri}")
        return entry

    def frozen(self, snapshot: Snapshot) -> Record:
        """The machine that holds a snapshot. NotFound where either is gone."""
        entry = self.load(snapshot.machine)
        if entry is None or snapshot.name not in entry.snapshots:
            raise NotFound(f"the frozen point {snapshot.name} of {snapshot.machine} is not there", hint="golden doctor")
        return entry

    def off(self, name: str, what: str) -> Record:
        """A machine that is whole and off, so that it can be ``what``; Conflict otherwise."""
        entry = self.get(name)
        if not entry.settled:
            raise Conflict(f"{name} is half-made and cannot be {what}")
        if self.is_on(name):
            raise Conflict(f"{name} is running and cannot be {what}", hint="shut it down first")
        return entry

    def records(self) -> Iterator[Record]:
        """Of every machine of golden's."""
        line = self.line()
        with translated("listing machines"):
            found = [marking.load(line.libvirt, native) for native in line.native.listAllDomains(0)]
        yield from (entry for entry in found if entry is not None)

    def save(self, entry: Record) -> Record:
        """Write the record into its machine's metadata."""
        with translated(f"marking {entry.name}"):
            marking.save(self.line().libvirt, self.got(entry.name), entry)
        return entry

    def is_on(self, name: str) -> bool:
        """Whether it runs; what is not there does not."""
        native = self.native(name)
        with translated(f"asking for the power of {name}"):
            return native is not None and bool(native.isActive())
