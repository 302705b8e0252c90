"""
What golden's account must be allowed to do, and on which objects (facts 9). Asked once, before anything is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from golden.errors import Refused
from golden_vsphere import devices
from golden_vsphere.faults import is_fault, translated
from golden_vsphere.inventory import Places
from golden_vsphere.line import lacks_method
from golden_vsphere.reading import props
from golden_vsphere.room import Store

_VM = "VirtualMachine."
MACHINES = (
    f"{_VM}Inventory.CreateFromExisting",
    f"{_VM}Inventory.Delete",
    f"{_VM}Provisioning.Clone",
    f"{_VM}Provisioning.MarkAsTemplate",
    f"{_VM}State.CreateSnapshot",
    f"{_VM}State.RemoveSnapshot",
    f"{_VM}Interact.PowerOn",
    f"{_VM}Interact.PowerOff",
    f"{_VM}Interact.DeviceConnection",
    f"{_VM}Interact.SetCDMedia",
    f"{_VM}Interact.SetFloppyMedia",
    f"{_VM}Config.AdvancedConfig",
    f"{_VM}Config.Annotation",
    f"{_VM}Config.EditDevice",
    f"{_VM}Config.AddRemoveDevice",
    f"{_VM}GuestOperations.Query",
    f"{_VM}GuestOperations.Modify",
    f"{_VM}GuestOperations.Execute",
)
HOST = (
    f"{_VM}Inventory.Create",
    *(one for one in MACHINES if "CreateFromExisting" not in one and "Provisioning" not in one),
    f"{_VM}Config.AddExistingDisk",
)
"""On a single ESXi host, where a copy is a machine made anew."""
MAKE_FOLDER = "Folder.Create"
STORE = ("Datastore.AllocateSpace", "Datastore.Browse")
FILES = ("Datastore.FileManagement",)
"""To read frozen disks over HTTP, and on a single ESXi host to copy them."""
FROZEN = (*STORE, *FILES)
"""Where versions lie."""
POOL = ("Resource.AssignVMToPool",)
NETWORK = ("Network.Assign",)
SOURCE = (f"{_VM}Provisioning.Clone",)
ENCRYPTED = ("Cryptographer.Clone",)
USB = (f"{_VM}Config.HostUSBDevice",)
TAGS = (
    "InventoryService.Tagging.AttachTag",
    "InventoryService.Tagging.CreateTag",
    "InventoryService.Tagging.CreateCategory",
)
LIBRARY = ("ContentLibrary.AddLibraryItem", "ContentLibrary.UpdateLibraryItem", "ContentLibrary.DeleteLibraryItem")
EXPORT = ("VApp.Export",)
DEPLOY = (f"{_VM}Provisioning.DeployTemplate",)
TAGGED = ("InventoryService.Tagging.ObjectAttachable",)
DELETE_TAG = ("InventoryService.Tagging.DeleteTag",)
SCRATCH = ("Folder.Create", "Folder.Delete")


@dataclass(frozen=True, slots=True)
class More:
    """What golden does for some only, and what it needs then."""

    what: str
    """Completes "golden cannot …"."""
    where: str
    native: Any
    rights: Sequence[str]


@dataclass(frozen=True, slots=True)
class Missing:
    """A privilege that golden's account does not have on an object."""

    right: str
    where: str

    def __str__(self) -> str:
        return f"{self.right} on {self.where}"


def missing(places: Places, wanted: Mapping[str, tuple[Any, Sequence[str]]]) -> tuple[Missing, ...]:
    """
    Which of the wanted privileges are missing; ``wanted`` is by what people call the object.

    One call for each object. Nothing is missing where the server does not tell (it will say so when it is done).
    """
    return tuple(_asked(places, wanted))


def _asked(places: Places, wanted: Mapping[str, tuple[Any, Sequence[str]]]) -> Iterator[Missing]:
    user = places.line.user()
    for where, (native, rights) in wanted.items():
        with translated(f"asking for golden's rights on {where}"):
            for answer in _ask(places, [native], user, list(rights)):
                for one in answer.privAvailability:
                    if not one.isGranted:
                        yield Missing(str(one.privId), where)


