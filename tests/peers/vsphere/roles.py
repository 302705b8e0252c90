"""What a call needs of the role of whoever calls, as data; what it lacks is NoPermission, with the object."""

from __future__ import annotations

from collections.abc import Iterator

from tests.peers.vsphere.accounts import Account, Accounts
from tests.peers.vsphere.rest import Problem, Wanted
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.server import Asked
from tests.peers.vsphere.upstream import Reply, Upset, Upstream
from tests.peers.vsphere.wire import Call, Fault, leaf, reference

V = "VirtualMachine."
NEEDS: dict[str, tuple[tuple[str, str], ...]] = {
    "CloneVM_Task": (
        (V + "Provisioning.Clone", "_this"), (V + "Inventory.CreateFromExisting", "folder"),
        ("Datastore.AllocateSpace", "spec/location/datastore"), ("Resource.AssignVMToPool", "spec/location/pool"),
    ),
    "CreateVM_Task": ((V + "Inventory.Create", "_this"), ("Resource.AssignVMToPool", "pool")),
    "ExportVm": (("VApp.Export", "_this"),), "ExportSnapshot": (("VApp.Export", "_this"),),
    "CreateSnapshot_Task": ((V + "State.CreateSnapshot", "_this"),),
    "CreateSnapshotEx_Task": ((V + "State.CreateSnapshot", "_this"),),
    "RevertToSnapshot_Task": ((V + "State.RevertToSnapshot", "_this"),),
    "RevertToCurrentSnapshot_Task": ((V + "State.RevertToSnapshot", "_this"),),
    "RemoveSnapshot_Task": ((V + "State.RemoveSnapshot", "_this"),),
    "RemoveAllSnapshots_Task": ((V + "State.RemoveSnapshot", "_this"),),
    "ConsolidateVMDisks_Task": ((V + "State.RemoveSnapshot", "_this"),),
    "PromoteDisks_Task": ((V + "Provisioning.PromoteDisks", "_this"),),
    "Destroy_Task": ((V + "Inventory.Delete", "_this"),),
    "PowerOnVM_Task": ((V + "Interact.PowerOn", "_this"),),
    "PowerOffVM_Task": ((V + "Interact.PowerOff", "_this"),),
    "ShutdownGuest": ((V + "Interact.PowerOff", "_this"),),
    "ResetVM_Task": ((V + "Interact.Reset", "_this"),),
    "RebootGuest": ((V + "Interact.Reset", "_this"),),
    "AnswerVM": ((V + "Interact.AnswerQuestion", "_this"),),
    "MarkAsTemplate": ((V + "Provisioning.MarkAsTemplate", "_this"),),
    "MarkAsVirtualMachine": ((V + "Provisioning.MarkAsVM", "_this"), ("Resource.AssignVMToPool", "pool")),
    "Rename_Task": ((V + "Config.Rename", "_this"),),
    "CreateFolder": (("Folder.Create", "_this"),),
    "MoveIntoFolder_Task": ((V + "Inventory.Move", "list"),),
}  # fmt: skip
RECONFIGURE = {
    "extraConfig": V + "Config.AdvancedConfig", "annotation": V + "Config.Rename", "name": V + "Config.Rename",
    "deviceChange": V + "Config.EditDevice", "numCPUs": V + "Config.CPUCount", "memoryMB": V + "Config.Memory",
}  # fmt: skip
GUEST = {
    "StartProgramInGuest": "Execute", "TerminateProcessInGuest": "Execute", "ListProcessesInGuest": "Query",
    "ReadEnvironmentVariableInGuest": "Query", "ListFilesInGuest": "Query", "ValidateCredentialsInGuest": "Query",
    "InitiateFileTransferFromGuest": "Query",
}  # fmt: skip
"""Everything else in a guest is Modify."""
REST = {
    ("content", "local-library", "POST"): "ContentLibrary.CreateLocalLibrary",
    ("content", "library", "POST"): "ContentLibrary.AddLibraryItem",
    ("content", "library", "PATCH"): "ContentLibrary.UpdateLibraryItem",
    ("content", "library", "DELETE"): "ContentLibrary.DeleteLibraryItem",
    ("vcenter", "ovf", "POST"): "ContentLibrary.AddLibraryItem",
    ("vcenter", "vm-template", "POST"): "ContentLibrary.AddLibraryItem",
}
ACTIONS = {"check-out": "ContentLibrary.CheckOutTemplate", "check-in": "ContentLibrary.CheckInTemplate", "find": "",
           "deploy": V + "Provisioning.DeployTemplate"}  # fmt: skip
TAGGING = {"attach": "InventoryService.Tagging.AttachTag", "detach": "InventoryService.Tagging.AttachTag",
           "attach-tag-to-multiple-objects": "InventoryService.Tagging.AttachTag"}  # fmt: skip
