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
        "StandaloneVirtualHardDisk", "VirtualHardDisk", ID=uuid.UUID(each["id"]), Name=each["name"],
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
        found = _get(state, "disks", call.get("VirtualHardDisk"))
        for parameter, key in OF_DISK:
            if call.get(parameter) is not None:
                found[key] = call.get(parameter)
        if call.get("Description") is not None:
            found["description"] = _kept(state, call.get("Description"))
        if call.get("Tag") is not None:
            found["tags"] = list(call.get("Tag"))
        if call.get("OperatingSystem") is not None:
            found["system"] = call.get("OperatingSystem")["Name"]
        job(state, "Change properties of virtual hard disk", found["name"])
    yield disk(found)


def _kept(state: dict[str, Any], text: str) -> str:
    return text[: state["longest"]] if state["longest"] else text


def _get(state: dict[str, Any], table: str, thing: Thing) -> dict[str, Any]:
    found: dict[str, Any] | None = state[table].get(str(thing["ID"]))
    if found is None:
        raise refused("801", f"VMM cannot find object {thing['ID']}.")
    return found


@cmdlet("Remove-SCVirtualHardDisk")
def remove_disk(call: Call) -> Iterator[Any]:
    """Out of the index, and the file out of the share."""
    vmm = connected(call, changes=True)
    thing = call.get("VirtualHardDisk")
    with vmm.changed() as state:
        found = _get(state, "disks", thing)
        used = [each["name"] for each in state["templates"].values() if each["disk"] == found["id"]]
        if not call.confirmed(f"Remove {found['name']}, which {', '.join(used)} uses", high=bool(used)):
            return
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


def template(each: dict[str, Any]) -> Thing:
    """A template."""
    shown = {name: value for name, value in each.items() if name not in ("id", "disk")}
    return object_(
        "Template", "VMBase", ID=uuid.UUID(each["id"]), Name=each["name"], Description=each["description"],
        Enabled=each["enabled"], Tag=each["tag"], Generation=each["generation"], keep=shown,
    )  # fmt: skip


@cmdlet("Get-SCVMTemplate")
def get_template(call: Call) -> Iterator[Any]:
    """All of them, or by id or name."""
    for each in list(connected(call).read()["templates"].values()):
        if call.get("ID") in (None, uuid.UUID(each["id"])) and call.get("Name") in (None, each["name"]):
            yield template(each)


@cmdlet("New-SCVMTemplate")
def new_template(call: Call) -> Iterator[Any]:
    """From a disk in the library; the other ways are not modelled, and one of them destroys its machine."""
    vmm = connected(call, changes=True)
    if call.set != "FromVHD":
        raise Failure(f"The peer makes templates of disks only, not by {call.set}.", "NotModelled", "NotImplemented")
    profile, generation = call.get("HardwareProfile"), call.get("Generation", 1)
    with vmm.changed() as state:
        of = _get(state, "disks", call.get("VirtualHardDisk"))
        if profile is not None and profile["Generation"] != generation:
            raise refused("13206", f"The virtual hard disk selected is not compatible with the template which includes "
                          f"generation {profile['Generation']} virtual machine functionality.")  # fmt: skip
        if any(each["name"].lower() == str(call.get("Name")).lower() for each in state["templates"].values()):
            raise refused("10638", f"A template named {call.get('Name')} exists already.")
        made = {
            "id": str(uuid.uuid4()), "name": call.get("Name"), "disk": of["id"], "enabled": True, "tag": "(none)",
            "description": _kept(state, call.get("Description") or ""), "generation": generation,
            "customized": not call.switch("NoCustomization"), "hardware": profile["Name"] if profile else "",
            "guest": call.get("GuestOSProfile")["Name"] if call.get("GuestOSProfile") else "",
            "system": call.get("OperatingSystem")["Name"] if call.get("OperatingSystem") else "",
            "memory": call.get("MemoryMB", 0), "processors": call.get("CPUCount", 0),
            "secure_boot": call.get("SecureBootTemplate", "") if call.get("SecureBootEnabled") else "",
        }  # fmt: skip
        state["templates"][made["id"]] = made
        job(state, "Create template", str(made["name"]))
    yield template(made)


@cmdlet("Set-SCVMTemplate")
def set_template(call: Call) -> Iterator[Any]:
    """What is given is changed."""
    vmm = connected(call, changes=True)
    with vmm.changed() as state:
        found = _get(state, "templates", call.get("VMTemplate"))
        for parameter, key in (("Enabled", "enabled"), ("Tag", "tag"), ("Description", "description")):
            if call.get(parameter) is not None:
                found[key] = call.get(parameter)
        job(state, "Change template properties", found["name"])
    yield template(found)


@cmdlet("Remove-SCVMTemplate")
def remove_template(call: Call) -> Iterator[Any]:
    """The template; its disk stays in the library."""
    vmm = connected(call, changes=True)
    thing = call.get("VMTemplate")
    with vmm.changed() as state:
        found = _get(state, "templates", thing)
        if not call.confirmed(f"Remove {found['name']}"):
            return
        del state["templates"][found["id"]]
        job(state, "Remove template", found["name"])
    thing.set("MarkedForDeletion", True)
    yield thing


@cmdlet("Get-SCHardwareProfile")
def hardware(call: Call) -> Iterator[Any]:
    """All of them, or the one with an id."""
    for name, (id_, generation) in connected(call).read()["hardware"].items():
        if call.get("ID") in (None, uuid.UUID(id_)):
            yield object_("HardwareProfile", ID=uuid.UUID(id_), Name=name, Generation=generation)


@cmdlet("Get-SCGuestOSProfile")
def guest(call: Call) -> Iterator[Any]:
    """All of them, or by name."""
    for name, id_ in connected(call).read()["guest"].items():
        if call.get("Name") in (None, name):
            yield object_("GuestOSProfile", ID=uuid.UUID(id_), Name=name)


@cmdlet("Get-SCOperatingSystem")
def systems(call: Call) -> Iterator[Any]:
    """What VMM can be told that a disk holds."""
    for name, id_ in connected(call).read()["systems"].items():
        if call.get("ID") in (None, uuid.UUID(id_)):
            yield object_("OperatingSystem", ID=uuid.UUID(id_), Name=name)


@cmdlet("Get-SCJob")
def jobs(call: Call) -> Iterator[Any]:
    """Jobs, or those that run."""
    for each in connected(call).read()["jobs"]:
        if call.set == "RunningJobs" and each["status"] != "Running":
            continue
        problem = each["problem"]
        told = Thing(f"{SPACE}.ErrorInfo", text=problem or "Success", Problem=problem, RecommendedAction="",
                     DisplayableErrorCode="2912" if problem else "0")  # fmt: skip
        yield object_("Task", ID=uuid.UUID(each["id"]), Name=each["name"], ResultName=each["result"], ErrorInfo=told,
                      Status=Member(f"{SPACE}.JobStatus", each["status"], 0))  # fmt: skip
