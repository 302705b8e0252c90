"""
What golden's account must be allowed to do, and on which objects (facts 9). Asked once, before anything is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from golden.errors import Refused
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
    f"{_VM}Config.AdvancedConfig",
    f"{_VM}Config.Rename",
    f"{_VM}Config.EditDevice",
    f"{_VM}Config.AddRemoveDevice",
    f"{_VM}GuestOperations.Query",
    f"{_VM}GuestOperations.Modify",
    f"{_VM}GuestOperations.Execute",
)
MAKE_FOLDER = "Folder.Create"
STORE = ("Datastore.AllocateSpace", "Datastore.Browse")
POOL = ("Resource.AssignVMToPool",)
NETWORK = ("Network.Assign",)
SOURCE = (f"{_VM}Provisioning.Clone",)


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
            for answer in _ask(places, native, user, list(rights)):
                for one in answer.privAvailability:
                    if not one.isGranted:
                        yield Missing(str(one.privId), where)


def _ask(places: Places, native: Any, user: str, rights: list[str]) -> list[Any]:
    line, manager = places.line, places.line.content.authorizationManager
    try:
        return list(line.ask(lambda: manager.HasUserPrivilegeOnEntities([native], user, rights)))
    except Exception as error:
        if not is_fault(error) or not lacks_method(error):
            raise
    session = props(line, line.content.sessionManager, ("currentSession",)).get("currentSession")
    if session is None:
        return []
    return list(line.ask(lambda: manager.HasPrivilegeOnEntities([native], session.key, rights)))


def to_make(places: Places, store: Store, pool: Any = None) -> dict[str, tuple[Any, Sequence[str]]]:
    """What making machines in golden's folder needs, for ``missing``."""
    folder = places.folder()
    wanted: dict[str, tuple[Any, Sequence[str]]] = {}
    if folder is None:
        wanted[f"/{places.name}/vm"] = (places.machines, (*MACHINES, MAKE_FOLDER))
    else:
        wanted[places.golden_path] = (folder, MACHINES)
    wanted[f"datastore {store.name}"] = (store.native, STORE)
    if pool is not None:
        wanted["the resource pool"] = (pool, POOL)
    if places.address.proof == "export":
        wanted[f"{places.golden_path}, for exports"] = (folder or places.machines, ("VApp.Export",))
    return wanted


def must_hold(places: Places, wanted: Mapping[str, tuple[Any, Sequence[str]]], what: str) -> None:
    """Refused that names every missing privilege with the object it is missing on."""
    lacking = missing(places, wanted)
    if lacking:
        raise Refused(
            f"{what}: golden's account lacks {len(lacking)} privilege(s) on {places.address.shown}",
            details="\n".join(map(str, lacking)),
            hint="give its role these; golden endpoint check asks again",
        )
