"""Where things are: the datacenter, golden's own folder, and machines by the names that people write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pyVmomi import vim

from golden.errors import BadConfig, BadName, Conflict, NotFound
from golden_vsphere.address import Address
from golden_vsphere.faults import is_a, translated
from golden_vsphere.line import Line
from golden_vsphere.reading import Seen, below, everywhere, parents, props, several

IMAGES = "images"
FEW_FOLDERS = 64
"""Up to so many folders each is asked for a name; one list of all machines is quicker beyond."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_ESCAPES = {"%": "%25", "/": "%2f", "\\": "%5c"}


def checked(name: str) -> str:
    """The name itself; BadName for what golden gives no machine. vSphere takes 80 characters (VirtualMachine.name)."""
    if not _NAME.fullmatch(name):
        raise BadName(f"{name!r} is no name for a machine here: small letters, digits and -, 80 at most")
    return name


def escaped(name: str) -> str:
    """As vCenter stores a name: ``%``, ``/`` and ``\\`` by their codes (CloneVM_Task in the reference)."""
    return re.sub(r"[%/\\]", lambda met: _ESCAPES[met[0]], name)


def plain(stored: str) -> str:
    """As people write a name that vCenter stores."""
    return re.sub(r"%(25|2f|5c)", lambda met: chr(int(met[1], 16)), stored, flags=re.IGNORECASE)


