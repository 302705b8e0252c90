"""
Drives of other providers than the file system's: a deployment share of MDT, a site of Configuration Manager.

Both live in files of the host's folder, ``mdt.json`` and ``configmgr.json``; a host without one has not that program.
What is below ``DRIVE:\\Operating Systems`` of a share, with its properties Name, Source and enable, is as public
scripts use it.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import Thing, listed

KNOWN = {"mdtprovider": "mdt.json", "cmsite": "configmgr.json"}
MDT = "MicrosoftDeploymentToolkit\\MDTProvider"
SHARE = "C:\\DeploymentShare"
SITE, SERVER = "P01", "cm01.example.com"
MODULES = {
    "mdt.json": "Program Files/Microsoft Deployment Toolkit/Bin/MicrosoftDeploymentToolkit.psd1",
    "configmgr.json": "Program Files (x86)/Microsoft Configuration Manager/AdminConsole/bin/ConfigurationManager.psd1",
}


class World:
    """One of the two programs. What a test may set: ``seconds`` (an import takes so long), ``full``."""

    def __init__(self, folder: Path, file: str) -> None:
        self.folder, self.file = folder, folder / file

    @classmethod
    def mdt(cls, folder: Path, **settings: Any) -> World:
        """MDT with a share."""
        (folder / "drives/C/DeploymentShare/Control").mkdir(parents=True, exist_ok=True)
        return cls(folder, "mdt.json")._install({"root": SHARE, "images": [], "seconds": 0.0, "full": False}, settings)

    @classmethod
    def configmgr(cls, folder: Path, **settings: Any) -> World:
        """The console of a site, that reads ``\\\\files\\sources``, which is ``C:\\sources`` of this host."""
        (folder / "drives/C/sources").mkdir(parents=True, exist_ok=True)
        start = {"site": SITE, "server": SERVER, "images": [], "serial": 0, "seconds": 0.0, "full": False}
        return cls(folder, "configmgr.json")._install(start, settings)

    def _install(self, state: dict[str, Any], settings: dict[str, Any]) -> World:
        module = self.folder / "drives/C" / MODULES[self.file.name]
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text("# stands for the module\n")
        assert set(settings) <= set(state), settings
        self.file.write_text(json.dumps({**state, **settings}))
        return self

    def read(self) -> dict[str, Any]:
        """As it is now; empty where it is not installed."""
        return dict(json.loads(self.file.read_text())) if self.file.exists() else {}

    @contextmanager
    def changed(self) -> Iterator[dict[str, Any]]:
        """Read, change, write, alone."""
        with self.file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self.read()
            yield state
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(state))
            new.replace(self.file)


@dataclass(frozen=True)
class Drive:
    """A drive of one of them, in one runspace."""

    name: str
    provider: str
    root: str

    def items(self, call: Any, path: str) -> list[dict[str, Any]]:
        """The operating systems that a path means."""
        world = World(call.host.folder, KNOWN[self.provider])
        rest = path.partition(":")[2].strip("\\").split("\\")
        if self.provider != "mdtprovider" or rest[0].lower() != "operating systems":
            raise Failure("The peer knows Operating Systems of shares.", "NotModelled", "NotImplemented", path)
        everything = world.read()["images"]
        found = [each for each in everything if len(rest) == 1 or _place(each).lower() == "\\".join(rest[1:]).lower()]
        if len(rest) > 1 and not found:
            raise Failure(f"Cannot find path '{path}' because it does not exist.", "PathNotFound", "ObjectNotFound",
                          path, "System.Management.Automation.ItemNotFoundException")  # fmt: skip
        return found

    def children(self, call: Any) -> Iterator[Thing]:
        """Get-ChildItem of Operating Systems; what lies in folders of the Workbench only where it is recursive."""
        top, deep, folders = f"{self.name}:\\Operating Systems\\", call.switch("Recurse"), set()
        for each in self.items(call, _path(call)):
            if (folder := each.get("folder", "")) and folder not in folders:
                folders.add(folder)
                yield Thing("Microsoft.BDD.PSSnapIn.MDTObject", text=folder, Name=folder, PSIsContainer=True,
                            NodeType="OperatingSystemFolder", PSPath=f"{MDT}::{top}{folder}")  # fmt: skip
            if not folder or deep:
                yield Thing("Microsoft.BDD.PSSnapIn.MDTObject", text=each["name"], Name=each["name"],
                            Source=each["source"], ImageFile=each["file"], enable=each["enable"], PSIsContainer=False,
                            NodeType="OperatingSystem", PSPath=f"{MDT}::{top}{_place(each)}")  # fmt: skip

    def remove(self, call: Any) -> None:
        """Remove-Item: out of the share's list."""
        gone = self.items(call, _path(call))
        with World(call.host.folder, KNOWN[self.provider]).changed() as state:
            state["images"] = [each for each in state["images"] if each not in gone]

    def set(self, call: Any) -> None:
        """Set-ItemProperty of ``enable``."""
        chosen = self.items(call, _path(call))
        if call.get("Name") != "enable":
            raise Failure("The peer sets enable.", "NotModelled", "NotImplemented")
        with World(call.host.folder, KNOWN[self.provider]).changed() as state:
            for each in state["images"]:
                if each in chosen:
                    each["enable"] = str(call.get("Value"))


def _place(each: dict[str, Any]) -> str:
    return f"{each['folder']}\\{each['name']}" if each.get("folder") else str(each["name"])


def _path(call: Any) -> str:
    return str(listed(call.get("LiteralPath") or call.get("Path"))[0])


def _drives(call: Any) -> dict[str, Drive]:
    found: dict[str, Drive] = call.scope.session.setdefault("provider drives", {})
    return found


def of(call: Any) -> Drive | None:
    """The drive that a command's path begins with, where it is one of these."""
    given = listed(call.get("LiteralPath") or call.get("Path"))
    return _drives(call).get(str(given[0]).partition(":")[0].lower()) if given and call.scope.place == "host" else None


def mapped(call: Any) -> Thing:
    """New-PSDrive. The program has to be there, and the root has to be what it knows."""
    provider, name, root = call.get("PSProvider").lower(), call.get("Name"), call.get("Root")
    state = World(call.host.folder, KNOWN[provider]).read()
    if not state:
        raise Failure(f"Cannot find a provider with the name '{call.get('PSProvider')}'.", "ProviderNotFound",
                      "ObjectNotFound", call.get("PSProvider"),
                      "System.Management.Automation.ProviderNotFoundException")  # fmt: skip
    if str(state.get("root", state.get("server"))).lower() != root.lower():
        raise Failure(f"The root {root} cannot be reached.", "NewPSDriveFailed", "OpenError", root)
    if name.lower() in _drives(call):
        raise Failure(f"A drive with the name '{name}' already exists.", "DriveAlreadyExists", "ResourceExists", name,
                      "System.Management.Automation.SessionStateException")  # fmt: skip
    _drives(call)[name.lower()] = Drive(name, provider, root)
    return Thing("System.Management.Automation.PSDriveInfo", text=name, Name=name, Root=root)


def unmapped(call: Any) -> bool:
    """Remove-PSDrive; False where it is a drive of another kind."""
    return any([_drives(call).pop(str(each).lower(), None) is not None for each in listed(call.get("Name"))])


def shown(call: Any) -> Iterator[Thing]:
    """Get-PSDrive."""
    wanted = [str(each).lower() for each in listed(call.get("Name"))]
    for each in _drives(call).values():
        if not wanted or each.name.lower() in wanted:
            yield Thing("System.Management.Automation.PSDriveInfo", text=each.name, Name=each.name, Root=each.root)
