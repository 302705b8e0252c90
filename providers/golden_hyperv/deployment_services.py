"""The deployment services themselves: how an image gets into each, is looked for, read back, retired and taken away."""

from __future__ import annotations

import ntpath
from typing import Any, Protocol

from golden.errors import NotFound, ProofFailed
from golden.waiting import Deadline
from golden_hyperv.deployment_note import Contents, Note
from golden_hyperv.deployment_places import Place
from golden_hyperv.deployment_shares import FOLDER, ConfigMgr, Mdt
from golden_hyperv.disks import COPYING
from golden_hyperv.faults import has_no_room, is_denied
from golden_hyperv.line import Line, insisted
from golden_hyperv.remoting import Command, RemoteError

NEEDS = {
    "wds": (
        "Windows Deployment Services and its PowerShell module",
        "Install-WindowsFeature WDS -IncludeManagementTools",
    ),
    "mdt": ("the Microsoft Deployment Toolkit", "install it there, or say where it is: module = 'C:\\…\\x.psd1'"),
    "configmgr": (
        "the Configuration Manager console",
        "install it there, or say where it is: module = 'C:\\…\\x.psd1'",
    ),
}
"""By kind: what the host has to have, and what to do where it has not."""


class Service(Protocol):
    """One of them, on one host."""

    def check(self) -> None:
        """NotFound where the place is not there."""

    def staging(self, name: str) -> str:
        """Where golden brings a WIM of that name on the host."""

    def where(self, name: str) -> str:
        """What a consumer looks for."""

    def add(self, note: Note, description: str, lock: str) -> None:
        """Have the service take the WIM in; it must not be there."""

    def there(self, names: list[str]) -> set[int]:
        """Which of these are there."""

    def verify(self, note: Note) -> None:
        """Read it back. ProofFailed where it is not what was published."""

    def retire(self, name: str) -> None:
        """Nobody is to deploy it any more."""

    def remove(self, name: str) -> None:
        """Absent is success."""


class Wds:
    """An image group of Windows Deployment Services."""

    def __init__(self, line: Line, place: Place) -> None:
        """For one connection."""
        self.line = line
        self.place = place
        self.folder = ntpath.join(place.address.folder, FOLDER)

    def check(self) -> None:
        """The group has to be there; how it is secured is an administrator's matter."""
        try:
            found = self.line.ask(Command("Get-WdsInstallImageGroup", {"Name": self.place.name}))
        except RemoteError as error:
            if error.category != "ObjectNotFound" or "CommandNotFound" in error.fqid:
                raise
            found = []
        if not found:
            raise NotFound(
                f"the Windows Deployment Services of {self.place.address.shown} have no image group {self.place.name}",
                hint=f"New-WdsInstallImageGroup -Name '{self.place.name}' there",
            )

    def staging(self, name: str) -> str:
        """In golden's own folder; WDS makes its own copy."""
        return ntpath.join(self.folder, f"{name}.wim")

    def where(self, name: str) -> str:
        """Group and name, as its console shows them."""
        return f"{self.place.name}\\{name}"

    def add(self, note: Note, description: str, lock: str) -> None:
        """WDS keeps the content of all images of a group together, so its files are not the WIM's bytes."""
        name = note.publication.name
        self.line.run_once(
            "wds_import",
            Path=note.staged,
            Group=self.place.name,
            Name=name,
            File=f"{name}.wim",
            Description=description,
            Lock=lock,
            deadline=Deadline(COPYING),
        )

    def there(self, names: list[str]) -> set[int]:
        """One round trip."""
        return {int(one) for one in self.line.run("wds_there", Group=self.place.name, Name=names)} if names else set()

    def verify(self, note: Note) -> None:
        """Out of the image store again, whole; what it says of itself is compared, as WDS changes the bytes."""
        name = note.publication.name
        path = f"{note.staged}.{note.token}.part.wim"  # What is named so goes with the WIM that was brought.
        try:
            (told,) = self.line.run(
                "wds_export", Group=self.place.name, Name=name, Path=path, deadline=Deadline(COPYING)
            )
        except RemoteError as error:
            if is_denied(error) or has_no_room(error):
                raise
            raise ProofFailed(f"{name} cannot be read out of {self.place.shown}", details=error.message) from error
        must_say(note, Contents.told(told), self.place)

    def retire(self, name: str) -> None:
        """Clients are not offered it any more."""
        self.line.tell(
            Command(
                "Disable-WdsInstallImage",
                {"ImageGroup": self.place.name, "ImageName": name, "FileName": f"{name}.wim"},
            )
        )

    def remove(self, name: str) -> None:
        """With its content, as far as no other image shares it."""

        def gone() -> None:
            if self.there([name]):
                wanted = {"ImageGroup": self.place.name, "ImageName": name, "FileName": f"{name}.wim"}
                self.line.tell(Command("Remove-WdsInstallImage", wanted), deadline=Deadline(COPYING))

        insisted(gone)


def must_say(note: Note, met: Contents, place: Place) -> None:
    """ProofFailed where a WIM says other than when it was published."""
    told = (met.architecture, met.edition, met.version)
    if told != note.contents:
        raise ProofFailed(
            f"{note.publication.name} in {place.shown} is not what was published",
            details=f"published {' '.join(note.contents)}; there {' '.join(told)}",
            hint="golden publish puts it there again once this one is withdrawn: golden prune",
        )


def service(line: Line, place: Place) -> Service:
    """The one that a place is of."""
    kinds: dict[str, Any] = {"wds": Wds, "mdt": Mdt, "configmgr": ConfigMgr}
    made: Service = kinds[place.kind](line, place)
    return made
