"""The commands of MDT and of Configuration Manager that golden uses, as their public pages describe them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

from tests.peers.hyperv.deployment import wim_facts
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import Thing
from tests.peers.hyperv.providers import World, of
from tests.peers.hyperv.registry import Call, cmdlet, find

PIECES = 10


def _world(call: Call, file: str) -> World:
    made = World(call.host.folder, file)
    if not made.read():
        find(f"{call.command} (not installed)", call.scope)
    return made


def _working(call: Call, world: World) -> None:
    state = world.read()
    for _ in range(PIECES):
        call.scope.streams.check()
        time.sleep(state["seconds"] / PIECES)
    if state["full"]:
        raise Failure("There is not enough space on the disk.", "HRESULT 0x80070070", "NotSpecified", None,
                      "System.IO.IOException")  # fmt: skip


@cmdlet("Import-MDTOperatingSystem")
def import_mdt(call: Call) -> Iterator[Any]:
    """A WIM into a folder of its own below the share, under the name of its image."""
    world, drive = _world(call, "mdt.json"), of(call)
    if drive is None:
        raise Failure(f"Cannot find drive of '{call.get('Path')}'.", "DriveNotFound", "ObjectNotFound",
                      call.get("Path"), "System.Management.Automation.DriveNotFoundException")  # fmt: skip
    source = call.files.there(str(call.get("SourceFile")))
    try:
        facts = wim_facts(source)
    except ValueError as wrong:
        raise Failure(f"The WIM cannot be read. {wrong}", "ImportOS", "InvalidData") from None
    _working(call, world)
    folder = call.get("DestinationFolder")
    target = call.files.path(f"{drive.root}\\Operating Systems\\{folder}\\{source.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    made = {"name": f"{facts['name']} in {folder} {source.name}", "source": f".\\Operating Systems\\{folder}",
            "file": f".\\Operating Systems\\{folder}\\{source.name}", "enable": "True"}  # fmt: skip
    with world.changed() as state:
        state["images"].append(made)
    yield Thing("Microsoft.BDD.PSSnapIn.MDTObject", text=made["name"], Name=made["name"], Source=made["source"])


def _site(call: Call) -> World:
    """The cmdlets run from the site's drive only."""
    world = _world(call, "configmgr.json")
    if str(call.scope.session.get("location", "C:\\")).rstrip("\\:").lower() != world.read()["site"].lower():
        raise Failure("This command cannot be run from the current drive. To run this command you must first connect "
                      "to a Configuration Manager drive.", "CommandCannotExecuteFromCurrentDrive", "DeviceError",
                      terminating=True)  # fmt: skip
    return world


def _image(each: dict[str, Any]) -> Thing:
    return Thing(
        "IResultObject#SMS_ImagePackage", PackageID=each["id"], Name=each["name"], Version=each["version"],
        Description=each["description"], PkgSourcePath=each["path"],
    )  # fmt: skip


@cmdlet("Set-Location")
def set_location(call: Call) -> None:
    """Of the runspace; a drive that is not there is an error."""
    wanted = str(call.get("LiteralPath") or call.get("Path"))
    known = call.scope.session.get("provider drives", {})
    if wanted.partition(":")[0].lower() not in known:
        call.files.there(wanted)
    call.scope.session["location"] = wanted


@cmdlet("New-CMOperatingSystemImage")
def new_image(call: Call) -> Iterator[Any]:
    """The site reads the file by its UNC path."""
    world, path = _site(call), str(call.get("Path"))
    if not path.lower().startswith("\\\\files\\sources\\"):
        raise Failure(f"The path {path} cannot be accessed.", "InvalidPath", "InvalidArgument", path)
    source = call.files.there("C:\\sources\\" + path[len("\\\\files\\sources\\") :])
    try:
        wim_facts(source)
    except ValueError as wrong:
        raise Failure(f"The WIM cannot be read. {wrong}", "InvalidWim", "InvalidData") from None
    _working(call, world)
    with world.changed() as state:
        if any(each["name"].lower() == call.get("Name").lower() for each in state["images"]):
            raise Failure("An object with the specified name already exists.", "ItemAlreadyExists", "ResourceExists")
        state["serial"] += 1
        made = {"id": f"{state['site']}{state['serial']:05}", "name": call.get("Name"), "path": path,
                "version": call.get("Version") or "", "description": call.get("Description") or ""}  # fmt: skip
        state["images"].append(made)
    yield _image(made)


@cmdlet("Get-CMOperatingSystemImage")
def get_image(call: Call) -> Iterator[Any]:
    """All, or by name or id; nothing where there is none."""
    for each in _site(call).read()["images"]:
        named = call.get("Name") is None or each["name"].lower() == call.get("Name").lower()
        if named and call.get("Id") in (None, each["id"]):
            yield _image(each)


@cmdlet("Set-CMOperatingSystemImage")
def set_image(call: Call) -> None:
    """The description."""
    with _site(call).changed() as state:
        for each in state["images"]:
            if each["id"] == call.get("Id"):
                each["description"] = call.get("Description") or each["description"]


@cmdlet("Remove-CMOperatingSystemImage")
def remove_image(call: Call) -> None:
    """Out of the site; its source stays."""
    call.confirmed("Remove-CMOperatingSystemImage", high=True)
    with _site(call).changed() as state:
        state["images"] = [each for each in state["images"] if each["id"] != call.get("Id")]
