"""What a call needs of the role of whoever calls, as data; what it lacks is NoPermission, with the object."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from tests.peers.vsphere.accounts import Account, Accounts
from tests.peers.vsphere.devicerights import needs
from tests.peers.vsphere.disks import DEVICES
from tests.peers.vsphere.rest import Problem, Wanted
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.server import Asked
from tests.peers.vsphere.upstream import Reply, Upset, Upstream, kind_of
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
    "CopyVirtualDisk_Task": (("Datastore.FileManagement", "_this"),),
    "DeleteVirtualDisk_Task": (("Datastore.FileManagement", "_this"),),
    "MoveIntoFolder_Task": ((V + "Inventory.Move", "list"),),
}  # fmt: skip
RECONFIGURE = {
    "extraConfig": V + "Config.AdvancedConfig", "annotation": V + "Config.Annotation", "name": V + "Config.Rename",
    "numCPUs": V + "Config.CPUCount", "memoryMB": V + "Config.Memory",
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
TAGS = "InventoryService.Tagging."
TAGGING = dict.fromkeys(("attach", "detach", "attach-tag-to-multiple-objects"), TAGS + "AttachTag")
TAGS_MADE = {
    ("tag", "POST"): TAGS + "CreateTag", ("tag", "DELETE"): TAGS + "DeleteTag",
    ("category", "POST"): TAGS + "CreateCategory", ("category", "DELETE"): TAGS + "DeleteCategory",
}  # fmt: skip
CONFIG = ("Annotation", "EditDevice", "AddRemoveDevice", "AddNewDisk", "AddExistingDisk", "RemoveDisk", "RawDevice",
          "HostUSBDevice")  # fmt: skip
FILES = ("Datastore.Browse", "Datastore.FileManagement")
"""For any file of a datastore over HTTP (the vendor's guide, Privilege Requirements for HTTP Access)."""
MORE = ("System.View", "System.Read", "Network.Assign", "VApp.Export", *FILES,
        V + "Provisioning.CreateTemplateFromVM", V + "Provisioning.DeployTemplate", V + "Provisioning.CloneTemplate",
        V + "GuestOperations.Modify", V + "Interact.ToolsInstall", V + "Interact.DeviceConnection",
        V + "Interact.SetCDMedia", V + "Interact.SetFloppyMedia", V + "Inventory.Delete", "Folder.Delete",
        "Global.SetCustomField", "Cryptographer.Clone", TAGS + "ObjectAttachable",
        *(f"{V}Config.{each}" for each in CONFIG), *TAGS_MADE.values())  # fmt: skip


_OBJECT = re.compile(r'<objects><obj type="(\w+)">([^<]+)</obj>(.*?)</objects>', re.DOTALL)


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
        if asked.path.startswith("/folder"):
            return self._file(asked, account)
        wanted = Wanted.read(asked)
        if wanted is None or len(wanted.path) < 2:
            return None
        for privilege, (kind, moid) in _asked_of_rest(wanted):
            if self.lacking(account, privilege, kind, moid) if moid else privilege in account.lacks:
                asked.entry.fault = f"unauthorized {privilege}"
                return wanted.refuse(Problem("unauthorized", f"Unable to authorize user: {privilege} is missing."))
        return None

    def _file(self, asked: Asked, account: Account) -> Reply | None:
        for privilege in FILES:
            if self.lacking(account, privilege, "Datastore", asked.query.get("dsName", "")):
                asked.entry.fault = f"unauthorized {privilege}"
                return Reply(403, [("Content-Type", "text/plain")], b"forbidden")
        return None

    def seen(self, asked: Asked, reply: Reply) -> Reply:
        """What an account may not read is not in an answer: its properties are missing, with NoPermission."""
        account = self._accounts.of(asked)
        if (
            account is None
            or "System.Read" not in account.lacks
            or asked.call is None
            or asked.call.method != "RetrievePropertiesEx"
            or reply.status != 200
        ):
            return reply

        def shown(met: re.Match[str]) -> str:
            kind, moid = met[1], met[2]
            if not self.lacking(account, "System.Read", kind, moid):
                return met[0]
            inner = leaf("object", (kind, moid)) + leaf("privilegeId", "System.Read")
            fault = f'<fault xsi:type="NoPermission">{inner}</fault><localizedMessage/>'
            names = re.findall("<propSet><name>(.*?)</name>", met[3])
            missing = "".join(f"<missingSet><path>{name}</path><fault>{fault}</fault></missingSet>" for name in names)
            return f'<objects><obj type="{kind}">{moid}</obj>{missing}</objects>'

        body = _OBJECT.sub(shown, reply.body.decode())
        return Reply(reply.status, reply.headers, body.encode())

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
            yield from self._changing(call, this)
        if call.method == "Destroy_Task":
            yield "Folder.Delete" if call.kind == "Folder" else V + "Inventory.Delete", this
        for privilege, path in NEEDS.get(call.method, ()):
            if privilege == V + "Provisioning.Clone":
                yield self._cloning(call), this
                if self._is_encrypted(*this):
                    yield "Cryptographer.Clone", this
            elif path == "_this":
                yield privilege, this
            elif call.find(path) is not None:
                yield privilege, reference(call.find(path))

    def _changing(self, call: Call, this: tuple[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
        for part, privilege in RECONFIGURE.items():
            if call.find(f"spec/{part}") is not None:
                yield privilege, this
        for privilege, where in needs(call.all("spec/deviceChange"), self._devices(*this)):
            yield privilege, where or this

    def _cloning(self, call: Call) -> str:
        template = self._up.texts(VM, call.this, "config.template").get("config.template") == "true"
        if call.text("spec/template") == "true":
            return V + ("Provisioning.CloneTemplate" if template else "Provisioning.CreateTemplateFromVM")
        return V + ("Provisioning.DeployTemplate" if template else "Provisioning.Clone")

    def _devices(self, kind: str, moid: str) -> list[ET.Element]:
        return list(self._up.properties(kind, moid, DEVICES).get(DEVICES, ()))

    def _is_encrypted(self, kind: str, moid: str) -> bool:
        """A virtual TPM's machine has an encrypted home (docs/facts: vsphere 3)."""
        if "config.keyId" in self._up.properties(kind, moid, "config.keyId"):
            return True
        return any(kind_of(each) == "VirtualTPM" for each in self._devices(kind, moid))

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


def _asked_of_rest(wanted: Wanted) -> Iterator[tuple[str, tuple[str, str]]]:
    """Privileges with their objects; those on libraries and tags are global ones, on no object."""
    if wanted.path[:2] == ("cis", "tagging"):
        what = wanted.path[2] if len(wanted.path) > 2 else ""
        privilege = TAGGING.get(wanted.action, "") if wanted.action else TAGS_MADE.get((what, wanted.verb), "")
        if privilege:
            yield privilege, ("", "")
        if wanted.action == "attach":
            told = wanted.given.get("object_id", {})
            yield TAGS + "ObjectAttachable", (str(told.get("type", "")), str(told.get("id", "")))
        return
    if wanted.action:
        privilege = ACTIONS.get(wanted.action, "")
    else:
        privilege = REST.get((wanted.path[0], wanted.path[1], wanted.verb), "")
    if privilege:
        yield privilege, ("", "")
    if wanted.path[:2] == ("vcenter", "ovf") and not wanted.action:
        yield "VApp.Export", (VM, str(wanted.given.get("source", {}).get("id", "")))