class Places:
    """The datacenter of one connection and what is known of it; every answer is kept."""

    def __init__(self, line: Line, address: Address) -> None:
        """NotFound for a datacenter that is not there, BadConfig where it has to be named."""
        self.line = line
        self.address = address
        with translated(f"looking at {address.shown}"):
            self.datacenter = self._datacenter()
            told = props(line, self.datacenter, ("name", "vmFolder", "hostFolder", "network", "datastore"))
        self.name = str(told["name"])
        self.machines: Any = told["vmFolder"]
        self.hosts: Any = told["hostFolder"]
        self.networks: list[Any] = list(told.get("network", ()))
        self.datastores: list[Any] = list(told.get("datastore", ()))
        self._folder: Any = None
        self._images: Any = None

    def _datacenter(self) -> Any:
        wanted = self.address.datacenter
        if wanted:
            search = self.line.content.searchIndex
            for path in (wanted, escaped(wanted)):
                found = self.line.ask(lambda path=path: search.FindByInventoryPath(path))  # type: ignore[misc]
                if isinstance(found, vim.Datacenter):
                    return found
        there = everywhere(self.line, self.line.content.rootFolder, vim.Datacenter, ("name",))
        if not wanted and len(there) == 1:
            return there[0].native
        names = (
            ", ".join(sorted(plain(str(one.props.get("name", one.moid))) for one in there)) or "none it shows golden"
        )
        if wanted:
            raise NotFound(f"there is no datacenter {wanted!r} on {self.address.shown}", details=f"there are: {names}")
        raise BadConfig(
            f"{self.address.shown} has several datacenters or none, so the URL has to name one",
            details=f"there are: {names}",
            hint=f"{self.address.shown}/DATACENTER",
        )

    @property
    def golden_path(self) -> str:
        """golden's own folder for people."""
        return "/".join(("", plain(self.name), "vm", *self.address.folder))

    def folder(self) -> Any:
        """golden's own folder; None where it was not made yet."""
        if self._folder is None:
            here = self.machines
            for part in self.address.folder:
                here = self.child(here, part)
                if here is None:
                    return None
            self._folder = here
        return self._folder

    def images(self) -> Any:
        """The folder of captured images below golden's own; None where it was not made yet."""
        if self._images is None and (above := self.folder()) is not None:
            self._images = self.child(above, IMAGES)
        return self._images

    def forget(self) -> None:
        """Look for folders anew: somebody took one away or moved it."""
        self._folder = self._images = None

    def child(self, folder: Any, name: str) -> Any:
        """What lies directly in a folder under a name; None where nothing does."""
        search = self.line.content.searchIndex
        for stored in dict.fromkeys((escaped(name), name)):
            found = self.line.ask(lambda stored=stored: search.FindChild(folder, stored))  # type: ignore[misc]
            if found is not None:
                return found
        return None

    def make_folder(self) -> Any:
        """golden's own folder, made where it is not there."""
        here = self.machines
        for part in self.address.folder:
            here = self._made(here, part)
        self._folder = here
        return here

    def make_images(self) -> Any:
        """The folder of images, made where it is not there."""
        self._images = self._made(self.make_folder(), IMAGES)
        return self._images

    def _made(self, above: Any, name: str) -> Any:
        found = self.child(above, name)
        if found is None:
            with translated(f"making the folder {name}"):
                try:
                    return self.line.tell(lambda: above.CreateFolder(escaped(name)))
                except Exception as error:
                    # Another golden made it meanwhile, or the answer was lost: either way it is there now.
                    found = self.child(above, name)
                    if found is None or is_a(error, "NoPermission"):
                        raise
        if not isinstance(found, vim.Folder):
            raise Conflict(f"{name} in {self.golden_path} is no folder", hint="another folder in the endpoint's URL")
        return found

    def path_of(self, native: Any) -> str:
        """Where something is, as vSphere's client shows it: ``/Datacenter/vm/folder/name``."""
        return "/" + "/".join(plain(name) for _, name in parents(self.line, native)[1:])

    def machine(self, text: str) -> Any:
        """
        A user's machine by its name, or by its path below the datacenter. NotFound; Conflict lists the paths of
        several with one name.
        """
        with translated(f"looking for the machine {text}"):
            by_path = self._by_path(text)
            if by_path is not None:
                return by_path
            found = self._by_name(text)
        if not found:
            where = f"/{plain(self.name)}"
            raise NotFound(
                f"there is no machine {text!r} in {where}", hint=f"its path: --from 'machine:{where}/vm/FOLDER/NAME'"
            )
        if len(found) > 1:
            paths = sorted(self.path_of(one) for one in found)
            raise Conflict(
                f"{len(found)} machines are called {text!r}, so its path has to be given",
                details="\n".join(paths),
                hint=f"--from 'machine:{paths[0]}'",
            )
        return found[0]

    def _by_path(self, text: str) -> Any:
        if "/" not in text:
            return None
        parts = [part for part in text.split("/") if part]
        if text.startswith("/"):
            if len(parts) < 3 or plain(parts[0]) != plain(self.name) or parts[1] != "vm":
                return None
            parts = parts[2:]
        here = self.machines
        for part in parts:
            here = self.child(here, plain(part)) if here is not None else None
        return here if isinstance(here, vim.VirtualMachine) else None

    def _by_name(self, text: str) -> list[Any]:
        folders = [self.machines, *(one.native for one in below(self.line, self.machines, vim.Folder, ("name",)))]
        found = []
        if len(folders) <= FEW_FOLDERS:
            hits = (self.child(folder, text) for folder in folders)
            found = [hit for hit in hits if isinstance(hit, vim.VirtualMachine)]
        if not found:  # In a vApp, or there are many folders.
            machines = everywhere(self.line, self.datacenter, vim.VirtualMachine, ("name",))
            found = [one.native for one in machines if text in spellings(str(one.props.get("name", "")))]
        return found

    def named_networks(self) -> list[Seen]:
        """The datacenter's networks that a machine can be connected to: no uplinks of distributed switches."""
        with translated("looking at the networks"):
            seen = several(self.line, _unique(self.networks), ("name", "tag"))
        return [one for one in seen if not any(tag.key == "SYSTEM/DVS.UPLINKPG" for tag in one.props.get("tag", ()))]


def spellings(stored: str) -> tuple[str, str]:
    """The ways people may write a stored name."""
    return (stored, plain(stored))


def _unique(natives: Iterable[Any]) -> Sequence[Any]:
    return list({str(native._moId): native for native in natives}.values())
