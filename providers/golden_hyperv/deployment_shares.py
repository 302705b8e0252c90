"""MDT and Configuration Manager: services that deploy the very file golden brings, whose bytes can be compared."""

from __future__ import annotations

import ntpath
from typing import Any

from golden.errors import Conflict, NotFound, ProofFailed
from golden.waiting import Deadline
from golden_hyperv.deployment_note import Note
from golden_hyperv.deployment_places import Place
from golden_hyperv.disks import COPYING
from golden_hyperv.line import Line
from golden_hyperv.remoting import Command, RemoteError

FOLDER = "deployments"
MDT_MODULE = "C:\\Program Files\\Microsoft Deployment Toolkit\\Bin\\MicrosoftDeploymentToolkit.psd1"
CM_MODULE = "C:\\Program Files (x86)\\Microsoft Configuration Manager\\AdminConsole\\bin\\ConfigurationManager.psd1"
RETIRED = "Not current any more. "


class Mdt:
    """A deployment share of the Microsoft Deployment Toolkit."""

    def __init__(self, line: Line, place: Place) -> None:
        """For one connection."""
        self.line = line
        self.place = place
        self.folder = ntpath.join(place.address.folder, FOLDER)
        self.share: dict[str, Any] = {"Module": place.options.get("module", MDT_MODULE), "Root": place.name}

    def check(self) -> None:
        """The share has to be there."""
        if not self.line.ask(Command("Test-Path", {"LiteralPath": ntpath.join(self.place.name, "Control")}))[-1]:
            raise NotFound(
                f"{self.place.name} on {self.place.address.shown} is not a deployment share",
                hint="its path on that host; the Deployment Workbench makes one",
            )
        self.line.run("mdt_there", Name=[], **self.share)

    def staging(self, name: str) -> str:
        """In golden's own folder; MDT copies it."""
        return ntpath.join(self.folder, f"{name}.wim")

    def where(self, name: str) -> str:
        """The file below the share."""
        return ntpath.join(self.place.name, "Operating Systems", name, f"{name}.wim")

    def add(self, note: Note, description: str, lock: str) -> None:  # noqa: ARG002 - MDT takes its words from the WIM
        """In a folder of its own."""
        name = note.publication.name
        self.line.run_once(
            "mdt_import", Path=note.staged, Name=name, Lock=lock, deadline=Deadline(COPYING), **self.share
        )

    def there(self, names: list[str]) -> set[int]:
        """One round trip."""
        return {int(one) for one in self.line.run("mdt_there", Name=names, **self.share)} - {-1} if names else set()

    def verify(self, note: Note) -> None:
        """The bytes."""
        compare(self.line, note, self.where(note.publication.name), self.place)

    def retire(self, name: str) -> None:
        """Not offered any more."""
        self.line.run("mdt_retire", Name=name, **self.share)

    def remove(self, name: str) -> None:
        """With its folder."""
        left = self.line.run("mdt_remove", Name=name, deadline=Deadline(COPYING), **self.share)
        must_be_unused(left, ntpath.dirname(self.where(name)), self.place)


class ConfigMgr:
    """A site of Configuration Manager, whose packages lie in a folder of the host."""

    def __init__(self, line: Line, place: Place) -> None:
        """For one connection."""
        self.line = line
        self.place = place
        self.folder = place.options["folder"]
        self.site: dict[str, Any] = {
            "Module": place.options.get("module", CM_MODULE),
            "Site": place.name,
            "Server": place.options.get("server", place.address.host),
        }

    def check(self) -> None:
        """The console has to be there, and to reach the site; and the folder of its packages."""
        if not self.line.ask(Command("Test-Path", {"LiteralPath": self.folder}))[-1]:
            raise NotFound(
                f"{self.place.address.shown} has no folder {self.folder}",
                hint=f"the folder that is shared as {self.place.options['source']}: [libraries.{self.place.library}]",
            )
        self.line.run("configmgr_there", Name=[], **self.site)

    def staging(self, name: str) -> str:
        """Where the site reads it: it is the package's source from then on."""
        return ntpath.join(self.folder, f"{name}.wim")

    def where(self, name: str) -> str:
        """As the site names it."""
        return f"{self.place.options['source']}\\{name}.wim"

    def add(self, note: Note, description: str, lock: str) -> None:
        """Distribution to distribution points is an administrator's."""
        name, publication = note.publication.name, note.publication
        self.line.run_once(
            "configmgr_import",
            Path=self.where(name),
            Name=name,
            Version=f"i{publication.image}",
            Description=description,
            Lock=lock,
            deadline=Deadline(COPYING),
            **self.site,
        )

    def there(self, names: list[str]) -> set[int]:
        """One round trip."""
        return (
            {int(one) for one in self.line.run("configmgr_there", Name=names, **self.site)} - {-1} if names else set()
        )

    def verify(self, note: Note) -> None:
        """The bytes of the package's source."""
        compare(self.line, note, self.staging(note.publication.name), self.place)

    def retire(self, name: str) -> None:
        """Its description says so, in the console."""
        self.line.run("configmgr_retire", Name=name, Description=f"{RETIRED}{name}; published by golden", **self.site)

    def remove(self, name: str) -> None:
        """With its source."""
        left = self.line.run("configmgr_remove", Name=name, deadline=Deadline(COPYING), **self.site)
        must_be_unused(left, self.staging(name), self.place)
        self.line.run("clear_away", Path=[self.staging(name)])


def must_be_unused(left: list[Any], path: str, place: Place) -> None:
    """Conflict where something of the service still has golden's files, which stay then."""
    if left:
        names = ", ".join(map(str, left))
        raise Conflict(
            f"{path} stays: {names} in {place.shown} still has files of it",
            hint="take that away there, or have it use other files; then golden prune",
        )


def compare(line: Line, note: Note, path: str, place: Place) -> None:
    """ProofFailed where a file of the host has other bytes than were published, or is gone."""
    publication = note.publication
    try:
        (told,) = line.ask(
            Command("Get-FileHash", {"LiteralPath": path, "Algorithm": "SHA256"}), deadline=Deadline(COPYING)
        )
    except RemoteError as error:
        if error.category != "ObjectNotFound":
            raise
        raise ProofFailed(f"the file of {publication.name} is gone from {place.shown}", details=path) from error
    met: Any = str(told["Hash"]).lower()
    if met != note.sha256:
        raise ProofFailed(
            f"{publication.name} in {place.shown} is not what was published",
            details=f"published sha256 {note.sha256}; there {met}",
            hint="golden publish puts it there again once this one is withdrawn: golden prune",
        )
