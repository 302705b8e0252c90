"""What of golden's lies in a library share, and how it is looked at, described, switched and taken away."""

from __future__ import annotations

import ntpath
from dataclasses import dataclass
from typing import Any

from golden.errors import Conflict, EndpointError, ProofFailed
from golden.waiting import Deadline, Watcher
from golden_hyperv import scvmm_note
from golden_hyperv.disks import COPYING
from golden_hyperv.remoting import RemoteError
from golden_hyperv.scvmm_faults import is_refused
from golden_hyperv.scvmm_note import MARK, Note
from golden_hyperv.scvmm_server import Share, Vmm

MISSING = "Missing"
"""State of a library object whose file the refresher did not find."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A virtual hard disk in the library."""

    id: str
    path: str
    enabled: bool
    state: str
    size: int
    modified: int
    """Ticks."""
    note: Note | None

    @property
    def proof(self) -> str:
        """What VMM tells of its file without reading it."""
        return f"{self.size},{self.modified}"

    @property
    def is_own(self) -> bool:
        """Whether its note is about itself; a copy that somebody made has the note of what it is a copy of."""
        return self.note is not None and self.note.disk in ("", self.id)


@dataclass(frozen=True, slots=True)
class Template:
    """A template with a note of golden's."""

    id: str
    name: str
    enabled: bool
    note: Note

    @property
    def has_its_name(self) -> bool:
        """Whether it is called as golden calls it. VMM has no two templates of one name."""
        return self.name == self.note.publication.name


@dataclass(frozen=True, slots=True)
class Seen:
    """The share as it was at one moment."""

    disks: tuple[Disk, ...]
    templates: tuple[Template, ...]

    def finished(self) -> list[tuple[Disk, Note]]:
        """Disks whose note is their own and says that they are done, with their template there where they have one."""
        there = {one.id for one in self.templates}
        return [
            (disk, disk.note)
            for disk in self.disks
            if disk.note is not None
            and disk.note.disk == disk.id
            and (not disk.note.template or disk.note.template in there)
        ]

    def template_of(self, token: str) -> Template | None:
        """The template that an attempt has made; a copy of it has the same note, and another name."""
        return next((one for one in self.templates if one.note.token == token and one.has_its_name), None)

    def of_key(self, key: str) -> tuple[list[Disk], list[Template]]:
        """
        Disks and templates that golden made under a key. A copy that somebody made of one has the note of what it is a
        copy of, and is theirs: a disk's note names the disk, and the template, once they are finished; until then the
        template is the one of the publication's name.
        """
        disks = [one for one in self.disks if one.note and one.note.publication.key == key and one.is_own]
        named = {one.note.template for one in disks if one.note} - {""}
        marked = [one for one in self.templates if one.note.publication.key == key]
        return disks, [one for one in marked if (one.id in named if named else one.has_its_name)]


