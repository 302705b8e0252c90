"""Templates of VMM, what they are made with, and VMM's jobs; see ``vmm.py``."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from tests.peers.hyperv.cmdlets.vmm import SPACE, connected, found_in, kept, object_, refused
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import Member, Thing
from tests.peers.hyperv.registry import Call, cmdlet
from tests.peers.hyperv.vmm import job


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
        of = found_in(state, "disks", call.get("VirtualHardDisk"))
        if profile is not None and profile["Generation"] != generation:
            raise refused("13206", f"The virtual hard disk selected is not compatible with the template which includes "
                          f"generation {profile['Generation']} virtual machine functionality.")  # fmt: skip
        if any(each["name"].lower() == str(call.get("Name")).lower() for each in state["templates"].values()):
            raise refused("10638", f"A template named {call.get('Name')} exists already.")
        made = {
            "id": str(uuid.uuid4()), "name": call.get("Name"), "disk": of["id"], "enabled": True, "tag": "(none)",
            "description": kept(state, call.get("Description") or ""), "generation": generation,
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
        found = found_in(state, "templates", call.get("VMTemplate"))
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
        found = found_in(state, "templates", thing)
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
