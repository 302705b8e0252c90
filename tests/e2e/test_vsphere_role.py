"""The role and the commands that the documentation names are enough: taken from its text, and tried."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from golden.model import CloneOptions, Mark, Origin, Role
from golden.provider import Scope
from golden_vsphere import PROVIDER, rights
from tests.e2e.bench import MATERIAL, Desk
from tests.e2e.vsphere_bench import endpoint
from tests.e2e.vsphere_desk import SOURCE, vsphere_desk
from tests.e2e.vsphere_library_bench import STORE, add_library
from tests.peers.vsphere.peer import vcenter
from tests.peers.vsphere.roles import known

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MORE = """
[libraries.store]
url = "content-library:{store}?endpoint=vc&kind=ovf"

[libraries.vmtx]
url = "content-library:{store}?endpoint=vc&kind=vmtx"
"""


V = "VirtualMachine."
ROLE = {
    V + "Inventory.CreateFromExisting",
    V + "Inventory.Delete",
    V + "Provisioning.Clone",
    V + "Provisioning.MarkAsTemplate",
    V + "Provisioning.DeployTemplate",
    V + "State.CreateSnapshot",
    V + "State.RemoveSnapshot",
    V + "Interact.PowerOn",
    V + "Interact.PowerOff",
    V + "Interact.DeviceConnection",
    V + "Interact.SetCDMedia",
    V + "Interact.SetFloppyMedia",
    V + "Config.AdvancedConfig",
    V + "Config.Annotation",
    V + "Config.EditDevice",
    V + "Config.AddRemoveDevice",
    V + "Config.HostUSBDevice",
    V + "GuestOperations.Query",
    V + "GuestOperations.Modify",
    V + "GuestOperations.Execute",
    "Datastore.AllocateSpace",
    "Datastore.Browse",
    "Datastore.FileManagement",
    "Resource.AssignVMToPool",
    "Network.Assign",
    "InventoryService.Tagging.AttachTag",
    "InventoryService.Tagging.CreateTag",
    "InventoryService.Tagging.CreateCategory",
    "InventoryService.Tagging.ObjectAttachable",
    "ContentLibrary.AddLibraryItem",
    "ContentLibrary.UpdateLibraryItem",
    "ContentLibrary.DeleteLibraryItem",
    "VApp.Export",
    "Cryptographer.Clone",
    "Folder.Create",
    "Folder.Delete",
}
"""Typed from the vendor's tables for what golden does, not from golden's code nor from what the peer asks for."""


def documented() -> set[str]:
    """The privileges of the table in docs/facts/vsphere.md."""
    section = (ROOT / "docs/facts/vsphere.md").read_text("utf-8").partition("## 6. ")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("|")][2:]
    rows += [line.split("|")[1] for line in section.splitlines() if "with Folder.Create" in line]
    found: set[str] = set()
    for stem, many, one in re.findall(r"([A-Z]\w+(?:\.\w+)*)\.(?:\{([^}]*)\}|(\w+))", " ".join(rows)):
        found |= {f"{stem}.{name.strip()}" for name in (many.split(",") if many else [one])}
    return found


ON_A_HOST = {V + "Inventory.Create", V + "Config.AddExistingDisk"}
"""On a single ESXi host only."""


def asked_for() -> set[str]:
    """Every privilege that golden asks for before it begins, or in ``golden endpoint check``."""
    found: set[str] = set()
    for name, value in vars(rights).items():
        if name.isupper() and isinstance(value, tuple):
            found |= set(value)
    return found


def test_the_documented_role_is_what_golden_asks_for() -> None:
    """The table, the typed list and the preflight say the same; nothing of it is unknown to the peer's roles."""
    assert documented() == ROLE | ON_A_HOST
    # Tags that nothing has may stay.
    assert asked_for() - {"InventoryService.Tagging.DeleteTag"} == ROLE | ON_A_HOST
    assert known() >= ROLE | ON_A_HOST


