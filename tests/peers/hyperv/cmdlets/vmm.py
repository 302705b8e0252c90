"""
The commands of VMM that golden uses, as their pages of the public documentation describe them.

Errors carry VMM's number as FullyQualifiedErrorId and are CarmineExceptions of the category ReadError, as in what
people report of real servers; golden hangs on 1602 alone, which is in public troubleshooting pages.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import Member, Thing
from tests.peers.hyperv.registry import Call, cmdlet
from tests.peers.hyperv.vmm import Vmm, indexed, job

SPACE = "Microsoft.SystemCenter.VirtualMachineManager"
CARMINE = "Microsoft.VirtualManager.Utils.CarmineException"
PORT = 8100
PIECES = 20
DENIED = "Access is denied (0x80070005)"
OF_DISK = (("FamilyName", "family"), ("Release", "release"), ("Enabled", "enabled"), ("Name", "name"))
CHANGING = ("Administrator", "DelegatedAdmin")


def refused(number: str, message: str) -> Failure:
    """An error of VMM's."""
    return Failure(f"{message} (Error ID: {number})", number, "ReadError", None, CARMINE)


def object_(kind: str, *more: str, **properties: Any) -> Thing:
    """One of VMM's objects."""
    kinds = [f"{SPACE}.{each}" for each in (kind, *more, "ClientObject")]
    return Thing(*kinds, text=str(properties.get("Name", "")), **properties)


@cmdlet("Get-SCVMMServer")
def get_server(call: Call) -> Iterator[Any]:
    """Connect; who asks must be known there, and a session has no credential of its own to show."""
    vmm, wanted = Vmm(call.host.folder), str(call.get("ComputerName"))
    state = vmm.read()
    names = (state["server"].lower(), state["server"].lower().split(".")[0]) if state else ()
    if wanted.lower() not in names or not state["answers"] or call.get("TCPPort", PORT) != PORT:
        raise refused("1602", f"Unable to connect to the VMM management server {wanted}. The Virtual Machine Manager "
                      "service on that server did not respond.")  # fmt: skip
    user, known = _account(call, state)
    if known is None:
        raise refused("1604", f"You cannot access VMM management server {wanted}. Contact the Virtual Machine Manager "
                      "administrator to verify that your account is a member of a valid user role.")  # fmt: skip
    call.scope.session["vmm"] = {"user": user, "role": known[1]}
    yield object_("Remoting.ServerConnection", "ServerConnection", Name=state["server"], IsConnected=True,
                  UserName=user, FullyQualifiedDomainName=state["server"], Port=PORT)  # fmt: skip


def _account(call: Call, state: dict[str, Any]) -> tuple[str, Any]:
    given = call.get("Credential")
    if given is None:
        user = call.scope.user if call.scope.delegated else ""
        return user, state["accounts"].get(user)
    found = state["accounts"].get(given["UserName"])
    return given["UserName"], found if found and found[0] == given["Password"].text else None


def connected(call: Call, *, changes: bool = False) -> Vmm:
    """The server this runspace is connected to."""
    known = call.scope.session.get("vmm")
    if known is None:
        raise Failure("You must be connected to a VMM management server: Get-SCVMMServer.", "NotConnected",
                      "ConnectionError", None, CARMINE)  # fmt: skip
    vmm = Vmm(call.host.folder)
    if not vmm.read()["answers"]:
        raise refused("1602", "The Virtual Machine Manager service on that server did not respond.")
    if changes and known["role"] not in CHANGING:
        raise refused("2910", f"VMM does not have appropriate permissions to perform this operation. {DENIED}")
    return vmm


@cmdlet("Get-SCLibraryShare")
def get_share(call: Call) -> Iterator[Any]:
    """Shares, or the one with an id."""
    for each in connected(call).read()["shares"]:
        if call.get("ID") in (None, uuid.UUID(each["id"])):
            server = object_("LibraryServer", Name=each["server"])
            yield object_("LibraryShare", ID=uuid.UUID(each["id"]), Name=each["name"], Path=each["path"],
                          LibraryServer=server)  # fmt: skip


def disk(each: dict[str, Any]) -> Thing:
    """A virtual hard disk in the library."""
    modified = datetime.fromisoformat(each["modified"]) if each["modified"] else None
    return object_(
        "StandaloneVirtualHardDisk", "VirtualHardDisk", "LibObjectBase", ID=uuid.UUID(each["id"]), Name=each["name"],
        SharePath=each["path"], Location=each["path"], FamilyName=each["family"], Release=each["release"],
        Description=each["description"], Tag=list(each["tags"]), Enabled=each["enabled"], Size=each["size"],
        State=Member(f"{SPACE}.ObjectState", each["state"], 0), ModifiedTime=modified,
    )  # fmt: skip


@cmdlet("Get-SCVirtualHardDisk")
def get_disk(call: Call) -> Iterator[Any]:
    """All of them, or by id, by name, by family and release. The disk of a template is an object of its own."""
    state = connected(call).read()
    attached = [
        {**state["disks"][one["disk"]], "id": str(uuid.uuid5(uuid.UUID(id_), "disk")), "description": "", "tags": []}
        for id_, one in state["templates"].items()
        if one["disk"] in state["disks"]
    ]
    for each in [*attached, *state["disks"].values()]:
        fits = (
            call.get("ID") in (None, uuid.UUID(each["id"])),
            call.get("Name") in (None, each["name"]),
            call.get("FamilyName") in (None, each["family"]),
            call.get("Release") in (None, each["release"]),
        )
        if all(fits):
            yield disk(each)


