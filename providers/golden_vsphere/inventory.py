"""Where things are: the datacenter, golden's own folder, and machines by the names that people write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pyVmomi import vim

from golden.errors import BadConfig, BadName, Conflict, NotFound
from golden_vsphere.address import Address
from golden_vsphere.faults import LostAnswer, translated
from golden_vsphere.line import Line
from golden_vsphere.reading import Seen, below, everywhere, needed, parents, props, several

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
            told = needed(line, self.datacenter, ("name", "vmFolder", "hostFolder"), "the datacenter")
            told |= props(line, self.datacenter, ("network", "datastore"))
            self.path = self._path_of_datacenter(str(told["name"]))
            """Names as stored, below the root folder: those of folders that the datacenter is in, and its own."""
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
        named = [one for one in there if not wanted or wanted in spellings(str(one.props.get("name", "")))]
        if len(named) == 1:
            return named[0].native
        names = ", ".join(sorted(map(self._url_of_datacenter, there))) or "none it shows golden"
        if wanted and not named:
            raise NotFound(f"there is no datacenter {wanted!r} on {self.address.shown}", details=f"there are: {names}")
        raise BadConfig(
            f"{self.address.shown} has several datacenters or none, so the URL has to name one",
            details=f"there are: {names}",
            hint=f"{self.address.shown}/DATACENTER, or FOLDER%2FDATACENTER for one in a folder",
        )

    def _path_of_datacenter(self, name: str) -> tuple[str, ...]:
        root = str(self.line.content.rootFolder._moId)
        return tuple(one for moid, one in parents(self.line, self.datacenter) if moid != root) or (name,)

    def _url_of_datacenter(self, seen: Seen) -> str:
        root = str(self.line.content.rootFolder._moId)
        return "%2F".join(plain(name) for moid, name in parents(self.line, seen.native) if moid != root)

    @property
    def shown(self) -> str:
        """The datacenter for people, with the folders that it is in."""
        return "/" + "/".join(map(plain, self.path))

    @property
    def golden_path(self) -> str:
        """golden's own folder for people."""
        return "/".join((self.shown, "vm", *(self.address.folder if self.line.is_vcenter else ())))

    def folder(self) -> Any:
        """golden's own folder; None where it was not made yet. On a single ESXi host, which has none, where all lie."""
        if not self.line.is_vcenter:
            return self.machines
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
        if not self.line.is_vcenter:
            return self.machines
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
        if not self.line.is_vcenter:
            return self.machines
        here = self.machines
        for part in self.address.folder:
            here = self._made(here, part)
        self._folder = here
        return here

    def make_images(self) -> Any:
        """The folder of images, made where it is not there."""
        if not self.line.is_vcenter:
            return self.machines
        self._images = self._made(self.make_folder(), IMAGES)
        return self._images

    def _made(self, above: Any, name: str) -> Any:
        found = self.child(above, name)
        if found is None:
            with translated(f"making the folder {name}"):
                found = self._folder_made(above, name)
        if not isinstance(found, vim.Folder):
            raise Conflict(f"{name} in {self.golden_path} is no folder", hint="another folder in the endpoint's URL")
        return found

    def _folder_made(self, above: Any, name: str) -> Any:
        """Names are unique in a folder, so asking again where an answer was lost makes no second one."""
        for again in (True, False):
            try:
                return self.line.tell(lambda: above.CreateFolder(escaped(name)))
            except Exception as error:
                # Another golden made it meanwhile, or it was done and the answer was lost: either way it is there now.
                if (found := self.child(above, name)) is not None:
                    return found
                if not again or not isinstance(error, LostAnswer):
                    raise
        raise AssertionError

    def path_of(self, native: Any) -> str:
        """Where something is, as vSphere's client shows it: ``/Datacenter/vm/folder/name``, a vApp being a folder."""
        found = parents(self.line, native)
        if len(found) > 1 or not isinstance(native, vim.VirtualMachine):
            return "/" + "/".join(plain(name) for _, name in found[1:])
        app = props(self.line, native, ("parentVApp",)).get("parentVApp")
        told = {} if app is None else props(self.line, app, ("name", "parentFolder"))
        above = self.path_of(told["parentFolder"]) if told.get("parentFolder") is not None else ""
        return f"{above}/{plain(str(told.get('name', '')))}/{plain(found[0][1]) if found else ''}"

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
            where = self.shown
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
            below_it = self._below_datacenter(parts)
            if below_it is None:
                return None
            parts = below_it
        here = self.machines
        for part in parts:
            if isinstance(here, vim.VirtualApp):
                moid = str(here._moId)
                inside = (
                    one for one in self._in_apps() if str(getattr(one.props.get("parentVApp"), "_moId", "")) == moid
                )
                here = next(iter(_called(inside, part)), None)
            else:
                here = self.child(here, plain(part)) if here is not None else None
        return here if isinstance(here, vim.VirtualMachine) else None

    def _below_datacenter(self, parts: list[str]) -> list[str] | None:
        """What of a path lies below the datacenter's folder of machines; its own folders may be left out."""
        for above in (self.path, (self.name,)):
            size = len(above)
            if [plain(part) for part in parts[:size]] == [plain(name) for name in above] and parts[size:][:1] == ["vm"]:
                return parts[size + 1 :] or None
        return None

    def _by_name(self, text: str) -> list[Any]:
        inside = below(self.line, self.machines, (vim.Folder, vim.VirtualApp), ("name",))
        folders = [self.machines, *(one.native for one in inside if isinstance(one.native, vim.Folder))]
        if len(folders) > FEW_FOLDERS:
            machines = everywhere(self.line, self.datacenter, vim.VirtualMachine, ("name",))
            return _called(machines, text)
        hits = (self.child(folder, text) for folder in folders)
        found = [hit for hit in hits if isinstance(hit, vim.VirtualMachine)]
        if any(isinstance(one.native, vim.VirtualApp) for one in inside):
            found += _called(self._in_apps(), text)
        return list(_unique(found))

    def _in_apps(self) -> list[Seen]:
        """Machines of vApps, and of vApps in them: they lie in no folder."""
        apps = everywhere(self.line, self.datacenter, vim.VirtualApp, ("vm",))
        natives = [native for one in apps for native in one.props.get("vm", ())]
        return several(self.line, _unique(natives), ("name", "parentVApp"))

    def named_networks(self) -> list[Seen]:
        """The datacenter's networks that a machine can be connected to: no uplinks of distributed switches."""
        with translated("looking at the networks"):
            seen = several(self.line, _unique(self.networks), ("name", "tag"))
        return [one for one in seen if not any(tag.key == "SYSTEM/DVS.UPLINKPG" for tag in one.props.get("tag", ()))]


def spellings(stored: str) -> tuple[str, str]:
    """The ways people may write a stored name."""
    return (stored, plain(stored))


def _called(machines: Iterable[Seen], text: str) -> list[Any]:
    return [one.native for one in machines if text in spellings(str(one.props.get("name", "")))]


def _unique(natives: Iterable[Any]) -> Sequence[Any]:
    return list({str(native._moId): native for native in natives}.values())
