"""The commands of WDS and of DISM that golden uses, as their pages of the public documentation describe them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any

from tests.peers.hyperv.deployment import Wds, copy_wim, wim_facts
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import Sized, Thing
from tests.peers.hyperv.registry import Call, cmdlet, find

CIM = "Microsoft.Management.Infrastructure.CimException"
PIECES = 10


def _wds(call: Call) -> Wds:
    made = Wds(call.host.folder)
    if not made.read():
        find(f"{call.command} (no role)", call.scope)  # which nobody has: the module comes with the role
    return made


def _refused(message: str, fqid: str, category: str = "NotSpecified") -> Failure:
    return Failure(message, f"{fqid}", category, None, CIM)


def _shown(each: dict[str, Any]) -> Thing:
    return Thing(
        "Microsoft.Management.Infrastructure.CimInstance#root/cimv2/MSFT_WdsInstallImage",
        ImageName=each["name"], FileName=each["file"], ImageGroup=each["group"], Description=each["description"],
        Enabled=each["enabled"],
    )  # fmt: skip


def _found(call: Call, state: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = {"name": call.get("ImageName"), "group": call.get("ImageGroup"), "file": call.get("FileName")}
    return [each for each in state["images"] if all(
        value is None or str(value).lower() == each[key].lower() for key, value in wanted.items())]  # fmt: skip


def _one(call: Call, state: dict[str, Any]) -> dict[str, Any]:
    found = _found(call, state)
    if len(found) != 1:
        raise _refused("The specified image could not be found.", "HRESULT 0xc1040006", state["absent"])
    return found[0]


@cmdlet("Get-WdsInstallImageGroup")
def get_group(call: Call) -> Iterator[Any]:
    """All of them, or one by name; an error where there is none of that name."""
    wanted = call.get("Name")
    found = [each for each in _wds(call).read()["groups"] if wanted is None or each.lower() == wanted.lower()]
    if wanted is not None and not found:
        raise _refused("The specified image group could not be found.", "HRESULT 0xc1040009", "ObjectNotFound")
    for each in found:
        yield Thing("Microsoft.Management.Infrastructure.CimInstance#root/cimv2/MSFT_WdsInstallImageGroup", Name=each)


@cmdlet("Get-WdsInstallImage")
def get_image(call: Call) -> Iterator[Any]:
    """Those that fit; an error where a name was given and none does."""
    state = _wds(call).read()
    found = _found(call, state)
    if not found and call.get("ImageName") is not None:
        raise _refused("The specified image could not be found.", "HRESULT 0xc1040006", state["absent"])
    for each in found:
        yield _shown(each)


@cmdlet("Import-WdsInstallImage")
def import_image(call: Call) -> Iterator[Any]:
    """Into the store, in its own bytes. What is stopped half-way is not an image of it."""
    wds = _wds(call)
    state = wds.read()
    source = call.files.there(str(call.get("Path")))
    group = next((each for each in state["groups"] if each.lower() == str(call.get("ImageGroup")).lower()), None)
    if group is None:
        raise _refused("The specified image group could not be found.", "HRESULT 0xc1040009", "ObjectNotFound")
    try:
        facts = wim_facts(source)
    except ValueError as wrong:
        raise _refused(f"The specified image file is not valid. {wrong}", "HRESULT 0x8007000b", "InvalidData") from None
    name, file = call.get("NewImageName") or facts["name"], call.get("NewFileName") or f"{facts['name']}.wim"
    if any(each["group"] == group and file.lower() == each["file"].lower() for each in state["images"]):
        raise _refused("The file name is in use.", "HRESULT 0xc1040015", "ResourceExists")
    with wds.changed() as now:
        now["working"] += 1
    try:
        for _ in range(PIECES):
            call.scope.streams.check()
            time.sleep(state["seconds"] / PIECES)
        if state["full"]:
            raise Failure("There is not enough space on the disk.", "HRESULT 0x80070070", "NotSpecified", None,
                          "System.IO.IOException")  # fmt: skip
        copy_wim(source, wds.store(group, file), name, call.get("NewDescription") or "")
        made = {"group": group, "name": name, "file": file, "description": call.get("NewDescription") or "",
                "enabled": True}  # fmt: skip
        with wds.changed() as now:
            now["images"].append(made)
    finally:
        with wds.changed() as now:
            now["working"] -= 1
    yield _shown(made)


@cmdlet("Export-WdsInstallImage")
def export_image(call: Call) -> Iterator[Any]:
    """Out of the store into a file of its own."""
    wds = _wds(call)
    each = _one(call, wds.read())
    target = call.files.path(str(call.get("Destination")))
    if target.exists() and not call.switch("Force") and not call.switch("Append"):
        raise _refused("The file exists.", "HRESULT 0x80070050", "ResourceExists")
    try:
        copy_wim(wds.store(each["group"], each["file"]), target, each["name"], each["description"])
    except ValueError as wrong:
        raise _refused(f"The data is invalid. {wrong}", "HRESULT 0x8007000d", "InvalidData") from None
    yield _shown(each)


@cmdlet("Disable-WdsInstallImage")
def disable_image(call: Call) -> Iterator[Any]:
    """Clients are not offered it."""
    with _wds(call).changed() as state:
        each = _one(call, state)
        each["enabled"] = False
    yield _shown(each)


@cmdlet("Remove-WdsInstallImage")
def remove_image(call: Call) -> None:
    """Out of the store; it does not come back."""
    wds = _wds(call)
    with wds.changed() as state:
        each = _one(call, state)
        state["images"].remove(each)
    wds.store(each["group"], each["file"]).unlink(missing_ok=True)


@cmdlet("Get-WindowsImage")
def get_windows_image(call: Call) -> Iterator[Any]:
    """Of one image everything, by its index."""
    path = call.files.there(str(call.get("ImagePath")))
    if call.get("Index") != 1:
        raise Failure("The peer knows the first image of a WIM.", "NotModelled", "NotImplemented", terminating=True)
    try:
        facts = wim_facts(path)
    except ValueError as wrong:
        raise Failure(f"The data is invalid. {wrong}", "Microsoft.Dism.Commands.GetWindowsImageCommand", "NotSpecified",
                      None, "System.Runtime.InteropServices.COMException") from None  # fmt: skip
    yield Thing(
        "Microsoft.Dism.Commands.WimImageInfoObject", "Microsoft.Dism.Commands.ImageInfoObject",
        ImagePath=str(call.get("ImagePath")), ImageIndex=Sized("UInt32", 1), ImageName=facts["name"],
        Architecture=Sized("UInt32", int(facts["architecture"] or 0)), EditionId=facts["edition"],
        Version=facts["version"],
    )  # fmt: skip


@cmdlet("New-WindowsImage")
def new_windows_image(call: Call) -> Iterator[Any]:
    """A folder with all in it as the one image of a new WIM."""
    source, target = call.files.there(str(call.get("CapturePath"))), call.files.path(str(call.get("ImagePath")))
    if target.exists():
        raise Failure("The file exists.", "Microsoft.Dism.Commands.NewWindowsImageCommand", "NotSpecified", None,
                      "System.Runtime.InteropServices.COMException")  # fmt: skip
    argv = ["wimcapture", source, target, call.get("Name"), call.get("Description") or "", "--no-acls", "--check"]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    yield Thing("Microsoft.Dism.Commands.ImageObject", ImagePath=str(call.get("ImagePath")))