def test_the_documented_role_is_enough(tmp_path: Path) -> None:
    """
    An account without any other privilege adopts machines with drives, a port and a virtual TPM, updates, captures,
    publishes to three libraries, verifies, prunes, cleans up, and makes a folder for a trial; withdrawing works.
    """
    lacks: dict[str, tuple[str, ...]] = dict.fromkeys(known() - ROLE - {"System.View", "System.Read"}, ())
    assert {V + "Config.Rename", V + "Interact.Reset", "InventoryService.Tagging.DeleteTag"} < set(lacks)
    with vsphere_desk(tmp_path) as place:
        weak = place.peer.account("weak@vsphere.local", "weak-password", lacks)
        add_library(place.peer, STORE)
        place.peer.seed("odd-master", disks=(1,), odd=("serial", "vtpm"))
        settings = place.path / "golden.toml"
        text = settings.read_text().replace(f'user = "{place.peer.user}"', f'user = "{weak.user}"')
        settings.write_text(text + MORE.format(store=STORE.replace(" ", "%20")))
        (place.path / "vc-password").write_text(weak.password)
        place.does("adopt", "win2022", "--from", SOURCE, "--os", "windows")
        place.does("update", "--add", "drivers/goldennet.inf")
        place.does("capture", "--seal", "none", "--to", "templates")
        to = [word for name in ("templates", "store", "vmtx") for word in ("--to", name)]
        place.does("capture", "--answer-file", "answers.xml", *to)
        assert [len(image["publications"]) for image in place.log()["images"]] == [1, 3]
        place.does("verify", "--deep")
        place.does("prune", "--keep", "1", "-y")
        (image,) = place.log()["images"]
        assert {one["name"] for one in image["publications"]} <= set(place.peer.machines()) | {
            item.name for item in place.peer.world.libraries.items.values()
        }
        assert len(place.peer.world.libraries.items) == 2
        place.does("gc")
        given = endpoint(place.peer, tmp_path / "s", user=weak.user, password_file=str(place.path / "vc-password"))
        with PROVIDER.scratch(given, Scope("trial", tmp_path)) as trial:
            hypervisor = PROVIDER.open(trial, Scope("trial", tmp_path))
            mark = Mark(Role.VERSION, "trial", "win2022", "here")
            machine = hypervisor.adopt("copy", Origin("machine", "odd-master"), mark, in_place=False)
            point = hypervisor.freeze(machine, "v1")
            clone = hypervisor.clone("clone", point, mark, CloneOptions(network="VM Network"))
            hypervisor.destroy(hypervisor.disconnect(hypervisor.start(clone)))
            hypervisor.drop_snapshot(point)
            hypervisor.destroy(machine)
            hypervisor.close()
        told = place.golden("endpoint", "check", "vc", "-o", "json")
        assert "DeleteTag" in told.said
        met = [one for one in place.peer.requests() if one.fault and re.search("NoPermission|unauthorized", one.fault)]
        assert {one.fault for one in met} == {"unauthorized InventoryService.Tagging.DeleteTag"}


def test_the_chapter_of_the_readme_can_be_typed(tmp_path: Path) -> None:
    """Its golden.toml with this vCenter's address, and its commands in their order."""
    chapter = (ROOT / "README.md").read_text("utf-8").partition("## On vSphere\n")[2].partition("\n## ")[0]
    (settings,) = re.findall(r"```toml\n(.*?)```", chapter, re.DOTALL)
    typed = re.findall(r"^\$ golden (.*?)(?:  #.*)?$", chapter, re.MULTILINE)
    assert len(typed) > 4
    with vcenter(tmp_path / "vcenter") as peer:
        place = Desk(tmp_path / "project")
        (place.path / "drivers").mkdir(parents=True)
        for was, now in (
            ("vcenter.example.com/DC1", f"{peer.host}:{peer.port}/DC0"),
            ("golden@vsphere.local", peer.user),
            ("Administrator", peer.guest_user),
        ):
            assert was in settings
            settings = settings.replace(was, now)
        (place.path / "golden.toml").write_text(settings)
        (place.path / "vc-password").write_text(peer.password)
        (place.path / "guest-password").write_text(peer.guest_password)
        shutil.copyfile(peer.ca, place.path / "vcenter-ca.pem")
        for path in MATERIAL.glob("goldennet.*"):
            shutil.copyfile(path, place.path / "drivers" / path.name)
        (place.path / "drivers/goldennet.inf").rename(place.path / "drivers/pvscsi.inf")
        peer.seed("win2022-master", disks=(1,))
        for command in typed:
            if not command.startswith("selftest"):  # test_vsphere_cli.py, since it takes a minute
                place.does(*shlex.split(command))
        (image,) = place.log()["images"]
        assert [one["library"] for one in image["publications"]] == ["templates"]
