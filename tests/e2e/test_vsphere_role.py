"""The role and the commands that the documentation names are enough: taken from its text, and tried."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.e2e.bench import MATERIAL, Desk
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


def documented() -> set[str]:
    """The privileges of the table in docs/facts/vsphere.md."""
    section = (ROOT / "docs/facts/vsphere.md").read_text("utf-8").partition("## 6. ")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("|")][2:]
    rows += [line.split("|")[1] for line in section.splitlines() if "Folder.Create" in line]
    found: set[str] = set()
    for stem, many, one in re.findall(r"([A-Z]\w+(?:\.\w+)*)\.(?:\{([^}]*)\}|(\w+))", " ".join(rows)):
        found |= {f"{stem}.{name.strip()}" for name in (many.split(",") if many else [one])}
    return found


def test_the_documented_role_is_enough(tmp_path: Path) -> None:
    """An account without any other privilege adopts, updates, captures, publishes to three libraries and cleans up."""
    role = documented()
    # The peer asks Inventory.Delete for folders, and does not know AddRemoveDevice, which a real vCenter may want.
    unknown = {"Folder.Delete", "VirtualMachine.Config.AddRemoveDevice"}
    assert role - known() == unknown
    lacks: dict[str, tuple[str, ...]] = dict.fromkeys(known() - role - {"System.View", "System.Read"}, ())
    assert {"VirtualMachine.Inventory.Move", "VirtualMachine.Interact.Reset", "Datastore.FileManagement"} < set(lacks)
    with vsphere_desk(tmp_path) as place:
        weak = place.peer.account("weak@vsphere.local", "weak-password", lacks)
        add_library(place.peer, STORE)
        settings = place.path / "golden.toml"
        text = settings.read_text().replace(f'user = "{place.peer.user}"', f'user = "{weak.user}"')
        settings.write_text(text + MORE.format(store=STORE.replace(" ", "%20")))
        (place.path / "vc-password").write_text(weak.password)
        place.does("adopt", "win2022", "--from", SOURCE, "--os", "windows")
        place.does("update", "--add", "drivers/goldennet.inf")
        to = [word for name in ("templates", "store", "vmtx") for word in ("--to", name)]
        place.does("capture", "--answer-file", "answers.xml", *to)
        assert len(place.log()["images"][0]["publications"]) == 3
        place.does("verify", "--deep")
        place.does("gc")
        refused = [one for one in place.peer.requests() if one.fault and "NoPermission" in one.fault]
        assert refused == []


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