MORE = ("System.View", "System.Read", "Datastore.Browse", "Datastore.FileManagement", "Network.Assign", "VApp.Export",
        V + "Provisioning.CreateTemplateFromVM", V + "Provisioning.DeployTemplate", V + "GuestOperations.Modify",
        V + "Interact.ToolsInstall", "Global.SetCustomField", "Cryptographer.Clone",
        "InventoryService.Tagging.ObjectAttachable", "InventoryService.Tagging.CreateTag",
        "InventoryService.Tagging.CreateCategory")  # fmt: skip


def known() -> set[str]:
    """Every privilege that the peer knows; a full role has them all."""
    found = {privilege for needs in NEEDS.values() for privilege, _ in needs} | set(RECONFIGURE.values()) | set(MORE)
    found |= {f"{V}GuestOperations.{each}" for each in GUEST.values()} | set(REST.values()) | set(TAGGING.values())
    return found | {each for each in ACTIONS.values() if each}


class Roles:
    """Refuses what a role has no privilege for, and tells of privileges."""

    def __init__(self, upstream: Upstream, accounts: Accounts) -> None:
        self._up, self._accounts = upstream, accounts

    def soap(self, asked: Asked, call: Call) -> str | None:
        """NoPermission, an answer about privileges, or on to the next."""
        account = self._accounts.of(asked)
        if account is None:
            return None
        if call.kind == "AuthorizationManager":
            return self._told(account, call)
        if account.lacks:
            for privilege, (kind, moid) in self._needs(call):
                if self.lacking(account, privilege, kind, moid):
                    raise Fault(
                        "NoPermission", {"object": (kind, moid), "privilegeId": privilege},
                        "Permission to perform this operation was denied.",
                    )  # fmt: skip
        return None

    def rest(self, asked: Asked) -> Reply | None:
        """Rights on libraries and tags are global ones."""
        account = self._accounts.of(asked)
        if account is None or not account.lacks:
            return None
        wanted = Wanted.read(asked)
        if wanted is None or len(wanted.path) < 2:
            return None
        table = TAGGING if wanted.path[:2] == ("cis", "tagging") else ACTIONS
        privilege = (
            table.get(wanted.action) if wanted.action else REST.get((wanted.path[0], wanted.path[1], wanted.verb))
        )
        if privilege and privilege in account.lacks:
            asked.entry.fault = f"unauthorized {privilege}"
            return wanted.refuse(Problem("unauthorized", f"Unable to authorize user: {privilege} is missing."))
        return None

    def lacking(self, account: Account, privilege: str, kind: str, moid: str) -> bool:
        """Whether a role lacks this on that object."""
        if privilege not in account.lacks:
            return False
        where = account.lacks[privilege]
        return not where or moid in where or self._name(kind, moid) in where

    def _name(self, kind: str, moid: str) -> str:
        try:
            return self._up.texts(kind, moid, "name").get("name", "")
        except Upset:
            return ""

    def _needs(self, call: Call) -> Iterator[tuple[str, tuple[str, str]]]:
        this = (call.kind, call.this)
        if call.kind == "VirtualMachineSnapshot":
            this = (VM, self._up.texts(call.kind, call.this, "vm").get("vm", ""))
        if call.kind in ("GuestFileManager", "GuestProcessManager", "GuestAuthManager"):
            yield f"{V}GuestOperations.{GUEST.get(call.method, 'Modify')}", (VM, call.text("vm"))
        if call.method == "ReconfigVM_Task":
            for part, privilege in RECONFIGURE.items():
                if call.find(f"spec/{part}") is not None:
                    yield privilege, this
        for privilege, path in NEEDS.get(call.method, ()):
            if privilege == V + "Provisioning.Clone":
                yield self._cloning(call), this
            elif path == "_this":
                yield privilege, this
            elif call.find(path) is not None:
                yield privilege, reference(call.find(path))

    def _cloning(self, call: Call) -> str:
        if call.text("spec/template") == "true":
            return V + "Provisioning.CreateTemplateFromVM"
        template = self._up.texts(VM, call.this, "config.template").get("config.template") == "true"
        return V + ("Provisioning.DeployTemplate" if template else "Provisioning.Clone")

    def _told(self, account: Account, call: Call) -> str | None:
        asked = [each.text or "" for each in call.all("privId")]
        entities = [reference(each) for name in ("entity", "entities") for each in call.all(name)]
        if call.method in ("HasPrivilegeOnEntities", "HasUserPrivilegeOnEntities"):
            return "".join(
                "<returnval>" + leaf("entity", entity) + "".join(
                    f"<privAvailability>{leaf('privId', each)}"
                    f"{leaf('isGranted', not self.lacking(account, each, *entity))}</privAvailability>"
                    for each in asked
                ) + "</returnval>"
                for entity in entities
            )  # fmt: skip
        if call.method == "HasPrivilegeOnEntity":
            return "".join(leaf("returnval", not self.lacking(account, each, *entities[0])) for each in asked)
        if call.method == "FetchUserPrivilegeOnEntities":
            return "".join(
                "<returnval>" + leaf("entity", entity) + "".join(
                    leaf("privileges", each) for each in sorted(known()) if not self.lacking(account, each, *entity)
                ) + "</returnval>"
                for entity in entities
            )  # fmt: skip
        return None
