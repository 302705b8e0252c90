"""
How an image's file gets into the share: VMM's own copy, from the host whose console is used.

Before anything is asked of VMM the intent is written down on the host, with the path in the share: what a cut-off
publish has left there bears no sign of golden's yet. An import holds a lock file on the host for as long as it works,
because it goes on when golden is gone.
"""

from __future__ import annotations

import json
import ntpath
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from typing import BinaryIO

from golden.errors import Conflict, EndpointError, ProofFailed
from golden.model import Form, Image
from golden.waiting import Deadline, Waiting, Watcher
from golden_hyperv import scvmm_note
from golden_hyperv.bringing import bring, on_the_host
from golden_hyperv.disks import COPYING, Disks
from golden_hyperv.images import path_of
from golden_hyperv.line import insisted, must_be_in_reach
from golden_hyperv.machines import damaged
from golden_hyperv.marking import Hardware
from golden_hyperv.remoting import RemoteError
from golden_hyperv.scvmm_note import Note
from golden_hyperv.scvmm_shelf import Disk, Shelf

FOLDER = "publishing"
RECORD = ".golden.json"
LOCK = ".lock"
FINAL = ".vhdx"
TICK = 0.2
RAREST = 5.0
NOTHING, FREE, UNSEEN = "nothing", "free", "unseen"
"""What an import was asked for on top of: no import was; no file lay there; golden's account could not see."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be published."""

    key: str
    token: str
    target: str
    """Path in the share."""
    staged: str
    """Path of the copy that golden brought to the host; empty where the image lies there anyway."""
    asked: str = UNSEEN
    """NOTHING, FREE or UNSEEN: only what came after FREE is golden's for certain, and may be taken away."""

    def text(self) -> str:
        """As it is written."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Source:
    """The file that VMM is to copy, on the host."""

    path: str
    staged: bool
    hardware: Hardware | None


class Sending:
    """Sources, intents and imports of one library."""

    def __init__(self, shelf: Shelf, watcher: Watcher) -> None:
        """For one connection."""
        self.shelf = shelf
        self.vmm = shelf.vmm
        self.watcher = watcher
        self.host = self.vmm.place.address.folder
        self.folder = ntpath.join(self.host, FOLDER)
        self._disks = Disks(self.vmm.line, watcher)

    def source(self, image: Image, form: Form, key: str) -> Source:
        """Where the file is, or will be. NotFound, or ProofFailed for an image on the host that is not as recorded."""
        path = path_of(form)
        if not path:
            return Source(ntpath.join(self.folder, scvmm_note.name_of(image, key) + FINAL), staged=True, hardware=None)
        hardware = on_the_host(self.vmm.line, self.vmm.place.library, image, form).hardware
        return Source(path, staged=False, hardware=hardware)

    def begin(self, note: Note, source: Source) -> Intent:
        """Write it down. Conflict where the share has a file of that name already."""
        target = note.publication.where
        self._must_be_free(target)
        intent = Intent(note.publication.key, note.token, target, source.path if source.staged else "", NOTHING)
        record = self._record(intent.key)
        self._swept(record)
        if not self.vmm.run("claim", Path=record, Text=intent.text(), Token=intent.token)[-1]:
            raise Conflict(f"another publish of {note.publication.name} has begun", hint="golden jobs; golden resume")
        return intent

    def _must_be_free(self, target: str) -> str:
        """FREE; UNSEEN where golden's account may neither open the share nor have VMM look into it. Conflict else."""
        lies = self.shelf.at(target) is not None or self.shelf.lies_there(target)
        state = FREE
        if lies is None:  # The share does not open: what VMM does not know yet is seen by a refresh only.
            state = FREE if self.shelf.looked_into() else UNSEEN
            lies = self.shelf.at(target) is not None
        if lies:
            raise self._taken(target)
        return state

    def _taken(self, target: str) -> Conflict:
        return Conflict(
            f"{target} is there already, and it is not this publication",
            hint=f"another folder: scvmm://{self.vmm.place.server}/{self.vmm.place.share}/FOLDER?endpoint=…",
        )

    def _record(self, key: str) -> str:
        return ntpath.join(self.folder, scvmm_note.short(key) + RECORD)

    def _lock(self, key: str) -> str:
        return ntpath.join(self.folder, scvmm_note.short(key) + LOCK)

    def intent(self, key: str) -> Intent | None:
        """What was written down under a key; None where nothing was. Tampered where that cannot be read."""
        there = self.vmm.run("publish_notes", Folder=self.folder)
        if not there:
            must_be_in_reach(self.vmm.line, self.folder)
        for found in there:
            try:
                intent = Intent(**json.loads(str(found["Text"])))
            except (ValueError, TypeError):
                if str(found["Path"]).casefold() == self._record(key).casefold():
                    raise damaged(self.vmm.line, str(found["Path"]), str(found["Text"])) from None
                continue
            if intent.key == key:
                return intent
        return None

    def bring(self, source: Source, form: Form, content: AbstractContextManager[BinaryIO]) -> None:
        """Send the bytes to the host, where golden has them. ProofFailed where they are not the recorded ones."""
        if not source.staged:
            return
        self._disks.must_hold(self.host, form.size, "the image, until VMM has it")
        bring(self.vmm.line, self.watcher, form, content, source.path)

    def send(self, source: Source, intent: Intent, form: Form) -> Disk:
        """Have VMM copy it; the disk it made of it. EndpointError with the words of VMM's job where it did not."""
        file = ntpath.basename(intent.target)
        if ntpath.basename(source.path).casefold() != file.casefold():
            raise Conflict(f"VMM would name the file {ntpath.basename(source.path)}, not {file}")

        before = self.shelf.jobs(file)

        def sent() -> None:
            nonlocal intent
            self.rest(intent)
            if intent.asked == NOTHING:
                intent = replace(intent, asked=self._must_be_free(intent.target))
                self.vmm.run("rewrite", Path=self._record(intent.key), Text=intent.text(), Token=intent.token)
            elif (there := self.shelf.at(intent.target)) is not None:  # After a lost answer it may be whole.
                if self._is_whole(there, form):
                    return
                if intent.asked != FREE:
                    raise self._taken(intent.target)
                self.shelf.remove([there.id], [])
            self.watcher.doing(f"VMM copies {source.path} to {self.shelf.folder}")
            self.vmm.run_once(
                "scvmm_import",
                Source=source.path,
                Folder=self.shelf.folder,
                Lock=self._lock(intent.key),
                Unencrypted=self.vmm.place.is_yes("unencrypted", "no"),
                deadline=Deadline(COPYING),
            )

        try:
            insisted(sent)
        except RemoteError as error:
            if told := self.shelf.failed(file, before):
                error.message = f"{error.message} {told}"
            raise
        made = self.shelf.refreshed(intent.target)
        if made is None:
            raise EndpointError(
                f"VMM copied {file}, and does not know it in {self.shelf.share.path}",
                details=self.shelf.failed(file, before) or None,
                hint="look at the jobs in the VMM console; then golden publish again",
            )
        return made

    def _is_whole(self, disk: Disk, form: Form) -> bool:
        try:
            return self.shelf.compare(disk, form.sha256, form.size, ntpath.basename(disk.path))
        except ProofFailed:
            return False

    def rest(self, intent: Intent) -> None:
        """Wait until no import of that key works any more, whoever began it."""
        file, lock = ntpath.basename(intent.target), self._lock(intent.key)

        def over() -> bool:
            return bool(self.vmm.run("publish_at_rest", Lock=lock)[-1]) and not self.shelf.is_worked_on(file)

        Waiting(Deadline(COPYING), TICK, self.watcher, RAREST).until(f"VMM to end its copy of {file}", over)

    def clear(self, intent: Intent) -> None:
        """Take away what golden has in the share at the intent's path and is not finished, and then the intent."""
        self.rest(intent)
        if intent.asked != NOTHING:
            self._clear_target(intent)
        self.forget(intent)

    def _clear_target(self, intent: Intent) -> None:
        found = self.shelf.refreshed(intent.target)
        seen = self.shelf.seen(intent.target)
        described = found is not None and found.note is not None and found.note.token == intent.token
        if intent.asked != FREE and not described:
            if found is not None:
                self.watcher.doing(
                    f"warning: {intent.target} may be half of golden's file, or somebody else's; it stays"
                )
        elif found is None:
            self.shelf.erase(intent.target)
        elif all(disk.id != found.id for disk, _ in seen.finished()):
            made = seen.template_of(intent.token)
            self.shelf.remove([found.id], [made.id] if made else [])

    def forget(self, intent: Intent) -> None:
        """It is finished, or nothing is left of it: the brought copy goes, and the intent last."""
        if staged := intent.staged:
            self._disks.once_free(staged, lambda: self.vmm.run("clear_brought", Path=[staged]))
        record = self._record(intent.key)
        self._swept(record, self._lock(intent.key), record)

    def _swept(self, record: str, *paths: str) -> None:
        self._disks.once_free(record, lambda: self.vmm.run("publish_sweep", Record=record, Path=list(paths)))