class Shelf:
    """One folder of one library share."""

    def __init__(self, vmm: Vmm, share: Share, watcher: Watcher) -> None:
        """For one connection."""
        self.vmm = vmm
        self.share = share
        self.watcher = watcher
        self.folder = ntpath.join(share.path, vmm.place.folder) if vmm.place.folder else share.path

    def path(self, file: str) -> str:
        """Where a file of that name lies in the share."""
        return ntpath.join(self.folder, file)

    def seen(self, prefix: str = "") -> Seen:
        """Everything below the folder, or below a path; one call."""
        told = self.vmm.run("scvmm_published", Prefix=prefix or self.folder.rstrip("\\") + "\\", Mark=MARK)
        disks = [one for one in told if one["Kind"] == "disk"]
        templates = [(one, scvmm_note.read(str(one["Description"]))) for one in told if one["Kind"] == "template"]
        return Seen(
            tuple(_disk(one) for one in disks),
            tuple(
                Template(str(one["Id"]), str(one["Name"]), bool(one["Enabled"]), note)
                for one, note in templates
                if note is not None
            ),
        )

    def at(self, path: str) -> Disk | None:
        """The disk whose file lies there, as far as VMM knows; a template's disk may be an object of its own there."""
        found = [one for one in self.seen(path).disks if one.path.casefold() == path.casefold()]
        return next((one for one in found if one.note is not None), found[0] if found else None)

    def refreshed(self, path: str) -> Disk | None:
        """The same; VMM looks into the folder first where it knows nothing of it."""
        found = self.at(path)
        if found is None:
            self.looked_into()
            found = self.at(path)
        return found

    def looked_into(self) -> bool:
        """Have VMM look into the folder; False where it does not for golden's account, which is told."""
        try:
            self.refresh()
        except RemoteError as error:  # Who may import may not everywhere have a share looked into.
            self.watcher.doing(f"warning: VMM does not look into {self.folder} for golden: {error.message}")
            return False
        return True

    def refresh(self) -> None:
        """Have VMM look into the folder."""
        self.vmm.run("scvmm_refresh", Share=self.share.id, Below=self.vmm.place.folder, deadline=Deadline(COPYING))

    def remove(self, disks: list[str], templates: list[str]) -> None:
        """
        By ids; the templates first. Conflict where something that is not golden's stands on one of the disks: nothing
        is removed then, as VMM would take the disk out of it.
        """
        if not (disks or templates):
            return
        standing = self.vmm.run("scvmm_remove", Disk=disks, Template=templates, deadline=Deadline(COPYING))
        if standing:
            names = ", ".join(sorted({str(one["Name"]) for one in standing}))
            raise Conflict(
                f"golden's disk in {self.vmm.place.shown} is not taken away: others in VMM stand on it, {names}",
                details="\n".join(f"{one['Kind']} {one['Name']} uses {one['Disk']}" for one in standing),
                hint="in the VMM console give them another disk, or remove them; then the same command again",
            )

    def standing(self, disks: list[str], templates: list[str]) -> tuple[str, ...]:
        """Names of what stands on disks, but for these templates."""
        told = self.vmm.run("scvmm_standing", Disk=disks, Template=templates) if disks else []
        return tuple(sorted({str(one["Name"]) for one in told}))

    def lies_there(self, path: str) -> bool | None:
        """Whether a file lies there, known to VMM or not; None where the share does not open to golden."""
        try:
            return bool(self.vmm.run("scvmm_lies", Path=path, Share=self.share.path, Credential=self.vmm.account)[-1])
        except RemoteError:
            return None

    def erase(self, path: str) -> None:
        """A file that VMM does not know, half copied; where the share does not open to golden it is told, and stays."""
        try:
            self.vmm.run("scvmm_erase", Path=path, Share=self.share.path, Credential=self.vmm.account)
        except RemoteError as error:
            self.watcher.doing(f"warning: whether half a file lies at {path} cannot be seen: {error.message}")

    def enable(self, disk: str, template: str, *, enabled: bool) -> None:
        """Both, or neither."""
        self.vmm.run("scvmm_enable", Disk=disk, Template=template, Enabled=enabled)

    def describe(self, disk: str, wanted: dict[str, Any]) -> None:
        """What it is. EndpointError where VMM keeps less of the note than it was given: it could not be found again."""
        (kept,) = self.vmm.run("scvmm_describe", Disk=disk, **wanted)
        for name, given in (("Description", wanted["Description"]), ("Family", wanted["Family"])):
            if str(kept[name]).replace("\r\n", "\n") != given:
                raise EndpointError(
                    f"VMM does not keep the {name.lower()} of a disk as it was given",
                    details=f"given {len(given)} characters, kept {len(str(kept[name]))}",
                    hint="a shorter name for the reference",
                )

    def compare(self, disk: Disk, sha256: str, size: int, name: str) -> bool:
        """
        Read the file back through the share and compare it. ProofFailed where it is another; False where this account
        cannot read the share at all.
        """
        self.watcher.doing(f"reading {name} back from {self.share.path}")
        try:
            (told,) = self.vmm.run(
                "scvmm_hash",
                Path=disk.path,
                Share=self.share.path,
                Credential=self.vmm.account,
                deadline=Deadline(COPYING),
            )
        except RemoteError as error:
            self.watcher.doing(f"warning: {self.share.path} cannot be read by golden's account: {error.message}")
            return False
        met = (int(told["Length"]), str(told["Hash"]).lower())
        if met != (size, sha256):
            raise ProofFailed(
                f"{name} in {self.vmm.place.shown} is not what was published",
                details=f"recorded {size} bytes, sha256 {sha256}; there {met[0]} bytes, sha256 {met[1]}",
                hint="golden publish puts it there again once this one is withdrawn: golden prune",
            )
        return True

    def jobs(self, file: str) -> set[str]:
        """Ids of VMM's jobs of the last hour about a file of that name."""
        return {str(one["Id"]) for one in self._jobs(file)}

    def failed(self, file: str, before: set[str]) -> str:
        """What VMM's own jobs, but those before, say of a file that did not get there; empty where none says why."""
        jobs = [one for one in self._jobs(file) if one["Status"] == "Failed" and str(one["Id"]) not in before]
        return "\n".join(
            " ".join(filter(None, (f"job {one['Name']}:", str(one["Problem"]), str(one["Action"]), f"({one['Code']})")))
            for one in jobs
        )

    def is_worked_on(self, file: str) -> bool:
        """Whether a job of VMM's is still at work on a file of that name; no job is seen by who may not see them."""
        try:
            return any(one["Status"] == "Running" for one in self._all_jobs(file))
        except RemoteError as error:
            if not is_refused(error):
                raise  # Whether something works on it is not known: it must not be taken away.
            return False

    def _jobs(self, file: str) -> list[Any]:
        try:
            return self._all_jobs(file)
        except RemoteError:  # A role that may publish need not see jobs.
            return []

    def _all_jobs(self, file: str) -> list[Any]:
        told = self.vmm.run("scvmm_jobs")
        return [one for one in told if str(one["Result"]).casefold() == file.casefold()]


def _disk(one: Any) -> Disk:
    return Disk(
        id=str(one["Id"]),
        path=str(one["Path"]),
        enabled=bool(one["Enabled"]),
        state=str(one["State"]),
        size=int(one["Size"] or 0),
        modified=int(one["Modified"] or 0),
        note=scvmm_note.read(str(one["Description"]), str(one["Path"])),
    )
