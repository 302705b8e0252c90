"""The things in a library's folder of templates: finished ones by their notes, and what is being made there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from golden.provider import Scope
from golden_vsphere import devices, marking, publishing, tagging
from golden_vsphere.address import Address
from golden_vsphere.faults import Gone
from golden_vsphere.intents import Intents
from golden_vsphere.inventory import Places
from golden_vsphere.line import Line
from golden_vsphere.machines import Held, Machines
from golden_vsphere.making import Maker
from golden_vsphere.publishing import Note
from golden_vsphere.reading import Seen, below, one

KEY = "golden.publication"
WHOLE = "config.extraConfig"
"""Where a server does not know the path of one key."""
STATE = ("config.template", "runtime.powerState", "config.hardware.device")


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing in the folder, with its note where it has one that is its own."""

    held: Held
    note: Note | None

    @property
    def finished(self) -> bool:
        """Whether all of it is there."""
        return self.note is not None and self.held.is_template and self.note.whose == self.held.uuid

    @property
    def was_whole(self) -> bool:
        """
        Whether its note was finished and it is no template: a publish was cut off at its last step, or somebody made
        a machine of a finished template ("Convert to Virtual Machine").
        """
        return self.note is not None and not self.held.is_template and self.note.whose == self.held.uuid

    def is_left_by(self, key: str) -> bool:
        """Whether a publish of that key did not finish it, or somebody made a machine of it."""
        return self.note is not None and not self.finished and self.note.publication.key == key

    def is_as_made(self) -> bool:
        """Whether it is off and its disks were not written to since its note was finished."""
        assert self.note is not None
        return self.held.is_off and self.note.proof == devices.proof(self.held.hardware)

    @property
    def tagged(self) -> tagging.Tagged:
        """For tags."""
        return tagging.Tagged(tagging.TEMPLATE, self.held.seen.moid)


class TemplateFolder:
    """One folder of one vCenter. Raises pyVmomi's faults."""

    def __init__(self, line: Line, address: Address, scope: Scope) -> None:
        """``address`` is the endpoint's with the library's folder."""
        self.line = line
        self.places = Places(line, address)
        self.machines = Machines(self.places, Intents(scope.state / "vsphere" / "libraries"))
        self.maker = Maker(self.machines, scope.watcher)
        self.watcher = scope.watcher
        self._note_path = f'config.extraConfig["{KEY}"]'

    def all(self) -> Sequence[Shown]:
        """Everything in the folder that has a note of its own, or is being made."""
        folder = self.places.folder()
        if folder is None:
            return []
        paths: Sequence[str] = (*marking.IDENTITY, *STATE, self._note_path)
        try:
            found = below(self.line, folder, vim.VirtualMachine, paths)
        except Gone:
            self.places.forget()
            return []
        if any(self._note_path in seen.unknown for seen in found):
            self._note_path = WHOLE
            return self.all()
        listed = map(self._read, found)
        return [shown for shown in listed if shown.note is not None or not shown.held.uuid]

    def shown(self, native: Any) -> Shown | None:
        """One thing as it is now; None where it is gone."""
        try:
            seen = one(self.line, native, (*marking.IDENTITY, *STATE, self._note_path))
        except Gone:
            return None
        if self._note_path in seen.unknown:
            self._note_path = WHOLE
            return self.shown(native)
        return self._read(seen)

    @staticmethod
    def _read(seen: Seen) -> Shown:
        """
        A note that says another thing's id or name was inherited from a template that this was deployed from.
        Unreachable where vCenter cannot read what it is.
        """
        marking.must_show(seen)
        note, held = publishing.read(publishing.option(seen, KEY)), Held(seen, None)
        if note is not None and (note.whose != held.uuid if note.whose else note.publication.name != held.name):
            note = None
        return Shown(held, note)