@cmdlet("Set-SCVirtualHardDisk")
def set_disk(call: Call) -> Iterator[Any]:
    """What is given is changed."""
    vmm = connected(call, changes=True)
    with vmm.changed() as state:
        found = found_in(state, "disks", call.get("VirtualHardDisk"))
        for parameter, key in OF_DISK:
            if call.get(parameter) is not None:
                found[key] = call.get(parameter)
        if call.get("Description") is not None:
            found["description"] = kept(state, call.get("Description"))
        if call.get("Tag") is not None:
            found["tags"] = list(call.get("Tag"))
        if call.get("OperatingSystem") is not None:
            found["system"] = call.get("OperatingSystem")["Name"]
        job(state, "Change properties of virtual hard disk", found["name"])
    yield disk(found)


def kept(state: dict[str, Any], text: str) -> str:
    """As much of a description as the server keeps."""
    return text[: state["longest"]] if state["longest"] else text


def found_in(state: dict[str, Any], table: str, thing: Thing) -> dict[str, Any]:
    """What the server knows of an object it gave out."""
    found: dict[str, Any] | None = state[table].get(str(thing["ID"]))
    if found is None:
        raise refused("801", f"VMM cannot find object {thing['ID']}.")
    return found


def standing(state: dict[str, Any], disk: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Kind, id and entry of whatever uses a disk of the library."""
    tables = (("Template", "templates"), ("VM", "machines"))
    return [(kind, id_, one) for kind, table in tables for id_, one in state[table].items() if one["disk"] == disk]


@cmdlet("Get-SCDependentLibraryResource")
def dependent(call: Call) -> Iterator[Any]:
    """Templates and machines that a disk of the library is in."""
    state, thing = connected(call).read(), call.get("LibraryResource")
    if thing is None:
        raise Failure("The peer tells what depends on one object only.", "NotModelled", "NotImplemented")
    for kind, id_, one in standing(state, found_in(state, "disks", thing)["id"]):
        yield object_(kind, "VMBase", ID=uuid.UUID(id_), Name=one["name"], ObjectType=kind)


@cmdlet("Remove-SCVirtualHardDisk")
def remove_disk(call: Call) -> Iterator[Any]:
    """
    Out of the index, out of whatever uses it, and the file out of the share. Where something uses it VMM asks, unless
    -Force is given; whether -Confirm:$false answers that is not documented, so here it does not.
    """
    vmm = connected(call, changes=True)
    thing = call.get("VirtualHardDisk")
    with vmm.changed() as state:
        found = found_in(state, "disks", thing)
        users = standing(state, found["id"])
        if users and not call.switch("Force"):
            call.given.pop("Confirm", None)
        what = ", ".join(one["name"] for _, _, one in users)
        if not call.confirmed(f"Remove {found['name']}, which {what} uses", high=bool(users)):
            return
        for _, _, one in users:
            one["disk"] = ""
        del state["disks"][found["id"]]
        vmm.place(found["path"]).unlink(missing_ok=True)
        job(state, "Remove virtual hard disk", found["name"])
    thing.set("MarkedForDeletion", True)
    yield thing


@cmdlet("Import-SCLibraryPhysicalResource")
def import_(call: Call) -> Iterator[Any]:
    """Copy a file of this computer into a share, and index it. What is stopped leaves what it had copied."""
    vmm = connected(call, changes=True)
    folder = str(call.get("SharePath") or "").rstrip("\\")
    if not any(f"{folder}\\".lower().startswith(each["path"].lower() + "\\") for each in vmm.read()["shares"]):
        raise refused("1606", f"{folder or 'The path'} is not a valid library share path.")
    source = call.files.there(str(call.get("SourcePath")))
    path = f"{folder}\\{source.name}"
    target = vmm.place(path)
    if target.exists() and not call.switch("OverwriteExistingFiles"):
        raise refused("2604", f"The file {path} already exists.")
    with vmm.changed() as state:
        mine = job(state, "Import library physical resource", source.name, "Running")["id"]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(call, vmm, source.read_bytes(), target)
    except BaseException as wrong:
        with vmm.changed() as state:
            ended = next(each for each in state["jobs"] if each["id"] == mine)
            ended.update(status="Failed", problem=wrong.message if isinstance(wrong, Failure) else "It was stopped.")
        raise
    with vmm.changed() as state:
        next(each for each in state["jobs"] if each["id"] == mine)["status"] = "Completed"
        made = disk(indexed(state, vmm, path))
    yield made


def _copy(call: Call, vmm: Vmm, data: bytes, target: Any) -> None:
    state = vmm.read()
    size = max(1, -(-len(data) // PIECES))
    with target.open("wb") as file:
        for at in range(0, len(data), size):
            call.scope.streams.check()
            if state["full"] and at > len(data) // 2:
                raise refused("2912", f"VMM cannot copy the file {target.name}. There is not enough space on the "
                              "disk (0x80070070)")  # fmt: skip
            file.write(data[at : at + size])
            file.flush()
            time.sleep(state["seconds"] / PIECES)


@cmdlet("Read-SCLibraryShare")
def refresh(call: Call) -> Iterator[Any]:
    """Index what is new below a share or a folder of it, whole or half, and look again at what is known."""
    vmm = connected(call, changes=True)
    share = str(call.get("LibraryShare")["Path"])
    below = f"{share}\\{call.get('Path')}" if call.get("Path") else share
    with vmm.changed() as state:
        for each in list(state["disks"].values()):
            if each["path"].lower().startswith(below.lower()):
                indexed(state, vmm, each["path"])
        root = vmm.place(below)
        for file in sorted(root.rglob("*")) if root.is_dir() and not state["blind"] else ():
            if file.suffix.lower() in (".vhdx", ".vhd"):
                indexed(state, vmm, below + "\\" + str(file.relative_to(root)).replace("/", "\\"))
        job(state, "Refresh library share", share)
    yield call.get("LibraryShare")