def granted(places: Places, natives: Sequence[Any], wanted: Sequence[str]) -> dict[str, int]:
    """How many of these privileges golden's account has on each of several objects, by id; all, where nobody tells."""
    answers: list[Any] = []
    with translated("asking for golden's rights"):
        try:
            answers = _ask(places, list(natives), places.line.user(), list(wanted))
        except Exception as error:
            if not is_fault(error):  # One of them is gone, or may not be asked about: the preflight says it by name.
                raise
    told = {str(one.entity._moId): sum(bool(each.isGranted) for each in one.privAvailability) for one in answers}
    return {str(native._moId): told.get(str(native._moId), len(wanted)) for native in natives}


def _ask(places: Places, natives: list[Any], user: str, rights: list[str]) -> list[Any]:
    line, manager = places.line, places.line.content.authorizationManager
    try:
        return list(line.ask(lambda: manager.HasUserPrivilegeOnEntities(natives, user, rights)))
    except Exception as error:
        if not is_fault(error) or not lacks_method(error):
            raise
    session = props(line, line.content.sessionManager, ("currentSession",)).get("currentSession")
    if session is None:
        return []
    return list(line.ask(lambda: manager.HasPrivilegeOnEntities(natives, session.key, rights)))


def to_make(places: Places, store: Store, pool: Any = None) -> dict[str, tuple[Any, Sequence[str]]]:
    """What making machines in golden's folder needs, for ``missing``."""
    folder = places.folder()
    wanted: dict[str, tuple[Any, Sequence[str]]] = {}
    if not places.line.is_vcenter:
        wanted[places.golden_path] = (folder, HOST)
    elif folder is None:
        wanted[f"{places.shown}/vm"] = (places.machines, (*MACHINES, MAKE_FOLDER))
    else:
        wanted[places.golden_path] = (folder, MACHINES)
    # A version that is frozen is hashed at once, over the datastore's HTTP: adopt would fail in its last step without.
    wanted[f"datastore {store.name}"] = (store.native, FROZEN)
    if pool is not None:
        wanted["the resource pool"] = (pool, POOL)
    if places.address.proof == "export":
        wanted[f"{places.golden_path}, for exports"] = (folder or places.machines, ("VApp.Export",))
    return wanted


def of_source(hardware: Iterable[Any], *, encrypted: bool = False) -> tuple[str, ...]:
    """What a clone of a machine needs on it for its hardware's sake; a virtual TPM's machine has an encrypted home."""
    listed = list(hardware)
    found = ENCRYPTED if encrypted or devices.has_tpm(listed) else ()
    return (*found, *(USB if devices.has_usb(listed) else ()))


def more(places: Places) -> tuple[More, ...]:
    """What not everybody needs, for ``golden endpoint check``. Those of tags and libraries are global permissions."""
    folder = places.folder() or places.machines
    shown, root, vcenter = places.golden_path, places.line.content.rootFolder, "vCenter (global permissions)"
    return (
        More("publish to a folder of templates or a content library", vcenter, root, TAGS),
        More("publish to a folder of templates", shown, folder, (*DEPLOY, *TAGGED)),
        More("publish to a content library", vcenter, root, LIBRARY),
        More("publish to a content library with kind=ovf", shown, folder, EXPORT),
        More("take the tags of what it withdraws away", vcenter, root, DELETE_TAG),
        More("clone machines that are encrypted or have a virtual TPM", shown, folder, ENCRYPTED),
        More("take USB devices of the host's off a clone", shown, folder, USB),
        More("make a folder for golden selftest", f"{places.shown}/vm", places.machines, SCRATCH),
    )


def must_hold(places: Places, wanted: Mapping[str, tuple[Any, Sequence[str]]], what: str) -> None:
    """Refused that names every missing privilege with the object it is missing on."""
    lacking = missing(places, wanted)
    if lacking:
        elsewhere = ", or datastore = in golden.toml" if any(one.right in FROZEN for one in lacking) else ""
        raise Refused(
            f"{what}: golden's account lacks {len(lacking)} privilege(s) on {places.address.shown}",
            details="\n".join(map(str, lacking)),
            hint=f"give its role these{elsewhere}; golden endpoint check asks again",
        )
